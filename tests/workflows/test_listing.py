"""The list of workflows, and what tells the members of a group apart."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import workflows
from app.errors import Invalid
from app.extensions import transaction
from app.runs import Run, get, states
from app.workflows.labels import told_apart

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def store(*runs: dict[str, Any]) -> None:
    with transaction() as session:
        for number, values in enumerate(runs):
            at = values.pop("at", NOW + timedelta(seconds=number))
            usual = {"task_name": "t", "state": states.SUCCESS, "root_id": values["id"]}
            session.add(Run(created_at=at, updated_at=at, **(usual | values)))


def group(name: str, size: int, at: datetime = NOW) -> list[dict[str, Any]]:
    """Members that no task sent: each is the root of what it sends."""
    return [
        {
            "id": f"{name}-{n}",
            "group_id": name,
            "at": at + timedelta(seconds=n),
            "kwargs": {"region": f"r{n}"},
        }
        for n in range(size)
    ]


@pytest.mark.database
def test_groups_and_roots_are_counted_whole(app: Flask) -> None:
    store({"id": "alone"}, {"id": "root"}, {"id": "child", "root_id": "root", "parent_id": "root"})
    store(*group("g", 3, NOW - timedelta(hours=1)))
    store({"id": "later", "root_id": "g-1", "parent_id": "g-1", "at": NOW + timedelta(hours=1)})
    found = workflows.latest()
    assert [(one.first_id, one.size) for one in found.items] == [("root", 2), ("g-0", 3)]
    assert (found.next_cursor, found.back_to) == (None, None)


@pytest.mark.database
def test_every_workflow_stands_on_one_page(app: Flask, signed_in: Callable[[str], FlaskClient]) -> None:
    for n in range(120):
        child = {"id": f"child-{n}", "root_id": f"root-{n}", "parent_id": f"root-{n}"}
        at = NOW + timedelta(minutes=n)
        store({"id": f"root-{n}", "at": at}, child | {"at": at + timedelta(minutes=7.5)})
    seen, cursor = [], None
    while True:
        page = workflows.latest(cursor)
        seen += [one.first_id for one in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert sorted(seen) == sorted(f"root-{n}" for n in range(120))
    viewer = signed_in("viewer")
    assert "Older workflows" in viewer.get("/workflows").text
    assert "Newest" in viewer.get(f"/workflows?cursor={cursor}").text


@pytest.mark.database
def test_a_long_look_says_how_far_it_went(
    app: Flask, monkeypatch: pytest.MonkeyPatch, signed_in: Callable[[str], FlaskClient]
) -> None:
    monkeypatch.setattr("app.workflows.listing.LOOK", 10)
    store(*({"id": f"alone-{n}"} for n in range(25)), *group("g", 2, NOW - timedelta(days=1)))
    first = workflows.latest()
    assert (first.items, first.back_to) == ([], NOW + timedelta(seconds=15))
    second = workflows.latest(first.next_cursor)
    assert second.items == []
    assert [one.first_id for one in workflows.latest(second.next_cursor).items] == ["g-0"]
    assert "No workflows here" in signed_in("viewer").get("/workflows").text


def test_a_bad_cursor_is_named(app: Flask, signed_in: Callable[[str], FlaskClient]) -> None:
    with pytest.raises(Invalid):
        workflows.latest("no cursor")
    assert signed_in("viewer").get("/workflows?cursor=nonsense").status_code == 422


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([{"a": 1, "b": "x"}, {"a": 1, "b": "y"}], ["x", "y"]),
        ([{"0": 3}, {"0": 4}, {"0": 3}], ["3", "4", "3"]),
        ([{"a": 1}, {"a": 1}], []),
        ([{"a": {"k": [1]}}, {}], ['{"k": [1]}', ""]),
        ([{"a": "x" * 99}, {"a": "short"}], ["x" * 23 + "…", "short"]),
        ([], []),
    ],
)
def test_what_tells_calls_apart(calls: list[dict[str, Any]], told: list[str]) -> None:
    assert told_apart(calls) == told


@pytest.mark.database
def test_the_tree_shows_what_tells_members_apart(app: Flask, signed_in: Callable[[str], FlaskClient]) -> None:
    store(*group("g", 3))
    workflow = workflows.workflow_of(get("g-1"))
    assert workflow is not None
    assert workflows.labels(workflow, "g-1") == {"g-0": "r0", "g-1": "r1", "g-2": "r2"}
    page = signed_in("viewer").get("/runs/g-1").text
    assert page.count('<span class="tag">r') == 3
