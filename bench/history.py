"""Pages, REST, clean-up and recorder at a million runs, on SQLite and PostgreSQL; beside them Flower.

    .venv/bin/python bench/history.py [--runs 1000000] [--database sqlite|postgresql|both] [--peer flower]
    .venv/bin/python bench/history.py --runs 100000 --seed-only --data-dir DIR

Each database gets the same history (`bench/seeding.py`). A signed-in viewer then asks for whole pages through
the Flask test client: one request to warm up, then 40 with varying values; the time is that of the process
which serves, without a network. Then the oldest tenth, at most 100,000 runs, is cleaned up in batches, and a
recorder empties streams of events in turn into this database and an empty one.

Flower is given a history of as many runs as it holds by default, and is asked over a local connection for
what its page of tasks loads; ours is timed on a database with the same runs.

With `--seed-only` the history is left in a data folder that `CELERIAC_DATA_DIR=DIR bin/dev` shows. With
`--profile` the functions that took longest are printed of each kind of request that is over its limit.
"""

import argparse
import contextvars
import cProfile
import gc
import io
import os
import pstats
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: queue.py would hide the standard one

import redis
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, delete, select, text

from app import create_app, embedded_redis, runs
from app.accounts import links, tokens, users
from app.clock import utcnow
from app.config import Settings
from app.extensions import db
from app.recorder.recorder import Recorder
from app.recorder.stream import GROUP
from app.runs import Run
from app.runs.states import FINISHED
from bench import flower, pages, seeding
from bench.recorder import fill, life
from bench.server import own_redis, postgresql
from bench.timing import TITLES, Times
from celeriac_agent.stream import STREAM

REQUESTS = 40
CLEANED_AT_MOST = 100_000
CLEAN_BATCH = 1000  # as the clean-up task does
RECORDED_RUNS, RECORDER_ROUNDS = 5000, 6
COUNTS = 5
PROFILED_LINES = 14
MakeApp = Callable[[str], Flask]


class Broken(Exception):
    """A page did not answer as it should; the others are measured all the same."""


class Viewer:
    """A signed-in viewer, and the same one's token for REST."""

    def __init__(self, app: Flask) -> None:
        gc.freeze()  # as wsgi.py does
        with app.app_context():
            now = utcnow()
            user = users.create("viewer", "viewer", now)
            link = links.make(user, now)
            _token, secret = tokens.create(user, "", now)
        self._client: FlaskClient = app.test_client()
        self._headers = {"Authorization": f"Bearer {secret}"}
        token = re.search(r'name="csrf_token" value="([^"]+)"', self._client.get(link).text)
        if not token or self._client.post(link, data={"csrf_token": token[1]}).status_code != 303:
            raise SystemExit("the viewer could not sign in")

    def get(self, path: str) -> None:
        headers = self._headers if path.startswith("/api/") else {}
        answer = contextvars.Context().run(self._client.get, path, headers=headers)
        if answer.status_code != 200:
            raise Broken(f"{path}: {answer.status_code}")


def measure(viewer: Viewer, case: pages.Case, requests: int) -> Times:
    times = Times(case.name, case.limit_ms)
    viewer.get(case.path())
    for _ in range(requests):
        times.take(partial(viewer.get, case.path()))
    return times


def profile(viewer: Viewer, case: pages.Case) -> str:
    profiler, written = cProfile.Profile(), io.StringIO()
    for _ in range(10):
        profiler.runcall(viewer.get, case.path())
    pstats.Stats(profiler, stream=written).sort_stats("tottime").print_stats(PROFILED_LINES)
    lines = written.getvalue().replace(f"{PROJECT}/", "").splitlines()
    return "\n".join(f"    {line}" for line in lines if line.strip())


