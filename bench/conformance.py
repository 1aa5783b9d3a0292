"""What kombu and Celery promise of themselves, with our transport and worker beside theirs.

    .venv/bin/python bench/conformance.py [kombu] [celery] [--suite TITLE] [--only EXPRESSION]

Fetches the source distributions of the installed versions from the package index and runs their own suites
side by side, file by file: as they are, and with ours put in (see `bench/ours.py`). Each run has a Redis
server of its own and starts empty, for some of these tests fail on what an earlier run left; a test has 150
seconds. Prints what differs, and what passes in neither. What must differ stands in `REASONS`; whatever else
passes only without ours is a defect, and the exit code is 1. All of it takes an hour.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

sys.path[0] = str(
    Path(__file__).resolve().parent.parent
)  # not this folder: queue.py would hide the standard one

from concurrent.futures import ThreadPoolExecutor

from app.config import PROJECT_DIR
from bench.server import redis_at_a_port

# What the suites need beside what the project has; into an environment of their own.
NEEDED = [
    "pytest-subtests",
    "pytest-timeout",
    "pytest-celery",
    "cryptography",
    "django",
    "msgpack",
]
LATE = "task_acks_late: acknowledged when it ends, so that what a dead worker had runs again"
PRIORITY = "a message that names no priority gets 5, for 9 goes first; Celery's says 0"
SENTINEL = "ours serves redis:// and rediss://; of sentinel:// kombu's own does"
SOONER = "the test sets its flag after sending: ours notes that it was sent, meanwhile the run is received"
# Files that ask for what is not here: Azure, memcached.
ELSEWHERE = {"test_backend.py", "test_cache_backend.py"}
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
    """A file of tests of a distribution, and which of ours are put in (values of `CONFORMANCE`)."""

    package: str
    path: str
    ours: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.package} {self.path}"


def suites(tests: dict[str, Path]) -> Iterator[Suite]:
    """The files of tests, one after the other: what hangs in one does not touch the next."""
    if "kombu" in tests:
        yield Suite("kombu", "t/integration/test_redis.py", ("transport",))
        yield Suite("kombu", "t/integration/test_redis_brpop_qos.py", ("transport",))
        yield Suite("kombu", "t/unit/transport/test_redis.py", ("fakes",))
    for path in sorted(tests["celery"].glob("t/integration/test_*.py")) if "celery" in tests else ():
        if path.name not in ELSEWHERE:
            ours = ("worker", "settings") if path.name == "test_inspect.py" else ("worker",)
            yield Suite("celery", f"t/integration/{path.name}", ours)


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


def run(suite: Suite, ours: str, tests: Path, python: Path, chosen: Iterable[str]) -> dict[str, str]:
    """Run tests; returns passed, failed, skipped or hangs by test. Without `ours` kombu and Celery are alone.

    `chosen` are paths, tests or pytest's options. What is left when a test hangs runs in another process.
    """
    found: dict[str, str] = {}
    while True:
        with tempfile.TemporaryDirectory() as name:
            output = one_process(suite, ours, tests, python, chosen, Path(name))
            notes = Path(name) / "notes"
            if not notes.exists():
                raise SystemExit(f"{suite.title}: no tests were run\n{output[-6000:]}")
            lines = [json.loads(line) for line in notes.read_text().splitlines()]
        one = outcomes(lines)
        found |= one
        chosen = [test for what, test in lines if what == "collected" and test not in one]
        if not chosen:
            return found
        if not one:
            raise SystemExit(f"{suite.title}: {chosen[0]} cannot be run\n{output[-6000:]}")


def one_process(
    suite: Suite, ours: str, tests: Path, python: Path, chosen: Iterable[str], folder: Path
) -> str:
    """Run tests in a process and on a Redis server of their own; returns what pytest printed."""
    with redis_at_a_port(folder) as port:
        url = f"redis://127.0.0.1:{port}"
        variables = {name: value for name, value in os.environ.items() if "CELERIAC" not in name}
        variables |= {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_6379_TCP": str(port)}
        variables |= {"TEST_BROKER": f"{url}/1", "TEST_BACKEND": f"{url}/0", "CONFORMANCE": ours}
        variables |= {"CONFORMANCE_DATA": str(folder / "data"), "PYTHONPATH": str(PROJECT_DIR)}
        scripts = str(Path(sys.executable).parent)  # some tests call `celery`
        variables |= {"CONFORMANCE_NOTES": str(folder / "notes"), "PATH": f"{scripts}:{os.environ['PATH']}"}
        command = [str(python), "-m", "pytest", "-q", "-W", "ignore", "--tb=short", "-p", "bench.outcomes"]
        command += ["-p", "no:cacheprovider", "-p", "no:rerunfailures"]
        command += [*(["-p", "bench.ours"] if ours else []), *chosen]
        with (folder / "output").open("w") as output:
            process = subprocess.Popen(
                command, cwd=tests, env=variables, stdout=output, stderr=output, start_new_session=True
            )
            process.wait()
        with suppress(ProcessLookupError):  # a test that hung leaves the worker's pool behind
            os.killpg(process.pid, signal.SIGKILL)
    return (folder / "output").read_text(errors="replace")


def outcomes(notes: Iterable[list[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for what, test in notes:
        if what == "started":
            found[test] = "hangs"
        elif what == "ended" and found[test] == "hangs":
            found[test] = "passed"
        elif what in ("failed", "skipped") and found[test] != "failed":
            found[test] = what
    return found


def side_by_side(suite: Suite, tests: Path, python: Path, chosen: list[str]) -> list[dict[str, str]]:
    """The outcomes of kombu or Celery alone, then those with each of ours.

    Some of these tests fail by timing: what fails alone has another try, what fails only with ours two.
    """
    with ThreadPoolExecutor() as threads:
        start = partial(threads.submit, run, suite)
        runs = [start(ours, tests, python, chosen) for ours in ("", *suite.ours)]
        plain, *others = [one.result() for one in runs]
    if failed := [test for test, outcome in plain.items() if outcome == "failed"]:
        plain |= run(suite, "", tests, python, failed)
    for ours, other in zip(suite.ours, others, strict=True):
        for _ in range(2):
            if lost := [test for test in other if differs(plain, other, test) and not reason(ours, test)]:
                other |= run(suite, ours, tests, python, lost)
    return [plain, *others]


def differs(plain: dict[str, str], other: dict[str, str], test: str) -> bool:
    return plain.get(test) == "passed" and other.get(test) != "passed"


def reason(ours: str, test: str) -> str:
    return REASONS.get((ours, test.rpartition("::")[2].partition("[")[0]), "")


def compare(suite: Suite, ours: str, plain: dict[str, str], with_ours: dict[str, str]) -> tuple[str, int]:
    """Print what differs or passes in neither; returns a row of the table and how many have no reason."""
    unnamed = 0
    for test in sorted(plain.keys() | with_ours.keys()):
        before, after = plain.get(test, "not run"), with_ours.get(test, "not run")
        if before != after:
            why = reason(ours, test)
            unnamed += before == "passed" and not why
            print(f"  {test}: {before}, ours {after}{f' ({why})' if why else ''}", flush=True)
        elif before in ("failed", "hangs"):
            print(f"  {test}: {before} in both", flush=True)
    counts = [list(one.values()).count("passed") for one in (plain, with_ours)]
    lost = sum(differs(plain, with_ours, test) for test in plain)
    cells = (suite.title, ours, len(plain), *counts, lost - unnamed, unnamed)
    return f"| {' | '.join(map(str, cells))} |", unnamed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", choices=["kombu", "celery", []], help="default: both")
    parser.add_argument("--only", default="", help="tests whose names match, as pytest's -k")
    parser.add_argument("--suite", default="", help="suites whose titles contain this")
    given = parser.parse_args()
    rows, unnamed = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder)
        packages = given.packages or ["kombu", "celery"]
        tests = {package: fetch(package, folder) for package in packages}
        for suite in suites(tests):
            if given.suite not in suite.title:
                continue
            print(suite.title, flush=True)
            chosen = [suite.path, *(["-k", given.only] if given.only else [])]
            plain, *others = side_by_side(suite, tests[suite.package], python, chosen)
            for ours, other in zip(suite.ours, others, strict=True):
                row, lacking = compare(suite, ours, plain, other)
                rows, unnamed = [*rows, row], unnamed + lacking
    heads = ("file", "with ours", "tests", "plain passes", "ours passes", "differ, with a reason", "without")
    print(f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows, sep="\n")
    if unnamed:
        raise SystemExit(f"{unnamed} differ without a reason")


if __name__ == "__main__":
    main()
