"""What an agent costs that cannot reach Celeriac: CPU time a task, prefork of 2, beside none at all.

    .venv/bin/python bench/unreachable.py [--tasks 4000] [--rounds 3]

Workers of another project in turn, each on a queue filled before: `plain` (no agent), `refused` (nobody
listens where `CELERIAC_AGENT_URL` says), `dropped` (nothing comes back from there, as behind a firewall),
`silent` (it takes the connection and never answers) and `full`: refused, and there is no room for more events
in memory, as after the first 20,000 of each process. Counted are the worker and its pool, also their
instructions where the machine counts them; what starting costs is left out.
"""

import argparse
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

import psutil
import redis

from app import embedded_redis
from bench.instructions import Instructions
from bench.managed import AGENT, SHOP, fill
from bench.server import Cost, own_redis

KEPT = """
import os
import celeriac_agent.stream
celeriac_agent.stream.BACKLOG_MAX = int(os.environ.get("SHOP_KEPT", 20_000))
"""
LEFT_OUT = 500  # tasks before what is counted
SETTLING_SECONDS = 5.0  # the agent reads its tasks while the worker works already


@contextmanager
def nowhere(answers: bool) -> Iterator[str]:
    """The URL of somebody who takes connections and says nothing, or does not even take them."""
    with ExitStack() as held, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100 if answers else 0)
        port = listener.getsockname()[1]
        if not answers:  # once its queue is full, Linux drops what else wants in
            for _ in range(4):
                waiting = held.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
        yield f"redis://127.0.0.1:{port}/0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with own_redis() as data, nowhere(answers=False) as dropped, nowhere(answers=True) as silent:
        (data / "shop.py").write_text(KEPT + SHOP)
        refused = AGENT | {"CELERIAC_AGENT_URL": "redis://127.0.0.1:1/0"}
        variants = {
            "plain": {},
            "refused": refused,
            "dropped": refused | {"CELERIAC_AGENT_URL": dropped},
            "silent": refused | {"CELERIAC_AGENT_URL": silent},
            "full": refused | {"SHOP_KEPT": "100"},
        }
        found: dict[str, list[Cost]] = {name: [] for name in variants}
        for number in range(given.rounds):
            for name, environment in variants.items():
                found[name].append(one(data, environment, given.tasks))
                print(f"round {number + 1}  {name:8} {found[name][-1]}", flush=True)
    for name, costs in found.items():
        ratios = [mine.of(plain) for mine, plain in zip(costs, found["plain"], strict=True)]
        spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
        print(f"{name:8} median {statistics.median(ratios):.3f} of plain  {spread}")


def one(data: Path, environment: dict[str, str], tasks: int) -> Cost:
    """A task's."""
    client = redis.Redis.from_url(embedded_redis.url(data))
    client.flushall()
    plain = fill(data, tasks)
    client.rename("celery", "later")
    fill(data, LEFT_OUT)
    counted = Instructions()
    worker = psutil.Popen(
        [sys.executable, "-m", "celery", "-A", "shop", "worker", "-c", "2", "-l", "ERROR"],
        env=plain | environment, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def cost() -> Cost:
        """So far, when nothing is left."""
        while client.llen("celery") + client.hlen("unacked"):
            time.sleep(0.01)
        return Cost.so_far(worker, counted)

    try:
        cost()
        time.sleep(SETTLING_SECONDS)
        begun = cost()
        client.rename("later", "celery")
        return begun.until(cost(), tasks)
    finally:
        worker.terminate()
        worker.wait()
        client.close()


if __name__ == "__main__":
    main()
