"""Changes to waiting runs: row and message in step, undone exactly, and to several at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import broker, queues
from app.clock import utcnow
from app.errors import Conflict, Invalid, NotFound
from app.extensions import transaction
from app.runs import Run, states

Submit = Callable[..., str]
NOW = utcnow()


@pytest.mark.parametrize("target", [1, 2, 5])
def test_undo_brings_place_and_priority_back(submit: Submit, order: Any, row: Any, target: int) -> None:
    ids = [submit(priority=priority) for priority in (9, 9, 7, 5, 5)]
    line = order()
    change = queues.move("default", ids[2], NOW, position=target)
    assert change.before is not None
    assert change.old_position == 3
    queues.undo_move("default", ids[2], change.old_position, change.before.priority, NOW)
    assert order() == line
    assert [message.priority for message in broker.page("default")] == [9, 9, 7, 5, 5]
    assert row(ids[2]).priority == 7


def test_undo_in_a_line_that_became_shorter(submit: Submit, order: Any) -> None:
    ids = [submit() for _ in range(3)]
    change = queues.move("default", ids[2], NOW, to="front")
    broker.remove("default", ids[0])
    queues.undo_move("default", ids[2], change.old_position or 0, 5, NOW)
    assert order() == [ids[1], ids[2]]


def test_undo_of_a_hold_puts_it_where_it_was(submit: Submit, order: Any) -> None:
    ids = [submit() for _ in range(3)]
    change = queues.hold("default", ids[1], "mei", "", NOW)
    queues.release("default", ids[1], NOW, position=change.old_position)
    assert order() == ids


@pytest.mark.parametrize("state", [states.PENDING, states.RECEIVED, states.SCHEDULED])
def test_a_held_row_is_held_whatever_its_worker_had_said(submit: Submit, row: Any, state: str) -> None:
    run_id = submit()
    set_row(run_id, state=state, worker="w1@gone", received_at=NOW)
    queues.hold("default", run_id, "mei", "", NOW)
    run = row(run_id)
    assert (run.state, run.worker, run.received_at) == (states.HELD, None, None)


def test_a_run_that_was_held_before_its_time_waits_for_its_time_again(submit: Submit, row: Any) -> None:
    run_id = submit()
    set_row(run_id, eta_at=NOW + timedelta(minutes=5))
    queues.hold("default", run_id, "mei", "", NOW)
    queues.release("default", run_id, NOW)
    assert row(run_id).state == states.SCHEDULED


def test_a_finished_row_stays_finished(submit: Submit, row: Any) -> None:
    run_id = submit(priority=5)
    set_row(run_id, state=states.REVOKED, error="Cancelled", ended_at=NOW)
    queues.reprioritise("default", run_id, 9, NOW)
    queues.hold("default", run_id, "mei", "", NOW)
    queues.remove("default", run_id, "mei", NOW)
    run = row(run_id)
    assert (run.state, run.error, run.priority) == (states.REVOKED, "Cancelled", 5)


def test_a_foreign_queue_cannot_be_a_target(submit: Submit) -> None:
    with pytest.raises(Invalid, match="no queue nowhere"):
        queues.send_to("default", submit(), "nowhere", NOW)


def test_several_keep_their_order_at_the_front_and_at_the_back(submit: Submit, order: Any) -> None:
    ids = [submit() for _ in range(5)]
    results = queues.apply("default", [ids[2], ids[4]], "front", "mei", NOW)
    assert [(one.id, one.done) for one in results] == [(ids[2], True), (ids[4], True)]
    assert order() == [ids[2], ids[4], ids[0], ids[1], ids[3]]
    queues.apply("default", [ids[2], ids[4]], "back", "mei", NOW)
    assert order() == [ids[0], ids[1], ids[3], ids[2], ids[4]]


def test_several_changes_say_what_happened_to_each(submit: Submit, order: Any, row: Any) -> None:
    ids = [submit() for _ in range(3)]
    results = queues.apply("default", [ids[0], "gone", ids[2], ids[0]], "hold", "mei", NOW, reason="x")
    assert [(one.id, one.done) for one in results] == [(ids[0], True), ("gone", False), (ids[2], True)]
    assert "gone" in results[1].problem
    assert order() == [ids[1]]
    assert all(one.done for one in queues.apply("default", [ids[0], ids[2]], "release", "mei", NOW))
    queues.apply("default", ids, "priority", "mei", NOW, priority=3)
    assert broker.by_priority("default") == {3: 3}
    queues.apply("default", ids[:2], "send", "mei", NOW, target="mail")
    assert (len(order()), len(order("mail"))) == (1, 2)
    assert [one.done for one in queues.apply("default", [ids[2]], "remove", "mei", NOW)] == [True]
    assert row(ids[2]).state == states.REVOKED


@pytest.mark.parametrize(
    ("ids", "action"), [([], "hold"), (["a"], "eat"), ([str(n) for n in range(201)], "hold")]
)
def test_several_changes_that_are_refused(app: Flask, ids: list[str], action: str) -> None:
    with pytest.raises(Invalid):
        queues.apply("default", ids, action, "mei", NOW)


def test_a_purge_can_be_undone_once(submit: Submit, order: Any, row: Any) -> None:
    held, *ids = (submit(n) for n in range(4))
    queues.hold("default", held, "mei", "", NOW)
    purged = queues.purge("default", "mei", NOW)
    assert (purged.removed, order()) == (3, [])
    assert {row(one).error for one in ids} == {"Purged by mei."}
    newer = submit()
    assert queues.restore("default", purged.token, NOW + timedelta(seconds=5)) == 3
    assert order() == [*ids, newer]
    for run in map(row, ids):
        assert (run.state, run.error, run.ended_at) == (states.PENDING, None, None)
    assert row(held).state == states.HELD
    with pytest.raises(Conflict) as refused:
        queues.restore("default", purged.token, NOW)
    assert refused.value.code == "undo-expired"


def test_the_undo_of_a_purge_leaves_earlier_ends_alone(submit: Submit, row: Any) -> None:
    run_id = submit()
    set_row(run_id, state=states.REVOKED, error="Cancelled", ended_at=NOW - timedelta(hours=1))
    queues.restore("default", queues.purge("default", "mei", NOW).token, NOW)
    assert (row(run_id).state, row(run_id).error) == (states.REVOKED, "Cancelled")


def test_ten_thousand_are_purged_and_brought_back(app: Flask, celery_app: Any, redis: Any) -> None:
    """At once for workers; every message and every row is there again afterwards."""
    celery_app.send_task("sample_tasks.plain", [1], task_id="model")
    key = broker.keys().level("default", 4).key
    model = redis.rpop(key)
    redis.lpush(key, *(model.replace(b"model", b"run-%d" % n) for n in range(10_000)))
    with transaction() as session:
        session.add_all(
            Run(id=f"run-{n}", task_name="sample_tasks.plain", queue="default", state=states.PENDING,
                created_at=NOW, updated_at=NOW)
            for n in range(10_000)
        )  # fmt: skip
    purged = queues.purge("default", "mei", NOW)
    assert purged.removed == 10_000
    assert count(states.REVOKED) == 10_000
    assert queues.restore("default", purged.token, NOW) == 10_000
    assert count(states.PENDING) == 10_000
    assert [message.id for message in broker.page("default", 0, 3)] == ["run-0", "run-1", "run-2"]


@pytest.mark.parametrize(
    "change", ["pause", "resume", "hold_new", "stop_holding_new", "release_all", "purge"]
)
def test_an_unknown_queue(app: Flask, change: str) -> None:
    given = {"pause": ("mei", "note"), "hold_new": ("mei", ""), "purge": ("mei",)}.get(change, ())
    with pytest.raises(NotFound):
        getattr(queues, change)("nowhere", *given, NOW)


def count(state: str) -> int:
    with transaction() as session:
        return session.query(Run).where(Run.state == state).count()


def set_row(run_id: str, **values: Any) -> None:
    with transaction() as session:
        run = session.get(Run, run_id)
        for name, value in values.items():
            setattr(run, name, value)
