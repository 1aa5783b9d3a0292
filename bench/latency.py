"""From submit to start on an idle worker: ours against the same Celery app without us.

    .venv/bin/python bench/latency.py [--samples 400]

Two workers (prefork of 2), each with a Redis of its own, stand idle side by side; two senders take turns,
one task at a time, so that both see the same machine. The time runs from the call of `.delay()` to the first
line of the task's body. The third row also writes the run's row first, as pages and REST do.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

from bench.server import own_redis

PAUSE_SECONDS = 0.02
WARM_UP = 30

APP = """
import os, sys, time
from pathlib import Path
import redis
from celery import Celery, shared_task
from app import embedded_redis
from app.config import Settings

settings = Settings(data_dir=Path(os.environ["CELERIAC_DATA_DIR"]))
url = embedded_redis.url(settings.data_path)
if os.environ["BENCH"] == "plain":
    from app.celery.factory import configuration
    celery = Celery("plain")
    celery.config_from_object(configuration(settings))
    celery.set_default()
else:
    from app import create_app, own_tasks
    flask_app = create_app(settings)
    celery = flask_app.extensions["celery"]
    own_tasks.load_in_workers(celery)
client = redis.Redis.from_url(url)

@shared_task(name="bench.stamp")
def stamp(sent: float) -> None:
    client.lpush("bench.took", repr(time.time() - sent))
"""

SENDER = """
from bench_app import *

if os.environ["BENCH"] == "rows":
    from flask_migrate import upgrade
    from app import runs
    from app.clock import utcnow
    from bench.server import publish_tasks

    flask_app.app_context().push()
    upgrade()
    publish_tasks(flask_app)

def send():
    if os.environ["BENCH"] == "rows":
        runs.submit(runs.RunRequest("bench.stamp", kwargs={"sent": time.time()}), utcnow())
    else:
        stamp.delay(time.time())

for _line in sys.stdin:
    send()
    print(client.brpop("bench.took", timeout=30)[1].decode(), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=400)
    samples = parser.parse_args().samples
    variants = ("plain", "ours", "rows")
    took: dict[str, list[float]] = {name: [] for name in variants}
    with ExitStack() as stack:
        senders = {name: stack.enter_context(standing(name)) for name in variants}
        for number in range(WARM_UP + samples):
            for name, sender in senders.items():
                seconds = one(sender)
                if number >= WARM_UP:
                    took[name].append(seconds)
                time.sleep(PAUSE_SECONDS)
    for name, found in took.items():
        parts = statistics.quantiles(found, n=20)
        ratio = statistics.median(found) / statistics.median(took["plain"])
        print(
            f"{name:6} p50 {statistics.median(found) * 1000:6.2f} ms   p95 {parts[18] * 1000:6.2f} ms"
            f"   to plain {ratio:.2f}"
        )


def one(sender: subprocess.Popen[str]) -> float:
    assert sender.stdin
    assert sender.stdout
    sender.stdin.write("\n")
    sender.stdin.flush()
    return float(sender.stdout.readline())


@contextmanager
def standing(variant: str) -> Iterator[subprocess.Popen[str]]:
    """A Redis, an idle worker and a sender; the sender answers each line with the seconds a task took."""
    with own_redis() as data, ExitStack() as stack:
        folder = str(data)
        (data / "bench_app.py").write_text(APP)
        environment = os.environ | {
            "CELERIAC_DATA_DIR": folder,
            "BENCH": variant,
            "PYTHONPATH": f"{folder}:{PROJECT}",
        }
        celery = [sys.executable, "-m", "celery", "-A", "bench_app", "worker", "-c", "2", "-Q", "default"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        stack.callback(stop, subprocess.Popen([*celery, "-l", "ERROR"], env=environment, cwd=folder, **quiet))
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(stop, sender)
        one(sender)  # the worker has come up
        yield sender


def stop(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    process.terminate()
    process.wait()


if __name__ == "__main__":
    main()
