"""The line: what the page shows is what workers take, in that order."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery

from app import broker
from app.broker.redis.search import FIRST_PIECE, PIECE
from app.errors import NotFound

Send = Callable[..., str]


def fill(send: Send, count: int, priorities: tuple[int, ...] = (5,), **options: Any) -> list[str]:
    """Send runs and return their ids in the order in which workers take them."""
    rng = random.Random(count)
    sent = [(send(f"run-{n}", rng.choice(priorities), **options), n) for n in range(count)]
    return [run_id for run_id, _ in sent]


def test_the_line_is_the_order_in_which_kombu_consumes(send: Send, order: Any, consume: Any) -> None:
    rng = random.Random(7)
    for n in range(60):
        send(f"r{n}", rng.randrange(10))
    shown = order()
    assert len(shown) == 60
    assert [message.headers["id"] for message in consume()] == shown
    assert order() == []


def test_a_page_is_a_slice_of_the_line(send: Send, order: Any) -> None:
    rng = random.Random(3)
    for n in range(30):
        send(f"r{n}", rng.choice([0, 4, 5, 9]))
    whole = order()
    for offset in range(32):
        for limit in (1, 7, 40):
            messages = broker.page("default", offset, limit)
            assert [message.id for message in messages] == whole[offset : offset + limit]
            assert [message.position for message in messages] == list(
                range(offset + 1, offset + 1 + len(messages))
            )


@pytest.mark.parametrize(("offset", "limit"), [(0, 0), (0, -5), (5, 10), (10**12, 10)])
def test_a_page_outside_the_line_is_empty(send: Send, offset: int, limit: int) -> None:
    send("only")
    assert broker.page("default", offset, limit) == []


def test_a_negative_offset_starts_at_the_front(send: Send) -> None:
    send("only")
    assert [message.id for message in broker.page("default", -3, 10)] == ["only"]


def test_a_queue_that_does_not_exist_is_empty(celery_only: Celery) -> None:
    assert broker.page("nowhere") == []
    assert broker.depth("nowhere") == 0
    assert broker.find("nowhere", "r1") is None
    assert broker.oldest_sent_at(["nowhere"]) == {"nowhere": None}


def test_a_key_that_is_no_queue_is_not_found(celery_only: Celery) -> None:
    broker.client().hset("theirs", "field", "value")
    with pytest.raises(NotFound):
        broker.depth("theirs")
    with pytest.raises(NotFound):
        broker.page("theirs")
    with pytest.raises(NotFound):
        broker.find("theirs", "r1")


def test_depths_of_several_queues(send: Send) -> None:
    for n, priority in enumerate([5, 5, 9, 0]):
        send(f"d{n}", priority)
    send("m", queue="mail")
    found = broker.depths(["default", "mail", "files"])
    assert found["default"] == broker.Depth("default", 4, {9: 1, 5: 2, 0: 1}, 0)
    assert (found["mail"].waiting, found["files"].waiting) == (1, 0)
    assert broker.depth("default") == 4
    assert list(broker.by_priority("default").items()) == [(9, 1), (5, 2), (0, 1)]


def test_oldest_is_the_first_sent_of_all_priorities(send: Send, now: datetime) -> None:
    def stamped(run_id: str, priority: int, epoch: float, queue: str = "default") -> None:
        send(run_id, priority, queue, headers={"celeriac": {"sent_at": epoch}})

    stamped("urgent", 9, 300.0)
    stamped("old", 1, 100.0)
    stamped("newer", 1, 200.0)
    send("unstamped", 5)
    send("unstamped too", queue="mail")
    assert broker.oldest_sent_at(["default", "mail"]) == {
        "default": datetime.fromtimestamp(100, UTC),
        "mail": None,
    }


@pytest.mark.parametrize("hint", [None, 1, 7, 250, 10**9, -4, 0])
def test_find_with_any_hint(send: Send, order: Any, hint: int | None) -> None:
    for n in range(12):
        send(f"r{n}", 5 + n % 2)
    for place, run_id in enumerate(order(), 1):
        found = broker.find("default", run_id, hint)
        assert found is not None
        assert (found.id, found.position) == (run_id, place)
        assert broker.position("default", run_id, hint) == place
    assert broker.find("default", "absent", hint) is None
    assert broker.position("default", "absent", hint) is None


def test_find_in_a_line_longer_than_a_piece(celery_only: Celery, send: Send) -> None:
    send("model")
    key = broker.keys().level("default", 4).key
    template = broker.client().rpop(key)
    count = 2 * PIECE + 50
    broker.client().lpush(key, *[template.replace(b"model", f"m{n:05}".encode()) for n in range(count)])
    for n in [0, 1, FIRST_PIECE - 1, FIRST_PIECE, FIRST_PIECE + 1, PIECE, 2 * PIECE, count - 1]:
        found = broker.find("default", f"m{n:05}")
        assert found is not None
        assert found.position == n + 1
    assert broker.find("default", "m99999") is None


def test_an_id_inside_another_message_is_not_it(send: Send) -> None:
    send(
        "child",
        parent_id="parent",
        root_id="root",
        headers={"id_of_something": "other", "note": '"id": "fake"'},
    )
    for other in ("parent", "root", "other", "fake", "chil", "hild", ""):
        assert broker.find("default", other) is None


@pytest.mark.parametrize(
    "run_id", ["naïve-日本", "sp ace", "x^.[id]", "a*b|c", "x{id}", "x$1(.+)", "a.b,c:d;e@f"]
)
def test_exotic_ids_are_found(send: Send, run_id: str) -> None:
    send("another")
    send(run_id)
    found = broker.find("default", run_id)
    assert found is not None
    assert found.id == run_id
    assert broker.out([run_id, "another", "x1", "x2", "x3", "x4"], ["default"]) == {run_id, "another"}
    assert broker.is_out(run_id, ["default"])


@pytest.mark.parametrize("run_id", ['quo"te', "back\\slash", "new\nline", "😀", "%s", "^.[id]", " a", "a/b"])
def test_what_is_no_id_of_a_run_is_not_found(send: Send, run_id: str) -> None:
    send("another")
    send(run_id)
    assert broker.find("default", run_id) is None
    found = broker.find("default", "another")
    assert found is not None
    assert found.id == "another"


def test_compact_and_unescaped_json_is_found(celery_only: Celery, send: Send) -> None:
    import json

    send("né")
    key = broker.keys().level("default", 4).key
    message = json.loads(broker.client().rpop(key))
    broker.client().lpush(key, json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())
    assert broker.find("default", "né") is not None
    assert broker.is_out("né", ["default"])


def test_foreign_messages_stand_in_line_and_are_found(celery_only: Celery, send: Send, order: Any) -> None:
    send("first")
    broker.client().lpush(broker.keys().level("default", 4).key, b"\x00hello", b'{"any": "json"}')
    send("last")
    shown = broker.page("default")
    assert [message.foreign for message in shown] == [False, True, True, False]
    for message in shown:
        found = broker.find("default", message.id)
        assert found is not None
        assert (found.raw, found.position) == (message.raw, message.position)
    assert broker.depth("default") == 4


def test_protocol_1_is_found_by_id(celery_only: Celery, send: Send) -> None:
    celery_only.conf.task_protocol = 1
    celery_only.amqp.__dict__.pop("create_task_message", None)
    try:
        send("old-style", args=[1], kwargs={"x": 2})
    finally:
        celery_only.conf.task_protocol = 2
        celery_only.amqp.__dict__.pop("create_task_message", None)
    found = broker.find("default", "old-style")
    assert found is not None
    assert (found.task_name, found.args, found.kwargs) == ("demo.task", [1], {"x": 2})
    assert broker.out(["old-style", "a", "b", "c", "d", "e"], ["default"]) == {"old-style"}


def test_ten_megabytes_are_shown_without_being_read(send: Send) -> None:
    send("big", args=["x" * 10_000_000])
    send("small", args=[1])
    big, small = broker.page("default")
    assert (big.id, big.unread, big.args) == ("big", "too-large", None)
    assert big.size > 10_000_000
    assert small.args == [1]
    assert broker.page("default", 0, 1, body_limit=None)[0].args == ["x" * 10_000_000]
    assert broker.position("default", "small") == 2
    moved = broker.move("default", "big", after="small")
    assert (moved.position, moved.size) == (2, big.size)
