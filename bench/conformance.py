"""What kombu and Celery promise of themselves, with our transport and worker beside theirs.

    .venv/bin/python bench/conformance.py [kombu] [celery] [--suite TITLE] [--only EXPRESSION]

Fetches the source distributions of the installed versions from the package index and runs their own suites
side by side: as they are, and with ours put in (see `bench/ours.py`). Each run has a Redis server of its own
and starts empty, for some of these tests fail on what an earlier run left. Prints what differs. What must
differ stands in `REASONS`; whatever else passes only without ours is a defect, and the exit code is 1.
Kombu's take five minutes, Celery's an hour.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

sys.path[0] = str(
    Path(__file__).resolve().parent.parent
)  # not this folder: queue.py would hide the standard one

from concurrent.futures import Future, ThreadPoolExecutor

from app import embedded_redis
from app.config import PROJECT_DIR

# What the suites need beside what the project has; into an environment of their own.
NEEDED = [
    "pytest-rerunfailures",
    "pytest-subtests",
    "pytest-timeout",
    "pytest-celery",
    "cryptography",
    "msgpack",
]
LATE = "task_acks_late: acknowledged when it ends, so that what a dead worker had runs again"
PRIORITY = "a message that names no priority gets 5, for 9 goes first; Celery's says 0"
SENTINEL = "ours serves redis:// and rediss://; of sentinel:// kombu's own does"
SOONER = "the test sets its flag after sending: ours notes that it was sent, meanwhile the run is received"
# By run and test, without its parameters.
REASONS = {
    ("fakes", "test_sentinel_inherits_publish_batch_support"): SENTINEL,
    ("worker", "test_active"): PRIORITY,
    ("worker", "test_query_task"): PRIORITY,
    ("worker", "test_scheduled"): PRIORITY,
    ("worker", "test_replaced_task_nesting_level_0"): SOONER,
    ("settings", "test_active"): LATE + "; " + PRIORITY,
    ("settings", "test_query_task"): LATE + "; " + PRIORITY,
    ("settings", "test_scheduled"): PRIORITY,
}


@dataclass(frozen=True)
class Suite:
    """Tests of a distribution, and which of ours are put in (the value of `CONFORMANCE`)."""

    title: str
    package: str
    paths: tuple[str, ...]
    ours: tuple[str, ...]
    options: tuple[str, ...] = ()


SUITES = [
    Suite(
        "kombu t/integration",
        "kombu",
        ("t/integration/test_redis.py", "t/integration/test_redis_brpop_qos.py"),
        ("transport",),
    ),
    Suite("kombu t/unit", "kombu", ("t/unit/transport/test_redis.py",), ("fakes",)),
    Suite("celery test_inspect", "celery", ("t/integration/test_inspect.py",), ("worker", "settings")),
    Suite(
        "celery t/integration",
        "celery",
        ("t/integration",),
        ("worker",),
        ("--ignore=t/integration/test_backend.py", "--ignore=t/integration/test_inspect.py"),  # Azure; above
    ),
]


def fetch(package: str, folder: Path) -> Path:
    """Unpack the source distribution of the installed version; returns the folder of its tests."""
    wanted = f"{package}=={version(package)}"
    pip = [sys.executable, "-m", "pip", "-qq", "download", "--no-deps", "--no-binary", package, wanted]
    subprocess.run([*pip, "-d", str(folder)], check=True)
    archive = next(folder.glob(f"{package}-*.tar.gz"))
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    source = archive.with_name(archive.name.removesuffix(".tar.gz"))
    tests = folder / f"{package}-tests"  # without the package itself: the installed one is tried
    tests.mkdir()
    shutil.move(source / "t", tests / "t")
    for name in ("setup.cfg", "pyproject.toml"):
        if package == ("kombu" if name == "setup.cfg" else "celery"):
            shutil.copy(source / name, tests)
    return tests


def environment(folder: Path) -> Path:
    """A Python that has our packages and what the suites need beside."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join(ours) + "\n")
    python = folder / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "-qq", "install", *NEEDED], check=True)
    return python


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """An empty server; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    binary = embedded_redis.server_binary() or "redis-server"
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield port
    finally:
        server.terminate()
        server.wait()


def run(suite: Suite, ours: str, tests: Path, python: Path, only: str) -> dict[str, str]:
    """Run a suite; returns passed, failed or skipped by test. `ours` is empty for kombu and Celery alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with redis_server(folder) as port:
            url = f"redis://127.0.0.1:{port}"
            variables = {name: value for name, value in os.environ.items() if "CELERIAC" not in name}
            variables |= {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_6379_TCP": str(port)}
            variables |= {"TEST_BROKER": f"{url}/1", "TEST_BACKEND": f"{url}/0", "CONFORMANCE": ours}
            variables |= {"CONFORMANCE_DATA": str(folder / "data"), "PYTHONPATH": str(PROJECT_DIR)}
            command = [
                str(python),
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",
                "ignore",
                "--tb=short",
            ]
            command += [f"--junitxml={folder}/report.xml", *suite.options, *suite.paths]
            command += (["-p", "bench.ours"] if ours else []) + (["-k", only] if only else [])
            ended = subprocess.run(command, cwd=tests, env=variables, capture_output=True, text=True)
        report = folder / "report.xml"
        if not report.exists():
            raise SystemExit(
                f"{suite.title}: no tests were run\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
            )
        return outcomes(report)


def outcomes(report: Path) -> dict[str, str]:
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        kind = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        name = f"{case.get('classname')}::{case.get('name')}"
        # One test may be there several times: it was tried again, or has subtests.
        found[name] = kind if "failed" not in (kind, found.get(name)) or kind == "passed" else "failed"
    return found


def compare(suite: Suite, ours: str, plain: dict[str, str], with_ours: dict[str, str]) -> int:
    """Print what differs; returns how many differ without a reason."""
    total = len(plain)
    counts = [sum(kind == "passed" for kind in one.values()) for one in (plain, with_ours)]
    print(f"{suite.title} · {ours}: plain {counts[0]} of {total} pass, ours {counts[1]}")
    unnamed = 0
    for name in sorted(plain.keys() | with_ours.keys()):
        before, after = plain.get(name, "not run"), with_ours.get(name, "not run")
        if before == after:
            continue
        reason = REASONS.get((ours, name.rpartition("::")[2].partition("[")[0]), "")
        unnamed += before == "passed" and not reason
        print(f"  {name}: {before}, ours {after}{f' ({reason})' if reason else ''}")
    return unnamed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", choices=["kombu", "celery", []], help="default: both")
    parser.add_argument("--only", default="", help="tests whose names match, as pytest's -k")
    parser.add_argument("--suite", default="", help="suites whose titles contain this")
    given = parser.parse_args()
    unnamed = 0
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as threads:
        folder = Path(name)
        python = environment(folder)
        wanted = [one for one in SUITES if one.package in given.packages and given.suite in one.title]
        tests = {package: fetch(package, folder) for package in {one.package for one in wanted}}
        for suite in wanted:
            runs: list[Future[dict[str, str]]] = [
                threads.submit(run, suite, ours, tests[suite.package], python, given.only)
                for ours in ("", *suite.ours)
            ]
            plain = runs[0].result()
            for ours, future in zip(suite.ours, runs[1:], strict=True):
                unnamed += compare(suite, ours, plain, future.result())
    if unnamed:
        raise SystemExit(f"{unnamed} differ without a reason")


if __name__ == "__main__":
    main()
