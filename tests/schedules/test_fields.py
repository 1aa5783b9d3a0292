"""A field of a schedule stands in four places (see docs/developing.md); all else derives from them."""

import ast
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.api.schedules.schemas import ScheduleSchema, StoredScheduleSchema
from app.pages.schedules.form import Fields
from app.runs import RunRequest
from app.schedules import firing, upcoming
from app.schedules.definition import FIELDS, POLICY_FIELDS, TIMING_FIELDS
from app.schedules.models import Schedule

APP = Path(__file__).resolve().parent.parent.parent / "app"
PLACES = {
    "schedules/models.py",
    "schedules/definition.py",
    "schedules/policies.py",
    "schedules/timing/fires.py",
    "pages/schedules/form.py",
    "schedules/code_sync.py",  # names those that it leaves out
    "schedules/foreign/entries.py",  # what other schedulers call so
}
OWN = set(FIELDS) - {one.name for one in dataclasses.fields(RunRequest)}  # runs have the others, too
BY_HAND = 4  # so many of them named in one list are a list of the fields


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_is_a_column_beats_and_rest_know_it(name: str) -> None:
    assert name in Schedule.__table__.columns
    assert name in ScheduleSchema().fields
    assert name in StoredScheduleSchema().fields
    if name not in ("enabled", "note"):  # which say nothing about a fire
        assert name in {column.key for column in firing._COLUMNS}


def test_what_times_or_governs_a_schedule_is_a_field_of_it() -> None:
    assert set(TIMING_FIELDS) | set(POLICY_FIELDS) <= set(FIELDS)
    assert set(TIMING_FIELDS) <= {column.key for column in upcoming._COLUMNS}


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in ("args", "kwargs", "anchor_at")])
def test_the_form_has_it(app: Flask, signed_in: Callable[[str], Any], name: str) -> None:
    assert hasattr(Fields, name)
    page = signed_in("operator").get("/schedules/new?task_name=sample_tasks.plain").text
    assert f'name="{name}"' in page


def test_no_other_module_lists_the_fields() -> None:
    lists = {path: listed(path) for path in APP.rglob("*.py") if "migrations" not in path.parts}
    by_hand = {str(path.relative_to(APP)): found for path, found in lists.items() if found}
    assert {path: found for path, found in by_hand.items() if path not in PLACES} == {}
    assert "schedules/definition.py" in by_hand, "the test sees a list of fields when there is one"


def listed(path: Path) -> list[set[str]]:
    """The fields that stand in one tuple, list, set or class body of a module, where they are many."""
    found: list[set[str]] = []
    if sum(name in (source := path.read_text()) for name in OWN) < BY_HAND:
        return found
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            names = {name for inner in ast.walk(node) if (name := named(inner))}
        elif isinstance(node, ast.ClassDef):
            names = {name for inner in node.body if (name := named(inner))}
        else:
            continue
        if len(names & OWN) >= BY_HAND:
            found.append(names & OWN)
    return found


def named(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(name)) | ast.Attribute(value=ast.Name(id="Schedule"), attr=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""
