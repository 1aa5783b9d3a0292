"""What the agent, and managing, cost a worker of another project: tasks/s, prefork of 2, a pair at a time.

    .venv/bin/python bench/managed.py [--tasks 5000] [--rounds 5] [--variants agent plain] [--busy 2]

Workers in turn, A B C D A B C D …, each on a queue filled before by plain Celery: `managed` (the agent with
CELERIAC_AGENT_MANAGE=1), `agent` (without it), `plain` (neither), and `plain, 1`, which takes one message a
free slot as a managed one does; `agent` and `plain` take the four of Celery. Each has settled before the time
runs: until the queue is empty and nothing in hand. A task does nothing, or is `--busy` for so many
milliseconds of CPU time. Beside the rates stands what the worker and its pool cost a task: instructions where
the machine counts them, else CPU time.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

from app import embedded_redis
from bench.server import Worked, compare, in_turn, own_redis, work_off

SHOP = """
import os
import time
from celery import Celery

BUSY = float(os.environ.get("SHOP_BUSY", 0))  # seconds

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.task_acks_late = True
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = int(os.environ.get("SHOP_PREFETCH", "4"))


@app.task(name="shop.work")
def work():
    until = time.thread_time() + BUSY
    while BUSY and time.thread_time() < until:
        pass
"""
AGENT = {"CELERY_LOADER": "celeriac_agent:Loader"}
VARIANTS: dict[str, dict[str, str]] = {
    "managed": AGENT | {"CELERIAC_AGENT_MANAGE": "1"},
    "agent": AGENT,
    "plain": {},
    "plain, 1": {"SHOP_PREFETCH": "1"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", type=float, default=0.0, metavar="MILLISECONDS")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    given = parser.parse_args()
    with own_redis() as data:
        (data / "shop.py").write_text(SHOP)
        both = {"CELERIAC_AGENT_URL": embedded_redis.url(data), "SHOP_BUSY": str(given.busy / 1000)}
        measured = in_turn(
            given.variants, given.rounds, lambda variant: one(data, both | VARIANTS[variant], given.tasks)
        )
        compare(measured, (("managed", "plain, 1"), ("managed", "plain"), ("agent", "plain")))


def one(data: Path, environment: dict[str, str], tasks: int) -> Worked:
    in_it = plain(data) | environment
    return work_off(data, ["shop", "worker"], in_it, lambda number: fill(data, number), tasks)


def plain(data: Path) -> dict[str, str]:
    """The environment of a project without the agent."""
    broker = embedded_redis.url(data).replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CELER")}
    return kept | {"SHOP_BROKER": broker, "PYTHONPATH": f"{data}:{PROJECT}"}


def fill(data: Path, tasks: int) -> None:
    """Send so many tasks without the agent."""
    script = (
        "from shop import app, work\n"
        "with app.producer_pool.acquire() as producer:\n"
        f"    for _ in range({tasks}): work.apply_async(producer=producer)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=plain(data), cwd=data, check=True)


if __name__ == "__main__":
    main()
