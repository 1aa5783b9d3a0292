"""A form that comes twice, as by a slow double click without script, does what it says once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.accounts.models import ApiToken, User
from app.clock import utcnow
from app.extensions import db
from app.runs.models import Run
from app.schedules.models import Schedule
from tests.races import at_once

RESIZE = "/tasks/sample_tasks.resize"


@pytest.fixture
def operator(signed_in: Callable[[str], FlaskClient]) -> FlaskClient:
    return signed_in("operator")


def hidden(browser: FlaskClient, path: str) -> dict[str, str]:
    text = browser.get(path).text
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', text) for name in ("csrf_token", "form_key")}
    return {name: match[1] for name, match in found.items() if match} | {"queue": "default", "priority": "5"}


def number(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_run_form_that_is_sent_twice_makes_one_run(operator: FlaskClient) -> None:
    form = hidden(operator, RESIZE) | {"p-folder": "a"}
    assert form.keys() >= {"csrf_token", "form_key"}
    first, second = operator.post(f"{RESIZE}/run", data=form), operator.post(f"{RESIZE}/run", data=form)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert number(Run) == 1
    operator.post(f"{RESIZE}/run", data=form | {"p-folder": "b"})  # gone back, changed and sent again
    operator.post(f"{RESIZE}/run", data=form | hidden(operator, RESIZE))  # the page loaded again
    assert number(Run) == 3


def test_two_at_the_same_moment_make_one_run(app: Flask, operator: FlaskClient) -> None:
    form = hidden(operator, RESIZE) | {"p-folder": "a"}
    cookie = operator.get_cookie("celeriac_session")
    assert cookie

    def send(start: Callable[[], object], _n: int) -> str | None:
        browser = app.test_client()
        browser.set_cookie("celeriac_session", cookie.value)
        start()
        return browser.post(f"{RESIZE}/run", data=form).location

    assert len(set(at_once(app, 4, send))) == 1
    assert number(Run) == 1


def test_run_at_a_time_and_a_new_schedule_are_made_once(operator: FlaskClient) -> None:
    later = f"{utcnow().year + 1}-05-06T07:08"
    form = hidden(operator, RESIZE) | {"p-folder": "a", "start": "at", "start_at": later}
    places = {operator.post(f"{RESIZE}/run", data=form).location for _ in range(2)}
    assert len(places) == 1
    assert number(Schedule) == 1
    form = hidden(operator, "/schedules/new") | {
        "name": "once", "task_name": "sample_tasks.resize", "task_type": "interval",
        "interval_seconds": ["1", "h"], "p-folder": "a", "timezone": "UTC", "overlap": "skip",
        "on_missed": "",
    }  # fmt: skip
    answers = [operator.post("/schedules/new", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303], answers[0].text
    assert answers[0].location == answers[1].location
    assert number(Schedule) == 2


def test_a_form_that_was_refused_can_be_sent_again(operator: FlaskClient) -> None:
    form = hidden(operator, RESIZE) | {"p-folder": "a", "p-width": "x"}
    for _ in range(2):
        assert operator.post(f"{RESIZE}/run", data=form).status_code == 422
    assert operator.post(f"{RESIZE}/run", data=form | {"p-width": "640"}).status_code == 303
    assert number(Run) == 1


@pytest.mark.parametrize("key", ["", "x", "x" * 100, "a b c d e f g h i j k", "../../../../etc/passwd"])
def test_without_a_proper_key_a_form_is_done_as_it_comes(operator: FlaskClient, key: str) -> None:
    form = hidden(operator, RESIZE) | {"p-folder": "a", "form_key": key}
    for _ in range(2):
        assert operator.post(f"{RESIZE}/run", data=form).status_code == 303
    assert number(Run) == 2


def test_the_key_of_another_user_is_ones_own(
    operator: FlaskClient, signed_in: Callable[[str], FlaskClient]
) -> None:
    form = hidden(operator, RESIZE) | {"p-folder": "a"}
    first = operator.post(f"{RESIZE}/run", data=form)
    other = signed_in("operator")
    second = other.post(f"{RESIZE}/run", data=form | {"csrf_token": hidden(other, RESIZE)["csrf_token"]})
    assert second.status_code == 303
    assert first.location != second.location


def test_a_form_whose_first_sending_never_ends_says_so(
    operator: FlaskClient, redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.web import idempotency

    monkeypatch.setattr(idempotency, "PATIENCE_SECONDS", 0.2)
    form = hidden(operator, RESIZE) | {"p-folder": "a"}
    operator.post(f"{RESIZE}/run", data=form)
    (name,) = redis.keys("celeriac:forms:*")
    redis.set(name, "")
    assert operator.post(f"{RESIZE}/run", data=form).status_code == 409
    assert number(Run) == 1


def key_in(text: str) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', text)
    assert found, text
    return found[1]


def test_run_now_that_is_clicked_twice_makes_one_run(
    operator: FlaskClient, caller: Callable[[str], Any], post: Callable[..., Any]
) -> None:
    body = {"name": "Sums", "task_name": "examples.basic.add", "kwargs": {"x": 1, "y": 2}, "overlap": "allow"}
    made = caller("operator").post(
        "/schedules", json=body | {"task_type": "interval", "interval_seconds": 60}
    )
    schedule = f"/schedules/{made.json['id']}"
    for where in ("menu", "run"):  # the list's menu, the dialog of the schedule's page
        before = number(Run)
        key = key_in(operator.get(f"{schedule}/{where}").text)
        for _ in range(2):
            assert post(operator, f"{schedule}/run", {"form_key": key}).status_code == 303
        assert number(Run) == before + 1
        assert post(
            operator, f"{schedule}/run", {"form_key": key_in(operator.get(f"{schedule}/{where}").text)}
        )
        assert number(Run) == before + 2


def test_rerun_that_is_clicked_twice_makes_one_run(operator: FlaskClient, post: Callable[..., Any]) -> None:
    now = utcnow()
    for name, state in (("gone", "FAILURE"), ("done", "SUCCESS")):
        db.session.add(
            Run(
                id=name, task_name="examples.basic.add", state=state, queue="default", args=[1, 2], kwargs={},
                created_at=now, updated_at=now, ended_at=now, error="ValueError: no",
            )
        )  # fmt: skip
    db.session.commit()
    for name, where in (("gone", "/runs/gone"), ("done", "/runs/done/menu"), ("gone", "/")):
        before = number(Run)
        key = key_in(operator.get(where).text)
        found = [post(operator, f"/runs/{name}/rerun", {"form_key": key}).location for _ in range(2)]
        assert found[0] == found[1]
        assert number(Run) == before + 1


def test_a_token_and_a_user_are_made_once(signed_in: Callable[[str], FlaskClient]) -> None:
    """Reloading the page that shows the secret sends its form again; it leads to the list and says so."""
    admin = signed_in("admin")
    made = [
        ("/settings", "/settings/tokens", {"label": "deploy"}, ApiToken, 1),
        ("/settings/users", "/settings/users", {"name": "lin", "role": "viewer"}, User, 2),
    ]
    for page, address, values, model, expected in made:
        form = hidden(admin, page) | values
        first, second = admin.post(address, data=form), admin.post(address, data=form)
        assert (first.status_code, second.status_code) == (201, 303)
        assert second.location == page
        assert "This was done before" in admin.get(second.location).text
        assert number(model) == expected


def test_every_form_that_changes_something_carries_a_key() -> None:
    known = ("csrf()", "pieces.hidden(", "{{ hidden(", "schedules/_bulk_hidden.html")
    for path in Path("templates").rglob("*.html"):
        text = path.read_text()
        for form in re.findall(r'<form\b[^>]*method="post".*?</form>', text, re.S):
            assert any(one in form for one in known), f"{path}: {form[:200]}"


def test_a_keyed_form_that_fails_is_not_kept(operator: FlaskClient, redis: redis_client.Redis) -> None:
    form = hidden(operator, RESIZE)
    assert operator.post("/runs/nowhere/cancel", data=form).status_code == 404
    assert redis.keys("celeriac:forms:*") == []
