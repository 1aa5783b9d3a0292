"""Schedules are made, changed, copied, deleted; what moves their next fire and what does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import audit, catalog, schedules
from app.audit.models import AuditEntry
from app.errors import Conflict, Invalid, NotFound, Stale
from app.extensions import db
from app.runs import states
from app.schedules.models import Schedule
from tests.races import at_once

Make = Callable[..., Schedule]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_new_schedule_first_fires_at_its_first_slot(make: Make, now: datetime) -> None:
    assert make("a", interval_seconds=60).next_run_at == now + minutes(1)
    assert make("b", cron_schedule="*/5 * * * *").next_run_at == now
    assert make("c", cron_schedule="0 9 * * *", timezone="Asia/Shanghai").next_run_at == datetime(
        2026, 11, 21, 1, 0, tzinfo=UTC
    )
    assert make("d", run_at=now + minutes(3)).next_run_at == now + minutes(3)
    later = make("e", cron_schedule="*/5 * * * *", starts_at=now + minutes(7))
    assert later.next_run_at == now + minutes(10)
    off = make("f", enabled=False)
    assert (off.next_run_at, off.next_due_at, off.disabled_by) == (None, None, "mei")


def test_jitter_delays_every_fire_alike(make: Make, now: datetime) -> None:
    found = [make(f"s{number}", jitter_seconds=50) for number in range(8)]
    delays = {one.next_run_at - one.next_due_at for one in found}
    assert {one.next_due_at for one in found} == {now + minutes(1)}
    assert len(delays) > 1
    assert all(timedelta(0) <= delay < timedelta(seconds=50) for delay in delays)


@pytest.mark.database
def test_editing_what_is_not_timing_never_moves_the_next_fire(make: Make, now: datetime) -> None:
    row = make(interval_seconds=7 * 86_400)
    due_at, anchor_at = row.next_due_at, row.anchor_at
    later = now + timedelta(days=3, minutes=1)
    for wanted in (
        {"name": "Another name"},
        {"queue": "mail"},
        {"priority": 9},
        {"note": "why"},
        {"args": [2]},
        {"max_runs": 5},
        {"overlap": "allow"},
        {"timezone": "Europe/London"},
        {"interval_seconds": 7 * 86_400},
    ):
        row = schedules.update(row.id, wanted, "ada", later)
        assert (row.next_due_at, row.next_run_at, row.anchor_at) == (due_at, due_at, anchor_at), wanted
    assert row.updated_by == "ada"


def test_switching_off_and_on_keeps_the_grid_and_fires_no_past(make: Make, now: datetime) -> None:
    row = make(interval_seconds=3600)
    schedules.disable(row.id, "ada", now + minutes(5), note="holidays")
    row = schedules.get(row.id)
    assert (row.next_run_at, row.disabled_by, row.disabled_note) == (None, "ada", "holidays")
    row = schedules.enable(row.id, "ada", now + minutes(200))
    assert row.next_run_at == now + minutes(240)
    assert (row.disabled_at, row.disabled_note, row.anchor_at) == (None, None, now)


def test_a_changed_timing_counts_from_now(make: Make, now: datetime) -> None:
    row = make(interval_seconds=3600)
    row = schedules.update(row.id, {"interval_seconds": 60}, "ada", now + minutes(10))
    assert (row.anchor_at, row.next_run_at) == (now + minutes(10), now + minutes(11))
    wanted = {"task_type": "cron", "cron_schedule": "30 * * * *"}
    row = schedules.update(row.id, wanted, "ada", now + minutes(10))
    assert (row.interval_seconds, row.anchor_at) == (None, None)
    assert row.next_run_at == now + minutes(30)
    row = schedules.update(row.id, {"timezone": "Asia/Kolkata"}, "ada", now + minutes(10))
    assert row.next_run_at == now + minutes(60)  # half past in Kolkata


def test_a_changed_window_or_jitter_moves_only_what_it_must(make: Make, now: datetime) -> None:
    row = make(interval_seconds=3600)
    row = schedules.update(row.id, {"starts_at": now + minutes(90)}, "ada", now)
    assert row.next_run_at == now + minutes(120)
    row = schedules.update(row.id, {"starts_at": None}, "ada", now)
    assert row.next_run_at == now + minutes(60)
    row = schedules.update(row.id, {"jitter_seconds": 600}, "ada", now)
    assert row.next_due_at == now + minutes(60)
    assert now + minutes(60) <= row.next_run_at < now + minutes(70)
    overdue = schedules.update(row.id, {"ends_at": now + minutes(900)}, "ada", now + minutes(65))
    assert overdue.next_due_at == now + minutes(60)  # beat has yet to take it


def test_nothing_happens_when_nothing_differs(make: Make, now: datetime) -> None:
    row = make(note="kept")
    again = schedules.update(row.id, {"note": " kept ", "args": [1]}, "ada", now)
    assert (again.version, again.updated_by) == (1, "mei")
    assert len(schedules.changes_of(row.id)) == 1


@pytest.mark.database
def test_two_people_who_edit_the_same_row(make: Make, now: datetime) -> None:
    row = make()
    schedules.update(row.id, {"note": "one"}, "ada", now, if_version=1)
    with pytest.raises(Stale, match="version 2"):
        schedules.update(row.id, {"note": "two"}, "bob", now, if_version=1)
    with pytest.raises(Stale):
        schedules.delete(row.id, "bob", now, if_version=1)
    assert schedules.get(row.id).note == "one"


@pytest.mark.database
def test_names_are_taken_once(make: Make, now: datetime) -> None:
    make("Report")
    with pytest.raises(Conflict) as refused:
        make(" Report ")
    assert refused.value.code == "name-taken"
    other = make("Other")
    with pytest.raises(Conflict):
        schedules.update(other.id, {"name": "Report"}, "ada", now)
    assert [schedules.duplicate(other.id, "ada", now).name for _ in range(2)] == [
        "Other copy",
        "Other copy 2",
    ]


def test_secrets_are_kept_when_they_come_back_masked(make: Make, now: datetime) -> None:
    row = make(task_name="sample_tasks.fail", args=[], kwargs={"password": "hunter2"})
    row = schedules.update(row.id, {"kwargs": {"password": catalog.MASK}, "note": "x"}, "ada", now)
    assert row.kwargs == {"password": "hunter2"}
    row = schedules.update(row.id, {"kwargs": {"password": "other"}}, "ada", now)
    assert row.kwargs == {"password": "other"}
    shown = [change.diff for change in schedules.changes_of(row.id)]
    assert shown[0] == {"kwargs": [{"password": catalog.MASK}, {"password": catalog.MASK}]}
    assert "hunter2" not in str(shown)
    db.session.rollback()
    assert "hunter2" not in str([one.details for one in db.session.scalars(select(AuditEntry))])
    with pytest.raises(Invalid):
        make("new", task_name="sample_tasks.fail", kwargs={"password": catalog.MASK})


def test_every_change_is_kept_with_who_and_what(make: Make, now: datetime) -> None:
    row = make()
    schedules.update(row.id, {"queue": "mail", "starts_at": now}, "ada", now)
    schedules.disable(row.id, "bob", now, note="too loud")
    kept = schedules.changes_of(row.id)
    assert [(one.action, one.by, one.version) for one in kept] == [
        ("disable", "bob", 3),
        ("update", "ada", 2),
        ("create", "mei", 1),
    ]
    assert kept[0].note == "too loud"
    assert kept[1].diff == {"queue": [None, "mail"], "starts_at": [None, "2026-11-20T12:00:00+00:00"]}
    logged = audit.page(audit.AuditFilter(object_kind="schedule", object_id=str(row.id))).items
    assert [one.action for one in logged] == ["schedule.disable", "schedule.update", "schedule.create"]


@pytest.mark.database
def test_a_deleted_schedule_comes_back_whole(make: Make, now: datetime, fire: Any, history: Any) -> None:
    row = make(kwargs={"b": "x"}, note="kept", jitter_seconds=3)
    fire(now + minutes(1.5))
    row = schedules.get(row.id)
    kept = {name: getattr(row, name) for name in ("name", "kwargs", "anchor_at", "run_count")}
    schedules.delete(row.id, "ada", now + minutes(2))
    with pytest.raises(NotFound):
        schedules.get(row.id)
    assert len(history(row.id)) == 1
    with pytest.raises(NotFound):
        schedules.undelete(row.id + 1, "ada", now)
    back = schedules.undelete(row.id, "ada", now + minutes(30))
    assert {name: getattr(back, name) for name in kept} == kept
    assert back.next_due_at == now + minutes(30)
    with pytest.raises(Conflict):
        schedules.undelete(row.id, "ada", now)


@pytest.mark.database
def test_of_several_who_bring_a_schedule_back_at_once_one_does(app: Flask, make: Make, now: datetime) -> None:
    schedule_id = make().id
    schedules.delete(schedule_id, "ada", now)

    def bring_back(start: Callable[[], object], _n: int) -> str:
        start()
        try:
            return schedules.undelete(schedule_id, "ada", now).name
        except Conflict as error:
            return error.code

    said = at_once(app, 6, bring_back)
    assert sorted(said) == sorted([schedules.get(schedule_id).name] + ["not-deleted"] * 5)


@pytest.mark.database
def test_ids_are_never_used_twice(make: Make, now: datetime) -> None:
    first = make("a").id
    schedules.delete(first, "ada", now)
    assert make("b").id > first


def test_deleting_cancels_a_buffered_fire(make: Make, now: datetime, fire: Any, history: Any) -> None:
    row = make(overlap="buffer_one")
    fire(now + minutes(1))
    fire(now + minutes(2))
    assert [run.state for run in history(row)] == [states.PENDING, states.SCHEDULED]
    schedules.delete(row.id, "ada", now + minutes(2))
    runs = history(row.id)
    assert [run.state for run in runs] == [states.PENDING, states.REVOKED]
    assert "deleted" in runs[1].error


def test_a_schedule_that_cannot_fire_any_more_is_not_enabled(make: Make, now: datetime) -> None:
    once = make("once", run_at=now + minutes(1))
    schedules.disable(once.id, "ada", now)
    with pytest.raises(Conflict, match="passed") as refused:
        schedules.enable(once.id, "ada", now + minutes(2))
    assert refused.value.code == "exhausted"
    renamed = schedules.update(once.id, {"name": "renamed"}, "ada", now + minutes(2))
    assert (renamed.name, renamed.enabled) == ("renamed", False)
    moved = {"run_at": now + minutes(5), "enabled": True}
    row = schedules.update(once.id, moved, "ada", now + minutes(2))
    assert row.next_run_at == now + minutes(5)


@pytest.mark.database
def test_many_at_once(make: Make, now: datetime) -> None:
    ids = [make(f"s{number}").id for number in range(3)]
    once = make("once", run_at=now + minutes(1))
    outcomes = schedules.apply("disable", [*ids, once.id, 10**6, ids[0]], "ada", now, {"note": "deploy"})
    assert [one.done for one in outcomes] == [True, True, True, True, False]
    assert "10" in outcomes[-1].problem
    assert not any(row.enabled for row in schedules.page(schedules.ScheduleFilter()).items)
    back = schedules.apply("enable", [*ids, once.id], "ada", now + minutes(2), {})
    assert [one.done for one in back] == [True, True, True, False]
    schedules.apply("delete", ids, "ada", now, {})
    assert [row.name for row in schedules.page(schedules.ScheduleFilter()).items] == ["once"]
    assert all(one.done for one in schedules.apply("undelete", ids, "ada", now, {}))
    with pytest.raises(Invalid):
        schedules.apply("delete", list(range(501)), "ada", now, {})


@pytest.mark.database
def test_skipping_ahead_and_restoring(make: Make, now: datetime) -> None:
    row = make()
    row = schedules.skip(row.id, "ada", now)
    row = schedules.skip(row.id, "ada", now)  # the one after
    row = schedules.skip(row.id, "ada", now, due_at=now + minutes(9))
    assert schedules.skipped_moments(row) == [now + minutes(number) for number in (1, 2, 9)]
    row = schedules.restore(row.id, now + minutes(2), "ada", now)
    assert schedules.skipped_moments(row) == [now + minutes(1), now + minutes(9)]
    for wrong in (now + minutes(1.5), now - minutes(1)):
        with pytest.raises(Invalid):
            schedules.skip(row.id, "ada", now, due_at=wrong)
        with pytest.raises(Invalid):
            schedules.restore(row.id, wrong, "ada", now)
    off = make("off", enabled=False)
    with pytest.raises(Conflict):
        schedules.skip(off.id, "ada", now)


def test_a_changed_timing_forgets_skips_that_are_no_fires_any_more(make: Make, now: datetime) -> None:
    row = make(cron_schedule="*/5 * * * *")
    schedules.skip(row.id, "ada", now, due_at=now + minutes(5))
    schedules.skip(row.id, "ada", now, due_at=now + minutes(10))
    row = schedules.update(row.id, {"cron_schedule": "*/10 * * * *"}, "ada", now)
    assert schedules.skipped_moments(row) == [now + minutes(10)]


def test_a_run_at_a_time_is_a_one_time_schedule(app: Flask, now: datetime) -> None:
    wanted = ("sample_tasks.plain", [1], {"b": 2}, now + minutes(90), "ada", now)
    row = schedules.run_once_at(*wanted, queue="mail", timezone="Asia/Shanghai")
    assert row.name == "sample_tasks.plain at 2026-11-20 21:30 Asia/Shanghai"
    assert (row.task_type, row.next_run_at, row.queue, row.created_by) == (
        "one_time",
        now + minutes(90),
        "mail",
        "ada",
    )
    assert schedules.run_once_at(*wanted, timezone="Asia/Shanghai").name.endswith("Shanghai 2")
    with pytest.raises(Invalid):
        schedules.run_once_at(*wanted[:3], now - minutes(1), "ada", now)
