"""Flower beside us: a process of its own with the newest runs of a history, asked for what its page loads."""

import http.client
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import undefer

from app.extensions import db
from app.runs import Run
from bench import seeding
from bench.timing import Times

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / "var" / "bench" / "flower"
PORT = 16455
HOLDS = 100_000  # its --max-tasks unless told otherwise
REQUESTS = 20
COLUMNS = ("name", "uuid", "state", "received", "runtime", "worker")  # as its page has by default
FIRST, DEEP, SOME, NONE = "first page", "middle page", "text with many matches", "text without a match"


def write(path: Path) -> None:
    """Write the newest runs that Flower can hold to a file, oldest first; needs an app context."""
    newest = select(Run.id).order_by(Run.created_at.desc(), Run.id.desc()).limit(HOLDS).subquery()
    query = select(Run).join(newest, newest.c.id == Run.id).order_by(Run.created_at, Run.id)
    whole = query.options(undefer(Run.result), undefer(Run.traceback)).execution_options(yield_per=2000)
    with path.open("w") as file:
        for run in db.session.scalars(whole):
            file.write(json.dumps(_task(run)) + "\n")
            db.session.expunge(run)


def _task(run: Run) -> dict[str, object]:
    moments = {
        name: at.timestamp() if (at := getattr(run, f"{name}_at")) else None
        for name in ("sent", "received", "started", "ended")
    }
    return moments | {
        "id": run.id,
        "name": run.task_name,
        "state": run.state,
        "worker": run.worker,
        "queue": run.queue,
        "args": repr(run.args),
        "kwargs": repr(run.kwargs),
        "result": repr(run.result),
        "runtime": run.runtime_seconds,
        "error": run.error,
        "traceback": run.traceback,
    }


@contextmanager
def flower(redis_url: str, path: Path) -> Iterator[tuple[int, float]]:
    """Flower with the runs of a file; yields how many tasks it holds and the seconds that feeding it took."""
    _make_venv()
    script = PROJECT / "bench" / "peers" / "flower_peer.py"
    line = [str(VENV / "bin" / "python"), str(script), redis_url, str(PORT), str(path)]
    said = path.with_name("flower.log")
    with (
        said.open("w") as log,
        subprocess.Popen(line, cwd=path.parent, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout
            word, *figures = process.stdout.readline().split() or [""]
            if word != "ready":
                raise SystemExit(f"Flower did not start: {said.read_text()[-2000:]}")
            yield int(figures[0]), float(figures[1])
        finally:
            process.kill()


def measure(chance: random.Random, held: int) -> list[Times]:
    """Times of what its page of tasks asks for, newest first as there."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    asked: tuple[tuple[str, Callable[[], tuple[int, str]]], ...] = (
        (FIRST, lambda: (0, "")),
        (DEEP, lambda: (held // 2 + 10 * chance.randrange(50), "")),
        (SOME, lambda: (0, chance.choice(seeding.CITIES))),
        (NONE, lambda: (0, f"zzqxy{chance.randrange(1000)}")),
    )
    found = []
    for name, parts in asked:
        times = Times(name)
        _get(connection, *parts())
        for _ in range(REQUESTS):
            times.take(_asker(connection, *parts()))
        found.append(times)
    connection.close()
    return found


def _asker(connection: http.client.HTTPConnection, start: int, words: str) -> Callable[[], None]:
    return lambda: _get(connection, start, words)


def _get(connection: http.client.HTTPConnection, start: int, words: str) -> None:
    query = {"draw": 1, "start": start, "length": 50, "search[value]": words}
    query |= {"order[0][column]": COLUMNS.index("received"), "order[0][dir]": "desc"}
    query |= {f"columns[{place}][data]": name for place, name in enumerate(COLUMNS)}
    connection.request("GET", "/tasks/datatable?" + urlencode(query))
    answer = connection.getresponse()
    body = json.loads(answer.read())
    if answer.status != 200 or (len(body["data"]) != 50 and "zzq" not in words):
        raise SystemExit(
            f"Flower: {answer.status}, {len(body.get('data', []))} tasks, {body.get('searchError')}"
        )


def _make_venv() -> None:
    if (VENV / "bin" / "flower").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    requirements = PROJECT / "bench" / "requirements.txt"
    subprocess.run([str(VENV / "bin" / "pip"), "install", "--quiet", "-r", str(requirements)], check=True)
