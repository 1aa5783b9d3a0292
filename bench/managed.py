"""What managing costs a worker of another project: no-op tasks/s, prefork of 2, a pair at a time.

    .venv/bin/python bench/managed.py [--tasks 5000] [--rounds 5]

Workers in turn, A B C D A B C D …, each on a queue filled before by plain Celery: `managed` (the agent with
CELERIAC_AGENT_MANAGE=1), `agent` (without it), `plain` (neither), and `plain, 1`, which takes one message a
free slot as a managed one does; `agent` and `plain` take the four of Celery. The time runs from the first
message taken to the queue being empty and nothing being in hand. Beside the rates stands what the worker and
its pool cost a task: instructions where the machine counts them, else CPU time.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

import psutil
import redis

from app import embedded_redis
from bench.instructions import Instructions
from bench.server import Cost, in_turn, own_redis, rate

SHOP = """
import os
from celery import Celery

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.task_acks_late = True
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = int(os.environ.get("SHOP_PREFETCH", "4"))


@app.task(name="shop.noop")
def noop():
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
    given = parser.parse_args()
    with own_redis() as data:
        (data / "shop.py").write_text(SHOP)
        costs: dict[str, list[Cost]] = {name: [] for name in VARIANTS}
        rates = in_turn(
            VARIANTS, given.rounds, lambda variant: one(data, variant, given.tasks, costs[variant])
        )
        report(rates, costs)


def one(data: Path, variant: str, tasks: int, costs: list[Cost]) -> float:
    """Tasks a second; what a task has cost is put to the `costs`."""
    url = embedded_redis.url(data)
    client = redis.Redis.from_url(url)
    client.flushall()
    plain = fill(data, tasks)
    counted = Instructions()
    worker = psutil.Popen(
        [sys.executable, "-m", "celery", "-A", "shop", "worker", "-c", "2", "-l", "ERROR"],
        env=plain | {"CELERIAC_AGENT_URL": url} | VARIANTS[variant], cwd=data,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while client.llen("celery") == tasks:
            time.sleep(0.002)
        begun = Cost.so_far(worker, counted)
        figure = rate(tasks, lambda: False, lambda: not client.exists("celery", "unacked"))
        costs.append(begun.until(Cost.so_far(worker, counted), tasks))
        return figure
    finally:
        worker.terminate()
        worker.wait()
        client.close()


def fill(data: Path, tasks: int) -> dict[str, str]:
    """Send so many tasks without the agent; returns the environment of a project without it."""
    broker = embedded_redis.url(data).replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CELER")}
    plain = kept | {"SHOP_BROKER": broker, "PYTHONPATH": f"{data}:{PROJECT}"}
    script = (
        "from shop import app, noop\n"
        "with app.producer_pool.acquire() as producer:\n"
        f"    for _ in range({tasks}): noop.apply_async(producer=producer)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=plain, cwd=data, check=True)
    return plain


def report(rates: dict[str, list[float]], costs: dict[str, list[Cost]]) -> None:
    print()
    for first, second in (("managed", "plain, 1"), ("managed", "plain"), ("agent", "plain")):
        ratios = [one / other for one, other in zip(rates[first], rates[second], strict=True)]
        spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
        spent = [one.of(other) for one, other in zip(costs[first], costs[second], strict=True)]
        rest = f"{spread}  cost a task {statistics.median(spent):.3f}"
        print(f"{first} / {second:8} median {statistics.median(ratios):.3f}  {rest}")


if __name__ == "__main__":
    main()
