"""django-celery-beat on SQLite, for bench/beat.py: its Celery app, and edits as commands."""

import os
import sys
import time
from datetime import timedelta

import django
from celery import Celery
from django.conf import settings

settings.configure(
    USE_TZ=True,
    TIME_ZONE="UTC",
    SECRET_KEY="bench",
    INSTALLED_APPS=["django_celery_beat"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BENCH_DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
app = Celery("peer", broker=os.environ["BENCH_REDIS"])
app.conf.timezone = "UTC"
app.conf.beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"


def rows(first: int, count: int, every: int, age: float, spread: float = 0.0) -> None:
    """So many schedules that last ran `age` seconds ago, each `spread` seconds before the one before it."""
    from django.utils import timezone
    from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

    interval, _ = IntervalSchedule.objects.get_or_create(every=every, period="seconds")
    now = timezone.now()
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(
                name=f"s{number}",
                task="bench.noop",
                args=f"[{number}]",
                interval=interval,
                last_run_at=now - timedelta(seconds=age + spread * (number - first)),
            )
            for number in range(first, first + count)
        ],
        batch_size=2000,
    )
    PeriodicTasks.update_changed()


def make_due(number: int) -> None:
    """One schedule that is due at once, by an edit of a row."""
    from django.utils import timezone
    from django_celery_beat.models import PeriodicTask

    row = PeriodicTask.objects.get(name=f"s{number}")
    row.last_run_at = timezone.now() - timedelta(days=60)
    row.save()


def main() -> None:
    from django.core.management import call_command

    command, numbers = sys.argv[1], [float(text) for text in sys.argv[2:]]
    if command == "prepare":
        call_command("migrate", verbosity=0)
    elif command == "rows":
        rows(int(numbers[0]), int(numbers[1]), int(numbers[2]), *numbers[3:])
    else:
        make_due(int(numbers[0]))
    print(time.time())


if __name__ == "__main__":
    main()
