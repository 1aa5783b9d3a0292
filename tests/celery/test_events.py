"""The durable stream keeps what cannot be written, and reads back what nobody has recorded."""

import json
import os
import re
import signal
import socket
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import redis as redis_client

from app.broker.dead_letters import KEPT, counted
from app.celery import event_shape
from app.recorder.stream import ALIVE_PREFIX, GROUP, EventReader
from celeriac_agent import events, logs, recording, redis_urls, settings
from celeriac_agent.stream import CANCELLED_PREFIX, STREAM, EventStream, to_json


def texts(client: redis_client.Redis) -> list[dict[str, Any]]:
    return [json.loads(fields[b"e"]) for _, fields in client.xrange(STREAM)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"NaN"'),
        ([float("-inf"), 1.5], '["-Infinity",1.5]'),
        (date(2026, 10, 19), '"2026-10-19"'),
        (datetime(2026, 10, 19, 1, 2, tzinfo=UTC), '"2026-10-19T01:02:00+00:00"'),
        (timedelta(minutes=2), "120.0"),
        ({(1, 2): {3}}, '{"(1, 2)":[3]}'),
        (Decimal("1.20"), '"1.20"'),
        (b"\xffa", '"\\\\xffa"'),
        (12345678901234567890123, "12345678901234567890123"),
        ("zürich 东京", '"zürich 东京"'),
    ],
)
def test_every_value_becomes_strict_json(value: Any, text: str) -> None:
    assert to_json(value) == text
    json.loads(to_json(value), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_circular_value_becomes_json_too() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert json.loads(to_json(loop))[0] == 1


def test_events_kept_for_later_are_written_in_order(redis: redis_client.Redis, redis_server: str) -> None:
    stream = EventStream(redis_server, 1000)
    stream.emit_later({"id": "1"})
    assert texts(redis) == []
    stream.emit({"id": "2"})
    assert [event["id"] for event in texts(redis)] == ["1", "2"]


def test_a_cancelled_run_is_known(redis: redis_client.Redis, redis_server: str) -> None:
    stream = EventStream(redis_server, 1000)
    redis.set(CANCELLED_PREFIX + "b", "mei")
    assert not stream.is_cancelled("a")
    assert stream.is_cancelled("b")


def test_nothing_is_lost_while_redis_is_away(own_redis: Any, until: Any) -> None:
    stream = EventStream(own_redis.url, 1000)
    own_redis.kill()
    for number in range(51):
        stream.emit({"id": str(number)})
    assert not stream.is_cancelled("50")
    own_redis.start()
    ids = [str(number) for number in range(51)]
    until(lambda: [event["id"] for event in texts(own_redis.client)] == ids)


def test_what_was_sent_and_not_answered_is_written_again(own_redis: Any, until: Any) -> None:
    """Who tells much does not wait for the answers; a Redis that dies has taken none of it."""
    stream = EventStream(own_redis.url, 1000)
    stream.emit({"id": "0"})
    own_redis.process.send_signal(signal.SIGSTOP)
    for number in range(1, 5):
        stream.emit({"id": str(number)})
    own_redis.process.kill()
    own_redis.process.wait(60)
    own_redis.start()
    until(lambda: {event["id"] for event in texts(own_redis.client)} >= set("1234"))


def test_what_redis_refuses_is_written_when_it_takes_it(own_redis: Any, until: Any) -> None:
    stream = EventStream(own_redis.url, 1000)
    stream.emit({"id": "0"})
    own_redis.client.config_set("maxmemory", 1)
    for number in range(1, 5):
        stream.emit({"id": str(number)})
    stream.close()
    assert len(texts(own_redis.client)) == 1
    own_redis.client.config_set("maxmemory", 0)
    until(lambda: [event["id"] for event in texts(own_redis.client)] == list("01234"))


def test_the_server_may_say_nothing_by_itself_among_the_answers() -> None:
    """Only the newer protocol, which a client asks for by HELLO, has such messages."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = EventStream(f"redis://127.0.0.1:{server.getsockname()[1]}/0", 1000)
        telling = threading.Thread(target=stream.emit, args=({"id": "0"},))
        telling.start()
        with server.accept()[0] as caller:
            said = caller.recv(65536)
    telling.join(20)
    assert said.startswith(b"*")
    assert b"HELLO" not in said


def test_nobody_waits_twice_for_a_redis_that_is_silent(
    own_redis: Any, until: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("celeriac_agent.connection.ANSWER_SECONDS", 1.0)
    monkeypatch.setattr("celeriac_agent.stream.BACKLOG_MAX", 50)
    stream = EventStream(own_redis.url, 1000)
    heard: list[bool] = []
    stream.listen = heard.append
    stream.emit({"id": "first"})
    own_redis.process.send_signal(signal.SIGSTOP)
    stream.emit({"id": "waits"})
    until(lambda: "Redis does not answer" in caplog.text)
    started = time.monotonic()
    for number in range(60):
        stream.emit({"id": str(number)})
    assert time.monotonic() - started < 1.0
    own_redis.process.send_signal(signal.SIGCONT)
    until(lambda: "at least 11 events were lost: no more than 50 wait in memory" in caplog.text)
    stream.emit({"id": "after"})
    kept = ["waits", *(str(number) for number in range(49)), "after"]
    assert [event["id"] for event in texts(own_redis.client)][-51:] == kept
    assert heard == [False, True]


def test_a_gap_is_read_by_our_clock_whatever_else_stands_in_it(redis: redis_client.Redis) -> None:
    gap = {"type": "missed", "at": 3605.0, "worker": "w@h", "since": 3601.0, "until": 3602.0, "has": []}
    redis.xadd(STREAM, {"e": json.dumps(gap | {"clock": 3600.0, "root_id": "../settings"})})
    [entry] = reader(redis).read(10, 10)
    assert [entry.event[name] for name in ("since", "until", "at")] == [1.0, 2.0, 5.0]


def test_a_process_that_ends_with_what_it_could_not_tell_leaves_a_gap(own_redis: Any) -> None:
    """A pool's child that had run as many tasks as it may; its worker, which forked it, tells of it."""
    stream = EventStream(own_redis.url, 1000)
    stream.emit({"id": "told"})
    own_redis.kill()
    if not (child := os.fork()):
        stream.emit({"id": "kept"})
        stream.close()
        os._exit(0)
    os.waitpid(child, 0)
    since, until = stream.gap.span
    assert 0 < since <= until <= time.time()


def test_a_gap_is_not_over_as_long_as_a_worker_does_not_reach_redis(
    own_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = EventStream(own_redis.url, 1000)
    monkeypatch.setattr(recording, "_stream", stream, raising=False)
    monkeypatch.setattr(recording, "QUIET_SECONDS", 0.0)
    asked: list[Any] = []
    consumer: Any = SimpleNamespace(call_soon=lambda *given: asked.append(given))
    recording.tell_gap(consumer, True)
    assert stream.gap.span == (0.0, 0.0)
    stream.drop()
    since, until = stream.gap.span
    recording.tell_gap(consumer, False)
    assert stream.gap.span[0] == since
    assert stream.gap.span[1] > until
    assert asked == []
    recording.tell_gap(consumer, True)
    assert len(asked) == 1
    assert stream.gap.span == (0.0, 0.0)


def test_the_times_of_an_app_whose_clock_is_wrong_are_set_right(
    redis: redis_client.Redis, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    told = EventStream(redis_server, 1000, "shop")
    event = {"type": "succeeded", "id": "a", "at": time.time(), "started_at": time.time() - 9}
    told.emit(event)
    told.emit(
        {
            "type": "log",
            "id": "a",
            "at": 1.0,
            "started_at": 1.0,
            "piece": 0,
            "lines": [[1, time.time(), "", ""]],
        }
    )
    monkeypatch.undo()
    end, log = [entry.event for entry in reader(redis).read(10, 10)]
    assert [end["at"], end["started_at"], log["lines"][0][1]] == pytest.approx([now, now - 9, now], abs=5)
    assert log["started_at"] == 1.0  # the name of the log, which all of its parts have


@pytest.fixture
def stream(redis: redis_client.Redis, redis_server: str) -> EventStream:
    return EventStream(redis_server, 1000)


def reader(redis: redis_client.Redis, name: str = "one") -> EventReader:
    made = EventReader(redis, name)
    made.join()
    made.join()  # a second time is no error
    return made


def emit(stream: EventStream, *ids: str) -> None:
    for run_id in ids:
        stream.emit({"id": run_id, "type": "sent", "at": 1.0})


def test_what_was_read_but_not_acknowledged_is_read_again(
    redis: redis_client.Redis, stream: EventStream
) -> None:
    emit(stream, "a", "b")
    assert [entry.event["id"] for entry in reader(redis).read(10, 10)] == ["a", "b"]
    again = reader(redis)  # the same name, after a crash
    entries = again.read(10, 10)
    assert [entry.event["id"] for entry in entries] == ["a", "b"]
    again.acknowledge(entries)
    assert again.read(10, 10) == []


def test_two_readers_share_the_stream(redis: redis_client.Redis, stream: EventStream) -> None:
    emit(stream, "a", "b")
    ids = [entry.event["id"] for name in ("one", "two") for entry in reader(redis, name).read(1, 10)]
    assert ids == ["a", "b"]


def test_recorded_entries_leave_the_stream(redis: redis_client.Redis, stream: EventStream) -> None:
    emit(stream, "a", "b", "c")
    one = reader(redis)
    one.acknowledge(one.read(10, 10))
    assert redis.xlen(STREAM) == 1  # the newest stays, to notice a gap
    assert one.gap() is None


def test_lag_counts_what_any_member_has_not_recorded(redis: redis_client.Redis, stream: EventStream) -> None:
    one, two = reader(redis, "one"), reader(redis, "two")
    assert one.lag_seconds() == 0
    emit(stream, "a")
    entries = two.read(10, 10)
    assert one.lag_seconds() > 0  # the other one has it in hand
    two.acknowledge(entries)
    assert one.lag_seconds() == 0
    time.sleep(0.1)
    emit(stream, "b")
    assert one.lag_seconds() >= 0.1


def test_a_gap_is_noticed(redis: redis_client.Redis, stream: EventStream) -> None:
    one = reader(redis)
    emit(stream, "a")
    one.acknowledge(one.read(10, 10))
    emit(stream, "b", "c")
    redis.xtrim(STREAM, maxlen=1, approximate=False)  # the cap
    gap = one.gap()
    assert gap is not None
    assert gap[0] <= gap[1]


def test_an_entry_that_is_not_ours_is_left_out(redis: redis_client.Redis, stream: EventStream) -> None:
    one = reader(redis)
    redis.xadd(STREAM, {"e": "not json"})
    redis.xadd(STREAM, {"x": "y"})
    emit(stream, "a")
    assert [entry.event["id"] for entry in one.read(10, 10)] == ["a"]
    pending: Any = redis.xpending(STREAM, GROUP)
    assert pending["pending"] == 1


def test_a_dead_readers_entries_are_taken_over_once(
    redis: redis_client.Redis, stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.recorder.stream.CLAIM_IDLE_MS", 60_000)
    emit(stream, "a", "b", "c")
    owner = reader(redis, "owner")
    had = [entry.id for entry in owner.read(10, 10)]
    assert len(had) == 3
    redis.xclaim(STREAM, GROUP, "owner", 0, had, idle=3_600_000)  # it has had them for an hour
    owner.keep_alive()
    assert reader(redis, "one").claim(10) == []  # the owner lives, however long it takes
    redis.delete(ALIVE_PREFIX + "owner")  # it has not said so for some seconds
    assert [entry.event["id"] for entry in reader(redis, "one").claim(2)] == ["a", "b"]
    assert [entry.event["id"] for entry in reader(redis, "two").claim(10)] == ["c"]
    owner.keep_alive()
    assert owner.claim(10) == []  # they have not had it for a minute


POISON: list[tuple[str, Any]] = [
    ("no lines", {"type": "log", "started_at": 1.0, "piece": 0, "lines": []}),
    ("a line too short", {"type": "log", "started_at": 1.0, "piece": 0, "lines": [[1, 2.0]]}),
    ("a line that is none", {"type": "log", "started_at": 1.0, "piece": 0, "lines": [None]}),
    ("a huge piece", {"type": "log", "started_at": 1.0, "piece": 2**70, "lines": [[1, 1.0, "INFO", "x"]]}),
    ("a list as a task", {"type": "sent", "task": ["t"]}),
    ("a task of 10 kB", {"type": "sent", "task": "t" * 10_000}),
    ("an object as the id", {"type": "sent", "id": {"a": 1}}),
    ("an id that is a path", {"type": "sent", "id": "../../settings"}),
    ("an id that is a script", {"type": "sent", "id": "javascript:alert(1)"}),
    ("an id of 10 kB", {"type": "sent", "id": "x" * 10_000}),
    ("an id with a NUL", {"type": "sent", "id": "a\x00b"}),
    ("an unknown kind", {"type": "exploded"}),
    ("a list as the kind", {"type": ["sent"]}),
    ("a moment that is text", {"type": "sent", "at": "now"}),
    ("a moment after the end of time", {"type": "sent", "at": 1e300}),
    ("an endless moment", {"type": "started", "started_at": float("inf")}),
    ("a huge attempt", {"type": "started", "attempt": 2**70}),
    ("a priority that is text", {"type": "sent", "priority": "high"}),
    ("an eta that is no time", {"type": "sent", "eta": "tomorrow"}),
    ("arguments that are an object", {"type": "sent", "args": {}, "kwargs": {}}),
    ("an error that is a list", {"type": "failed", "error": [1]}),
    ("a gap of nobody's", {"type": "missed", "since": 1.0, "until": 1.0, "has": []}),
    ("a gap without an end", {"type": "missed", "worker": "w@h", "since": 1.0, "has": []}),
    (
        "a gap that names what is no run",
        {"type": "missed", "worker": "w@h", "since": 1.0, "until": 1.0, "has": [1]},
    ),
    ("a list", [1, 2]),
    ("a number", 5),
]


@pytest.mark.parametrize(("name", "bad"), POISON, ids=[name for name, _bad in POISON])
def test_a_poisoned_event_is_set_aside_and_counted(
    redis: redis_client.Redis, stream: EventStream, name: str, bad: Any
) -> None:
    one = reader(redis)
    if isinstance(bad, dict):
        bad = {"id": "bad", "at": 1.0} | bad
    redis.xadd(STREAM, {"e": json.dumps(bad)})
    emit(stream, "good")
    assert [entry.event["id"] for entry in one.read(10, 10)] == ["good"]
    kept: Any = redis.xrange(KEPT)
    assert json.loads(kept[0][1][b"what"]) == json.loads(json.dumps(bad))
    assert kept[0][1][b"why"]
    assert counted(redis).counts == {"event": 1}
    pending: Any = redis.xpending(STREAM, GROUP)
    assert pending["pending"] == 1


def test_related_runs_with_impossible_ids_are_forgotten(
    redis: redis_client.Redis, stream: EventStream
) -> None:
    stream.emit({"id": "a", "type": "sent", "at": 1.0, "root_id": "../b", "parent_id": {}, "group": "g"})
    (entry,) = reader(redis).read(10, 10)
    assert entry.event == {"id": "a", "type": "sent", "at": 1.0, "group": "g"}


def test_an_event_of_another_version_is_kept_out_and_said() -> None:
    event = {"type": "started", "id": "r1", "at": 1.0, "task": "t", "app": "shop", "v": 1}
    assert event_shape.problem(event) == ""
    assert event_shape.problem(event | {"later": "field"}) == ""
    assert "of version 2, and this Celeriac reads version 1" in event_shape.problem(event | {"v": 2})
    assert "of version 'x'" in event_shape.problem(event | {"v": "x"})
    assert event_shape.problem(event | {"app": ""}).startswith("app: ")
    assert "no other app may be called celeriac" in event_shape.problem(event | {"app": "celeriac"})


@pytest.mark.parametrize(
    ("given", "main", "name"),
    [("", "shop", "shop"), ("mail", "shop", "mail"), ("", None, "celery"), ("", "__main__", "send")],
)
def test_the_name_of_an_app(monkeypatch: pytest.MonkeyPatch, given: str, main: str | None, name: str) -> None:
    monkeypatch.setattr("sys.argv", ["/srv/shop/send.py"])
    assert settings.app_name(given, main) == name


@pytest.mark.parametrize("given", ["celeriac", "x" * 101, "a\nb"])
def test_a_name_that_no_app_can_have(given: str) -> None:
    with pytest.raises(settings.WrongSetting, match="CELERIAC_AGENT_APP"):
        settings.app_name(given, None)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("CELERIAC_AGENT", "of", "on, off"),
        ("CELERIAC_AGENT_URL", "http://x", redis_urls.ALLOWED),
        ("CELERIAC_AGENT_MANAGE", "yes", "1, 0"),
    ],
)
def test_a_setting_of_the_agent_that_cannot_be(name: str, value: str, allowed: str) -> None:
    with pytest.raises(settings.WrongSetting, match=f"{name}.*: allowed: {re.escape(allowed)}$"):
        settings.read({"CELERIAC_AGENT_URL": "redis://127.0.0.1:1/0", name: value})


def test_what_an_app_tells_carries_its_name(redis_server: str, redis: redis_client.Redis) -> None:
    told = EventStream(redis_server, 1000, "shop")
    told.emit('{"id":"r1","args":[1]}')
    told.emit_later({"id": "r2"})
    told.flush()
    assert [json.loads(fields[b"e"]) for _, fields in redis.xrange(STREAM)] == [
        {"id": "r1", "args": [1], "v": 1, "app": "shop"},
        {"id": "r2", "v": 1, "app": "shop"},
    ]


def test_an_end_with_a_traceback_beyond_the_limit_can_be_recorded() -> None:
    rules = events.Rules(result_max_bytes=100, arguments_max_bytes=100, priority=lambda number: number)
    einfo = SimpleNamespace(traceback="Traceback\n" + 'file "a"\n' * 100)
    told = json.loads(events.event("failed", 1, ',"id":"a"' + rules.failure(KeyError("b"), einfo)))
    assert event_shape.problem(told) == ""
    assert (told["error"], told["traceback_cut"]) == ("KeyError: 'b'", len(einfo.traceback))


def test_a_message_cannot_say_when_its_run_started() -> None:
    facts: dict[str, Any] = {"celeriac_start": [5, 5]}
    assert logs.begun(facts) is None
    start = logs.begin(facts)
    assert start.at / 1e6 == pytest.approx(time.time(), abs=60)
    assert logs.begin(facts) is start  # whoever comes first
