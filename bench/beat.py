"""Beat beside django-celery-beat, sqlalchemy-celery-beat and celery-redbeat, in the same run.

    .venv/bin/python bench/beat.py [--stored 1000 50000 200000] [--only celeriac redbeat …] [--idle 20]

Each is a real `celery beat` process with so many schedules stored, on SQLite (redbeat: Redis, as all have
for a broker). Peers live in a virtualenv of their own that this script makes under var/bench. Measured from
outside, by when messages arrive in Redis:

- idle: CPU of the process over some seconds in which nothing is due, and its resident memory
- edit: from the commit of an edit that makes a schedule due until its message is there (median of 3)
- burst: 500 schedules that become due with one commit; messages a second from that commit to the last one,
  the median of five; and messages a second of CPU that the beat used, which does not depend on what else
  the machine does
- late: 50 schedules, each every second: how late messages are. Ours are compared with the grid itself,
  peers with their own previous fire (they do not keep a grid), which hides their drift
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: queue.py would hide the standard one

import itertools

import psutil
import redis

from bench.server import redis_at_a_port

PEERS = PROJECT / "bench" / "peers"
VENV = PROJECT / "var" / "bench" / "venv"
PORT = 16411
BURST, BURSTS = 500, 5
SLOW_SECONDS = 10.0
STEADY, STEADY_SECONDS = 50, 15
MONTH = 30 * 86_400
PATIENCE_SECONDS = 90.0
LISTS = ["default", "celery"] + [
    f"{name}\x06\x16{step}" for name in ("default", "celery") for step in range(1, 10)
]
SYSTEMS = ("celeriac", "django", "sqlalchemy", "redbeat")


@dataclass
class Arrivals:
    """Takes every message out of Redis as it comes, with the time, by the number of its schedule."""

    client: redis.Redis
    seen: dict[int, list[float]] = field(default_factory=dict)
    stop: bool = False

    def work(self) -> None:
        while not self.stop:
            found: Any = self.client.brpop(LISTS, timeout=1)
            if found:
                at = time.time()
                args = json.loads(base64.b64decode(json.loads(found[1])["body"]))[0]
                if args:  # ours also sends its own upkeep
                    self.seen.setdefault(int(args[0]), []).append(at)

    def wait_for(self, numbers: range, seconds: float) -> float | None:
        """When the last of these schedules' messages came; None when some have not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(number in self.seen for number in numbers):
                return max(self.seen[number][-1] for number in numbers)
            time.sleep(0.005)
        return None


