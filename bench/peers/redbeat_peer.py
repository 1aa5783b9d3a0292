"""celery-redbeat on Redis, for bench/beat.py; see django_peer.py."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta

from celery import Celery
from celery.schedules import schedule

app = Celery("peer", broker=os.environ["BENCH_REDIS"])
app.conf.timezone = "UTC"
app.conf.beat_scheduler = "redbeat.RedBeatScheduler"
app.conf.redbeat_redis_url = os.environ["BENCH_REDIS"]
app.conf.redbeat_lock_key = None
app.conf.beat_max_loop_interval = 5  # the others' default; its own is five minutes


def save(number: int, every: int, last_run_at: datetime) -> None:
    from redbeat import RedBeatSchedulerEntry

    entry = RedBeatSchedulerEntry(f"s{number}", "bench.noop", schedule(every), args=[number], app=app)
    entry.last_run_at = last_run_at
    entry.save()


def rows(first: int, count: int, every: int, age: float, spread: float = 0.0) -> None:
    now = datetime.now(UTC)
    for number in range(first, first + count):
        save(number, every, now - timedelta(seconds=age + spread * (number - first)))


def make_due(number: int) -> None:
    from redbeat import RedBeatSchedulerEntry

    entry = RedBeatSchedulerEntry.from_key(f"redbeat:s{number}", app=app)
    entry.reschedule(datetime.now(UTC) - timedelta(days=60))


def main() -> None:
    command, numbers = sys.argv[1], [float(text) for text in sys.argv[2:]]
    if command == "rows":
        rows(int(numbers[0]), int(numbers[1]), int(numbers[2]), *numbers[3:])
    elif command == "due":
        make_due(int(numbers[0]))
    print(time.time())


if __name__ == "__main__":
    main()
