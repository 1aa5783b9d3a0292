"""Pages of runs by keyset, filters, counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.errors import Invalid, NotFound
from app.extensions import transaction
from app.runs import queries, states
from app.runs.models import Run
from app.runs.queries import RunFilter

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make(number: int, **fields: Any) -> Run:
    at = NOW + timedelta(seconds=number // 2)  # two runs share each moment
    values = {"task_name": "t.a", "state": states.SUCCESS, "queue": "default", "args": [number], "kwargs": {}}
    return Run(id=f"r{number:03}", created_at=at, updated_at=at, attempt=0, **values | fields)


@pytest.fixture
def runs(app: Flask) -> None:
    with transaction() as session:
        session.add_all(make(number) for number in range(20))
        session.add(make(20, state=states.FAILURE, error="ValueError: no such 100%_region", task_name="t.b"))
        session.add(make(21, queue="mail", worker="w@h", requested_by="mei", kwargs={"to": "Ünal"}))


@pytest.mark.usefixtures("runs")
def test_pages_hold_every_run_once_newest_first() -> None:
    ids: list[str] = []
    cursor = None
    for _ in range(10):
        page = queries.page(RunFilter(), limit=5, cursor=cursor)
        ids += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert ids == [f"r{number:03}" for number in reversed(range(22))]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (RunFilter(state=[states.FAILURE, states.LOST]), ["r020"]),
        (RunFilter(task_name="t.b"), ["r020"]),
        (RunFilter(queue="mail"), ["r021"]),
        (RunFilter(worker="w@h"), ["r021"]),
        (RunFilter(requested_by="mei"), ["r021"]),
        (RunFilter(since=NOW + timedelta(seconds=10)), ["r021", "r020"]),
        (RunFilter(until=NOW + timedelta(seconds=1)), ["r001", "r000"]),
        (RunFilter(q="100%_reg"), ["r020"]),
        (RunFilter(q="r02 valueerror"), ["r020"]),
        (RunFilter(q="r02 nowhere"), []),
    ],
)
def test_filters(wanted: RunFilter, ids: list[str]) -> None:
    assert [run.id for run in queries.page(wanted).items] == ids


@pytest.mark.usefixtures("runs")
def test_counts_by_state() -> None:
    assert queries.counts() == {states.SUCCESS: 21, states.FAILURE: 1}


@pytest.mark.usefixtures("runs")
def test_newer_runs_are_counted() -> None:
    first = queries.page(RunFilter(), limit=1, cursor=None).items[0]
    older = queries.get("r018")
    assert queries.newer_than(RunFilter(), queries.cursor_of(first, RunFilter())) == 0
    assert queries.newer_than(RunFilter(), queries.cursor_of(older, RunFilter())) == 3


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "%%%", "MjAyNg", "a" * 5000, "ümlaut"])
def test_a_bad_cursor_is_refused(cursor: str) -> None:
    if cursor == "":
        assert queries.page(RunFilter(), cursor=cursor).items == []
    else:
        with pytest.raises(Invalid):
            queries.page(RunFilter(), cursor=cursor)


@pytest.mark.usefixtures("app")
def test_an_unknown_run_is_not_found() -> None:
    with pytest.raises(NotFound):
        queries.get("nope")
