"""What recording costs a worker: no-op tasks/s, prefork of 2, ours against the same app without us.

    .venv/bin/python bench/worker.py [--tasks 10000] [--rounds 5]

Three workers in turn, A B C A B C …, each on a queue filled before: `ours` (base task, app context, typed
arguments, signals to the stream), `plain` (the same Celery configuration, none of that) and `plain -E` (with
Celery's own events). The time runs from the first message taken to the queue being empty.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

import redis

from app import embedded_redis
from bench.server import in_turn, own_redis, rate

APPS = """
import os
from pathlib import Path
from celery import Celery, shared_task
from app.config import Settings

settings = Settings(data_dir=Path(os.environ["CELERIAC_DATA_DIR"]))
if os.environ["BENCH"] == "ours":
    from app import create_app, own_tasks
    celery = create_app(settings).extensions["celery"]
    own_tasks.load_in_workers(celery)
else:
    from app.celery.factory import configuration
    celery = Celery("plain")
    celery.config_from_object(configuration(settings))
    celery.set_default()

@shared_task(name="bench.noop")
def noop():
    pass
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with own_redis() as data:
        (data / "bench_app.py").write_text(APPS)
        report(
            in_turn(
                ("ours", "plain", "plain -E"), given.rounds, lambda variant: one(data, variant, given.tasks)
            )
        )


def one(data: Path, variant: str, tasks: int) -> float:
    client = redis.Redis.from_url(embedded_redis.url(data))
    client.flushall()
    fill(data, variant, tasks)
    environment = os.environ | {
        "CELERIAC_DATA_DIR": str(data),
        "BENCH": variant.split()[0],
        "PYTHONPATH": f"{data}:{PROJECT}",
    }
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "bench_app",
        "worker",
        "-c",
        "2",
        "-l",
        "ERROR",
        "-Q",
        "default",
    ]
    worker = subprocess.Popen(
        command + (["-E"] if variant.endswith("-E") else []),
        env=environment,
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        key = waiting_key(client)
        return rate(tasks, lambda: client.llen(key) == tasks, lambda: not client.exists(key))
    finally:
        worker.terminate()
        worker.wait()
        client.close()


def waiting_key(client: redis.Redis) -> bytes:
    """The list that holds the messages (its name depends on their priority)."""
    return next(key for key in client.scan_iter("default*") if client.type(key) == b"list")


def fill(data: Path, variant: str, tasks: int) -> None:
    """Publish as each variant's own processes do, so that messages carry what its workers expect."""
    script = (
        "from bench_app import celery, noop\n"
        "with celery.producer_pool.acquire() as producer:\n"
        f"    for _ in range({tasks}): noop.apply_async(producer=producer)\n"
    )
    environment = os.environ | {
        "CELERIAC_DATA_DIR": str(data),
        "BENCH": variant.split()[0],
        "PYTHONPATH": f"{data}:{PROJECT}",
    }
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=data, check=True)


def report(rates: dict[str, list[float]]) -> None:
    print()
    for variant, figures in rates.items():
        spread = f"({min(figures):.0f} to {max(figures):.0f})"
        print(f"{variant:9} median {statistics.median(figures):8.0f} tasks/s  {spread}")
    for other in ("plain", "plain -E"):
        ratios = [ours / theirs for ours, theirs in zip(rates["ours"], rates[other], strict=True)]
        spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
        print(f"ours / {other:9} median {statistics.median(ratios):.3f}  {spread}")


if __name__ == "__main__":
    main()