class System:
    """One beat with its store."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.module = f"{name}_peer"
        ours = name == "celeriac"
        self.bin = PROJECT / ".venv" / "bin" if ours else VENV / "bin"
        url = f"redis://127.0.0.1:{PORT}/0"
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("CELERIAC_")
        }
        self.environment |= {
            "BENCH_REDIS": url,
            "BENCH_DATABASE": str(folder / f"{name}.db"),
            "CELERIAC_REDIS_URL": url,
            "CELERIAC_DATA_DIR": str(folder),
        }
        self._app = "celery_worker" if ours else self.module
        self._folder = PROJECT if ours else PEERS
        self.printed: list[float] = []

    def command(self, *words: object) -> float:
        """Run one of the peer's commands; returns the time right after its commit."""
        line = [str(self.bin / "python"), str(PEERS / f"{self.module}.py"), *map(str, words)]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.name} {words}: {done.stderr[-2000:]}")
        self.printed = [float(word) for word in done.stdout.split()]
        return self.printed[-1]

    @contextmanager
    def beat(self) -> Iterator[psutil.Process]:
        line = [str(self.bin / "celery"), "-A", self._app, "beat", "-l", "WARNING"]
        process = subprocess.Popen(
            line, cwd=self._folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()
            process.wait()


def measure(name: str, stored: int, idle_seconds: float) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as directory, redis_at_a_port(Path(directory), PORT):
        client = redis.Redis(port=PORT)
        system = System(name, Path(directory))
        system.command("prepare")
        system.command("rows", 0, stored, MONTH, 0)
        arrivals = Arrivals(client)
        thread = threading.Thread(target=arrivals.work)
        thread.start()
        try:
            with system.beat() as process:
                return figures(system, arrivals, process, stored, idle_seconds)
        finally:
            arrivals.stop = True
            thread.join()


def figures(
    system: System, arrivals: Arrivals, process: psutil.Process, stored: int, idle_seconds: float
) -> dict[str, str]:
    system.command("due", 0)
    if arrivals.wait_for(range(1), 300) is None:
        return {"edit": "no fire within 300 s"}
    time.sleep(6)  # what comes after a start, and after the edit, is over
    before = cpu_seconds(process)
    time.sleep(idle_seconds)
    used = cpu_seconds(process) - before
    found = {"idle": f"{used / idle_seconds:.2%}", "memory": f"{process.memory_info().rss / 2**20:.0f} MiB"}
    found["edit"] = edits(system, arrivals)
    found["burst"], found["cpu"] = bursts(system, arrivals, process, stored)
    found["late"] = steady(system, arrivals, stored + BURSTS * BURST)
    return found


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def edits(system: System, arrivals: Arrivals) -> str:
    took = []
    for number in (1, 2, 3):
        committed = system.command("due", number)
        came = arrivals.wait_for(range(number, number + 1), PATIENCE_SECONDS)
        took.append(PATIENCE_SECONDS if came is None else max(0.0, came - committed))
    return f"{statistics.median(took) * 1000:.0f} ms"


def bursts(system: System, arrivals: Arrivals, process: psutil.Process, first: int) -> tuple[str, str]:
    """Messages a second and a second of CPU, each the median of five bursts; one burst for who is slow."""
    rates, shares = [], []
    for number in range(BURSTS):
        start = first + number * BURST
        before = cpu_seconds(process)
        committed = system.command("rows", start, BURST, MONTH, MONTH)
        last = arrivals.wait_for(range(start, start + BURST), PATIENCE_SECONDS)
        if last is None:
            came = sum(one in arrivals.seen for one in range(start, start + BURST))
            return f"{came / PATIENCE_SECONDS:.0f}/s ({came} in {PATIENCE_SECONDS:.0f} s)", "-"
        time.sleep(0.5)
        rates.append(BURST / (last - committed))
        shares.append(BURST / (cpu_seconds(process) - before))
        if last - committed > SLOW_SECONDS:
            break
    return f"{statistics.median(rates):.0f}/s", f"{statistics.median(shares):.0f}"


def steady(system: System, arrivals: Arrivals, first: int) -> str:
    numbers = range(first, first + STEADY)
    begun = system.command("rows", first, STEADY, 1, 1, 1 / STEADY)
    anchor = system.printed[0]  # ours: where the grid of the first one lies
    arrivals.wait_for(numbers, PATIENCE_SECONDS)
    time.sleep(3)
    since = time.time()
    time.sleep(STEADY_SECONDS)
    late: list[float] = []
    for number in numbers:
        times = [at for at in arrivals.seen.get(number, []) if at > since - 1]
        if system.name == "celeriac":
            late += [(at - anchor + (number - first) / STEADY) % 1.0 for at in times]
        else:
            late += [max(0.0, later - at - 1.0) for at, later in itertools.pairwise(times)]
    if len(late) < 2:
        return f"{len(late)} fires in {time.time() - begun:.0f} s"
    tail = statistics.quantiles(late, n=100)
    share = len(late) / (STEADY * STEADY_SECONDS)
    return f"{tail[49] * 1000:.0f} / {tail[98] * 1000:.0f} ms ({min(share, 1.0):.0%} of the fires)"


def make_venv() -> None:
    if (VENV / "bin" / "celery").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    requirements = PROJECT / "bench" / "requirements.txt"
    subprocess.run([str(VENV / "bin" / "pip"), "install", "--quiet", "-r", str(requirements)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stored", type=int, nargs="+", default=[1000, 50_000, 200_000])
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--idle", type=float, default=20)
    given = parser.parse_args()
    if set(given.only) - {"celeriac"}:
        make_venv()
    titles = " ".join(f"{title:>9}" for title in ("idle CPU", "memory", "edit", "burst", "per CPU s"))
    print(f"{'stored':>8}  {'beat':11} {titles}  late p50 / p99")
    for stored in given.stored:
        for name in given.only:
            found = measure(name, stored, given.idle)
            cells = [found.get(column, "-") for column in ("idle", "memory", "edit", "burst", "cpu")]
            line = " ".join(f"{cell:>9}" for cell in cells)
            print(f"{stored:>8}  {name:11} {line}  {found.get('late', '-')}", flush=True)
    print(f"load average meanwhile: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
