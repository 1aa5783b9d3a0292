"""The log of a run: kept by the recorder, read by page and API, captured from real workers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app import runs
from app.clock import utcnow
from app.extensions import db, transaction
from app.runs import history, logs, states
from app.runs.models import Run
from celeriac_agent.logs import TAIL

Event = dict[str, Any]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(
    first: int, *texts: str, piece: int = 0, started_at: float = 100.0, run_id: str = "r1"
) -> dict[str, Any]:
    lines = [[first + place, 100.5, "INFO", text] for place, text in enumerate(texts)]
    return {
        "type": "log",
        "id": run_id,
        "at": 101.0,
        "started_at": started_at,
        "piece": piece,
        "lines": lines,
    }


def submit(task: str, **kwargs: Any) -> str:
    return runs.submit(runs.RunRequest(f"sample_tasks.{task}", kwargs=kwargs), utcnow()).id


def record(*events: dict[str, Any]) -> None:
    history.record(events, lambda _task, args, kwargs: (args, kwargs, []))


def read(after: int = 0, limit: int = 1000) -> list[tuple[int, str]]:
    db.session.rollback()
    return [(line.number, line.text) for line in logs.read("r1", after, limit).lines]


@pytest.fixture
def run(app: Flask) -> str:
    with transaction() as session:
        session.add(
            Run(
                id="r1",
                created_at=NOW,
                updated_at=NOW,
                task_name="t.a",
                state=states.SUCCESS,
                attempt=0,
                started_at=NOW,
                ended_at=NOW,
            )
        )
    return "r1"


@pytest.mark.database
def test_pieces_come_in_any_order_and_twice(app: Flask) -> None:
    assert history.record([event(3, "c", piece=1)], lambda *_: ([], {}, [])) == ["r1"]
    record(event(1, "a", "b"), event(3, "c", piece=1), event(1, "a", "b"))
    assert read() == [(1, "a"), (2, "b"), (3, "c")]
    assert read(after=1) == [(2, "b"), (3, "c")]
    assert read(limit=2) == [(1, "a"), (2, "b")]
    assert read(after=3) == []


@pytest.mark.database
def test_the_newest_lines_take_the_place_of_older_ones(app: Flask) -> None:
    record(event(1, "a"), event(90, "y", "z", piece=TAIL), event(50, "m", piece=TAIL))
    record(event(60, "n", piece=TAIL))  # late
    assert read() == [(1, "a"), (90, "y"), (91, "z")]
    db.session.rollback()
    assert [line.left_out for line in logs.read("r1").lines] == [0, 88, 0]


@pytest.mark.database
def test_a_second_attempt_goes_on_counting(app: Flask) -> None:
    record(event(1, "again", started_at=200.0), event(1, "a", "b"))
    assert read() == [(1, "a"), (2, "b"), (3, "again")]
    assert read(after=2) == [(3, "again")]


@pytest.mark.database
def test_text_that_postgresql_does_not_take(app: Flask) -> None:
    record(event(1, "a\x00b\ud800"))
    assert read() == [(1, "a\ufffdb?")]


@pytest.mark.database
def test_a_log_goes_with_its_run(run: str) -> None:
    record(event(1, "a"), event(1, "b", run_id="other"))
    runs.clean_up([states.SUCCESS], utcnow().replace(year=2100), utcnow())
    assert read() == []
    assert [line.text for line in logs.read("other").lines] == ["b"]


def test_the_api(run: str, caller: Callable[[str], Any]) -> None:
    record(event(1, "a", "b", "c"))
    viewer = caller("viewer")
    told = viewer.get("/runs/r1/log?after=1&limit=1").json
    assert told["after"] == 2
    assert told["lines"] == [
        {"number": 2, "at": "1970-01-01T00:01:40.500000+00:00", "level": "INFO", "text": "b", "left_out": 0}
    ]
    assert viewer.get("/runs/r1/log?after=3").json == {"lines": [], "after": 3}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("limit=0", "limit"),
        ("limit=99999", "limit"),
        ("from=1", "from"),
    ],
)
def test_bad_queries(run: str, caller: Callable[[str], Any], query: str, field: str) -> None:
    answer = caller("viewer").get(f"/runs/r1/log?{query}")
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_no_run_and_no_right(app: Flask, caller: Callable[[str], Any], client: Any) -> None:
    assert caller("viewer").get("/runs/nobody/log").status_code == 404
    assert client.get("/api/v1/runs/r1/log").status_code == 401


def test_the_page(run: str, signed_in: Callable[[str], Any]) -> None:
    browser = signed_in("viewer")
    assert 'hx-get="/runs/r1/log"' in browser.get("/runs/r1").text
    assert "It logged nothing." in browser.get("/runs/r1/log").text
    record(event(1, "<b>bold</b>", "b"), event(9, "last", piece=TAIL))
    page = browser.get("/runs/r1/log").text
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "6 lines were left out" in page
    assert "hx-get" not in page  # it ended long ago: nobody asks for more
    assert "bold" not in browser.get("/runs/r1/log?after=1").text
    assert browser.get("/runs/r1/log?after=rubbish").status_code == 200
    file = browser.get("/runs/r1/log.txt")
    assert file.headers["Content-Disposition"] == 'attachment; filename="r1.log"'
    assert file.text.splitlines()[-1].endswith("INFO     last")


def test_a_run_that_goes_on_asks_for_more(app: Flask, signed_in: Callable[[str], Any]) -> None:
    with transaction() as session:
        session.add(
            Run(
                id="r1",
                created_at=NOW,
                updated_at=NOW,
                task_name="t.a",
                state=states.STARTED,
                attempt=0,
                started_at=NOW,
            )
        )
    browser = signed_in("viewer")
    assert browser.get("/runs/r1/log").status_code == 204
    record(event(1, "a"))
    assert 'hx-get="/runs/r1/log?after=1"' in browser.get("/runs/r1/log").text
    assert browser.get("/runs/r1/log?after=1").status_code == 204


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_what_a_task_logs_and_prints(app: Flask, processes: Any, eventually: Any, pool: str) -> None:
    processes.recorder()
    processes.worker("-P", pool, "-c", "2")
    ids = [submit("talk", name=name, password="hunter22") for name in ("ada", "mei")]
    eventually(lambda: all(runs.get(run_id).is_finished for run_id in ids))
    for run_id, name in zip(ids, ("ada", "mei"), strict=True):
        assert [(line.level, line.text) for line in logs.read(run_id).lines] == [
            ("INFO", f"hello {name}"),
            ("PRINT", f"printed by {name}"),
            ("WARNING", "colour"),
            ("PRINT", "bytes: \ufffd"),
            ("INFO", "the password is ••••••"),
            ("ERROR", "it broke"),
            ("ERROR", "Traceback (most recent call last):"),
            *[("ERROR", line.text) for line in logs.read(run_id).lines[7:-1]],
            ("ERROR", "ValueError: inside"),
        ]


def test_a_line_shows_while_the_run_goes_on(app: Flask, processes: Any, eventually: Any) -> None:
    processes.recorder()
    processes.worker("-c", "1")
    run_id = submit("talk_slowly", seconds=6)
    eventually(lambda: [line.text for line in logs.read(run_id).lines] == ["begun"], 10)
    db.session.rollback()
    assert not runs.get(run_id).is_finished


def test_ten_thousand_lines_a_second(app: Flask, processes: Any, eventually: Any) -> None:
    processes.recorder()
    processes.worker("-c", "1")
    run_id = submit("talk_much", lines=15_000)
    eventually(lambda: runs.get(run_id).is_finished)
    kept = logs.read(run_id, limit=100_000).lines
    assert kept[0].text == "line 1"
    assert (kept[-1].number, kept[-1].text) == (15_000, "line 15000")
    assert sum(len(line.text) for line in kept) <= 262_144
    assert sum(line.left_out for line in kept) == 15_000 - len(kept)
