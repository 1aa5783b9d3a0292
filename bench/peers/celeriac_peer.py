"""Celeriac itself, for bench/beat.py: the same edits on its own table; see django_peer.py."""

import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from flask_migrate import upgrade
from sqlalchemy import insert

from app import broker, create_app, schedules
from app.broker import wakeups
from app.clock import utcnow
from app.extensions import transaction
from app.schedules import drift
from app.schedules.models import Schedule
from bench.server import publish_tasks

TASK = "examples.basic.add"


def rows(app, first: int, count: int, every: int, age: float, spread: float = 0.0) -> None:
    checked = drift.signature(Schedule(task_name=TASK))  # as an edit on the page leaves it
    now = utcnow()
    made = []
    for number in range(first, first + count):
        anchor_at = now - timedelta(seconds=age + spread * (number - first))
        due_at = anchor_at + timedelta(seconds=every)
        made.append(
            {
                "name": f"s{number}",
                "task_name": TASK,
                "task_type": "interval",
                "interval_seconds": every,
                "anchor_at": anchor_at,
                "timezone": "UTC",
                "args": [number, 0],
                "queue": "default",
                "kwargs": {},
                "enabled": True,
                "overlap": "allow",
                "jitter_seconds": 0,
                "note": "",
                "version": 1,
                "origin": "page",
                "run_count": 0,
                "failures": 0,
                "created_at": now,
                "updated_at": now,
                "next_due_at": due_at,
                "next_run_at": due_at,
                "checked_signature": checked,
            }
        )
    with transaction() as session:
        for start in range(0, count, 5000):
            session.connection().execute(insert(Schedule), made[start : start + 5000])
    wakeups.wake(broker.client())
    print(now.timestamp())


def make_due(app, number: int) -> None:
    """An edit as the page and the API make it."""
    (row,) = schedules.by_name([f"s{number}"]).values()
    now = utcnow()
    timing = {"task_type": "one_time", "run_at": now + timedelta(milliseconds=1), "enabled": True}
    schedules.update(row.id, timing, "bench", now)


def main() -> None:
    command, numbers = sys.argv[1], [float(text) for text in sys.argv[2:]]
    app = create_app()
    with app.app_context():
        if command == "prepare":
            upgrade()
            publish_tasks(app)
        elif command == "rows":
            rows(app, int(numbers[0]), int(numbers[1]), int(numbers[2]), *numbers[3:])
        else:
            make_due(app, int(numbers[0]))
    print(time.time())


if __name__ == "__main__":
    main()
