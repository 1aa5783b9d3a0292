"""Recent failures by task and kind of error; the newest run of each task."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import runs
from app.extensions import db, transaction
from app.runs import endings, export, filters, states
from app.runs.failures.groups import Again, groups_of
from app.runs.filters import kind_of
from app.runs.models import Run
from celeriac_agent.settings import OWN_APP

pytestmark = pytest.mark.database
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def add(number: int, task_name: str, state: str, error: str | None = None, app: str | None = None) -> None:
    at = NOW - timedelta(hours=number)
    with transaction() as session:
        session.add(
            Run(
                id=f"r{number}",
                created_at=at,
                updated_at=at,
                task_name=task_name,
                state=state,
                attempt=0,
                error=error,
                app=app,
            )
        )


def put(run_id: str, state: str, hours: float, **fields: object) -> None:
    at = NOW - timedelta(hours=hours)
    values = {"task_name": "t.a", "error": "KeyError: 1" if state in states.FAILED else None}
    with transaction() as session:
        session.add(Run(id=run_id, created_at=at, updated_at=at, state=state, attempt=0, **values | fields))


FAILED = filters.RunFilter(state=states.FAILED)


def groups_now() -> list[runs.FailureGroup]:
    return runs.grouped_failures(NOW - timedelta(hours=24), NOW).groups


def test_what_ran_again_is_not_offered_again_and_said(app: Flask) -> None:
    """The third one's rerun failed again: it alone is left."""
    for name in ("one", "two", "three"):
        put(name, states.FAILURE, 3)
    put("one-again", states.SUCCESS, 2, rerun_of="one")
    put("two-again", states.STARTED, 2, rerun_of="two")
    put("three-again", states.FAILURE, 2, rerun_of="three")
    (group,) = groups_now()
    assert (group.count, group.left, group.again) == (4, ["three-again"], Again(1, 1, 1))
    put("three-once-more", states.FAILURE, 1, rerun_of="three-again")
    (group,) = groups_now()
    assert (group.count, group.left, group.again) == (5, ["three-once-more"], Again(1, 1, 1))


def test_a_group_whose_failures_were_all_made_good_leaves_and_comes_back(app: Flask) -> None:
    put("one", states.FAILURE, 3)
    put("failed-again", states.LOST, 2.5, rerun_of="one", error="KeyError: 1")
    put("good", states.SUCCESS, 2, rerun_of="one")
    found = runs.grouped_failures(NOW - timedelta(hours=24), NOW)
    assert (found.groups, found.count, found.made_good) == ([], 2, 2)
    put("anew", states.FAILURE, 1)
    (group,) = groups_now()
    assert (group.count, group.left) == (3, ["anew"])


def test_very_many_failures_hide_no_other_kind_and_are_all_counted(app: Flask) -> None:
    """Of kinds that began meanwhile all are known, though only the newest are read."""

    def fail(run_id: str, hours: float, task_name: str, error: str = "KeyError: 1") -> str:
        ended_at = NOW - timedelta(hours=hours)
        put(run_id, states.FAILURE, hours, task_name=task_name, error=error, ended_at=ended_at)
        return run_id

    failed = [fail("old", 30, "t.storm"), fail("rare", 5, "t.rare")]
    for number in range(6):
        failed.append(fail(f"storm-{number}", 3 - number / 10, "t.storm"))
        failed.append(fail(f"new-{number}", 3 - number / 10, "t.storm", "ValueError"))
    with transaction():
        endings.note_these(failed)
    found = runs.grouped_failures(NOW - timedelta(hours=24), NOW, limit=6)
    told = {(one.task_name, one.kind): (one.count, one.more, one.left) for one in found.groups}
    assert told["t.storm", "ValueError"][:2] == (6, False)
    assert told["t.storm", "KeyError"][:2] == (3, True)  # as far as is read; the oldest is of another day
    assert told["t.rare", "KeyError"] == (1, False, ["rare"])
    rare, storm = ((OWN_APP, name, "KeyError") for name in ("t.rare", "t.storm"))
    shown = groups_of([rare, storm], FAILED, limit=6)
    assert {key: group.left[-1] for key, group in shown.items()} == {rare: "rare", storm: "storm-3"}


