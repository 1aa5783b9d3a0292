"""What a look at the alerts costs: with 1,000 queues, 10,000 schedules, and a long history of failures."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import insert

from app import broker, create_app, embedded_redis
from app.alerts import rules, turns
from app.alerts.conditions import find
from app.alerts.facts import Facts
from app.alerts.kinds import KINDS
from app.clock import utcnow
from app.config import Settings
from app.extensions import transaction
from app.runs import Run
from app.schedules.models import Schedule

QUEUES, SCHEDULES, FAILURES = 1_000, 10_000, 50_000
TIMES = 9


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        names = [f"queue{number}" for number in range(QUEUES)]
        binary = embedded_redis.server_binary()
        assert binary
        server = subprocess.Popen([binary, str(embedded_redis.prepare(data))], stdout=subprocess.DEVNULL)
        try:
            time.sleep(1)
            measure(Settings(data_dir=data, queues=names))
        finally:
            server.terminate()
            server.wait(10)


def measure(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        upgrade()
        now = utcnow()
        for kind in KINDS:
            rules.create({"name": kind, "kind": kind}, "bench", now - timedelta(days=1))
        fill()
        client = broker.client()
        for number in range(0, QUEUES, 10):
            client.lpush(f"queue{number}", "{}")
        for one in rules.listing(now):
            say(one.rule.kind, lambda one=one: find(one.rule, [], Facts(utcnow())))
        say("a whole turn of all kinds", turn)


def turn() -> None:
    turns.take(utcnow() + timedelta(days=1))
    with transaction() as session:
        session.execute(turns.update(turns.AlertTurn).values(next_at=utcnow()))


def fill() -> None:
    now = utcnow()
    schedules = [
        {
            "name": f"s{n}", "task_name": "examples.basic.add", "task_type": "interval",
            "interval_seconds": 3600, "next_run_at": now + timedelta(seconds=n - 50),
            "next_due_at": now + timedelta(seconds=n - 50),
        }
        for n in range(SCHEDULES)
    ]  # fmt: skip
    failures = [
        {
            "id": str(n), "task_name": f"task{n % 200}", "state": "FAILURE", "error": f"KeyError: {n}",
            "created_at": at, "updated_at": at, "ended_at": at,
        }
        for n in range(FAILURES)
        for at in [now - timedelta(seconds=n * 2)]
    ]  # fmt: skip
    with transaction() as session:
        session.connection().execute(insert(Schedule), schedules)
        session.connection().execute(insert(Run), failures)


def say(what: str, act: Callable[[], object]) -> None:
    act()
    taken, worked = [], []
    for _ in range(TIMES):
        started, busy = time.perf_counter(), time.process_time()
        act()
        taken.append(time.perf_counter() - started)
        worked.append(time.process_time() - busy)
    wall, own = 1000 * statistics.median(taken), 1000 * statistics.median(worked)
    print(f"{what:24} {wall:8.1f} ms, of which this process works {own:8.1f} ms", flush=True)


if __name__ == "__main__":
    main()
