"""Which schedules are late and which are failing, on both databases; how the strip draws outcomes."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from app import schedules
from app.extensions import db, transaction
from app.pages.schedules import presentation
from app.pages.schedules.suggestions import cron_for
from app.runs import states
from app.runs.models import Run
from app.schedules.models import Schedule
from app.schedules.queries import STRIP, LastRun

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Make = Callable[..., Schedule]


def counts() -> dict[str, int]:
    db.session.rollback()
    return schedules.counts(schedules.ScheduleFilter(), NOON)


def names(**wanted: Any) -> list[str]:
    db.session.rollback()
    return [row.name for row in schedules.page(schedules.ScheduleFilter(**wanted)).items]


def add(schedule: Schedule, state: str, minutes_ago: float, due: bool = True) -> None:
    at = NOON - timedelta(minutes=minutes_ago)
    with transaction() as session:
        session.add(
            Run(
                id=f"{schedule.id}-{state}-{minutes_ago}",
                created_at=at,
                updated_at=at,
                task_name="t",
                state=state,
                attempt=0,
                schedule_id=schedule.id,
                due_at=at if due else None,
            )
        )


@pytest.mark.database
def test_late_is_what_nobody_fired_or_started(app: Flask, make: Make) -> None:
    rows = {
        name: make(name) for name in ("fine", "unfired", "just due", "waits", "by hand", "started", "off")
    }
    for name, minutes in (("unfired", 2), ("just due", 0.5), ("off", 60)):
        with transaction() as session:
            session.execute(
                update(Schedule)
                .where(Schedule.id == rows[name].id)
                .values(next_run_at=NOON - timedelta(minutes=minutes), enabled=name != "off")
            )
    add(rows["waits"], states.PENDING, 2)
    add(rows["waits"], states.SCHEDULED, 1.5)
    add(rows["fine"], states.PENDING, 0.5)
    add(rows["by hand"], states.PENDING, 5, due=False)
    add(rows["started"], states.STARTED, 5)
    assert names(state="late", at=NOON) == ["unfired", "waits"]
    assert schedules.late_count(NOON) == counts()["late"] == 2
    waiting = schedules.waiting_fires([row.id for row in rows.values()], NOON)
    assert {run.id for run in waiting.values()} == {f"{rows['waits'].id}-PENDING-2"}  # the oldest


@pytest.mark.database
def test_failing_is_by_the_last_run_that_tells(app: Flask, make: Make) -> None:
    for name, outcomes in {
        "new": [],
        "good": ["FAILURE", "SUCCESS"],
        "failed": ["SUCCESS", "FAILURE"],
        "lost": ["SUCCESS", "LOST", "SKIPPED", "MISSED"],
        "running again": ["FAILURE", "STARTED"],
        "cancelled since": ["SUCCESS", "REVOKED"],
    }.items():
        row = make(name)
        for place, state in enumerate(outcomes):
            add(row, state, 60 - place)
    drifted = make("drifted")
    with transaction() as session:
        session.execute(update(Schedule).where(Schedule.id == drifted.id).values(drift={"a": ["gone"]}))
    assert names(state="failing") == ["drifted", "failed", "lost", "running again"]
    assert counts()["failing"] == 4


def outcomes(*shown: tuple[str, float | None]) -> list[LastRun]:
    return [
        LastRun(str(n), state, None, NOON + timedelta(minutes=n), None, None, took)
        for n, (state, took) in enumerate(shown)
    ]


@given(st.lists(st.tuples(st.sampled_from(states.ALL), st.none() | st.floats(0, 1e9)), max_size=25))
def test_every_outcome_has_one_place_in_the_strip(shown: list[tuple[str, float | None]]) -> None:
    strip = presentation.strip(outcomes(*shown))
    paths = [strip.good, strip.bad, strip.open, strip.dots]
    assert sum(path.count("M") for path in paths) == min(len(shown), STRIP)
    for path in paths:
        for step in filter(None, path.split("M")):
            assert 0 <= float(step.split()[0]) < 120
    ET.fromstring("<svg>" + "".join(f'<path d="{path}"/>' for path in paths) + "</svg>")
    assert len("".join(paths)) < 1000


def test_the_strip_ends_with_the_newest(app: Flask) -> None:
    strip = presentation.strip(outcomes(("FAILURE", 1.0), ("SUCCESS", 5.0), ("SUCCESS", 10.0)))
    assert strip.bad == "M102 19v7h5v-7z"
    assert strip.good == "M108 18v-9h5v9zM114 18v-16h5v16z"
    assert strip.summary == "Last 3: Succeeded: 2, Failed: 1"
    assert presentation.strip([]).summary == "Not run yet"


@pytest.mark.parametrize(
    ("hours", "days", "expected"),
    [
        ((9, 9, 10), (16, 17, 18), "0 9 * * 1-5"),
        ((9, 9, 10), (16, 17, 21), "0 9 * * *"),  # a Saturday among them
        ((1, 13), (16, 17), ""),
    ],
)
def test_a_suggestion_follows_the_habit(hours: tuple[int, ...], days: tuple[int, ...], expected: str) -> None:
    times = [datetime(2026, 11, day, hour, 10, tzinfo=UTC) for day, hour in zip(days, hours, strict=True)]
    assert cron_for(times) == expected
