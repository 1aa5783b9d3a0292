"""Bad input is refused at its field, and changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import schedules
from app.errors import Invalid

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
INTERVAL = {"task_type": "interval", "interval_seconds": 60}
CRON = {"task_type": "cron", "cron_schedule": "0 9 * * *"}

DUE_WIDTH = {"folder": {"$due": "P0D"}, "width": {"$due": "P0D"}}
BAD = [
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"note": "x" * 2001}, "note"),
    ({"note": "a\x00b"}, "note"),
    ({"task_name": "no.such.task"}, "task_name"),
    ({"task_name": "celery.backend_cleanup"}, "task_name"),
    ({"task_type": "hourly"}, "task_type"),
    ({"interval_seconds": None}, "interval_seconds"),
    ({"interval_seconds": 0}, "interval_seconds"),
    ({"interval_seconds": -5}, "interval_seconds"),
    ({"interval_seconds": 10**12}, "interval_seconds"),
    ({"cron_schedule": "0 9 * * *"}, "cron_schedule"),  # beside an interval
    ({"run_at": NOON + timedelta(days=1)}, "run_at"),  # beside an interval
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": ""}, "timezone"),
    ({"queue": ""}, "queue"),
    ({"queue": "a b"}, "queue"),
    ({"queue": "x" * 200}, "queue"),
    ({"queue": "default\n"}, "queue"),
    ({"priority": -1}, "priority"),
    ({"priority": 10}, "priority"),
    ({"starts_at": NOON + timedelta(days=2), "ends_at": NOON + timedelta(days=1)}, "ends_at"),
    ({"ends_at": NOON - timedelta(days=1)}, "ends_at"),
    ({"ends_at": NOON + timedelta(seconds=5)}, "ends_at"),  # nothing fires before
    ({"max_runs": 0}, "max_runs"),
    ({"max_runs": -1}, "max_runs"),
    ({"max_runs": 10**10}, "max_runs"),
    ({"overlap": "maybe"}, "overlap"),
    ({"on_missed": "all"}, "on_missed"),
    ({"grace_seconds": -1}, "grace_seconds"),
    ({"grace_seconds": 10**10}, "grace_seconds"),
    ({"jitter_seconds": -1}, "jitter_seconds"),
    ({"jitter_seconds": 10**6}, "jitter_seconds"),
    ({"message_ttl_seconds": 0}, "message_ttl_seconds"),
    ({"message_ttl_seconds": 10**10}, "message_ttl_seconds"),
    ({"args": [1, 2, 3]}, "args"),
    ({"kwargs": {"nonsense": 1}}, "nonsense"),
    ({"kwargs": {"name": 1}}, "kwargs.name"),  # not to be taken for the schedule's own name
    ({"args": [{"$due": "yesterday"}]}, "args.0"),
    ({"args": [{"$due": "P0D", "floor": "moon"}]}, "args.0"),
    ({"kwargs": {"b": "x" * 1_100_000}}, "kwargs"),
    ({"task_name": "sample_tasks.resize", "args": [], "kwargs": {"folder": "a", "width": 1}}, "width"),
    ({"task_name": "sample_tasks.resize", "args": [], "kwargs": {}}, "folder"),
    ({"task_name": "sample_tasks.weekday", "args": [], "kwargs": {"day": "soon"}}, "day"),
    ({"task_name": "sample_tasks.resize", "args": [], "kwargs": DUE_WIDTH}, "width"),
]  # fmt: skip
BAD_CRON = [
    "",
    "* * * *",
    "* * * * * * *",
    "61 * * * *",
    "0 0 31 2 *",
    "@reboot",
    "a b c d e",
    "0-59/0 * * * *",
    "*" * 300,
    "0 0 * * * 2026",
]


def base(**fields: Any) -> dict[str, Any]:
    return {"name": "Every minute", "task_name": "sample_tasks.plain", "args": [1], **INTERVAL, **fields}


@pytest.mark.parametrize(("fields", "at"), BAD, ids=[f"{at}-{n}" for n, (_, at) in enumerate(BAD)])
def test_a_bad_value_is_refused_at_its_field(app: Flask, fields: dict[str, Any], at: str) -> None:
    with pytest.raises(Invalid) as refused:
        schedules.create(schedules.Definition(**base(**fields)), "mei", NOON)
    assert list(refused.value.errors) == [at]
    assert all(text and isinstance(text, str) for text in refused.value.errors[at])
    assert schedules.page(schedules.ScheduleFilter()).items == []


@pytest.mark.parametrize("text", BAD_CRON)
def test_a_bad_expression_is_refused(app: Flask, text: str) -> None:
    fields = base(task_type="cron", interval_seconds=None, cron_schedule=text)
    with pytest.raises(Invalid) as refused:
        schedules.create(schedules.Definition(**fields), "mei", NOON)
    assert list(refused.value.errors) == ["cron_schedule"]


def test_a_moment_that_has_passed_is_refused(app: Flask) -> None:
    fields = base(task_type="one_time", interval_seconds=None, run_at=NOON - timedelta(seconds=1))
    with pytest.raises(Invalid) as refused:
        schedules.create(schedules.Definition(**fields), "mei", NOON)
    assert list(refused.value.errors) == ["run_at"]


def test_every_wrong_field_is_named_at_once(app: Flask) -> None:
    fields = base(priority=99, overlap="maybe", jitter_seconds=-1, kwargs={"nonsense": 1})
    with pytest.raises(Invalid) as refused:
        schedules.create(schedules.Definition(**fields), "mei", NOON)
    assert set(refused.value.errors) == {"priority", "overlap", "jitter_seconds", "nonsense"}


@pytest.mark.parametrize(("fields", "at"), BAD[:8] + BAD[12:40])
def test_a_bad_change_leaves_the_row_as_it_is(make: Any, fields: dict[str, Any], at: str) -> None:
    row = make()
    with pytest.raises(Invalid) as refused:
        schedules.update(row.id, fields, "ada", NOON)
    assert at in refused.value.errors
    assert schedules.get(row.id).version == 1


def test_what_is_broken_can_still_be_renamed_and_switched_off(app: Flask, make: Any) -> None:
    row = make()
    row.timezone, row.task_name = "Mars/Olympus", "vanished.task"
    from app.extensions import db

    db.session.commit()
    row = schedules.update(row.id, {"name": "renamed"}, "ada", NOON)
    row = schedules.disable(row.id, "ada", NOON)
    assert (row.name, row.enabled) == ("renamed", False)


def test_arguments_may_refer_to_the_fire(make: Any) -> None:
    marker = {"$due": "-P1D", "floor": "month"}
    row = make(task_name="sample_tasks.weekday", kwargs={"day": marker})
    assert row.kwargs == {"day": marker}
