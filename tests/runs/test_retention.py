"""Which runs leave the history, and cleaning up now with the number named first."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import runs
from app.extensions import db, transaction
from app.library.maintenance import clean_history
from app.runs import states
from app.runs.models import Run
from tests.apps import publish

NOW = datetime.now(UTC)


@pytest.fixture
def history(app: Flask) -> None:
    """Ten successes of one task, five failures of another, a day between each and the next; one waits."""
    with transaction() as session:
        for number in range(15):
            name, state = ("t.good", states.SUCCESS) if number < 10 else ("t.bad", states.FAILURE)
            at = NOW - timedelta(days=number % 10, hours=1)
            session.add(
                Run(
                    id=f"{name}{number % 10}",
                    created_at=at,
                    updated_at=at,
                    task_name=name,
                    state=state,
                    attempt=0,
                )
            )
        old = NOW - timedelta(days=400)
        session.add(
            Run(
                id="waits", created_at=old, updated_at=old, task_name="t.bad", state=states.PENDING, attempt=0
            )
        )


def left() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(db.select(Run.id)))


@pytest.mark.database
@pytest.mark.parametrize(
    ("rule", "number"),
    [
        (runs.Rule(NOW - timedelta(days=7)), 3),
        (runs.Rule(keep=4, task_name="t.good"), 6),
        (runs.Rule(keep=4, states=[states.FAILURE]), 1),
        (runs.Rule(keep=100), 0),
        (runs.Rule(NOW - timedelta(days=3), keep=9, task_name="t.good"), 7),  # whichever takes more
        (runs.Rule(NOW - timedelta(days=8), keep=2, task_name="t.good"), 8),
        (runs.Rule(NOW, states=[states.FAILURE], task_name="t.good"), 0),
        (runs.Rule(), 0),
    ],
)
def test_the_number_named_is_the_number_deleted(history: None, rule: runs.Rule, number: int) -> None:
    assert runs.count_old(rule) == number
    before, deleted = runs.boundary(rule), 0
    while before and (count := runs.delete_finished(rule, before, 2)):
        deleted += count
    assert deleted == number
    assert len(left()) == 16 - number
    assert "waits" in left()


def test_the_task_keeps_the_newest_of_a_task(history: None) -> None:
    assert clean_history.apply(kwargs={"keep_newest": 3, "task_name": "t.good"}).get()["deleted"] == 7
    assert {one for one in left() if one.startswith("t.good")} == {"t.good0", "t.good1", "t.good2"}
    assert {"t.bad0", "waits"} <= left()


@pytest.mark.database
def test_of_two_apps_with_a_task_of_one_name_only_the_runs_of_one_go(history: None) -> None:
    with transaction() as session:
        for number in (0, 1):
            session.get_one(Run, f"t.good{number}").app = "shop"
    wanted = {"task_name": "t.good", "older_than_days": 0}
    assert runs.count_old(runs.rule_of(NOW, **wanted, app="shop")) == 2
    assert runs.count_old(runs.rule_of(NOW, **wanted)) == 10
    assert clean_history.apply(kwargs=wanted | {"app": "celeriac"}).get()["deleted"] == 8
    assert {one for one in left() if one.startswith("t.good")} == {"t.good0", "t.good1"}
    assert clean_history.apply(kwargs={"older_than_days": 0, "app": "shop"}).get()["deleted"] == 2


def test_another_apps_task_of_its_name_says_nothing_of_what_would_go(
    history: None, app: Flask, signed_in: Any, post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": "redis://127.0.0.1:1/0"})
    publish("shop", "maintenance.clean_history")
    data = {"mode": "fields", "p-shop": "3", "queue": "work", "priority": "5"}
    told = post(signed_in("admin"), f"{PAGE}/same-as?app=shop", data, headers={"HX-Request": "true"})
    assert (told.status_code, "would go" in told.text) == (200, False)


PAGE = "/tasks/maintenance.clean_history"


def filled(**limits: Any) -> dict[str, Any]:
    named = {f"p-{name}": value for name, value in limits.items()}
    return {"mode": "fields", "queue": "default", "priority": "5"} | named


def test_the_number_is_named_first(history: None, signed_in: Callable[[str], Any], post: Any) -> None:
    """The clean-up is run from the task's own form, and the number stands beside it."""
    browser = signed_in("admin")
    assert f'href="{PAGE}"' in browser.get("/runs").text
    assert "0 runs would go" in browser.get(PAGE).text
    limits = filled(keep_newest="4", states=["SUCCESS"])
    assert "6 runs would go" in post(browser, f"{PAGE}/same-as", limits, htmx=True).text
    page = post(browser, f"{PAGE}/same-as", limits).text  # without scripts
    assert "6 runs would go" in page
    assert "</html>" in page
    assert len(left()) == 16
    answer = post(browser, f"{PAGE}/run", limits)
    assert answer.status_code == 303
    run = runs.get(answer.location.rsplit("/", 1)[1])
    assert (run.task_name, run.kwargs) == (
        "maintenance.clean_history",
        {"keep_newest": 4, "states": ["SUCCESS"]},
    )
    old = filled(older_than_days="300")
    assert "0 runs would go" in post(browser, f"{PAGE}/same-as", old, htmx=True).text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("older_than_days", "-1"),
        ("older_than_days", "soon"),
        ("keep_newest", "0"),
        ("keep_newest", "many"),
        ("states", "STARTED"),
    ],
)
def test_bad_limits_change_nothing(
    history: None, signed_in: Callable[[str], Any], post: Any, name: str, value: str
) -> None:
    browser, limits = signed_in("admin"), filled(**{name: value})
    answer = post(browser, f"{PAGE}/run", limits)
    assert answer.status_code == 422
    assert f'href="#p-{name}"' in answer.text
    assert "would go" not in post(browser, f"{PAGE}/same-as", limits, htmx=True).text
    assert len(left()) == 16


def test_only_an_admin_cleans_up(history: None, signed_in: Callable[[str], Any], post: Any) -> None:
    browser = signed_in("operator")
    assert "would go" not in browser.get(PAGE).text
    assert "would go" not in post(browser, f"{PAGE}/same-as", filled(), htmx=True).text
    assert post(browser, f"{PAGE}/run", filled()).status_code == 403
    assert PAGE not in browser.get("/runs").text