def test_a_rerun_that_came_to_nothing_counts_for_nothing(app: Flask) -> None:
    put("one", states.FAILURE, 3)
    put("cancelled", states.REVOKED, 2, rerun_of="one")
    (group,) = groups_now()
    assert (group.left, group.again.all) == (["one"], 0)


def test_failures_are_dated_by_when_they_failed(app: Flask) -> None:
    """A run of three days ago that failed an hour ago is one of today; one of yesterday's failures is not."""
    day, hour = timedelta(days=1), timedelta(hours=1)
    put("old", states.FAILURE, 72, ended_at=NOW - hour)
    put("new", states.FAILURE, 2, ended_at=NOW - 1.5 * hour)
    put("before", states.FAILURE, 40, ended_at=NOW - 30 * hour)
    since = NOW - day
    (group,) = groups_now()
    assert (group.count, group.latest.id, group.latest.failed_at) == (2, "old", NOW - hour)
    assert group.first_at == NOW - 1.5 * hour
    failed = runs.RunFilter(state=states.FAILED, since=since)
    assert [run.id for run in runs.page(failed).items] == ["old", "new"]
    page = runs.page(failed, limit=1)
    assert [run.id for run in runs.page(failed, 5, page.next_cursor).items] == ["new"]
    of_task = runs.RunFilter(state=states.FAILED, task_name="t.a", error="KeyError", since=since)
    assert [run.id for run in runs.page(of_task).items] == ["old", "new"]
    assert (runs.counts_of(runs.RunFilter(since=since)) or {})["FAILURE"] == 2
    assert (runs.counts_of(runs.RunFilter(since=since, task_name="t.a")) or {})["FAILURE"] == 2
    lines = b"".join(export.TABLE.as_csv(app, failed)).decode().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["old", "new"]


def test_an_index_leads_to_failures_by_when_they_failed(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL reads so few rows without any index")
    asked = [
        runs.RunFilter(state=states.FAILED, since=NOW),
        runs.RunFilter(state=(states.LOST,), task_name="t.a", since=NOW),
        runs.RunFilter(error="KeyError"),
    ]
    for wanted in asked:
        for lead in filters.access_paths(wanted):
            rows = filters.candidates(wanted, lead, 5, (NOW, "r"), ())
            text = select(rows).compile(db.engine, compile_kwargs={"literal_binds": True})
            plan = str(db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
            assert "ix_runs_failed" in plan
            assert "SCAN runs" not in plan


def test_failures_are_put_together(app: Flask) -> None:
    add(1, "t.a", states.FAILURE, "KeyError: 'x'")
    add(2, "t.a", states.FAILURE, "KeyError: 'y'")
    add(3, "t.a", states.LOST, "WorkerLostError: signal 9")
    add(4, "t.b", states.FAILURE, "KeyError: 'x'")
    add(5, "t.a", states.SUCCESS)
    add(30, "t.a", states.FAILURE, "KeyError: old")
    groups = runs.grouped_failures(NOW - timedelta(hours=24), NOW).groups
    assert [(group.task_name, group.kind, group.count, group.latest.id) for group in groups] == [
        ("t.a", "KeyError", 2, "r1"),
        ("t.a", "WorkerLostError", 1, "r3"),
        ("t.b", "KeyError", 1, "r4"),
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("KeyError: 'x'", "KeyError"),
        ("TimeLimitExceeded(10,)", "TimeLimitExceeded"),
        ("requests.exceptions.ReadTimeout: timed out", "requests.exceptions.ReadTimeout"),
        ("the disk is full", "the disk is full"),
        ("no order 5\nat all", "no order 5"),
        ("", ""),
    ],
)
def test_the_kind_of_an_error(error: str, kind: str) -> None:
    assert kind_of(error) == kind


def test_the_newest_run_of_each_task(app: Flask) -> None:
    add(1, "t.a", states.FAILURE)
    add(2, "t.a", states.SUCCESS)
    add(3, "t.b", states.SUCCESS)
    add(0, "t.a", states.SUCCESS, app="shop")
    found = runs.latest([(app, name) for name in ("t.a", "t.b", "t.c") for app in (OWN_APP, "shop")])
    ids = {key: run.id for key, run in found.items()}
    assert ids == {(OWN_APP, "t.a"): "r1", ("shop", "t.a"): "r0", (OWN_APP, "t.b"): "r3"}
    assert runs.latest([]) == {}
