"""A person's own e-mail address: what they enter waits for the link that was sent there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import emails, users
from app.errors import Conflict, Invalid
from app.runs import subscriptions

NEW, OLD = "mei@shop.example", "old@shop.example"


@pytest.fixture
def mei(app: Flask, now: datetime) -> users.User:
    return users.create("mei", "viewer", now)


def token_of(path: str) -> str:
    return path.removeprefix(emails.PATH)


@pytest.mark.database
def test_what_a_person_enters_counts_once_it_is_confirmed(mei: users.User, now: datetime) -> None:
    emails.give(mei, OLD, now)
    assert emails.enter(mei, f" {NEW} ", now)
    assert (mei.email, mei.unconfirmed_email) == (OLD, NEW)
    assert not emails.enter(mei, NEW, now)  # the link is on its way
    token = token_of(emails.link(mei.id, NEW, now))
    assert emails.confirm(mei, token, now + timedelta(hours=24)) == NEW
    assert (mei.email, mei.unconfirmed_email) == (NEW, None)
    with pytest.raises(Conflict):  # it was used
        emails.confirm(mei, token, now)


def test_the_address_of_before_or_none_needs_no_link(mei: users.User, now: datetime) -> None:
    emails.give(mei, OLD, now)
    emails.enter(mei, NEW, now)
    assert not emails.enter(mei, OLD, now)
    assert (mei.email, mei.unconfirmed_email) == (OLD, None)
    assert not emails.enter(mei, "", now)
    assert (mei.email, mei.unconfirmed_email) == (None, None)


def test_which_links_do_not_count(app: Flask, mei: users.User, now: datetime) -> None:
    tom = users.create("tom", "viewer", now)
    for user in (mei, tom):
        emails.enter(user, NEW, now)
    good = token_of(emails.link(mei.id, NEW, now))
    cases = [
        (tom, good, now),
        (mei, token_of(emails.link(mei.id, OLD, now)), now),
        (mei, good, now + timedelta(hours=25)),
        (mei, good[:-1], now),
        (mei, "", now),
        (mei, "[1]", now),
    ]
    for user, token, at in cases:
        with pytest.raises(Conflict) as error:
            emails.confirm(user, token, at)
        assert error.value.code == "link-spent"


@pytest.mark.parametrize("entered", ["mei", "a@b, c@d", "a@b\r\nBcc: c@d", f"{'x' * 250}@shop.example"])
def test_what_is_no_address(mei: users.User, now: datetime, entered: str) -> None:
    for note in (emails.give, emails.enter):
        with pytest.raises(Invalid, match="is no e-mail address"):
            note(mei, entered, now)
    assert (mei.email, mei.unconfirmed_email) == (None, None)


def test_nobody_is_told_by_mail_before(
    app: Flask, mei: users.User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = app.config["SETTINGS"].model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
    monkeypatch.setitem(app.config, "SETTINGS", given)
    emails.enter(mei, NEW, now)
    assert subscriptions.ways_of(mei) == (subscriptions.BROWSER,)
    assert "not confirmed yet" in subscriptions.mail_problem(mei)


def test_an_admin_says_it_on_the_page_and_over_rest(
    signed_in: Callable[..., FlaskClient],
    caller: Callable[[str], Any],
    csrf: Callable[..., str],
    mei: users.User,
    now: datetime,
) -> None:
    emails.enter(mei, NEW, now)
    page, boss = f"/settings/users/{mei.id}", signed_in("admin", "chief")
    assert f"They entered {NEW}" in boss.get(page).text
    form = {"csrf_token": csrf(boss, page), "email": "nowhere"}
    refused = boss.post(f"{page}/email", data=form)
    assert (refused.status_code, "nowhere is no e-mail address." in refused.text) == (422, True)
    assert boss.post(f"{page}/email", data=form | {"email": OLD}).status_code == 303
    admin = caller("admin")
    shown = admin.get(f"/users/{mei.id}").json
    assert (shown["email"], shown["unconfirmed_email"]) == (OLD, None)
    assert admin("PATCH", f"/users/{mei.id}", json={"email": NEW}).json["email"] == NEW
    assert "email" in admin("PATCH", f"/users/{mei.id}", json={"email": "x"}).json["errors"]
    assert admin("PATCH", f"/users/{mei.id}", json={"email": None}).json["email"] is None
    operator = signed_in("operator", "olga")
    form["csrf_token"] = csrf(operator, "/settings")
    assert operator.post(f"{page}/email", data=form).status_code == 403
