"""What to plan for: bytes of a run in each database and in Redis, and the recorder's CPU time for a run.

    .venv/bin/python bench/sizing.py [--runs 100000] [--waiting 20000]

The history is that of `bench/seeding.py` (30 days of 40 tasks, with failures, logs and workflows); what waits
are messages with two small arguments. Sizes and CPU time are fair also on a machine that does other things.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path[0] = str(
    Path(__file__).resolve().parent.parent
)  # not this folder: queue.py would hide the standard one

import redis
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from app import create_app, embedded_redis
from app.clock import utcnow
from app.config import Settings
from app.extensions import db
from app.recorder.recorder import Recorder
from app.recorder.stream import GROUP
from bench import seeding
from bench.recorder import events, fill
from bench.server import own_redis, postgresql
from celeriac_agent.stream import STREAM

ROUNDS, RECORDED = 3, 3000


def database_bytes() -> int:
    """What the database takes on the disk, with its indexes."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        pages = connection.scalar(text("PRAGMA page_count")) or 0
        return int(pages) * int(connection.scalar(text("PRAGMA page_size")) or 0)


def measure_database(name: str, app: Flask, client: redis.Redis, number: int) -> None:
    with app.app_context():
        upgrade()
        empty = database_bytes()
        seeding.seed(number, utcnow())
        each = (database_bytes() - empty) / number
        print(f"{name:10} {each:7.0f} bytes a run, indexes, logs and numbers included", flush=True)
    costs = [recorder_cost(app, client) for _ in range(ROUNDS)]
    cost = statistics.median(costs)
    print(f"{name:10} {cost:7.2f} ms of the recorder's CPU time a run: {1000 / cost:.0f} runs/s", flush=True)
    with app.app_context():
        db.engine.dispose()


def recorder_cost(app: Flask, client: redis.Redis) -> float:
    """Milliseconds of this process's CPU time for the three events of a run."""
    client.flushall()
    client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    total = fill(client, events(RECORDED, "adjacent"))
    recorder = Recorder(app, client, "bench")
    started, done = time.process_time(), 0
    while done < total:
        done += recorder.step()
    return 1000 * (time.process_time() - started) / RECORDED


def measure_redis(app: Flask, client: redis.Redis, number: int) -> None:
    client.flushall()
    celery_app = app.extensions["celery"]
    with app.app_context():
        seeding.publish_tasks()
        task = celery_app.tasks["examples.basic.add"]
        task.apply_async(kwargs={"x": 1, "y": 2})
        empty = used(client)
        with celery_app.producer_or_acquire() as producer:
            for start in range(number):
                task.apply_async(kwargs={"x": start, "y": 2}, producer=producer)
    stream = int(client.memory_usage(STREAM, samples=0) or 0) / (number + 1)
    each = (used(client) - empty) / number
    print(
        f"{'Redis':10} {each:7.0f} bytes a waiting run, of which {stream:.0f} until it is recorded",
        flush=True,
    )


def used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--waiting", type=int, default=20_000)
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("CELERIAC_")]:
        del os.environ[name]
    with own_redis() as folder:
        client = redis.Redis.from_url(embedded_redis.url(folder))
        with postgresql(folder) as url:
            for name, database in (("SQLite", None), ("PostgreSQL", url)):
                app = create_app(Settings(data_dir=folder, database_url=database))
                measure_database(name, app, client, given.runs)
        measure_redis(create_app(Settings(data_dir=folder)), client, given.waiting)


if __name__ == "__main__":
    main()
