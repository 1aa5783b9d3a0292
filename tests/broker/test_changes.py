"""Moves, priorities, other queues, removal: each does what it says, to that one message."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from kombu import Exchange, Queue
from redis import Redis

from app import broker
from app.broker.redis import changes
from app.errors import Conflict, Invalid, NotFound

Send = Callable[..., str]


@pytest.fixture
def five(send: Send) -> list[str]:
    """a, b, c, d, e wait with priority 5."""
    return [send(run_id) for run_id in "abcde"]


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ({"before": "a"}, "cabde"),
        ({"before": "b"}, "acbde"),
        ({"before": "d"}, "abcde"),
        ({"before": "e"}, "abdce"),
        ({"after": "a"}, "acbde"),
        ({"after": "b"}, "abcde"),
        ({"after": "d"}, "abdce"),
        ({"after": "e"}, "abdec"),
        ({"to": "front"}, "cabde"),
        ({"to": "back"}, "abdec"),
        ({"position": 1}, "cabde"),
        ({"position": 2}, "acbde"),
        ({"position": 3}, "abcde"),
        ({"position": 4}, "abdce"),
        ({"position": 5}, "abdec"),
    ],
)
@pytest.mark.parametrize("hint", [None, 3, 1, 5, 1000])
def test_move(five: list[str], order: Any, move: dict[str, Any], expected: str, hint: int | None) -> None:
    before = {message.id: message.raw for message in broker.page("default")}
    moved = broker.move("default", "c", hint=hint, neighbour_hint=hint, **move)
    assert "".join(order()) == expected
    assert (moved.id, moved.position, moved.priority) == ("c", expected.index("c") + 1, 5)
    assert {message.id: message.raw for message in broker.page("default")} == before


@pytest.mark.parametrize(
    ("run_id", "move", "expected", "priority"),
    [
        ("5b", {"before": "9a"}, ["5b", "9a", "9b", "5a", "1a"], 9),
        ("5b", {"after": "9a"}, ["9a", "5b", "9b", "5a", "1a"], 9),
        ("5b", {"after": "9b"}, ["9a", "9b", "5b", "5a", "1a"], 9),
        ("9a", {"before": "5a"}, ["9b", "9a", "5a", "5b", "1a"], 5),
        ("9a", {"to": "back"}, ["9b", "5a", "5b", "1a", "9a"], 1),
        ("1a", {"to": "front"}, ["1a", "9a", "9b", "5a", "5b"], 9),
        ("1a", {"position": 2}, ["9a", "1a", "9b", "5a", "5b"], 9),
        ("1a", {"position": 3}, ["9a", "9b", "1a", "5a", "5b"], 5),
        ("9a", {"position": 2}, ["9b", "9a", "5a", "5b", "1a"], 9),
        ("9a", {"position": 3}, ["9b", "5a", "9a", "5b", "1a"], 5),
        ("5a", {"position": 2}, ["9a", "5a", "9b", "5b", "1a"], 9),
        ("5b", {"position": 3}, ["9a", "9b", "5b", "5a", "1a"], 5),
        ("5b", {"to": "back"}, ["9a", "9b", "5a", "1a", "5b"], 1),
        ("9b", {"to": "front"}, ["9b", "9a", "5a", "5b", "1a"], 9),
    ],
)
def test_move_among_other_priorities_takes_theirs(
    send: Send, order: Any, run_id: str, move: dict[str, Any], expected: list[str], priority: int
) -> None:
    for name in ("9a", "9b", "5a", "5b", "1a"):
        send(name, int(name[0]))
    before = json.loads(broker.find("default", run_id).raw)  # type: ignore[union-attr]
    moved = broker.move("default", run_id, **move)
    assert order() == expected
    assert (moved.priority, moved.position) == (priority, expected.index(run_id) + 1)
    before["properties"]["priority"] = 9 - priority
    after = broker.find("default", run_id)
    assert after is not None
    assert json.loads(after.raw) == before
    assert after.raw == moved.raw
    assert after.priority == priority


def test_only_the_priority_bytes_change(send: Send) -> None:
    send("urgent", 9)
    send("slow", 2, args=["naïve 日本", 1e100, 10**30])
    raw = broker.find("default", "slow").raw  # type: ignore[union-attr]
    assert broker.move("default", "slow", before="urgent").raw == raw.replace(
        b'"priority": 7', b'"priority": 0'
    )


def test_a_message_without_priority_gets_one_when_it_moves(
    celery_only: Celery, send: Send, order: Any
) -> None:
    send("bare")
    send("slow", 2)
    key = broker.keys().level("default", 4).key
    message = json.loads(broker.client().rpop(key))
    del message["properties"]["priority"]
    broker.client().lpush("default", json.dumps(message))
    assert broker.find("default", "bare").priority == 9  # type: ignore[union-attr]
    assert broker.move("default", "bare", after="slow").priority == 2
    assert order() == ["slow", "bare"]
    message["properties"]["priority"] = 7
    assert json.loads(broker.find("default", "bare").raw) == message  # type: ignore[union-attr]


def test_a_single_message_moves_nowhere(send: Send, order: Any) -> None:
    send("only")
    for move in ({"to": "front"}, {"to": "back"}, {"position": 1}):
        assert broker.move("default", "only", **move).position == 1  # type: ignore[arg-type]
    assert order() == ["only"]


def test_foreign_messages_move_with_their_bytes(celery_only: Celery, send: Send, order: Any) -> None:
    send("urgent", 9)
    send("usual", 5)
    key = broker.keys().level("default", 4).key
    broker.client().lpush(key, b"\x00 no JSON")
    foreign = broker.page("default")[2]
    assert broker.move("default", foreign.id, before="urgent").priority == 9
    assert order() == [foreign.id, "urgent", "usual"]
    assert broker.page("default", 0, 1)[0].raw == b"\x00 no JSON"
    assert broker.move("default", "usual", before=foreign.id).position == 1
    assert broker.remove("default", foreign.id).raw == b"\x00 no JSON"
    assert order() == ["usual", "urgent"]


@pytest.mark.parametrize(
    ("move", "field"),
    [
        ({}, "position"),
        ({"before": "a", "after": "b"}, "position"),
        ({"to": "front", "position": 1}, "position"),
        ({"to": "middle"}, "to"),
        ({"to": ""}, "to"),
        ({"before": "c"}, "before"),
        ({"after": "c"}, "after"),
        ({"position": 0}, "position"),
        ({"position": -1}, "position"),
        ({"position": 6}, "position"),
        ({"position": 10**30}, "position"),
        ({"position": True}, "position"),
        ({"position": 1.5}, "position"),
        ({"position": "2"}, "position"),
    ],
)
def test_a_place_that_is_none_is_refused(
    five: list[str], order: Any, move: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as error:
        broker.move("default", "c", **move)
    assert list(error.value.errors) == [field]
    assert "".join(order()) == "abcde"


def test_unknown_runs_and_queues(five: list[str], order: Any, now: Any) -> None:
    for queue, run_id in (("default", "nobody"), ("mail", "a"), ("nowhere", "a")):
        with pytest.raises(NotFound):
            broker.move(queue, run_id, to="front")
        with pytest.raises(NotFound):
            broker.reprioritise(queue, run_id, 7)
        with pytest.raises(NotFound):
            broker.send_to(queue, run_id, "files")
        with pytest.raises(NotFound):
            broker.remove(queue, run_id)
        with pytest.raises(NotFound):
            broker.hold(queue, run_id, "ann", "", now)
        with pytest.raises(NotFound):
            broker.release(queue, run_id)
    assert "".join(order()) == "abcde"


def test_a_gone_neighbour_is_named(five: list[str], order: Any, take: Any) -> None:
    assert take() == "a"
    with pytest.raises(broker.NeighbourGone, match="a") as error:
        broker.move("default", "c", before="a")
    assert error.value.code == "neighbour-gone"
    assert "".join(order()) == "bcde"


def test_a_neighbour_in_another_queue_is_gone(five: list[str], send: Send) -> None:
    send("elsewhere", queue="mail")
    with pytest.raises(broker.NeighbourGone):
        broker.move("default", "c", after="elsewhere")


def between(monkeypatch: pytest.MonkeyPatch, action: Callable[[], Any], times: int = 1) -> list[int]:
    """Let `action` happen between reading and changing, as someone faster would; counts the calls."""
    calls: list[int] = []
    original, inside = changes.broker, False

    def late() -> Any:
        nonlocal inside
        if len(calls) < times and not inside:
            calls.append(1)
            inside = True
            action()
            inside = False
        return original()

    monkeypatch.setattr(changes, "broker", late)
    return calls


@pytest.mark.parametrize(
    "change",
    [
        lambda now: broker.move("default", "a", to="back"),
        lambda now: broker.move("default", "a", after="b"),
        lambda now: broker.reprioritise("default", "a", 9),
        lambda now: broker.send_to("default", "a", "mail"),
        lambda now: broker.remove("default", "a"),
        lambda now: broker.hold("default", "a", "ann", "", now),
    ],
)
def test_a_faster_worker_wins(
    five: list[str], order: Any, take: Any, now: Any, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    calls = between(monkeypatch, take)
    with pytest.raises(broker.AlreadyTaken) as error:
        change(now)
    assert (error.value.code, error.value.status) == ("already-taken", 409)
    assert calls
    monkeypatch.undo()
    assert "".join(order()) == "bcde"
    assert broker.depth("mail") == 0
    assert broker.held("default") == []


def test_a_neighbour_that_is_taken_meanwhile_is_named(
    five: list[str], order: Any, take: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    between(monkeypatch, take)
    with pytest.raises(broker.NeighbourGone):
        broker.move("default", "c", before="a")
    monkeypatch.undo()
    assert "".join(order()) == "bcde"


def test_a_message_that_changed_meanwhile_is_read_again(
    five: list[str], order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    between(monkeypatch, lambda: broker.reprioritise("default", "c", 9))
    assert broker.move("default", "c", after="d").priority == 5
    monkeypatch.undo()
    assert "".join(order()) == "abdce"


def test_a_neighbour_that_changed_meanwhile_is_read_again(
    five: list[str], order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    between(monkeypatch, lambda: broker.reprioritise("default", "d", 9))
    assert broker.move("default", "c", after="d").priority == 9
    monkeypatch.undo()
    assert "".join(order()) == "dcabe"


def test_a_line_that_never_rests_is_given_up(five: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    priorities = iter([9, 8, 7, 6, 4, 3, 2, 1] * 10)
    between(monkeypatch, lambda: broker.reprioritise("default", "c", next(priorities)), times=50)
    with pytest.raises(Conflict) as error:
        broker.move("default", "c", after="d")
    assert error.value.code == "busy"


def test_what_a_worker_holds_is_already_taken(celery_only: Celery, five: list[str]) -> None:
    with celery_only.connection_for_read() as connection:
        channel = connection.channel()
        taken = channel.basic_get("default")
        assert taken.headers["id"] == "a"
        with pytest.raises(broker.AlreadyTaken):
            broker.move("default", "a", to="back")
        with pytest.raises(broker.AlreadyTaken):
            broker.remove("default", "a")
        taken.ack()
        channel.close()


@pytest.mark.parametrize("priority", range(10))
def test_reprioritise_stands_last_among_its_equals(
    five: list[str], send: Send, order: Any, priority: int
) -> None:
    peer = send("peer", priority)
    changed = broker.reprioritise("default", "b", priority)
    assert changed.priority == priority
    line = order()
    if priority == 5:
        assert line == ["a", "b", "c", "d", "e", "peer"]
    else:
        assert line.index("b") == line.index(peer) + 1
    assert changed.position == line.index("b") + 1
    assert json.loads(changed.raw)["properties"]["priority"] == 9 - priority


@pytest.mark.parametrize("priority", [-1, 10, 10**20, 4.5, "5", None, True])
def test_a_priority_out_of_range_is_refused(five: list[str], order: Any, priority: Any) -> None:
    with pytest.raises(Invalid) as error:
        broker.reprioritise("default", "c", priority)
    assert list(error.value.errors) == ["priority"]
    assert "".join(order()) == "abcde"


def test_a_foreign_message_takes_no_priority(celery_only: Celery, order: Any) -> None:
    broker.client().lpush("default", b"junk")
    (foreign,) = order()
    with pytest.raises(Invalid):
        broker.reprioritise("default", foreign, 3)
    assert order() == [foreign]


def test_send_to_another_queue(
    celery_only: Celery, five: list[str], send: Send, order: Any, consume: Any
) -> None:
    send("already there", 5, "mail")
    send("below", 1, "mail")
    sent = broker.send_to("default", "c", "mail")
    assert (sent.queue, sent.position, sent.priority) == ("mail", 2, 5)
    assert "".join(order()) == "abde"
    assert order("mail") == ["already there", "c", "below"]
    assert [message.delivery_info for message in consume("mail")][1] == {
        "exchange": "",
        "routing_key": "mail",
    }


def test_what_is_sent_to_another_queue_returns_there(celery_only: Celery, send: Send, order: Any) -> None:
    """A worker that shuts down gives messages back by their address, so the address has to be the new one."""
    bound = Queue("default", Exchange("custom"), routing_key="key")
    with celery_only.connection_for_write() as connection:
        bound(connection.channel()).declare()
    send("named", queue=None, exchange="custom", routing_key="key")
    send("plain")
    for run_id in list(order()):
        broker.send_to("default", run_id, "mail")
    with celery_only.connection_for_read() as connection:
        channel = connection.channel()
        taken = [channel.basic_get("mail"), channel.basic_get("mail")]
        assert order("mail") == []
        for message in taken:
            channel.qos.restore_by_tag(message.delivery_tag)
            channel.qos._delivered.clear()
        channel.close()
    assert set(order("mail")) == {"named", "plain"}
    assert order() == []


@pytest.mark.parametrize("target", ["", "default", "mail\x06\x163"])
def test_a_target_that_is_no_other_queue_is_refused(five: list[str], order: Any, target: str) -> None:
    with pytest.raises(Invalid) as error:
        broker.send_to("default", "c", target)
    assert list(error.value.errors) == ["queue"]
    assert "".join(order()) == "abcde"


def test_a_target_key_that_holds_something_else_loses_nothing(send: Send, order: Any, redis: Redis) -> None:
    send("r", 9)
    redis.set("mail", "something else")
    with pytest.raises(NotFound):
        broker.send_to("default", "r", "mail")
    assert order() == ["r"]
    assert redis.get("mail") == b"something else"


def test_remove(five: list[str], order: Any) -> None:
    raw = broker.page("default", 2, 1)[0].raw
    removed = broker.remove("default", "c", hint=3)
    assert (removed.id, removed.raw) == ("c", raw)
    assert "".join(order()) == "abde"
    with pytest.raises(NotFound):
        broker.remove("default", "c")


def test_doubled_runs_are_changed_one_at_a_time(celery_only: Celery, send: Send, order: Any) -> None:
    for _ in range(2):
        send("twice")
    send("other")
    broker.move("default", "twice", to="back")
    assert order() == ["twice", "other", "twice"]
    broker.remove("default", "twice")
    assert order() == ["other", "twice"]
