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
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: its queue.py would hide the standard library's

from bench.managed import AGENT, SHOP, one
from bench.server import compare, in_turn, own_redis

KEPT = """
import os
import celeriac_agent.stream
celeriac_agent.stream.BACKLOG_MAX = int(os.environ.get("SHOP_KEPT", 20_000))
"""


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
        measured = in_turn(variants, given.rounds, lambda variant: one(data, variants[variant], given.tasks))
        compare(measured, [(name, "plain") for name in variants if name != "plain"])


if __name__ == "__main__":
    main()
