"""What recording costs a worker: no-op tasks/s, prefork of 2, ours against the same app without us.

    .venv/bin/python bench/worker.py [--tasks 10000] [--rounds 5]

Three workers in turn, A B C A B C …, each on a queue filled before: `ours` (base task, app context, typed
arguments, signals to the stream), `plain` (the same Celery configuration, none of that) and `plain -E` (with
Celery's own events). Each has settled before the time runs.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

from bench.server import Worked, compare, in_turn, own_redis, work_off

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
        variants = ("ours", "plain", "plain -E")
        measured = in_turn(variants, given.rounds, lambda variant: one(data, variant, given.tasks))
        compare(measured, (("ours", "plain"), ("ours", "plain -E")))


def one(data: Path, variant: str, tasks: int) -> Worked:
    kind, *options = variant.split()
    environment = os.environ | {
        "CELERIAC_DATA_DIR": str(data),
        "BENCH": kind,
        "PYTHONPATH": f"{data}:{PROJECT}",
    }
    arguments = ["bench_app", "worker", "-Q", "default", *options]
    return work_off(data, arguments, environment, lambda number: fill(data, environment, number), tasks)


def fill(data: Path, environment: dict[str, str], tasks: int) -> None:
    """Publish as each variant's own processes do, so that messages carry what its workers expect."""
    script = (
        "from bench_app import celery, noop\n"
        "with celery.producer_pool.acquire() as producer:\n"
        f"    for _ in range({tasks}): noop.apply_async(producer=producer)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=data, check=True)


if __name__ == "__main__":
    main()
