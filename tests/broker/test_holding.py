"""Hold and release, and queues that hold everything new."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import Celery

from app import broker
from app.broker.redis import changes, holding
from app.errors import Invalid, NotFound

Send = Callable[..., str]


def held_ids(queue: str = "default") -> list[str]:
    return [one.message.id for one in broker.held(queue)]


def hold_all(ids: str, now: datetime) -> None:
    for run_id in ids:
        broker.hold("default", run_id, "ann", f"why {run_id}", now)


@pytest.fixture
def four(send: Send) -> list[str]:
    return [send(run_id, args=[run_id]) for run_id in "abcd"]


def test_a_held_run_is_out_of_the_line_and_not_lost(
    four: list[str], order: Any, take: Any, now: datetime
) -> None:
    raw = broker.find("default", "b").raw  # type: ignore[union-attr]
    assert broker.hold("default", "b", "ann", "wait for the figures", now, hint=2).id == "b"
    assert "".join(order()) == "acd"
    (one,) = broker.held("default")
    assert (one.message.id, one.message.raw, one.message.args, one.message.priority) == ("b", raw, ["b"], 5)
    assert (one.by, one.at, one.reason, one.by_mode) == ("ann", now, "wait for the figures", False)
    assert one.message.position is None
    assert broker.find_held("default", "b") == one
    assert (broker.held_count("default"), broker.depths(["default"])["default"].held) == (1, 1)
    assert [take(), take(), take(), take()] == ["a", "c", "d", None]


def test_held_runs_keep_the_order_in_which_they_were_held(four: list[str], now: datetime) -> None:
    hold_all("cadb", now)
    assert held_ids() == ["c", "a", "d", "b"]
    assert [one.message.id for one in broker.held("default", 1, 2)] == ["a", "d"]
    assert broker.held("default", 4, 2) == broker.held("default", 0, 0) == broker.held("mail") == []


@pytest.mark.parametrize(
    ("to", "expected", "position"), [(None, "acdb", 4), ("back", "acdb", 4), ("front", "bacd", 1)]
)
def test_release(four: list[str], order: Any, now: datetime, to: Any, expected: str, position: int) -> None:
    raw = broker.hold("default", "b", "ann", "", now).raw
    released = broker.release("default", "b", to)
    assert (released.id, released.position, released.raw) == ("b", position, raw)
    assert "".join(order()) == expected
    assert held_ids() == []
    assert broker.find_held("default", "b") is None
    with pytest.raises(NotFound):
        broker.release("default", "b", to)


@pytest.mark.parametrize(
    ("run_id", "to", "expected", "priority"),
    [
        ("9", None, ["9", "x7", "x5", "x3"], 9),
        ("9", "front", ["9", "x7", "x5", "x3"], 9),
        ("9", "back", ["x7", "x5", "x3", "9"], 3),
        ("5", None, ["x7", "x5", "5", "x3"], 5),
        ("5", "front", ["5", "x7", "x5", "x3"], 7),
        ("5", "back", ["x7", "x5", "x3", "5"], 3),
        ("1", None, ["x7", "x5", "x3", "1"], 1),
        ("1", "front", ["1", "x7", "x5", "x3"], 7),
        ("1", "back", ["x7", "x5", "x3", "1"], 1),
    ],
)
def test_release_among_other_priorities(
    send: Send, order: Any, now: datetime, run_id: str, to: Any, expected: list[str], priority: int
) -> None:
    for name in ("x7", "x5", "x3", run_id):
        send(name, int(name[-1]))
    raw = broker.hold("default", run_id, "ann", "", now).raw
    released = broker.release("default", run_id, to)
    assert order() == expected
    assert (released.position, released.priority) == (expected.index(run_id) + 1, priority)
    assert json.loads(released.raw)["properties"]["priority"] == 9 - priority
    assert (released.raw == raw) == (priority == int(run_id))


def test_release_into_an_empty_line_keeps_the_priority(send: Send, now: datetime) -> None:
    for to in ("front", "back", None):
        send("r", 2)
        broker.hold("default", "r", "ann", "", now)
        assert (broker.release("default", "r", to).priority, broker.depth("default")) == (2, 1)  # type: ignore[arg-type]
        broker.remove("default", "r")


@pytest.mark.parametrize("to", ["", "middle", "FRONT"])
def test_release_elsewhere_is_refused(four: list[str], now: datetime, to: Any) -> None:
    broker.hold("default", "b", "ann", "", now)
    with pytest.raises(Invalid) as error:
        broker.release("default", "b", to)
    assert list(error.value.errors) == ["to"]
    assert held_ids() == ["b"]


@pytest.mark.parametrize(("to", "expected"), [("front", "cadb"), ("back", "bcad"), (None, "bcad")])
def test_release_all_keeps_the_held_order(
    four: list[str], order: Any, now: datetime, to: Any, expected: str
) -> None:
    hold_all("cad", now)
    assert sorted(broker.release_all("default", to)) == ["a", "c", "d"]
    assert "".join(order()) == expected
    assert broker.release_all("default", to) == []


def test_a_held_run_cannot_be_moved_but_changed_and_removed(
    four: list[str], order: Any, now: datetime
) -> None:
    hold_all("ab", now)
    for change in (
        lambda: broker.move("default", "a", to="front"),
        lambda: broker.send_to("default", "a", "mail"),
        lambda: broker.hold("default", "a", "ben", "", now),
    ):
        with pytest.raises(broker.IsHeld) as error:
            change()
        assert error.value.code == "held"
    assert broker.reprioritise("default", "a", 9).priority == 9
    assert held_ids() == ["a", "b"]
    assert broker.held("default")[0].message.priority == 9
    assert broker.remove("default", "b").id == "b"
    assert held_ids() == ["a"]
    assert broker.release("default", "a").position == 1
    assert order() == ["a", "c", "d"]


def test_foreign_messages_are_held_and_released_as_they_are(
    celery_only: Celery, send: Send, now: datetime
) -> None:
    key = broker.keys().level("default", 3).key
    broker.client().lpush(key, b"junk", b"other junk")
    first, second = (message.id for message in broker.page("default"))
    broker.hold("default", first, "ann", "", now)
    broker.hold("default", second, "ann", "", now)
    assert [one.message.priority for one in broker.held("default")] == [6, 6]
    with pytest.raises(Invalid):
        broker.reprioritise("default", first, 1)
    assert broker.release("default", first).priority == 6
    send("urgent", 9)
    assert broker.release("default", second, "front").priority == 9
    assert [message.raw for message in broker.page("default")][::2] == [b"other junk", b"junk"]


def test_a_release_that_comes_second_is_refused(
    four: list[str], now: datetime, order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.hold("default", "a", "ann", "", now)
    stale = broker.find_held("default", "a")
    broker.release("default", "a")
    monkeypatch.setattr(holding, "find_held", lambda *_: stale)  # as another person saw it a moment ago
    with pytest.raises(NotFound):
        broker.release("default", "a")
    with pytest.raises(NotFound):
        changes.holding.release("default", "a", "front")
    assert broker.depth("default") == 4


def test_two_messages_of_one_run_are_both_released(send: Send, order: Any, now: datetime) -> None:
    for _ in range(2):
        send("twice")
        broker.hold("default", "twice", "ann", "", now)
    send("other")
    broker.release("default", "twice")
    broker.release("default", "twice")
    assert order() == ["other", "twice", "twice"]
    assert broker.held("default") == []


# Hold everything new


def test_hold_new_lets_what_waits_run_and_holds_the_rest(
    four: list[str], send_foreign: Send, order: Any, take: Any, now: datetime
) -> None:
    mode = broker.hold_new("default", "ann", "month end", now)
    assert (mode.by, mode.since, mode.reason) == ("ann", now, "month end")
    assert broker.holding_new() == {"default": mode}
    assert broker.holding_new(["mail"]) == {}
    send_foreign("new1")
    send_foreign("new2", 9)
    send_foreign("elsewhere", queue="mail")
    assert broker.sweep(now + timedelta(seconds=1)) == {"default": 2}
    assert "".join(order()) == "abcd"
    assert order("mail") == ["elsewhere"]
    by_id = {one.message.id: one for one in broker.held("default")}
    assert set(by_id) == {"new1", "new2"}
    assert by_id["new1"].by_mode
    assert (by_id["new1"].by, by_id["new1"].at, by_id["new1"].reason) == (
        "ann",
        now + timedelta(seconds=1),
        "month end",
    )
    assert by_id["new2"].message.priority == 9
    assert broker.sweep(now) == {"default": 0}


def test_what_a_person_lets_in_stays_in(
    four: list[str], send_foreign: Send, order: Any, now: datetime
) -> None:
    broker.hold_new("default", "ann", "", now)
    send_foreign("new")
    send_foreign("kept out")
    broker.sweep(now)
    send_foreign("moved in", queue="mail")
    broker.release("default", "new", "front")
    broker.send_to("mail", "moved in", "default")
    assert broker.sweep(now) == {"default": 0}
    assert order() == ["new", *"abcd", "moved in"]
    assert held_ids() == ["kept out"]


def test_sweeping_keeps_the_order_of_arrival(four: list[str], send_foreign: Send, now: datetime) -> None:
    broker.hold_new("default", "ann", "", now)
    for n in range(450):
        send_foreign(f"n{n:03}")
    assert broker.sweep(now) == {"default": 450}
    assert [one.message.id for one in broker.held("default", 0, 1000)] == [f"n{n:03}" for n in range(450)]


def test_after_the_mode_new_ones_run_and_held_ones_stay(
    four: list[str], send_foreign: Send, order: Any, now: datetime
) -> None:
    broker.hold_new("default", "ann", "", now)
    send_foreign("held")
    broker.sweep(now)
    assert broker.stop_holding_new("default")
    assert not broker.stop_holding_new("default")
    send_foreign("free")
    assert broker.sweep(now) == {}
    assert order() == [*"abcd", "free"]
    assert held_ids() == ["held"]
    assert broker.client().keys("celeriac:let-in:*") == []


def test_the_first_to_hold_everything_is_remembered(celery_only: Celery, now: datetime) -> None:
    broker.hold_new("default", "ann", "first", now)
    assert broker.hold_new("default", "ben", "second", now).by == "ann"


def test_release_all_lets_everything_in(
    four: list[str], send_foreign: Send, order: Any, now: datetime
) -> None:
    broker.hold_new("default", "ann", "", now)
    for n, priority in enumerate([1, 9, 5]):
        send_foreign(f"n{n}", priority)
    broker.sweep(now)
    broker.release_all("default")
    assert broker.sweep(now) == {"default": 0}
    assert order() == ["n1", *"abcd", "n2", "n0"]


def test_ours_are_held_in_the_very_step_in_which_they_are_sent(
    celery_only: Celery, four: list[str], send: Send, order: Any, now: datetime
) -> None:
    broker.hold_new("default", "ann", "month end", now)
    send("alone", 8)
    with celery_only.producer_or_acquire() as producer, producer.batch(max_size=3):
        for n in range(7):
            send(f"batch{n}", producer=producer)
    send("elsewhere", queue="mail")
    assert order() == [*"abcd"]
    assert order("mail") == ["elsewhere"]
    assert held_ids() == ["alone", *(f"batch{n}" for n in range(7))]
    (alone, *_) = broker.held("default")
    assert (alone.by, alone.reason, alone.by_mode, alone.message.priority) == ("ann", "month end", True, 8)
    assert alone.at is not None


def test_a_retry_of_what_is_let_in_is_let_in(four: list[str], send: Send, order: Any, now: datetime) -> None:
    broker.hold_new("default", "ann", "", now)
    broker.remove("default", "a")
    send("a", retries=1)
    assert order() == [*"bcda"]
