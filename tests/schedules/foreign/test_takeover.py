"""Taking over makes each schedule once, off; nothing turns it on before the other scheduler is stopped."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import redis as redis_client
from sqlalchemy import select

from app import schedules
from app.audit.models import AuditEntry
from app.errors import Conflict, Invalid
from app.extensions import db
from app.schedules import Schedule, edits, exchange, foreign
from app.schedules.foreign import takeover
from app.schedules.foreign.conversion import convert
from tests.schedules.foreign.conftest import url_of

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
POSSIBLE = {
    "At Christmas", "Every ten minutes", "Every two days", "First Monday", "In a window", "Nightly",
    "Off there", "Only once", "With options",
}  # fmt: skip


def take(source: foreign.Source, *names: str, now: datetime = NOW) -> dict[str, str]:
    """Take over these, or all; what was said of each."""
    results = foreign.take_over(source, foreign.read(source), list(names) or None, "mei", now)
    return {one.name: one.problem for one in results}


def rows() -> dict[str, Schedule]:
    db.session.rollback()
    return {row.name: row for row in db.session.scalars(select(Schedule))}


@pytest.mark.database
def test_all_at_once_and_once_each(django: foreign.Source) -> None:
    said = take(django)
    assert {name for name, problem in said.items() if not problem} == POSSIBLE
    assert "Sunrise" in said["Sunset"]
    assert "shop.gone" in said["Unknown task"]
    found = rows()
    assert set(found) == POSSIBLE
    assert {row.enabled for row in found.values()} == {False}
    assert {row.next_run_at for row in found.values()} == {None}
    nightly = found["Nightly"]
    assert (nightly.cron_schedule, nightly.timezone) == ("30 3 * * *", "Europe/Berlin")
    assert (nightly.taken_from, nightly.taken_key) == (django.taken_from, "Nightly")
    assert (nightly.created_by, nightly.note) == ("mei", "The nightly totals")
    assert found["First Monday"].cron_schedule == "0 6 * * 1#1"
    assert found["With options"].kwargs == {"b": {"token": "abc"}}
    assert found["Only once"].max_runs == 1
    assert take(django) == said
    assert {row.id for row in rows().values()} == {row.id for row in found.values()}


def test_what_was_renamed_here_is_not_made_again(django: foreign.Source) -> None:
    take(django, "Nightly")
    schedules.update(rows()["Nightly"].id, {"name": "Totals"}, "mei", NOW)
    assert take(django, "Nightly") == {"Nightly": ""}
    assert set(rows()) == {"Totals"}


def test_a_schedule_of_that_name_is_not_doubled(django: foreign.Source, make: object) -> None:
    make("Nightly", task_name="sample_tasks.plain")  # type: ignore[operator]
    make("First Monday", task_name="sample_tasks.weekday", args=["2026-01-01"])  # type: ignore[operator]
    said = take(django, "Nightly", "First Monday")
    assert "for the same task" in said["Nightly"]
    assert "Rename that one first" in said["First Monday"]


def test_the_database_lets_no_second_one_in(django: foreign.Source) -> None:
    """Two people at once: the one who comes second is told, and nothing of theirs is done."""
    source, reading = django, foreign.read(django)
    foreign.take_over(source, reading, ["Nightly"], "mei", NOW)
    schedules.update(rows()["Nightly"].id, {"name": "Totals"}, "mei", NOW)
    entry = next(one for one in reading.entries if one.name == "Nightly")
    made = convert(entry, NOW).definition
    assert made
    with pytest.raises(Conflict) as caught:
        edits.changing(lambda: takeover._insert(source, [(made, entry)], "ann", NOW))
    assert caught.value.code == "taken-over"
    assert set(rows()) == {"Totals"}


def test_nothing_turns_it_on_before_the_other_is_stopped(django: foreign.Source) -> None:
    take(django, "Nightly")
    row = rows()["Nightly"]
    with pytest.raises(Conflict, match="Stop the other scheduler") as caught:
        schedules.enable(row.id, "mei", NOW)
    assert caught.value.code == "other-scheduler"
    with pytest.raises(Conflict, match="Stop the other scheduler"):
        schedules.update(row.id, {"enabled": True, "note": "go"}, "mei", NOW)
    (result,) = schedules.apply("enable", [row.id], "mei", NOW, {})
    assert "Stop the other scheduler" in result.problem
    with pytest.raises(Conflict, match="Stop the other scheduler"):
        exchange.apply([{"name": "Nightly", "task_name": row.task_name, "task_type": "cron", "args": [1],
                         "cron_schedule": "30 3 * * *", "enabled": True}], "mei", NOW)  # fmt: skip
    schedules.delete(row.id, "mei", NOW)
    schedules.undelete(row.id, "mei", NOW)
    with pytest.raises(Conflict, match="Stop the other scheduler"):
        schedules.enable(row.id, "mei", NOW)
    copy = schedules.duplicate(row.id, "mei", NOW)
    with pytest.raises(Conflict, match="Stop the other scheduler"):
        schedules.enable(copy.id, "mei", NOW)
    schedules.update(row.id, {"note": "anything else may change"}, "mei", NOW)
    assert not rows()["Nightly"].enabled


@pytest.mark.database
def test_once_it_is_stopped_what_was_on_there_goes_on(django: foreign.Source) -> None:
    take(django, "Nightly", "Off there", "Every ten minutes")
    assert foreign.waiting() == [foreign.Waiting(django.taken_from, 3, 2)]
    results = foreign.stopped(django.taken_from, "mei", NOW, foreign.read(django))
    assert {one.name: one.problem for one in results} == {"Nightly": "", "Every ten minutes": ""}
    found = rows()
    assert {name: row.enabled for name, row in found.items()} == {
        "Nightly": True, "Off there": False, "Every ten minutes": True,
    }  # fmt: skip
    assert found["Nightly"].next_due_at == datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
    assert found["Every ten minutes"].next_due_at == datetime(2026, 11, 20, 14, 7, 13, tzinfo=UTC)
    assert foreign.waiting() == []
    schedules.enable(found["Off there"].id, "mei", NOW)
    actions = [entry.action for entry in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()]
    assert actions == ["schedule.take-over"] * 3 + ["schedule.enable"] * 3


def test_who_still_fires_is_not_stopped(
    django: foreign.Source, redbeat: str, redis: redis_client.Redis
) -> None:
    take(django, "Nightly")
    with closing(sqlite3.connect(django.url.removeprefix("sqlite:///"))) as connection:
        at = (NOW - timedelta(seconds=90)).strftime("%Y-%m-%d %H:%M:%S")
        connection.execute(
            "UPDATE django_celery_beat_periodictask SET last_run_at = ? WHERE name = 'Nightly'", (at,)
        )
        connection.commit()
    with pytest.raises(Conflict, match="90 seconds ago") as caught:
        foreign.stopped(django.taken_from, "mei", NOW, foreign.read(django))
    assert caught.value.code == "still-runs"
    redis.set("redbeat::lock", "1", ex=1500)
    source = foreign.of_url("redbeat", url_of(redis))
    with pytest.raises(Conflict, match="holds its lock"):
        foreign.stopped(source.taken_from, "mei", NOW, foreign.read(source))
    assert not rows()["Nightly"].enabled
    assert redbeat


def test_undo_takes_back_what_was_taken_over(django: foreign.Source) -> None:
    take(django, "Nightly", "Off there")
    results = schedules.undo(NOW, "mei", NOW + timedelta(seconds=5))
    assert [one.problem for one in results] == ["", ""]
    assert rows() == {}
    assert take(django, "Nightly") == {"Nightly": ""}


def test_an_entry_that_is_not_there(django: foreign.Source) -> None:
    with pytest.raises(Invalid, match="There is no such entry: None such"):
        take(django, "None such")


def test_redbeat_is_taken_over_by_its_keys(redbeat: str) -> None:
    said = take(foreign.of_url("redbeat", f"{redbeat}&timezone=Europe/Berlin"))
    refused = {name for name, problem in said.items() if problem}
    assert refused == {
        "Half a second", "On the hour", "Friday the 13th", "Every other week", "With a countdown",
    }  # fmt: skip
    found = rows()
    assert found["Nightly"].timezone == "Europe/Berlin"
    assert found["Lists"].cron_schedule == "0,30 8,20 * * 1,2,3,4,5"
