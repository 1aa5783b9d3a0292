"""What the whole stack costs while nothing happens: CPU time and memory of each process.

    .venv/bin/python bench/idle.py [--minutes 10] [--settle 60] [--json FILE]

Starts `bin/dev` on data of its own, lets it settle, and compares the CPU seconds of each process (threads,
and children that have ended, included) over the minutes that follow. CPU time is a fair measure also on a
machine that does other things beside.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(
    Path(__file__).resolve().parent.parent
)  # not this folder: queue.py would hide the standard one

import psutil

from bench.stack import PROJECT, name_of, wait_until_healthy

PORT = 8397
UPKEEP = ("recorder", "worker", "beat")  # what works by itself: these together are to stay below 1 %
LIMIT_PERCENT = 1.0
LIMIT_MIB = 450.0  # of all


def processes(root: psutil.Process) -> dict[str, list[psutil.Process]]:
    found: dict[str, list[psutil.Process]] = {}
    for process in (root, *root.children(recursive=True)):
        found.setdefault(name_of(process), []).append(process)
    return found


def cpu_seconds(group: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:4]) for process in group)


def pss_mib(group: list[psutil.Process]) -> float:
    return sum(process.memory_full_info().pss for process in group) / 2**20


def switches(group: list[psutil.Process]) -> int:
    """How often threads went to sleep: what an idle process does is wake up."""
    return sum(
        int(line.split()[1])
        for process in group
        for task in Path(f"/proc/{process.pid}/task").iterdir()
        for line in (task / "status").read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


def measure(root: psutil.Process, minutes: float) -> dict[str, dict[str, float]]:
    """By name of the process: % of a core, wake-ups a second and MiB."""
    groups = processes(root)
    before = {name: (cpu_seconds(group), switches(group)) for name, group in groups.items()}
    started = time.monotonic()
    time.sleep(minutes * 60)
    took = time.monotonic() - started
    if processes(root).keys() != groups.keys():
        raise SystemExit("a process of the stack came or went meanwhile")
    return {
        name: {
            "percent": (cpu_seconds(group) - before[name][0]) / took * 100,
            "wakeups": (switches(group) - before[name][1]) / took,
            "mib": pss_mib(group),
        }
        for name, group in groups.items()
    }


def show(figures: dict[str, dict[str, float]], minutes: float) -> None:
    print(f"idle stack over {minutes:g} min     % of a core   wake-ups/s    PSS MiB")
    total = {kind: sum(one[kind] for one in figures.values()) for kind in ("percent", "wakeups", "mib")}
    upkeep = {kind: sum(figures[name][kind] for name in UPKEEP) for kind in total}
    for name, one in [*sorted(figures.items()), (" + ".join(UPKEEP), upkeep), ("all", total)]:
        print(f"  {name:24} {one['percent']:12.2f} {one['wakeups']:12.1f} {one['mib']:10.1f}")
    verdict = "below" if upkeep["percent"] < LIMIT_PERCENT else "NOT below"
    print(f"{' + '.join(UPKEEP)}: {verdict} {LIMIT_PERCENT:g} % of a core")
    verdict = "below" if total["mib"] < LIMIT_MIB else "NOT below"
    print(f"all: {verdict} {LIMIT_MIB:g} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--settle", type=float, default=60, help="seconds before it counts")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        environment |= {"CELERIAC_DATA_DIR": folder, "PORT": str(given.port)}
        stack = subprocess.Popen(
            [PROJECT / "bin/dev"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until_healthy(given.port)
            time.sleep(given.settle)
            figures = measure(psutil.Process(stack.pid), given.minutes)
            show(figures, given.minutes)
            if given.json:
                given.json.write_text(json.dumps(figures, indent=1))
        finally:
            stack.send_signal(signal.SIGTERM)
            stack.wait(60)


if __name__ == "__main__":
    main()