def clean_up(app: Flask, where: str, number: int) -> None:
    """Delete the oldest tenth in batches; what the clean-up page counts first is timed, too."""
    wanted = min(CLEANED_AT_MOST, number // 10)
    with app.app_context():
        query = select(Run.created_at).where(Run.state.in_(FINISHED)).order_by(Run.created_at)
        before = db.session.scalars(query.offset(wanted).limit(1)).one()
        counting, batches = Times("clean-up: counting what would go"), Times("clean-up: a batch of 1,000")
        found: list[int] = []
        for _ in range(COUNTS):
            counting.take(lambda: found.append(runs.count_old(runs.Rule(before))))
        deleted: list[int] = [1]
        while deleted[-1]:
            batches.take(lambda: deleted.append(runs.delete_finished(runs.Rule(), before, CLEAN_BATCH)))
        gone = sum(deleted) - 1
        if gone != found[0]:
            raise SystemExit(f"counted {found[0]} runs and deleted {gone}")
    print(counting.line(where))
    print(batches.line(where))
    print(f"{where:12} clean-up of {gone:,} runs: {sum(batches.seconds):.1f} s", flush=True)


def record(empty: Flask, full: Flask, where: str) -> None:
    """Events a second from a full stream to an empty one, in turn into each database."""
    rates: dict[str, list[float]] = {"empty": [], "full": []}
    for number in range(RECORDER_ROUNDS):
        pair = (("empty", empty), ("full", full))
        for name, app in pair if number % 2 else reversed(pair):
            rates[name].append(recorded(app))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, found in rates.items():
        spread = f"({min(found):.0f} to {max(found):.0f})"
        print(f"{where:12} recorder, {name} history: median {medians[name]:.0f} events/s {spread}")
    ratios = [full / empty for full, empty in zip(rates["full"], rates["empty"], strict=True)]
    print(f"{where:12} recorder, full / empty: median {statistics.median(ratios):.2f}", flush=True)


def recorded(app: Flask) -> float:
    client = redis.Redis.from_url(app.config["SETTINGS"].redis_url)
    client.delete(STREAM)
    client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    start = time.time() - RECORDED_RUNS / 1000
    total = fill(client, [text for n in range(RECORDED_RUNS) for text in life(start + n / 1000)])
    recorder, done = Recorder(app, client, "bench"), 0
    started = time.perf_counter()
    while done < total:
        done += recorder.step()
    rate = total / (time.perf_counter() - started)
    client.close()
    with app.app_context():
        db.session.execute(delete(Run).where(Run.task_name == "bench.task"))
        db.session.commit()
    return rate


def beside_flower(make_app: MakeApp, where: str, number: int, folder: Path) -> None:
    """The same requests of Flower and of us, with as many runs as Flower holds."""
    app, chance = make_app("small"), random.Random(3)
    number = min(number, flower.HOLDS)
    path = folder / "tasks.jsonl"
    with app.app_context():
        seeding.seed(number, utcnow())
        flower.write(path)
        asked = pages.beside_flower(number, chance)
    viewer = Viewer(app)
    ours = {name: [measure(viewer, case, REQUESTS) for case in found] for name, found in asked.items()}
    with flower.flower(app.config["SETTINGS"].celery_redis_url, path) as (held, seconds):
        print(f"{'Flower':12} holds {held:,} of {number:,} tasks; their events took it {seconds:.0f} s")
        for theirs in flower.measure(chance, held):
            print(theirs.line("Flower"))
            for one in ours[theirs.name]:
                ratio = f"   Flower / ours: p50 {theirs.p50 / one.p50:.1f}, p95 {theirs.p95 / one.p95:.1f}"
                print(one.line(where) + ratio, flush=True)


def bench(given: argparse.Namespace, where: str, make_app: MakeApp, folder: Path) -> int:
    """Everything of one database; returns how many kinds of requests were not answered."""
    broken = 0
    full = make_app("full")
    seeded = _seed(full, given.runs, where)
    with full.app_context():
        known = pages.look_around(seeded, given.runs, utcnow())
    viewer, chance = Viewer(full), random.Random(2)
    for case in pages.cases(known, chance):
        try:
            times = measure(viewer, case, REQUESTS)
        except Broken as error:
            print(f"{where:12} {case.name:40} BROKEN: {error}", flush=True)
            broken += 1
            continue
        print(times.line(where), flush=True)
        if given.profile and times.is_over:
            print(profile(viewer, case), flush=True)
    record(make_app("empty"), full, where)
    clean_up(full, where, given.runs)
    if given.peer == "flower":
        beside_flower(make_app, where, given.runs, folder)
    return broken


def _seed(app: Flask, number: int, where: str) -> seeding.Seeded:
    started = time.perf_counter()
    try:
        with app.app_context():
            seeded = seeding.seed(number, utcnow())
    except ValueError as error:
        raise SystemExit(str(error)) from error
    print(f"{where:12} {number:,} runs written in {time.perf_counter() - started:.0f} s", flush=True)
    return seeded


def app_of(name: str, folder: Path, redis_url: str, server: str | None) -> Flask:
    """An app on a migrated database of its own: an SQLite file, or one of a PostgreSQL server's."""
    database = None
    if server:
        engine = create_engine(Settings(database_url=server).sqlalchemy_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE bench_{name}"))
        engine.dispose()
        database = server.replace("/celeriac?", f"/bench_{name}?")
    settings = Settings(
        data_dir=folder / name,
        database_url=database,
        redis_url=redis_url,
        base_url="http://localhost",
        api_rate_limit="1000000/minute",
    )
    app = create_app(settings)
    with app.app_context():
        upgrade()
    return app


def seed_only(number: int, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with own_redis(folder):
        app = create_app(Settings(data_dir=folder, redis_url=embedded_redis.url(folder)))
        with app.app_context():
            upgrade()
        _seed(app, number, "SQLite")
    print(f"show it: CELERIAC_DATA_DIR={folder} bin/dev")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--peer", choices=("flower",))
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--seed-only", action="store_true")
    parser.add_argument("--data-dir", type=Path, help="with --seed-only: where the history is left")
    given = parser.parse_args()
    if given.runs < 5000:
        parser.error("--runs: at least 5000, so that each kind of run is there")
    if given.seed_only != (given.data_dir is not None):
        parser.error("--seed-only and --data-dir go together")
    for name in [name for name in os.environ if name.startswith("CELERIAC_")]:
        del os.environ[name]
    if given.seed_only:
        seed_only(given.runs, given.data_dir.resolve())
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when root starts it
    print(TITLES)
    broken = 0
    try:
        with own_redis(folder):
            url = embedded_redis.url(folder)
            if given.database != "postgresql":
                broken += bench(
                    given, "SQLite", lambda name: app_of(name, folder / "sqlite", url, None), folder
                )
            if given.database != "sqlite":
                with postgresql(folder) as server:
                    broken += bench(
                        given,
                        "PostgreSQL",
                        lambda name: app_of(name, folder / "postgresql", url, server),
                        folder,
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"load average meanwhile: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores")
    if broken:
        raise SystemExit(f"{broken} kinds of requests were not answered as they should be")


if __name__ == "__main__":
    main()
