"""What a run logs: cleaned, batched, capped, without its secrets."""

import json
from typing import Any

import pytest
import redis as redis_client

from celeriac_agent.logs import LINE_MAX, TAIL, RunLog, plain
from celeriac_agent.stream import STREAM


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m and \x1b[1;4mbold", "red and bold"),
        ("10 %\r20 %\r\n30 %\n", "10 %\n20 %\n30 %"),
        ("a\x00b\x07c\udcff", "a�b�c�"),
        ("tab\tstays, so does 东京", "tab\tstays, so does 东京"),
        ("x" * (LINE_MAX + 1), "x" * LINE_MAX + " …"),
    ],
)
def test_text_is_cleaned(text: str, kept: str) -> None:
    assert plain(text) == kept


def log(max_bytes: int = 100_000) -> RunLog:
    return RunLog("r1", 10.0, max_bytes)


def texts(event: dict[str, Any]) -> list[str]:
    return [text for _number, _at, _level, text in event["lines"]]


def test_lines_go_in_batches() -> None:
    made = log()
    assert not made.waits()
    made.add(1.0, "INFO", "one")
    made.add(1.5, "ERROR", "two")
    (event,) = made.due(ended=False)
    assert event["lines"] == [[1, 1.0, "INFO", "one"], [2, 1.5, "ERROR", "two"]]
    assert (event["id"], event["started_at"], event["piece"]) == ("r1", 10.0, 0)
    assert made.due(ended=False) == []
    made.add(2.0, "INFO", "three")
    (event,) = made.due(ended=True)
    assert (event["piece"], event["lines"][0][0]) == (1, 3)


def test_of_a_long_log_the_beginning_and_the_newest_lines_are_kept() -> None:
    made = log(max_bytes=10_000)
    events = []
    for number in range(1, 5001):
        made.add(0.0, "INFO", f"line {number}")
        if number % 100 == 0:
            events += made.due(ended=False)
    events += made.due(ended=True)
    pieces = {event["piece"]: event for event in events}  # a piece takes the place of an earlier one
    assert sum(len(text) + 40 for event in pieces.values() for text in texts(event)) <= 10_000
    assert texts(pieces[0])[0] == "line 1"
    assert texts(pieces[TAIL])[-1] == "line 5000"
    # The newest lines are not sent with every batch: here, all within a moment, at first and at the end.
    assert sum(event["piece"] == TAIL for event in events) == 2


def test_one_line_larger_than_everything_is_kept() -> None:
    made = log(max_bytes=1024)
    made.add(0.0, "INFO", "x" * 2000)
    (event,) = made.due(ended=True)
    assert texts(event) == ["x" * 2000]


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_what_is_printed_in_pieces_is_one_line(
    celery_app: Any, redis: redis_client.Redis, processes: Any, eventually: Any, pool: str
) -> None:
    processes.worker("-c", "1", "-P", pool)
    run_id = celery_app.send_task("sample_tasks.print_pieces").id

    def told(kind: str) -> list[dict[str, Any]]:
        events = [json.loads(fields[b"e"]) for _, fields in redis.xrange(STREAM)]
        return [event for event in events if event.get("id") == run_id and event["type"] == kind]

    eventually(lambda: told("succeeded"), 20)
    lines = [tuple(line[2:]) for event in told("log") for line in event["lines"]]
    printed = ["rows 3", "ab-c", "two", "lines", "10 %", "20 %"]
    assert lines == [*(("PRINT", text) for text in printed), ("INFO", "logged"), ("PRINT", "no end")]


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_result_that_nobody_wants_is_kept_nowhere(
    celery_app: Any, redis: redis_client.Redis, processes: Any, eventually: Any, pool: str
) -> None:
    processes.worker("-c", "1", "-P", pool)
    by_task = celery_app.send_task("sample_tasks.without_result").id
    by_call = celery_app.send_task("sample_tasks.plain", [1], ignore_result=True).id
    kept = celery_app.send_task("sample_tasks.plain", [2]).id

    def ends() -> dict[str, dict[str, Any]]:
        events = [json.loads(fields[b"e"]) for _, fields in redis.xrange(STREAM)]
        return {event["id"]: event for event in events if event["type"] == "succeeded"}

    eventually(lambda: len(ends()) == 3, 20)
    assert [run_id for run_id, event in ends().items() if "result" in event] == [kept]
    assert redis.keys(f"celery-task-meta-{by_task}") + redis.keys(f"celery-task-meta-{by_call}") == []
