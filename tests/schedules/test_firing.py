"""What is due is claimed once, sent, and moved on; what does not run leaves its reason."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from app import broker, runs, schedules
from app.errors import Conflict, Invalid
from app.extensions import db
from app.runs import outbox, states
from app.runs.models import Run
from app.schedules import firing
from app.schedules.buffer import Buffer
from app.schedules.decisions import run_id
from app.schedules.models import Schedule

pytestmark = pytest.mark.database
Make = Callable[..., Schedule]
History = Callable[[Any], list[Run]]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def waiting(queue: str = "default") -> list[str]:
    """The ids of the messages that wait, in the order they were sent."""
    return [message.id for message in broker.page(queue, 0, 1000)]


def fresh(row: Schedule) -> Schedule:
    db.session.rollback()
    return schedules.get(row.id)


def test_a_fire_is_a_run_and_a_message(make: Make, fire: Any, history: History, now: datetime) -> None:
    row = make(args=[7], kwargs={"b": "x"}, queue="mail", priority=8, message_ttl_seconds=90)
    assert fire(now + minutes(0.9)) == firing.Fired(0, 0)
    late = now + minutes(1) + timedelta(seconds=0.4)
    assert fire(late) == firing.Fired(1, 1)
    (run,) = history(row)
    assert run.id == run_id(row.id, now + minutes(1))
    assert (run.state, run.due_at, run.created_at) == (states.PENDING, now + minutes(1), late)
    assert (run.requested_by, run.queue, run.priority) == ("schedule:Every minute", "mail", 8)
    assert (run.args, run.kwargs) == ([7], {"b": "x"})
    assert run.expires_at == late + timedelta(seconds=90)
    (message,) = broker.page("mail", 0, 10)
    assert (message.id, message.task_name, message.priority) == (run.id, "sample_tasks.plain", 8)
    row = fresh(row)
    assert (row.next_run_at, row.last_run_at, row.run_count) == (now + minutes(2), late, 1)
    assert fire(late) == firing.Fired(0, 0)
    assert waiting("mail") == [run.id]


def test_many_due_at_once_are_one_batch(make: Make, fire: Any, now: datetime) -> None:
    rows = [make(f"s{number:02}", args=[number]) for number in range(30)]
    make("later", interval_seconds=600)
    assert fire(now + minutes(1)) == firing.Fired(30, 30)
    assert waiting() == [run_id(row.id, now + minutes(1)) for row in rows]


def test_a_one_time_schedule_disables_itself_with_its_fire(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    row = make(run_at=now + minutes(1))
    fire(now + minutes(1))
    row = fresh(row)
    assert (row.enabled, row.next_run_at, row.run_count, row.version) == (False, None, 1, 2)
    assert row.is_exhausted
    assert len(history(row)) == 1


def test_a_run_at_a_time_points_at_the_run_it_repeats(fire: Any, history: History, now: datetime) -> None:
    def at(minute: int) -> Schedule:
        wanted = ("sample_tasks.plain", [1], {}, now + minutes(minute), "ada", now)
        return schedules.run_once_at(*wanted, rerun_of="r1")

    again, other = at(1), at(2)
    schedules.update(other.id, {"task_type": "interval", "interval_seconds": 120}, "ada", now)
    by_hand = schedules.run_now(again.id, "ada", now, overlap="allow")
    fire(now + minutes(1))
    fire(now + minutes(2))
    assert {run.id: run.rerun_of for run in history(again)}[run_id(again.id, now + minutes(1))] == "r1"
    assert (by_hand.rerun_of, history(other)[0].rerun_of) == ("r1", None)


def test_max_runs_ends_it(make: Make, fire: Any, history: History, now: datetime) -> None:
    row = make(max_runs=2, overlap="allow")
    for number in range(1, 6):
        fire(now + minutes(number))
    row = fresh(row)
    assert (row.run_count, row.enabled, len(history(row))) == (2, False, 2)
    with pytest.raises(Conflict, match="2 times"):
        schedules.enable(row.id, "ada", now + minutes(9))
    row = schedules.update(row.id, {"max_runs": 3, "enabled": True}, "ada", now + minutes(9))
    assert row.next_run_at == now + minutes(9)
    with pytest.raises(Invalid):
        schedules.update(row.id, {"max_runs": 1}, "ada", now)


@pytest.mark.parametrize(
    ("policy", "ran", "missed"),
    [("skip", [], [1, 2, 3]), ("run_once", [3], [1, 2]), ("run_all", [1, 2, 3], [])],
)
def test_missed_fires(
    make: Make, fire: Any, history: History, now: datetime, policy: str, ran: list[int], missed: list[int]
) -> None:
    row = make(on_missed=policy, overlap="allow", interval_seconds=3600)
    fire(now + minutes(200))
    found = {run.due_at: run for run in history(row)}
    assert [at for at, run in found.items() if run.state == states.PENDING] == [
        now + minutes(60 * number) for number in ran
    ]
    left = [run for run in found.values() if run.state == states.MISSED]
    assert [run.due_at for run in left] == [now + minutes(60 * number) for number in missed]
    assert all(run.error and run.finished_at and run.outbox is None for run in left)
    assert len(waiting()) == len(ran)
    row = fresh(row)
    assert (row.next_run_at, row.run_count) == (now + minutes(240), len(ran))


def test_a_long_gap_is_told_in_few_rows(make: Make, fire: Any, history: History, now: datetime) -> None:
    row = make(interval_seconds=1)
    fire(now + timedelta(days=30))
    found = history(row)
    assert len(found) < 120
    told = sum((run.notices or {}).get("count", 1) for run in found)
    assert told == 30 * 86_400
    assert "fires due from 2026-11-20 12:00:01 UTC" in (found[0].error or "")
    assert schedules.reason_of_run(found[0]) == found[0].error


def test_overlap_skip(make: Make, fire: Any, history: History, end: Any, now: datetime) -> None:
    row = make(overlap="skip")
    fire(now + minutes(1))
    fire(now + minutes(2))
    first, second = history(row)
    assert (first.state, second.state) == (states.PENDING, states.SKIPPED)
    assert second.error == "An earlier run of this schedule had not finished."
    end(first)
    fire(now + minutes(3))
    assert [run.state for run in history(row)] == [states.SUCCESS, states.SKIPPED, states.PENDING]
    assert fresh(row).run_count == 2


def test_overlap_allow(make: Make, fire: Any, history: History, now: datetime) -> None:
    row = make(overlap="allow")
    fire(now + minutes(1))
    fire(now + minutes(2))
    assert [run.state for run in history(row)] == [states.PENDING] * 2


def test_overlap_buffer_one(make: Make, fire: Any, history: History, end: Any, now: datetime) -> None:
    row = make(overlap="buffer_one", message_ttl_seconds=10**7)
    for number in (1, 2, 3):
        fire(now + minutes(number))
    first, second, third = history(row)
    assert [first.state, second.state, third.state] == [states.PENDING, states.SCHEDULED, states.SKIPPED]
    assert firing.agenda().buffered
    buffer = Buffer()
    assert buffer.tick(now + minutes(3)) == 0
    assert outbox.sweep(now + minutes(60)) == 0  # nor does the recorder send it
    assert waiting() == [first.id]
    end(first)
    assert buffer.tick(now + minutes(4)) == 1
    assert buffer.tick(now + minutes(4)) == 0
    assert waiting() == [first.id, second.id]
    db.session.rollback()
    assert history(row)[1].state == states.PENDING
    assert not firing.agenda().buffered
    assert fresh(row).run_count == 2


def test_a_buffered_fire_goes_out_when_overlap_is_allowed_now(make: Make, fire: Any, now: datetime) -> None:
    row = make(overlap="buffer_one")
    fire(now + minutes(1))
    fire(now + minutes(2))
    schedules.update(row.id, {"overlap": "allow"}, "ada", now + minutes(2))
    assert Buffer().tick(now + minutes(3)) == 1


def test_overlap_cancel_running(make: Make, fire: Any, history: History, redis: Any, now: datetime) -> None:
    row = make(overlap="cancel_running")
    fire(now + minutes(1))
    fire(now + minutes(2))
    first, second = history(row)
    assert (first.state, second.state) == (states.PENDING, states.SCHEDULED)
    assert Buffer().tick(now + minutes(2)) == 1
    first, second = history(row)
    assert (first.state, second.state) == (states.REVOKED, states.PENDING)
    assert first.error == "Cancelled by schedule:Every minute."
    assert waiting() == [second.id]  # the first one's message is gone


def test_cancel_running_waits_until_the_running_one_has_ended(
    make: Make, fire: Any, history: History, end: Any, now: datetime
) -> None:
    row = make(overlap="cancel_running")
    fire(now + minutes(1))
    (first,) = history(row)
    first.state = states.STARTED
    db.session.commit()
    broker.client().delete(broker.keys().level("default", 4).key)
    for number in (2, 3):
        fire(now + minutes(number))
    buffer = Buffer()
    assert buffer.tick(now + minutes(3)) == 0
    assert [run.state for run in history(row)] == [states.STARTED, states.REVOKED, states.SCHEDULED]
    end(first, states.REVOKED)
    assert buffer.tick(now + minutes(3)) == 1
    assert [run.state for run in history(row)] == [states.REVOKED, states.REVOKED, states.PENDING]


def test_a_skipped_occurrence_says_so(make: Make, fire: Any, history: History, now: datetime) -> None:
    row = make(overlap="allow")
    schedules.skip(row.id, "ada", now, due_at=now + minutes(2))
    for number in (1, 2, 3):
        fire(now + minutes(number))
    assert [run.state for run in history(row)] == [states.PENDING, states.SKIPPED, states.PENDING]
    assert "by hand" in (history(row)[1].error or "")
    assert (fresh(row).skips, fresh(row).run_count) == (None, 2)


def test_a_vanished_task_is_kept_and_not_fired(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    row = make(max_runs=1)
    row.task_name = "vanished.task"
    db.session.commit()
    assert fire(now + minutes(1)) == firing.Fired(1, 0)
    (run,) = history(row)
    assert (run.state, run.error) == (states.SKIPPED, "No task named vanished.task is known any more.")
    row = fresh(row)
    assert (row.enabled, row.next_run_at, row.run_count) == (True, now + minutes(2), 0)
    assert row.last_error == run.error
    row.task_name = "sample_tasks.plain"
    db.session.commit()
    assert fire(now + minutes(2)) == firing.Fired(1, 1)
    assert (fresh(row).last_error, fresh(row).run_count) == (None, 1)


def test_arguments_that_refer_to_the_fire_are_resolved_in_the_schedules_zone(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    row = make(
        cron_schedule="30 2 * * *",
        timezone="Asia/Shanghai",
        task_name="sample_tasks.weekday",
        kwargs={"day": {"$due": "-P1D"}},
    )
    assert row.next_run_at == datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
    fire(row.next_run_at)
    (run,) = history(row)
    assert run.kwargs == {"day": "2026-11-20"}  # the day before the 21st in Shanghai
    assert broker.page("default", 0, 1)[0].kwargs == {"day": "2026-11-20"}
    assert fresh(row).kwargs == {"day": {"$due": "-P1D"}}


def test_secrets_reach_the_task_and_nobody_else(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    row = make(task_name="sample_tasks.fail", kwargs={"password": "hunter2"})
    fire(now + minutes(1))
    (run,) = history(row)
    assert (run.kwargs, run.masked) == ({"password": "••••••"}, ["password"])
    (message,) = broker.page("default", 0, 1)
    assert message.kwargs == {"password": "hunter2"}


def test_nominal_and_actual_moment_under_jitter(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    row = next(
        one
        for one in (make(f"s{n}", jitter_seconds=50) for n in range(9))
        if one.next_run_at != one.next_due_at
    )
    actual = row.next_run_at
    fire(actual - timedelta(microseconds=1))
    assert history(row) == []
    fire(actual)
    (run,) = history(row)
    assert (run.due_at, run.created_at) == (now + minutes(1), actual)
    assert fresh(row).next_run_at - actual == minutes(1)


def break_row(schedule_id: int, field: str, value: Any) -> None:
    statement = text(f"UPDATE schedules SET {field} = :value WHERE id = :id")
    db.session.execute(statement, {"value": value, "id": schedule_id})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("cron_schedule", "this is no cron"),
        ("task_type", "sometimes"),
        ("skips", ["yesterday"]),
    ],
)
def test_a_row_that_cannot_be_evaluated_delays_nobody(
    make: Make, fire: Any, history: History, now: datetime, field: str, value: Any
) -> None:
    bad = make("bad", cron_schedule="* * * * *")
    good = [make(f"good {number}") for number in range(3)]
    whole = getattr(bad, field)
    setattr(bad, field, value)
    bad.next_run_at = bad.next_due_at = now + minutes(0.5)
    bad.version += 1
    db.session.commit()
    assert fire(now + minutes(1)).sent == 3
    bad = fresh(bad)
    assert bad.last_error
    assert (bad.failures, bad.last_error_at) == (1, now + minutes(1))
    assert bad.next_run_at == now + minutes(1) + timedelta(seconds=5)
    fire(bad.next_run_at)
    bad = fresh(bad)
    assert (bad.failures, bad.next_run_at) == (2, now + minutes(1) + timedelta(seconds=15))
    setattr(bad, field, whole)
    bad.version += 1
    db.session.commit()
    at = bad.next_run_at
    fire(at)
    bad = fresh(bad)
    assert (bad.failures, bad.last_error) == (0, None)
    assert len(history(bad)) == 2  # no hole: both fires that passed meanwhile are there
    assert len(history(good[0])) >= 1


def test_a_row_with_values_that_cannot_even_be_read(
    make: Make, fire: Any, history: History, now: datetime, database: str | None
) -> None:
    if database:
        pytest.skip("PostgreSQL does not store such values")
    bad, good = make("bad").id, make("good", overlap="allow").id
    for number, (field, value) in enumerate((("args", "{not json"), ("starts_at", "tomorrow")), 1):
        break_row(bad, field, value)
        break_row(bad, "next_run_at", "2026-11-20 12:00:30.000000")
        db.session.commit()
        assert fire(now + minutes(number)).sent == 1
        shown = select(Schedule.last_error, Schedule.failures).where(Schedule.id == bad)
        error, failures = db.session.execute(shown).one()
        assert error
        assert failures == number
    assert len(history(good)) == 2


def test_a_message_that_can_never_be_sent_fails_alone(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    bad, good = make("bad"), make("good")
    bad.args = [1, 2, 3]  # Python itself would refuse that
    db.session.commit()
    assert fire(now + minutes(1)) == firing.Fired(2, 1)
    (run,) = history(bad)
    assert run.state == states.FAILURE
    assert "TypeError" in (run.error or "")
    assert fresh(bad).last_error == run.error
    assert [one.state for one in history(good)] == [states.PENDING]


def test_a_fire_whose_message_did_not_get_out_is_sent_later(
    make: Make, fire: Any, history: History, now: datetime, monkeypatch: Any
) -> None:
    row = make()
    monkeypatch.setattr(outbox, "FRESH_SECONDS", -1)  # as if it was halted between commit and sending
    assert fire(now + minutes(1)) == firing.Fired(1, 0)
    monkeypatch.undo()
    assert waiting() == []
    assert outbox.sweep(now + minutes(1) + timedelta(seconds=4)) == 0
    assert outbox.sweep(now + minutes(1) + timedelta(seconds=6)) == 1
    assert waiting() == [history(row)[0].id]
    assert outbox.sweep(now + minutes(2)) == 0


def test_run_now_moves_nothing(make: Make, fire: Any, history: History, end: Any, now: datetime) -> None:
    row = make(max_runs=2, kwargs={"b": {"$due": "P0D"}})
    before = (row.next_due_at, row.next_run_at, row.run_count, row.version, row.last_run_at)
    run = schedules.run_now(row.id, "ada", now + minutes(0.5))
    assert (run.schedule_id, run.due_at, run.requested_by) == (row.id, None, "ada")
    assert run.kwargs == {"b": "2026-11-20T12:00:30+00:00"}
    assert waiting() == [run.id]
    row = fresh(row)
    assert (row.next_due_at, row.next_run_at, row.run_count, row.version, row.last_run_at) == before
    with pytest.raises(Conflict) as refused:
        schedules.run_now(row.id, "ada", now)
    assert refused.value.code == "overlap"
    beside = schedules.run_now(row.id, "ada", now, overlap="allow")
    after = schedules.run_now(row.id, "ada", now, overlap="buffer_one")
    assert (beside.state, after.state) == (states.PENDING, states.SCHEDULED)
    row = make("gone")
    row.task_name = "vanished.task"
    db.session.commit()
    with pytest.raises(Conflict) as refused:
        schedules.run_now(row.id, "ada", now)
    assert refused.value.code == "unknown-task"


def test_run_now_of_a_disabled_schedule(make: Make, now: datetime) -> None:
    row = make(enabled=False)
    assert schedules.run_now(row.id, "ada", now).state == states.PENDING


def test_runs_for_later_are_sent_on_time_and_once(app: Flask, now: datetime) -> None:
    request = runs.RunRequest("sample_tasks.plain", [1], run_at=now + minutes(1), message_ttl_seconds=60)
    run = runs.submit(request, now)
    assert (run.state, firing.agenda().send_at) == (states.SCHEDULED, now + minutes(1))
    assert run.expires_at == now + minutes(2)  # from when it is sent
    assert outbox.send_scheduled(now + minutes(0.9)) == 0
    assert outbox.send_scheduled(now + minutes(1)) == 1
    assert outbox.send_scheduled(now + minutes(1)) == 0
    assert waiting() == [run.id]
    db.session.rollback()
    assert firing.agenda().send_at is None


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=40)])
def test_a_clock_that_is_set_back_fires_nothing_twice(
    make: Make, fire: Any, history: History, now: datetime, back: timedelta
) -> None:
    row = make(overlap="allow")
    for number in (1, 2):
        fire(now + minutes(number))
    for number in (0, 1, 2):
        fire(now + minutes(number) - back)
    wanted = {"interval_seconds": 30}  # even when somebody changes it there and back meanwhile
    schedules.update(row.id, wanted, "ada", now - back)
    schedules.update(row.id, {"interval_seconds": 60, "anchor_at": now}, "ada", now)
    for number in (1, 2, 3):
        fire(now + minutes(number))
    found = [run.due_at for run in history(row)]
    assert found == [now + minutes(number) for number in (1, 2, 3)]
    assert len(waiting()) == 3
    assert fresh(row).run_count == 3


def test_a_clock_that_is_set_forward_misses_by_policy(
    make: Make, fire: Any, history: History, now: datetime
) -> None:
    skip, every = make("skip", overlap="allow"), make("all", overlap="allow", on_missed="run_all")
    fire(now + minutes(1))
    fire(now + minutes(61) + timedelta(seconds=2))
    assert [run.state for run in history(skip)] == [states.PENDING, *[states.MISSED] * 59, states.PENDING]
    assert [run.state for run in history(every)] == [states.PENDING] * 61


def explained(work: Callable[[], Any], database: str | None) -> str:
    """How the database carries out the statements of `work`."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    work()
    event.remove(db.engine, "before_cursor_execute", note)
    explain = "EXPLAIN " if database else "EXPLAIN QUERY PLAN "
    connection = db.session.connection()
    if database:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are nearly empty here
    plans = [connection.exec_driver_sql(explain + text, given).all() for text, given in seen]
    db.session.rollback()
    return str(plans)


