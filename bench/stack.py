"""Runs a second through the REST API, and the resident memory of the idle stack by process.

    .venv/bin/python bench/stack.py [--runs 2000] [--clients 4]

Starts `bin/dev` on data of its own, measures the memory of each process once all is quiet, then submits
runs from several connections at once.
"""

import argparse
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[0] = str(PROJECT)  # not this folder: queue.py would hide the standard one

import psutil

PORT = 8399


def wait_until_healthy(port: int = PORT) -> float:
    started = time.monotonic()
    while time.monotonic() - started < 120:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return time.monotonic() - started
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("bin/dev did not become healthy within two minutes")


def name_of(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    for words, name in (
        ("supervisord", "supervisor"),
        ("gunicorn", "web"),
        (" beat", "beat"),
        (" recorder", "recorder"),
        (" worker", "worker"),
        ("redis", "redis"),
        ("app.dev", "bin/dev"),
    ):
        if words in line:
            return name
    return line[:30]


def memory(root: psutil.Process) -> None:
    figures: dict[str, list[float]] = {}
    for process in (root, *root.children(recursive=True)):
        info = process.memory_full_info()
        figures.setdefault(name_of(process), []).append(info.pss / 2**20)
    print("memory of the idle stack (proportional set size, MiB)")
    for name, sizes in sorted(figures.items()):
        print(f"  {name:12} {sum(sizes):7.1f}  in {len(sizes)} process(es)")
    print(f"  {'total':12} {sum(sum(sizes) for sizes in figures.values()):7.1f}")


def submit(token: str, count: int, latencies: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    body = json.dumps({"task_name": "examples.basic.add", "kwargs": {"x": 2, "y": 3}})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for _ in range(count):
        started = time.perf_counter()
        connection.request("POST", "/api/v1/runs", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise SystemExit(f"{answer.status}: {text[:300]!r}")
        latencies.append(time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
        environment |= {
            "CELERIAC_DATA_DIR": folder,
            "PORT": str(PORT),
            "CELERIAC_API_RATE_LIMIT": "1000000/minute",
        }
        stack = subprocess.Popen(
            [PROJECT / "bin/dev"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            print(f"healthy after {wait_until_healthy():.1f} s")
            time.sleep(5)
            memory(psutil.Process(stack.pid))
            flask = [PROJECT / ".venv/bin/flask", "--app", "wsgi", "tokens", "create", "admin"]
            made = subprocess.run(
                flask, env=environment, cwd=PROJECT, capture_output=True, text=True, check=True
            )
            token = re.search(r"\S+\s*$", made.stdout.strip())
            assert token
            latencies: list[float] = []
            started = time.perf_counter()
            threads = [
                threading.Thread(target=submit, args=(token.group(), given.runs // given.clients, latencies))
                for _ in range(given.clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            elapsed = time.perf_counter() - started
            tail = statistics.quantiles(latencies, n=100)
            print(f"submit: {len(latencies) / elapsed:.0f} runs/s from {given.clients} connections")
            print(f"        p50 {tail[49] * 1000:.1f} ms, p95 {tail[94] * 1000:.1f} ms, others at work")
        finally:
            stack.send_signal(signal.SIGTERM)
            stack.wait(60)


if __name__ == "__main__":
    main()
