"""Failures of a task that Celeriac and another app have under one name: a kind each."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade

from app import runs
from app.alerts.models import AlertRule, AlertState
from app.clock import utcnow
from app.extensions import db
from app.runs import states
from app.runs.failures import FailureChange, acts, groups_of, inbox
from app.runs.failures.inbox import FailureFilter
from celeriac_agent.settings import OWN_APP
from tests.apps import publish
from tests.rows import make_run

TASK = "sample_tasks.plain"
OURS, THEIRS = (OWN_APP, TASK, "KeyError"), ("shop", TASK, "KeyError")


def fail(run_id: str, minutes: float, **values: Any) -> datetime:
    at = utcnow() - timedelta(minutes=minutes)
    values = {"task_name": TASK, "error": "KeyError: 1", "ended_at": at} | values
    make_run(run_id, at, states.FAILURE, **values)
    return at


@pytest.fixture
def both(app: Flask) -> dict[tuple[str, ...], int]:
    """Two runs of ours failed, and three of theirs as ours did; returns the ids of their kinds."""
    publish("shop", TASK)
    for minutes, whose in ((9, None), (8, "shop"), (7, "shop"), (6, None), (5, "shop")):
        fail(f"{whose or 'ours'}-{minutes}", minutes, app=whose)
    return {row.key: row.id for row in inbox.page(FailureFilter(at=utcnow())).items}


def count() -> dict[tuple[str, ...], tuple[int, str]]:
    db.session.rollback()
    rows = inbox.page(FailureFilter(state="all", at=utcnow())).items
    return {row.key: (row.failures, row.standing(utcnow())) for row in rows}


@pytest.mark.database
def test_each_is_counted_closed_and_comes_back_alone(both: dict[tuple[str, ...], int]) -> None:
    assert count() == {OURS: (2, "open"), THEIRS: (3, "open")}
    acts.act("resolve", both[OURS], "ann", utcnow(), {})
    assert runs.failures.closed_kinds(utcnow()) == {OURS}
    fail("shop-now", -1, app="shop")
    assert count() == {OURS: (2, "resolved"), THEIRS: (4, "open")}
    fail("ours-now", -1)
    assert count() == {OURS: (3, "open"), THEIRS: (4, "open")}


@pytest.mark.database
def test_groups_of_each(both: dict[tuple[str, ...], int]) -> None:
    now = utcnow()
    found = runs.grouped_failures(now - timedelta(hours=1), now).groups
    assert {group.key: group.left for group in found} == {
        OURS: ["ours-6", "ours-9"],
        THEIRS: ["shop-5", "shop-7", "shop-8"],
    }
    assert {group.id for group in found} == set(both.values())
    cut = runs.grouped_failures(now - timedelta(hours=1), now, limit=1).groups  # of which only theirs is read
    assert {group.key: (group.count, group.left[0]) for group in cut} == {
        THEIRS: (3, "shop-5"),
        OURS: (2, "ours-6"),
    }
    hidden = groups_of([OURS], runs.RunFilter(state=states.FAILED), limit=1)
    assert [group.left for group in hidden.values()] == [["ours-6", "ours-9"]]
    assert [one.key for one in runs.latest_failures(now - timedelta(hours=1), limit=1)] == [THEIRS, OURS]


def test_the_pages(both: dict[tuple[str, ...], int], signed_in: Any) -> None:
    browser = signed_in("operator")
    listed = browser.get("/runs/failures").text
    for app in ("celeriac", "shop"):
        assert f'href="/runs?state=failed&amp;task_name={TASK}&amp;app={app}&amp;error=KeyError"' in listed
        assert f'name="app" value="{app}"' in listed  # retry all of them
        assert f'name="app" value="{app}"' in browser.get("/").text
    assert listed.count("App shop") == 1
    only = browser.get("/runs/failures?app=shop").text
    assert f'href="/runs/failures/{both[THEIRS]}"' in only
    assert f'href="/runs/failures/{both[OURS]}"' not in only
    ours, theirs = (browser.get(f"/runs/failures/{both[key]}").text for key in (OURS, THEIRS))
    assert ('href="/runs/ours-6"' in ours, 'href="/runs/shop-5"' in ours) == (True, False)
    assert ('href="/runs/ours-6"' in theirs, 'href="/runs/shop-5"' in theirs) == (False, True)
    assert f'href="/tasks/{TASK}"' in ours
    assert f'href="/tasks/{TASK}?app=shop"' in theirs


def test_a_retry_of_all_takes_none_of_the_other(
    both: dict[tuple[str, ...], int], signed_in: Any, post: Any
) -> None:
    data = {"action": "rerun", "all": "1", "state": "failed", "task_name": TASK, "error": "KeyError"}
    answer = post(signed_in("operator"), "/runs/bulk", data | {"app": "celeriac"})
    assert answer.status_code == 303
    page = signed_in("operator").get(answer.location).text
    assert "ours-6" in page
    assert "shop-5" not in page


def test_rest(both: dict[tuple[str, ...], int], caller: Any) -> None:
    viewer = caller("viewer")

    def found(query: str = "") -> list[tuple[str, int]]:
        return [(one["app"], one["failures"]) for one in viewer.get(f"/failures{query}").json["items"]]

    assert found() == [("shop", 3), (OWN_APP, 2)]
    assert found("?app=shop") == [("shop", 3)]
    assert found(f"?app=celeriac&task_name={TASK}") == [(OWN_APP, 2)]
    assert found("?app=nobody") == []
    assert viewer.get("/failures/counts?app=shop").json["open"] == 1
    done = caller("operator").post("/failures/bulk", json={"ids": [both[THEIRS]], "action": "resolve"}).json
    assert [one["name"] for one in done["outcomes"]] == [f"{TASK} (shop): KeyError"]


def alert(facts: dict[str, str]) -> None:
    """A rule has found that a task fails."""
    at = utcnow()
    rule = AlertRule(name=f"Row {len(facts)}", kind="failures_in_row")
    db.session.add(rule)
    db.session.flush()
    subject = " ".join(reversed(facts.values()))
    db.session.add(
        AlertState(rule_id=rule.id, subject=subject, facts=facts, since_at=at, last_at=at, fires_at=at)
    )
    db.session.commit()


def down_and_up() -> None:
    db.session.remove()
    downgrade(revision="0034")
    upgrade()


@pytest.mark.database
def test_what_failed_before_there_were_apps_stays(both: dict[tuple[str, ...], int]) -> None:
    """Both become one, with what was done to either: ours, as we have such a task."""
    publish(OWN_APP, TASK)
    acts.act("note", both[OURS], "ann", utcnow(), {"note": "ours"})
    acts.act("note", both[THEIRS], "bob", utcnow(), {"note": "theirs"})
    alert({"name": TASK})
    alert({"name": TASK, "app": "shop"})
    down_and_up()
    assert count() == {OURS: (5, "open")}
    [row] = inbox.page(FailureFilter(at=utcnow())).items
    assert (row.id, row.first_run_id, row.last_run_id) == (both[THEIRS], "ours-9", "shop-5")
    assert {change.by for change in inbox.changes_of(row.id)} == {"ann", "bob"}
    assert db.session.query(FailureChange).count() == 2
    assert [state.task for state in db.session.query(AlertState)] == [(OWN_APP, TASK)]


@pytest.mark.database
def test_what_only_one_other_app_has_is_of_that_app(app: Flask) -> None:
    publish("shop", "shop.only")
    fail("one", 5, task_name="shop.only")
    alert({"name": "shop.only"})
    down_and_up()
    assert count() == {("shop", "shop.only", "KeyError"): (1, "open")}
    [state] = db.session.query(AlertState)
    assert (state.subject, state.task) == ("shop shop.only", ("shop", "shop.only"))
