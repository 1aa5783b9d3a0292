"""SQL is a door too: rows of schedules that nobody but an INSERT has made."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.extensions import db
from app.runs import states
from app.schedules import firing
from app.schedules.models import Schedule
from tests.schedules.conftest import NOON

pytestmark = pytest.mark.database
DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "schedules.md"


def insert(**values: Any) -> None:
    """An INSERT of these columns alone; times as people write them."""
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    with db.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO schedules ({columns}) VALUES ({places})"), values)


def sql_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" + ("+00" if db.engine.dialect.name == "postgresql" else "")


def look(now: datetime) -> None:
    """What a beat does in one tick."""
    db.session.rollback()
    if firing.agenda().unplaced:
        firing.make_new_rows_due(now)
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":  # its trigger puts such rows to the present of its own clock
        with db.engine.begin() as connection:
            present = text("UPDATE schedules SET next_run_at = :at WHERE next_due_at IS NULL AND enabled")
            connection.execute(present, {"at": sql_time(now)})
    firing.fire_due(now)
    db.session.rollback()


def only_row() -> Schedule:
    db.session.rollback()
    return db.session.scalars(select(Schedule)).one()


def test_the_documented_insert_works(app: Flask) -> None:
    found = re.search(r"```sql\n(INSERT.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    statements = [one for one in found[1].split(";") if one.strip()]
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement.replace(":", r"\:")))
    rows = db.session.scalars(select(Schedule)).all()
    assert {row.task_type for row in rows} == {"one_time", "interval", "cron"}
    for row in rows:
        assert (row.version, row.timezone, row.overlap, row.enabled) == (1, row.timezone, "skip", True)
        assert row.created_at is not None


def test_a_cron_row_begins_with_its_next_fire(app: Flask) -> None:
    insert(
        name="by sql",
        task_name="sample_tasks.plain",
        task_type="cron",
        cron_schedule="0 13 * * *",
        args="[1]",
    )
    look(NOON)
    row = only_row()
    assert (row.next_due_at, row.next_run_at) == (NOON + timedelta(hours=1),) * 2
    assert (row.last_error, row.enabled, row.run_count) == (None, True, 0)


def test_an_interval_without_an_anchor_counts_from_when_it_is_seen(
    app: Flask, history: Callable[..., Any]
) -> None:
    insert(
        name="by sql", task_name="sample_tasks.plain", task_type="interval", interval_seconds=60, args="[1]"
    )
    look(NOON)
    row = only_row()
    assert (row.anchor_at, row.next_run_at) == (NOON, NOON + timedelta(minutes=1))
    firing.fire_due(NOON + timedelta(minutes=1))
    (run,) = history(row)
    assert (run.due_at, run.state) == (NOON + timedelta(minutes=1), states.PENDING)


@pytest.mark.parametrize(
    ("late", "more", "state"),
    [
        (timedelta(seconds=3), {}, states.PENDING),
        (timedelta(hours=5), {}, states.PENDING),
        (timedelta(hours=5), {"grace_seconds": 60}, states.MISSED),
        (timedelta(days=900), {"on_missed": "skip"}, states.MISSED),
    ],
)
def test_a_moment_that_has_passed_is_in_the_ledger(
    app: Flask, history: Callable[..., Any], late: timedelta, more: dict[str, Any], state: str
) -> None:
    at = sql_time(NOON - late)
    insert(name="by sql", task_name="sample_tasks.plain", task_type="one_time", run_at=at, args="[1]", **more)
    look(NOON)
    row = only_row()
    (run,) = history(row)
    assert (run.due_at, run.state) == (NOON - late, state)
    assert (row.enabled, row.next_due_at) == (False, None)
    look(NOON + timedelta(minutes=1))
    assert len(history(row)) == 1
    # Turned on again in SQL: it ran, and does not do so twice.
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE schedules SET enabled = true, next_run_at = NULL"))
    look(NOON + timedelta(minutes=2))
    assert len(history(row)) == 1
    assert not only_row().enabled


def test_a_moment_to_come_is_waited_for(app: Flask, history: Callable[..., Any]) -> None:
    at = NOON + timedelta(hours=1)
    insert(
        name="by sql", task_name="sample_tasks.plain", task_type="one_time", run_at=sql_time(at), args="[1]"
    )
    look(NOON)
    row = only_row()
    assert (row.next_run_at, row.enabled) == (at, True)
    assert history(row) == []


@pytest.mark.parametrize(
    "values",
    [
        {"task_type": "cron", "cron_schedule": "0 13 * * *", "ends_at": NOON - timedelta(days=1)},
        {"task_type": "interval", "interval_seconds": 60, "ends_at": NOON - timedelta(days=1)},
    ],
)
def test_a_row_without_any_fire_says_so(app: Flask, values: dict[str, Any]) -> None:
    values = values | {"ends_at": sql_time(values["ends_at"])}
    insert(name="by sql", task_name="sample_tasks.plain", args="[1]", **values)
    look(NOON)
    row = only_row()
    assert not row.enabled
    assert row.last_error == "It has no fire any more, so it was turned off."


@pytest.mark.parametrize(
    "values",
    [
        {"task_type": "cron"},
        {"task_type": "one_time"},
        {"task_type": "interval"},
        {"task_type": "weekly"},
        {"task_type": "cron", "cron_schedule": "x"},
    ],
)
def test_a_row_that_makes_no_sense_says_so_and_delays_nobody(
    app: Flask, history: Callable[..., Any], make: Callable[..., Schedule], values: dict[str, Any]
) -> None:
    good = make("good").id
    insert(name="by sql", task_name="sample_tasks.plain", **values)
    look(NOON + timedelta(minutes=1))
    row = db.session.scalars(select(Schedule).where(Schedule.name == "by sql")).one()
    assert row.last_error
    assert row.enabled
    assert len(history(good)) == 1


BROKEN = [
    ("args", '{"x": 1}'),
    ("kwargs", "[1]"),
    ("args", "null"),
    ("kwargs", '"x"'),
    ("args", "[1, 2"),
    ("kwargs", ""),
]


@pytest.mark.parametrize(("column", "value"), BROKEN)
def test_broken_arguments_are_told_and_stop_nothing(
    app: Flask, caller: Any, signed_in: Any, post: Any, make: Any, column: str, value: str
) -> None:
    if db.engine.dialect.name == "postgresql" and value in ("[1, 2", ""):
        pytest.skip("PostgreSQL takes nothing but JSON")
    make("Good", at=NOON - timedelta(hours=1))
    timing = {
        "task_type": "interval",
        "interval_seconds": 60,
        "anchor_at": sql_time(NOON - timedelta(hours=1)),
    }
    insert(name="Bad", task_name="examples.basic.add", **timing, **{column: value})
    db.session.rollback()
    bad = db.session.scalars(select(Schedule).where(Schedule.name == "Bad")).one()
    wanted = "holds no JSON list" if column == "args" else "holds no JSON object"

    look(NOON)
    look(NOON + timedelta(seconds=61))
    rows = {row.name: row for row in db.session.scalars(select(Schedule))}
    assert rows["Good"].run_count > 0
    assert rows["Bad"].run_count == 0
    assert f"Unreadable: The column {column} holds no JSON" in rows["Bad"].last_error

    api, browser = caller("admin"), signed_in("operator")
    assert {one["name"] for one in api.get("/schedules").json["items"]} == {"Good", "Bad"}
    page = browser.get(f"/schedules/{bad.id}")
    assert page.status_code == 200
    assert wanted in page.text
    for path in ("/schedules", "/", f"/schedules/{bad.id}/edit", f"/schedules/{bad.id}/menu"):
        assert browser.get(path).status_code == 200
    refused = api.post(f"/schedules/{bad.id}/run", json={})
    assert refused.status_code == 422
    assert wanted in refused.json["errors"][column][0]
    exported = app.test_cli_runner().invoke(args=["schedules", "export", "-"])
    assert f"left out: Bad: {column}" in exported.output
    assert api("PATCH", f"/schedules/{bad.id}", json={"note": "who did that?"}).status_code == 200
    mended = api("PATCH", f"/schedules/{bad.id}", json={"args": [], "kwargs": {"x": 1, "y": 2}})
    assert mended.status_code == 200, mended.json
    look(NOON + timedelta(hours=2))
    assert db.session.get_one(Schedule, bad.id).run_count == 1
