"""Schedules made in one line, and fires at moments that a test chooses."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import schedules
from app.extensions import db
from app.runs.models import Run
from app.schedules import firing
from app.schedules.models import Schedule

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOON


@pytest.fixture
def make(app: Flask) -> Callable[..., Schedule]:
    """`make(name, at=…, **fields)`: a schedule that fires every minute, or as the fields say."""

    def create(name: str = "Every minute", at: datetime = NOON, **fields: Any) -> Schedule:
        if not {"cron_schedule", "run_at", "interval_seconds"} & set(fields):
            fields["interval_seconds"] = 60
        kinds = {"cron_schedule": "cron", "run_at": "one_time", "interval_seconds": "interval"}
        fields.setdefault("task_type", next(kind for field, kind in kinds.items() if field in fields))
        fields.setdefault("task_name", "sample_tasks.plain")
        fields.setdefault("args", [] if fields["task_name"] != "sample_tasks.plain" else [1])
        return schedules.create(schedules.Definition(name=name, **fields), "mei", at)

    return create


@pytest.fixture
def fire(app: Flask) -> Callable[[datetime], firing.Fired]:
    """`fire(at)`: what a beat does about what is due at that moment."""

    def work(at: datetime) -> firing.Fired:
        db.session.rollback()
        return firing.fire_due(at)

    return work


@pytest.fixture
def history(app: Flask) -> Callable[..., list[Run]]:
    """`history(schedule)`: its runs, oldest first."""

    def read(schedule: Schedule | int) -> list[Run]:
        db.session.rollback()
        schedule_id = schedule if isinstance(schedule, int) else schedule.id
        query = select(Run).where(Run.schedule_id == schedule_id)
        return list(db.session.scalars(query.order_by(Run.created_at, Run.id)))

    return read


@pytest.fixture
def end(app: Flask) -> Callable[..., None]:
    """`end(run)`: the run has finished."""

    def finish(run: Run, state: str = "SUCCESS", at: datetime = NOON) -> None:
        db.session.rollback()
        found = db.session.get(Run, run.id)
        assert found is not None
        found.state, found.ended_at, found.outbox = state, at, None
        db.session.commit()

    return finish
