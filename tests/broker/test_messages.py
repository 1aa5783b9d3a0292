"""Reading messages: whatever bytes lie in a queue, something true is shown and nothing fails."""

import base64
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from app import broker
from app.broker.messages import foreign_id, id_of, parse
from app.broker.priority import from_broker, to_broker

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def envelope(body: Any, headers: dict[str, Any], /, **changes: Any) -> bytes:
    """A message as kombu writes it."""
    properties = {
        "correlation_id": headers.get("id"),
        "priority": 4,
        "delivery_tag": "tag",
        "delivery_info": {"exchange": "", "routing_key": "default"},
        "body_encoding": "base64",
    }
    message = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(message | changes).encode()


def task_message(run_id: str = "r1", /, args: Any = (), kwargs: Any = None, **changes: Any) -> bytes:
    return envelope([list(args), kwargs or {}, {}], {"id": run_id, "task": "demo.task"}, **changes)


@given(JSON, st.dictionaries(st.text(), JSON, max_size=3))
def test_arguments_come_back_exactly(value: Any, kwargs: dict[str, Any]) -> None:
    message = parse(task_message(args=[value], kwargs=kwargs), "default", 4)
    assert (message.args, message.kwargs, message.unread) == ([value], kwargs, "")


def test_numbers_that_json_does_not_know_are_words() -> None:
    raw = task_message(args=[float("nan"), -float("inf")], kwargs={"x": float("inf")})
    message = parse(raw, "default", 4)
    assert (message.args, message.kwargs) == (["NaN", "-Infinity"], {"x": "Infinity"})


def test_big_integers_are_exact() -> None:
    number = 12345678901234567890123456789012345678901234567890
    assert parse(task_message(args=[number]), "default", 4).args == [number]


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_shown_as_foreign_with_a_stable_id(raw: bytes) -> None:
    message = parse(raw, "default", 4, position=3)
    assert message.foreign
    assert message.id.startswith("foreign-")
    assert message.id == parse(raw, "other", 0).id == id_of(raw)
    assert (message.raw, message.priority, message.position) == (raw, 5, 3)


@given(JSON, JSON, JSON)
def test_any_envelope_is_read(headers: Any, properties: Any, body: Any) -> None:
    raw = envelope(body, {"id": "x"}, headers=headers, properties=properties)
    message = parse(raw, "default", 4)
    assert message.id == id_of(raw)
    assert message.raw == raw


@pytest.mark.parametrize(
    "headers",
    [{"task": "demo.task"}, {"task": "demo.task", "id": 7}, {"task": 3, "id": "r1"}, {"task": "t", "id": ""}],
)
def test_a_task_message_without_usable_identity_is_foreign(headers: dict[str, Any]) -> None:
    message = parse(envelope([[], {}, {}], headers), "default", 4)
    assert message.foreign
    assert message.headers == headers


def test_protocol_1_is_read() -> None:
    body = {"task": "demo.old", "id": "old-1", "args": [1, 2], "kwargs": {"x": 3}, "retries": 2, "eta": None}
    message = parse(envelope(body, {}), "default", 4)
    assert (message.id, message.task_name, message.args, message.kwargs) == (
        "old-1",
        "demo.old",
        [1, 2],
        {"x": 3},
    )
    assert message.attempt == 2
    assert not message.foreign


def test_a_body_that_tells_no_task_is_foreign() -> None:
    assert parse(envelope({"hello": "world"}, {}), "default", 4).foreign


def test_pickle_is_described_and_never_loaded() -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("the pickle was loaded",))

    body = base64.b64encode(pickle.dumps(Bomb())).decode()
    message = parse(
        task_message(body=body, **{"content-type": "application/x-python-serialize"}), "default", 4
    )
    assert (message.args, message.kwargs, message.unread) == (None, None, "serializer")
    assert message.content_type == "application/x-python-serialize"
    assert (message.id, message.foreign) == ("r1", False)


