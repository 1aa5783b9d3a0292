"""A run's first row is made in one place, whoever asks for it."""

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import catalog
from app.errors import Invalid
from app.runs import creation, states
from app.runs.folding import COLUMNS

APP = Path(__file__).resolve().parent.parent.parent / "app"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NO_ARGUMENTS = catalog.Arguments([], {})


@pytest.fixture
def info(app: Flask) -> catalog.TaskInfo:
    return catalog.find("sample_tasks.plain")


def made(info: catalog.TaskInfo | None, **asked: Any) -> dict[str, Any]:
    return creation.new_run("t", info, NO_ARGUMENTS, NOW, creation.waiting(NO_ARGUMENTS, NOW), **asked)


def test_queue_and_priority_are_the_tasks_own_where_none_is_given(info: catalog.TaskInfo) -> None:
    assert (made(info)["queue"], made(info)["priority"]) == (info.queue, info.priority)
    row = made(info, queue="other", priority=0)
    assert (row["queue"], row["priority"]) == ("other", 0)
    row = made(None, priority=9)
    assert (row["queue"], row["priority"]) == (None, 9)


def test_a_queue_has_a_name_that_queues_can_have(info: catalog.TaskInfo) -> None:
    for name in ("a b", "unacked"):
        with pytest.raises(Invalid) as refused:
            made(info, queue=name)
        assert list(refused.value.errors) == ["queue"]
    assert made(info, queue="a b", rerun_of="r1")["queue"] == "a b"  # it was in use before
    with pytest.raises(Invalid):
        made(info, queue="unacked", rerun_of="r1")


def test_what_becomes_of_it(info: catalog.TaskInfo) -> None:
    later = NOW + timedelta(hours=1)
    waits = creation.waiting(NO_ARGUMENTS, NOW, 60, run_at=later)
    assert (waits["state"], waits["send_at"], waits["eta_at"]) == (states.SCHEDULED, later, later)
    assert waits["expires_at"] == later + timedelta(seconds=60)
    assert creation.waiting(NO_ARGUMENTS, NOW)["state"] == states.PENDING
    held = {"by": "ann", "at": NOW.isoformat()}
    assert creation.waiting(NO_ARGUMENTS, NOW, hold=held)["state"] == states.HELD
    buffered = creation.buffered(NO_ARGUMENTS, 60)
    assert (buffered["state"], buffered["outbox"]["ttl_seconds"]) == (states.SCHEDULED, 60)
    assert "send_at" not in buffered


def test_every_row_that_is_inserted_says_all_its_columns(info: catalog.TaskInfo) -> None:
    assert set(made(info)) == set(creation.COLUMNS)
    assert set(creation.new_row("r1", "t", NOW, COLUMNS)) == set(COLUMNS)


def test_no_other_module_makes_a_run() -> None:
    """`Run(…)` takes what `new_run` or `new_row` made, never columns by name."""
    for path in APP.rglob("*.py"):
        if not re.search(r"\bRun\s*\(", text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Run":
                assert [one.arg for one in node.keywords] == [None], path
