"""Saved views: what they keep, who sees and changes them, with which one a list begins; and columns."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import audit, views
from app.accounts import users
from app.accounts.models import User
from app.errors import Conflict, Forbidden, Invalid, NotFound

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SignedIn = Callable[..., FlaskClient]
Post = Callable[..., TestResponse]


@pytest.fixture
def mei(app: Flask) -> User:
    return users.create("mei", "operator", NOW)


@pytest.fixture
def tom(app: Flask) -> User:
    return users.create("tom", "viewer", NOW)


def names(user: User, list_name: str | None = None) -> list[str]:
    return [row.name for row in views.listing(user, list_name)]


@pytest.mark.database
def test_own_views_are_ones_own_and_shared_ones_everybodys(mei: User, tom: User) -> None:
    views.create(mei, "runs", "failed mail", {"state": ["failed", "LOST"], "queue": "mail"}, NOW, shared=True)
    views.create(mei, "runs", "a mine", {}, NOW)
    views.create(tom, "runs", "tom's", {"q": "x"}, NOW)
    views.create(tom, "schedules", "off", {"state": "off", "order": "name"}, NOW)
    assert names(mei) == ["a mine", "failed mail"]
    assert names(tom) == ["off", "tom's", "failed mail"]
    assert names(tom, "runs") == ["tom's", "failed mail"]
    kept = views.listing(tom, "runs")[1]
    assert (kept.query, kept.columns, kept.owner) == (
        {"state": ["failed", "LOST"], "queue": "mail"},
        None,
        "mei",
    )
    with pytest.raises(NotFound):
        views.get(tom, views.listing(mei)[0].id)


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"name": " "}, "name", "Give 1 to 80 characters."),
        ({"name": "x" * 81}, "name", "Give 1 to 80 characters."),
        ({"list_name": "tasks"}, "list", "Choose one of: runs, schedules"),
        ({"list_name": "queue:a b"}, "list", "Choose one of"),
        ({"query": {"colour": "red"}}, "query.colour", "There is no such field."),
        ({"query": {"state": "no-such"}}, "query.state", "There is no state no-such"),
        ({"query": {"q": "x" * 5000}}, "query", "These filters are too long to keep."),
        ({"columns": ["run", "colour"]}, "columns", "colour is not allowed. Choose one of: run, queue"),
    ],
)
def test_what_no_list_has_is_refused_at_its_field(
    mei: User, values: dict[str, Any], field: str, message: str
) -> None:
    given: dict[str, Any] = {"list_name": "runs", "name": "n", "query": {}, "now": NOW} | values
    with pytest.raises(Invalid) as caught:
        views.create(mei, **given)
    assert list(caught.value.errors) == [field]
    assert caught.value.errors[field][0].startswith(message)


@pytest.mark.database
def test_a_name_is_taken_once_by_a_person_in_a_list(mei: User, tom: User) -> None:
    views.create(mei, "runs", "n", {}, NOW)
    with pytest.raises(Conflict):
        views.create(mei, "runs", "n", {"q": "x"}, NOW)
    views.create(mei, "audit", "n", {}, NOW)
    views.create(tom, "runs", "n", {}, NOW)
    other = views.create(mei, "runs", "o", {}, NOW)
    with pytest.raises(Conflict):
        views.change(mei, other.id, {"name": "n"}, NOW)


def test_who_may_share_change_and_delete(mei: User, tom: User) -> None:
    boss = users.create("boss", "admin", NOW)
    with pytest.raises(Forbidden):
        views.create(tom, "runs", "n", {}, NOW, shared=True)
    row = views.create(mei, "runs", "n", {}, NOW, shared=True)
    own = views.create(tom, "runs", "own", {}, NOW)
    with pytest.raises(Forbidden):
        views.change(tom, row.id, {"name": "other"}, NOW)
    with pytest.raises(Forbidden):
        views.change(tom, own.id, {"shared": True}, NOW)
    with pytest.raises(Forbidden):
        views.delete(tom, row.id, NOW)
    with pytest.raises(NotFound):
        views.delete(boss, own.id, NOW)
    views.change(tom, row.id, {"default": True}, NOW)  # a matter of one's own
    assert views.choice(tom, "runs").view_id == row.id
    views.delete(boss, row.id, NOW)
    assert views.choice(tom, "runs").view_id is None
    told = [(one.action, one.object_name) for one in audit.page(audit.AuditFilter(action="view")).items]
    assert told == [("view.delete", "n"), ("view.create", "n")]


def test_what_is_no_longer_shared_begins_nobody_elses_list(mei: User, tom: User) -> None:
    row = views.create(mei, "runs", "n", {}, NOW, shared=True, default=True)
    views.change(tom, row.id, {"default": True}, NOW)
    views.change(mei, row.id, {"shared": False}, NOW)
    assert views.choice(tom, "runs").view_id is None
    assert views.choice(mei, "runs").view_id == row.id


@pytest.mark.database
def test_columns_are_a_persons_own_until_a_view_brings_others(mei: User, tom: User) -> None:
    views.choose_columns(mei, "runs", ["from", "queue"])
    assert views.choice(mei, "runs").columns == ["queue", "from"]
    assert views.choice(tom, "runs").columns is None
    row = views.create(mei, "runs", "n", {}, NOW, columns=["took"])
    views.use(mei, row.id)
    assert views.choice(mei, "runs").columns == ["took"]
    views.choose_columns(mei, "runs", list(views.LISTS["runs"].columns))
    assert views.choice(mei, "runs").columns is None


def test_the_api(caller: Callable[[str], Any]) -> None:
    operator, viewer = caller("operator"), caller("viewer")
    body = {"list": "runs", "name": "failed", "query": {"state": "failed"}, "shared": True, "default": True}
    made = operator.post("/views", json=body)
    assert made.status_code == 201
    view = made.json
    assert view == body | {
        "id": view["id"], "columns": None, "owner": operator.user.name, "own": True,
        "created_at": view["created_at"],
    }  # fmt: skip
    assert urlsplit(made.headers["Location"]).path == f"/api/v1/views/{view['id']}"
    seen = viewer.get("/views?list=runs").json["items"]
    assert [(one["name"], one["own"], one["default"]) for one in seen] == [("failed", False, False)]
    assert viewer.get("/views?list=schedules").json["items"] == []
    assert viewer.get("/views?list=nothing").status_code == 422
    assert viewer("PATCH", f"/views/{view['id']}", json={"name": "x"}).status_code == 403
    changed = operator("PATCH", f"/views/{view['id']}", json={"columns": ["took"], "default": False}).json
    assert (changed["columns"], changed["default"], changed["query"]) == (
        ["took"],
        False,
        {"state": "failed"},
    )
    assert operator.post("/views", json=body).status_code == 409
    assert viewer.post("/views", json=body | {"name": "y"}).status_code == 403
    wrong = operator.post("/views", json=body | {"query": {"state": 7}})
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["query.state"])
    assert operator.delete(f"/views/{view['id']}").status_code == 204
    assert operator.get(f"/views/{view['id']}").status_code == 404


PAGES = ("/runs", "/schedules?state=on", "/runs/failures", "/queues", "/queues/default?q=x", "/audit")


def test_every_list_has_its_views_and_columns(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    for address in PAGES:
        page = browser.get(address).text
        assert 'id="views-menu"' in page, address
        assert ('id="columns-menu"' in page) is (address != "/runs/failures")
        assert "Share with everybody" not in page


def test_a_view_is_saved_from_the_page_and_opened_again(signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator", "mei")
    sent = {"list": "runs", "query": "state=failed&q=a%26b", "name": "Mine", "default": "1"}
    saved = post(browser, "/views", sent)
    assert (saved.status_code, saved.location) == (303, "/runs?state=failed&q=a%26b")
    page = browser.get(saved.location).text
    assert "Saved the view Mine" in page
    assert 'aria-current="true"' in page
    begun = browser.get("/runs")
    view = views.listing(users.find("mei"))[0]
    assert (begun.status_code, begun.location) == (302, f"/views/{view.id}")
    assert browser.get(begun.location).location == "/runs?state=failed&q=a%26b"
    within = browser.get("/runs", headers={"Referer": "http://localhost/runs?state=failed"})
    assert within.status_code == 200  # who clears the filters wants none
    assert browser.get("/runs?queue=mail").status_code == 200
    refused = post(browser, "/views", sent | {"name": ""})
    assert refused.location == "/runs?state=failed&q=a%26b"
    assert "Give 1 to 80 characters." in browser.get(refused.location).text
    assert post(browser, f"/views/{view.id}", {"act": "dance"}).status_code == 422
    post(browser, f"/views/{view.id}", {"act": "not-first"})
    assert browser.get("/runs").status_code == 200
    post(browser, f"/views/{view.id}", {"act": "delete"})
    assert views.listing(users.find("mei")) == []


def test_a_view_of_everything_may_begin_a_list(signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator", "mei")
    for list_name, address in (("runs", "/runs"), ("queue:mail", "/queues/mail")):
        post(browser, "/views", {"list": list_name, "query": "", "name": "All", "default": "1"})
        view = views.listing(users.find("mei"), list_name)[0]
        assert browser.get(address).location == f"/views/{view.id}"
        opened = browser.get(f"/views/{view.id}").location
        assert opened == f"{address}?view="
        assert browser.get(opened).status_code == 200


def test_columns_that_were_not_chosen_are_left_out(signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("viewer", "tom")
    form = {"list": "queues", "query": "", "column": ["held", "workers"]}
    assert post(browser, "/views/columns", form).status_code == 303
    page = browser.get("/queues").text
    assert "queues-table no-trend no-oldest no-rate no-drain" in page
    assert post(browser, "/views/columns", {"list": "queues", "column": "colour"}).status_code == 422
    assert "queues-table no-" not in signed_in("viewer").get("/queues").text
