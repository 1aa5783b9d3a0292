"""sqlalchemy-celery-beat on SQLite, for bench/beat.py; see django_peer.py."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta

from celery import Celery

URL = f"sqlite:///{os.environ['BENCH_DATABASE']}"
app = Celery("peer", broker=os.environ["BENCH_REDIS"])
app.conf.timezone = "UTC"
app.conf.beat_scheduler = "sqlalchemy_celery_beat.schedulers:DatabaseScheduler"
app.conf.beat_dburi = URL
app.conf.beat_schema = None


def session():
    from sqlalchemy_celery_beat.session import SessionManager

    return SessionManager().session_factory(URL)


def rows(first: int, count: int, every: int, age: float, spread: float = 0.0) -> None:
    from sqlalchemy import insert
    from sqlalchemy_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTaskChanged

    with session() as db:
        interval = IntervalSchedule(every=every, period="seconds")
        db.add(interval)
        db.flush()
        now = datetime.now(UTC)
        made = [
            {
                "name": f"s{number}",
                "task": "bench.noop",
                "args": f"[{number}]",
                "kwargs": "{}",
                "discriminator": "intervalschedule",
                "schedule_id": interval.id,
                "enabled": True,
                "one_off": False,
                "total_run_count": 0,
                "last_run_at": now - timedelta(seconds=age + spread * (number - first)),
            }
            for number in range(first, first + count)
        ]
        for start in range(0, count, 2000):
            db.execute(insert(PeriodicTask), made[start : start + 2000])
        PeriodicTaskChanged.update_changed(None, db.connection(), None)
        db.commit()


def make_due(number: int) -> None:
    from sqlalchemy_celery_beat.models import PeriodicTask

    with session() as db:
        row = db.query(PeriodicTask).filter_by(name=f"s{number}").one()
        row.last_run_at = datetime.now(UTC) - timedelta(days=60)
        db.commit()


def main() -> None:
    command, numbers = sys.argv[1], [float(text) for text in sys.argv[2:]]
    if command == "prepare":
        session().close()
    elif command == "rows":
        rows(int(numbers[0]), int(numbers[1]), int(numbers[2]), *numbers[3:])
    else:
        make_due(int(numbers[0]))
    print(time.time())


if __name__ == "__main__":
    main()