@pytest.mark.parametrize(
    ("body", "unread"),
    [
        ("not base64!", "undecodable"),
        (base64.b64encode(b"\xff\xfe").decode(), "undecodable"),
        (base64.b64encode(b"[" * 100_000).decode(), "undecodable"),
        (base64.b64encode(b"[1" + b"0" * 5000 + b"]").decode(), "undecodable"),
        (base64.b64encode(b'"text"').decode(), "undecodable"),
        (base64.b64encode(b"[]").decode(), "undecodable"),
        (base64.b64encode(b"[7, {}]").decode(), "undecodable"),
        (base64.b64encode(b"[[], 7]").decode(), "undecodable"),
        (None, "undecodable"),
        (base64.b64encode(b"[[], {}, " + b" " * 1_000_000 + b"{}]").decode(), "too-large"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(body: Any, unread: str) -> None:
    message = parse(task_message(body=body), "default", 4)
    assert (message.id, message.task_name, message.unread) == ("r1", "demo.task", unread)
    assert (message.args, message.kwargs) == (None, None)


def test_deeply_nested_bytes_are_foreign() -> None:
    assert parse(b"[" * 200_000, "default", 4).foreign


def test_compressed_bodies_are_read_up_to_the_limit(celery_only: Celery, send: Callable[..., str]) -> None:
    send("small", args=["x" * 5000], compression="gzip")
    send("bomb", args=["x" * 5_000_000], compression="gzip")
    send("rare", args=["x"], compression="bzip2")
    small, bomb, rare = broker.page("default")
    assert small.args == ["x" * 5000]
    assert bomb.unread == "too-large"
    assert rare.unread == "compression"
    assert broker.page("default", 1, 1, body_limit=None)[0].args == ["x" * 5_000_000]


def test_headers_are_told(celery_only: Celery, send: Callable[..., str], now: datetime) -> None:
    send(
        "told",
        priority=8,
        args=[1],
        kwargs={"region": "north"},
        root_id="root",
        parent_id="parent",
        group_id="group",
        retries=2,
        eta=now,
        expires=now + timedelta(hours=1),
        reply_to="answers",
        headers={"celeriac": {"sent_at": now.timestamp(), "priority": 8}, "mine": "kept"},
    )
    (told,) = broker.page("default")
    assert (told.id, told.task_name, told.args, told.kwargs) == (
        "told",
        "demo.task",
        [1],
        {"region": "north"},
    )
    assert (told.priority, told.step, told.position, told.queue) == (8, 1, 1, "default")
    assert (told.root_id, told.parent_id, told.group_id) == ("root", "parent", "group")
    assert (told.attempt, told.eta, told.expires, told.sent_at) == (2, now, now + timedelta(hours=1), now)
    assert (told.reply_to, told.headers["mine"], told.redelivered) == ("answers", "kept", False)
    assert told.origin
    assert told.size == len(told.raw)


@pytest.mark.parametrize(
    "stamp", [None, "yesterday", [1], {"sent_at": "x"}, {"sent_at": 1e300}, {"sent_at": None}]
)
def test_a_bad_stamp_is_ignored(stamp: Any) -> None:
    raw = envelope([[], {}, {}], {"id": "r1", "task": "t", "celeriac": stamp})
    assert parse(raw, "default", 4).sent_at is None


@pytest.mark.parametrize("when", ["soon", 17, None, "0001-01-01T00:00:00+23:00"])
def test_a_bad_eta_is_ignored(when: Any) -> None:
    assert parse(envelope([[], {}, {}], {"id": "r1", "task": "t", "eta": when}), "default", 4).eta is None


def test_an_eta_without_zone_is_utc() -> None:
    raw = envelope([[], {}, {}], {"id": "r1", "task": "t", "eta": "2026-11-20T12:00:00"})
    assert parse(raw, "default", 4).eta == datetime(2026, 11, 20, 12, tzinfo=UTC)


@given(st.integers(0, 9))
def test_priorities_map_to_steps_and_back(priority: int) -> None:
    assert from_broker(to_broker(priority)) == priority
    assert to_broker(9) == 0


@pytest.mark.parametrize("priority", [-1, 10, 100])
def test_a_priority_out_of_range_has_no_step(priority: int) -> None:
    with pytest.raises(ValueError, match="0 to 9"):
        to_broker(priority)


@pytest.mark.parametrize(("step", "priority"), [(-5, 9), (12, 0)])
def test_a_step_out_of_range_is_the_nearest(step: int, priority: int) -> None:
    assert from_broker(step) == priority


@pytest.mark.parametrize(
    "bad", ["../../settings", "javascript:alert(1)", "a/b", "x" * 10_000, "a\x00", {}, [], 5]
)
def test_an_id_that_can_be_no_link_makes_a_message_foreign(bad: Any) -> None:
    raw = json.dumps(
        {"headers": {"id": bad, "task": "t", "root_id": bad}, "properties": {}, "body": ""}
    ).encode()
    message = parse(raw, "default", 0)
    assert message.foreign
    assert message.id == id_of(raw) == foreign_id(raw)


def test_related_runs_with_such_ids_are_not_known() -> None:
    about = {"id": "a", "task": "t", "root_id": "../b", "parent_id": "javascript:x", "group": "g"}
    message = parse(json.dumps({"headers": about, "properties": {}, "body": ""}).encode(), "default", 0)
    assert (message.id, message.root_id, message.parent_id, message.group_id) == ("a", None, None, "g")
