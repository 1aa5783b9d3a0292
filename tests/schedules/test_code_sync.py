"""Who owns a schedule that code defines: the code until a person changes it, field by field."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import schedules
from app.errors import Conflict
from app.schedules import code_sync
from app.schedules.code_entries import CodeEntries, CodeProblem
from app.schedules.definition import Definition
from app.schedules.models import Schedule

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NIGHTLY = Definition(
    name="nightly", task_name="sample_tasks.plain", task_type="cron", cron_schedule="0 3 * * *", args=[1]
)
Sync = Callable[..., list[str]]


@pytest.fixture
def sync(app: Flask, monkeypatch: Any) -> Sync:
    """`sync(nightly=…, …)`: a beat starts with this code."""

    def work(whole: bool = True, at: datetime = NOON, **definitions: Definition) -> list[str]:
        problems = [CodeProblem("odd", "refused")]
        monkeypatch.setattr(code_sync, "code_entries", lambda *_: CodeEntries(definitions, problems, whole))
        return schedules.sync_code(at)

    return work


def row(key: str = "nightly") -> Schedule:
    return next(one for one in schedules.page(schedules.ScheduleFilter()).items if one.code_key == key)


def test_new_entries_appear_and_are_marked(sync: Sync) -> None:
    assert sync(nightly=NIGHTLY) == ["nightly: new"]
    assert sync(nightly=NIGHTLY) == []
    found = row()
    assert (found.name, found.origin, found.created_by, found.enabled) == ("nightly", "code", None, True)
    assert found.next_run_at == datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert schedules.overridden(found) == []


def test_a_name_that_a_person_took_stays_theirs(sync: Sync, make: Any) -> None:
    make("nightly")
    sync(nightly=NIGHTLY)
    assert row().name == "nightly 2"


def test_a_change_in_code_moves_what_nobody_changed(sync: Sync) -> None:
    sync(nightly=NIGHTLY)
    schedules.update(row().id, {"queue": "mail", "name": "Nightly report"}, "ada", NOON)
    assert schedules.overridden(row()) == ["queue"]
    said = sync(nightly=replace(NIGHTLY, args=[2], queue="files", priority=8))
    found = row()
    assert (found.args, found.priority, found.queue, found.name) == ([2], 8, "mail", "Nightly report")
    assert said == ["nightly: args, priority"]
    assert found.next_run_at == datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert schedules.changes_of(found.id)[0].diff == {"args": [[1], [2]], "priority": [None, 8]}
    assert schedules.overridden(found) == ["queue"]


def test_the_timing_is_owned_as_a_whole(sync: Sync) -> None:
    sync(nightly=NIGHTLY)
    schedules.update(row().id, {"timezone": "Asia/Shanghai"}, "ada", NOON)
    sync(nightly=replace(NIGHTLY, cron_schedule="0 5 * * *"))
    assert (row().cron_schedule, row().timezone) == ("0 3 * * *", "Asia/Shanghai")
    sync(nightly=replace(NIGHTLY, task_type="interval", cron_schedule=None, interval_seconds=60))
    assert row().task_type == "cron"


def test_a_changed_timing_in_code_counts_from_then(sync: Sync) -> None:
    sync(nightly=NIGHTLY)
    later = NOON + timedelta(hours=1)
    changed = replace(NIGHTLY, task_type="interval", cron_schedule=None, interval_seconds=60)
    sync(nightly=changed, at=later)
    found = row()
    assert (found.cron_schedule, found.anchor_at) == (None, later)
    assert found.next_run_at == later + timedelta(seconds=60)


def test_whether_it_is_enabled_is_a_persons(sync: Sync) -> None:
    sync(nightly=NIGHTLY)
    schedules.disable(row().id, "ada", NOON)
    sync(nightly=replace(NIGHTLY, args=[2]))
    assert (row().enabled, row().args, row().next_run_at) == (False, [2], None)


def test_reset_to_code(sync: Sync, make: Any) -> None:
    sync(nightly=NIGHTLY)
    wanted = {"cron_schedule": "0 4 * * *", "args": [9], "overlap": "allow", "note": "mine"}
    schedules.update(row().id, wanted, "ada", NOON)
    assert schedules.overridden(row()) == ["cron_schedule", "args", "overlap"]
    back = schedules.reset_to_code(row().id, "ada", NOON)
    assert (back.cron_schedule, back.args, back.overlap, back.note) == ("0 3 * * *", [1], "skip", "mine")
    assert schedules.overridden(back) == []
    with pytest.raises(Conflict):
        schedules.reset_to_code(make().id, "ada", NOON)


def test_entries_that_vanish_are_retired_and_come_back(sync: Sync) -> None:
    sync(nightly=NIGHTLY)
    with pytest.raises(Conflict) as refused:
        schedules.delete(row().id, "ada", NOON)
    assert refused.value.code == "defined-in-code"
    assert sync(whole=False) == []  # a module could not be imported: nothing has vanished
    assert row().retired_at is None
    assert sync() == ["nightly: retired"]
    assert (row().next_run_at, row().retired_at, row().enabled) == (None, NOON, True)
    with pytest.raises(Conflict) as refused:
        schedules.enable(row().id, "ada", NOON)
    assert refused.value.code == "retired"
    later = NOON + timedelta(days=1)
    assert sync(nightly=NIGHTLY, at=later) == ["nightly: back"]
    assert row().next_run_at == datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert sync() == ["nightly: retired"]
    schedules.delete(row().id, "ada", NOON)
    assert schedules.page(schedules.ScheduleFilter()).items == []


def test_a_task_that_is_not_deployed_yet_is_shown_so(sync: Sync) -> None:
    sync(nightly=replace(NIGHTLY, task_name="not.yet"))
    assert schedules.check_drift(NOON) == 1
    assert "not.yet" in str(row().drift)


def test_upkeep_is_defined_in_code(app: Flask) -> None:
    found = schedules.code_entries()
    assert {one.task_name for one in found.definitions.values()} == {
        "maintenance.clean_history",
        "maintenance.backup_database",
    }
    assert found.problems == []
