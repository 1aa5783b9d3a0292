"""Without JavaScript, too, what was typed is in its form again after signing in and after a form too old."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from app import broker
from app.accounts import users
from app.clock import utcnow
from app.web import form_drafts

PASSWORD = "correct horse battery"
TASK = "/tasks/sample_tasks.resize"
FOLDER = 'orders <"4711">'
Fields = list[tuple[str, str]]


@pytest.fixture
def sent(app: Flask, signed_in: Any) -> Any:
    """`sent(session, page, form, fields)`: what a browser without JavaScript shows after it sent a form."""

    def send(session: bool, page: str, form: str, fields: dict[str, Any]) -> BeautifulSoup:
        browser = signed_in("operator", "lin")
        if not session:
            users.set_password(users.find("lin"), PASSWORD, utcnow())
            browser.delete_cookie(app.config["SESSION_COOKIE_NAME"])
        key = f"{'k' * 16}-{users.find('lin').id}"
        headers = {"Referer": f"http://localhost{page}"}
        answer = browser.post(form, data=fields | {"form_key": key}, headers=headers)
        assert answer.status_code == 303
        if not session:
            login = BeautifulSoup(browser.get(answer.location).text, "html.parser")
            hidden = {one["name"]: one["value"] for one in login.select("form.card input[type=hidden]")}
            answer = browser.post("/login", data={"username": "lin", "password": PASSWORD} | hidden)
            assert answer.status_code == 303, answer.text
        shown = browser.get(answer.location, follow_redirects=True)
        assert shown.status_code == 200
        assert "What you typed is here again" in shown.text
        assert FOLDER not in browser.get(page.partition("?")[0].removesuffix("/run")).text  # once
        assert not broker.client().keys("celeriac:typed:*")
        return BeautifulSoup(shown.text, "html.parser")

    return send


@pytest.mark.parametrize("session", [True, False], ids=["too old", "signed out"])
@pytest.mark.parametrize("page", [TASK, f"{TASK}/run"], ids=["page", "refused before"])
def test_a_task_s_form_is_filled_again(sent: Any, session: bool, page: str) -> None:
    fields = {"p-folder": FOLDER, "p-width": "12", "p-fmt": "jpeg", "queue": "files", "mode": "fields"}
    shown = sent(session, page, f"{TASK}/run", fields)
    assert shown.find(attrs={"name": "p-folder"})["value"] == FOLDER
    assert shown.find(attrs={"name": "p-width"})["value"] == "12"
    assert [one["value"] for one in shown.select("[name=p-fmt][checked]")] == ["jpeg"]
    assert shown.select_one("select[name=queue] option[selected]")["value"] == "files"


def test_a_form_is_filled_again_below_a_prefix(signed_in: Any) -> None:
    browser, below = signed_in("operator", "lin"), "http://localhost/celeriac"
    fields = {"p-folder": FOLDER, "form_key": f"{'k' * 16}-{users.find('lin').id}"}
    page = {"base_url": below, "headers": {"Referer": below + TASK}}
    assert browser.post(f"{TASK}/run", data=fields, **page).location == f"/celeriac{TASK}"
    shown = BeautifulSoup(browser.get(TASK, base_url=below).text, "html.parser")
    assert shown.find(attrs={"name": "p-folder"})["value"] == FOLDER


def test_a_schedule_s_form_has_the_fields_of_its_task_again(sent: Any) -> None:
    fields = {"task_name": "sample_tasks.resize", "name": FOLDER, "p-folder": "photos", "note": "why\nnot"}
    shown = sent(False, "/schedules/new", "/schedules/new", fields | {"cron_schedule": "0 9 * * 1"})
    assert shown.find(attrs={"name": "name"})["value"] == FOLDER
    assert shown.find(attrs={"name": "p-folder"})["value"] == "photos"
    assert shown.find("textarea", attrs={"name": "note"}).get_text().strip() == "why\nnot"
    assert shown.find(attrs={"name": "cron_schedule"})["value"] == "0 9 * * 1"


def test_what_is_secret_is_not_filled_in_and_other_forms_stay() -> None:
    page = (
        '<form action="/b"><input name="x" value="own"></form><form action="/a"><input name="x" value="">'
        '<input type="password" name="secret"><input type="checkbox" name="c" checked></form>'
    )
    fields: Fields = [("x", "typed"), ("secret", "hunter2")]
    shown = form_drafts.filled(page, "/a", fields)
    assert "hunter2" not in shown
    assert [one["value"] for one in BeautifulSoup(shown, "html.parser").find_all(attrs={"name": "x"})] == [
        "own",
        "typed",
    ]
    assert "checked" not in shown


def test_another_who_signs_in_there_does_not_see_it(app: Flask, signed_in: Any, enter: Any) -> None:
    browser = signed_in("operator", "lin")
    page = BeautifulSoup(browser.get(TASK).text, "html.parser")
    assert page.html["data-user"] == str(users.find("lin").id)  # type: ignore[index]  # for static/typed.js
    key = page.select_one(f"form[action='{TASK}/run'] [name=form_key]")["value"]  # type: ignore[index]
    browser.delete_cookie(app.config["SESSION_COOKIE_NAME"])
    fields = {"p-folder": FOLDER, "form_key": key}
    assert browser.post(f"{TASK}/run", data=fields, headers={"Referer": f"http://localhost{TASK}"}).location
    enter(browser, users.create("mei", "operator", utcnow()))
    shown = browser.get(TASK).text
    told = BeautifulSoup(shown, "html.parser").find_all(string="What you typed is here again")
    assert {text.find_parent("template") is not None for text in told} == {True}  # for static/typed.js alone
    assert "4711" not in shown
    assert not broker.client().keys("celeriac:typed:*")


def test_a_stranger_fills_nothing_in(app: Flask) -> None:
    for _time in range(30):
        answer = app.test_client().post(
            f"{TASK}/run",
            data={"p-folder": "x", "form_key": f"{'k' * 16}-1"},
            headers={"Referer": "http://localhost" + TASK},
        )
        assert answer.status_code == 303
    assert 0 < len(broker.client().keys("celeriac:typed:*")) <= 20
    elsewhere = app.test_client().post(
        f"{TASK}/run",
        data={"p-folder": "x", "form_key": f"{'k' * 16}-1"},
        headers={"Referer": "http://evil/"},
    )
    assert "typed=" not in elsewhere.headers.get("Set-Cookie", "")
