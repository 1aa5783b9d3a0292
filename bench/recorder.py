"""How many events a second the recorder folds into history, on SQLite and on PostgreSQL.

    .venv/bin/python bench/recorder.py [--runs 20000] [--rounds 3]

The events of whole lives of runs (sent, started with its receipt, succeeded), read from a real stream by
`Recorder.step` until it is empty. Two orders: `adjacent` (each run's events together, as when workers keep
up) and `apart` (all sent first, as when a queue was long). Prints medians.
"""

import argparse
import gc
import statistics
import sys
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path[0] = str(
    Path(__file__).resolve().parent.parent
)  # not this folder: queue.py would hide the standard one

import redis
from flask_migrate import upgrade

from app import create_app, embedded_redis
from app.config import Settings
from app.extensions import Base, db
from app.recorder.recorder import Recorder
from app.recorder.stream import GROUP
from bench.server import own_redis, postgresql
from celeriac_agent.stream import STREAM, to_json


def life(start: float) -> list[str]:
    run_id = str(uuid.uuid4())
    about = {"id": run_id, "task": "bench.task", "attempt": 0, "root_id": run_id}
    worker = {"worker": "celery@bench"}
    return [
        to_json(
            {
                "type": "sent",
                "at": start,
                "queue": "default",
                "priority": 5,
                "args": [1],
                "kwargs": {"b": "x"},
            }
            | about
        ),
        to_json({"type": "started", "at": start + 0.2, "received_at": start + 0.1} | about | worker),
        to_json(
            {"type": "succeeded", "at": start + 0.3, "runtime": 0.1, "result": {"rows": 3}} | about | worker
        ),
    ]


def events(runs: int, order: str) -> Iterable[str]:
    lives = [life(1.7e9 + number) for number in range(runs)]
    if order == "adjacent":
        return [text for one in lives for text in one]
    return [one[0] for one in lives] + [text for one in lives for text in one[1:]]


def fill(client: redis.Redis, texts: Iterable[str]) -> int:
    pipe, total = client.pipeline(transaction=False), 0
    for total, text in enumerate(texts, 1):
        pipe.xadd(STREAM, {"e": text})
        if total % 1000 == 0:
            pipe.execute()
    pipe.execute()
    return total


def measure(app: Any, client: redis.Redis, runs: int, order: str) -> float:
    """Events a second from a full stream to an empty one."""
    client.flushall()
    with app.app_context():
        with db.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        total = fill(client, events(runs, order))
        recorder = Recorder(app, client, "bench")
        started = time.perf_counter()
        done = 0
        while done < total:
            done += recorder.step()
        return total / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with own_redis() as folder, postgresql(folder) as url:
        for name, database in (("SQLite", None), ("PostgreSQL", url)):
            app = create_app(Settings(data_dir=folder, database_url=database))
            client = redis.Redis.from_url(embedded_redis.url(folder))
            with app.app_context():
                upgrade()
            gc.collect()
            gc.freeze()  # as the process does when it has started
            for order in ("adjacent", "apart"):
                rates = [measure(app, client, given.runs, order) for _ in range(given.rounds)]
                spread = f"({min(rates):.0f} to {max(rates):.0f})"
                print(
                    f"{name:10} {order:8} median {statistics.median(rates):8.0f} events/s {spread}",
                    flush=True,
                )
            with app.app_context():
                db.engine.dispose()


if __name__ == "__main__":
    main()