def test_indexes_answer_what_is_due(make: Make, database: str | None, now: datetime) -> None:
    for number in range(50):
        make(f"s{number}")
    db.session.rollback()
    plan = explained(firing.agenda, database)
    assert "ix_schedules_next_run_at" in plan
    assert not re.search(r"Seq Scan on runs|SCAN runs(?! USING)", plan)  # which index differs with statistics
    assert re.search(r"ix_runs_(state_)?send_at_unsent", plan)
    plan = explained(lambda: firing._due_rows(now + minutes(5), 10, None), database)
    assert "ix_schedules_next_run_at" in plan
    plan = explained(lambda: firing.unfinished([1, 2]), database)
    assert re.search(r"ix_runs_schedule_id_\w+", plan)  # the one of all its runs serves a short table


def test_edits_in_sql_count(
    make: Make, fire: Any, history: History, database: str | None, now: datetime
) -> None:
    """Switching off counts on both databases; the rest is worked out by a trigger on PostgreSQL."""
    row = make(overlap="allow")
    break_row(row.id, "enabled", False)
    db.session.commit()
    assert fire(now + minutes(1)).rows == 0
    if not database:
        return
    assert fresh(row).next_run_at is None
    break_row(row.id, "enabled", True)
    db.session.commit()
    row = fresh(row)
    assert row.next_due_at is None
    asked_at = row.next_run_at
    assert abs(asked_at - datetime.now(UTC)) < minutes(5)
    assert fire(asked_at) == firing.Fired(1, 0)  # works out the next fire, and fires nothing
    assert asked_at < fresh(row).next_due_at <= asked_at + minutes(1)
    break_row(row.id, "cron_schedule", "0 * * * *")
    break_row(row.id, "task_type", "cron")
    db.session.commit()
    fire(fresh(row).next_run_at)
    row = fresh(row)
    assert (row.next_due_at.minute, row.next_due_at.second) == (0, 0)
    assert history(row) == []
