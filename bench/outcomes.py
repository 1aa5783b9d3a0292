"""A pytest plugin that notes what came of each test as it ends, and gives each a limited time.

Loaded by `bench/conformance.py`. A test that takes longer ends the whole process, for what it used may hang
with it; thus the notes must be in the file by then. `CONFORMANCE_NOTES` names the file, a JSON array a line:
["collected", test], ["started", test], ["failed" | "skipped", test] for each part of it, ["ended", test].
"""

import json
import os
from typing import Any

import pytest

SECONDS = 150  # some of Celery's wait for two minutes that something does not happen


def note(what: str, test: str) -> None:
    with open(os.environ["CONFORMANCE_NOTES"], "a") as file:
        file.write(json.dumps([what, test]) + "\n")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(SECONDS, method="thread"), append=False)


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        note("collected", item.nodeid)


def pytest_runtest_logstart(nodeid: str, location: Any) -> None:
    note("started", nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome != "passed":
        note(report.outcome, report.nodeid)


def pytest_runtest_logfinish(nodeid: str, location: Any) -> None:
    note("ended", nodeid)
