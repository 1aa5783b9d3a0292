"""`/users`, `/tokens` and `/sessions` over REST."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.accounts import sessions, tokens, users
from app.clock import utcnow

Call = Callable[[str], Any]


def test_the_life_of_a_user(app: Flask, caller: Call) -> None:
    boss = caller("admin")
    made = boss.post("/users", json={"name": "mei", "role": "viewer", "password": "correct horse"})
    assert (made.status_code, made.json["name"], made.json["has_password"]) == (201, "mei", True)
    assert "correct horse" not in made.text
    path = made.headers["Location"].removeprefix("/api/v1")
    assert boss.post("/users", json={"name": "MEI", "role": "viewer"}).status_code == 409
    assert boss("PATCH", path, json={"role": "operator", "active": False}).json["active"] is False
    assert boss.post(f"{path}/link").status_code == 409
    boss("PATCH", path, json={"active": True})
    assert boss.get(path).json["role"] == "operator"
    assert "/login/link/" in boss.post(f"{path}/link").json["url"]
    assert [one["name"] for one in boss.get("/users").json["items"]] == sorted([boss.user.name, "mei"])
    assert boss("PATCH", f"/users/{boss.user.id}", json={"active": False}).status_code == 409
    assert boss.get("/users/9999").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "viewer"}, "name"),
        ({"name": "a b", "role": "viewer"}, "name"),
        ({"name": "mei", "role": "king"}, "role"),
        ({"name": "mei", "role": "viewer", "password": "12345678"}, "password"),
        ({"name": "mei", "role": "viewer", "admin": True}, "admin"),
    ],
)
def test_users_that_are_refused(caller: Call, body: dict[str, Any], field: str) -> None:
    answer = caller("admin").post("/users", json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_only_admins_manage_users(caller: Call) -> None:
    mei = caller("operator")
    for method, path in (("GET", "/users"), ("POST", "/users"), ("PATCH", f"/users/{mei.user.id}")):
        assert mei(method, path, json={"name": "x", "role": "admin"}).status_code == 403


def test_tokens_for_oneself_and_for_others(app: Flask, caller: Call) -> None:
    boss, mei = caller("admin"), caller("operator")
    end = (utcnow() + timedelta(days=3)).isoformat()
    made = mei.post("/tokens", json={"label": "reader", "role": "viewer", "expires_at": end}).json
    assert (made["role"], made["user"]) == ("viewer", mei.user.name)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    me = mei.get("/me", headers=headers).json
    assert (me["role"], me["rights"], me["token"]["label"]) == ("viewer", ["view"], "reader")
    assert mei.post("/tokens", json={}, headers=headers).status_code == 422  # without an end it lives longer
    ours = mei.post("/tokens", json={"expires_at": end}, headers=headers).json
    assert ours["role"] == "viewer"
    assert mei.post("/tokens", json={"user_id": boss.user.id}).status_code == 403
    theirs = boss.post("/tokens", json={"user_id": mei.user.id}).json
    assert (theirs["user"], theirs["role"]) == (mei.user.name, "operator")
    listed = mei.get("/tokens").json["items"]
    assert {one["user"] for one in listed} == {mei.user.name}
    assert all("secret" not in one for one in listed)
    assert mei.get(f"/tokens?user_id={boss.user.id}").status_code == 403
    assert len(boss.get("/tokens").json["items"]) == len(listed) + 1
    assert mei.delete(f"/tokens/{theirs['id']}").status_code == 204
    assert mei.delete(f"/tokens/{theirs['id']}").status_code == 404
    (of_boss,) = tokens.listing(boss.user)
    assert mei.delete(f"/tokens/{of_boss.id}").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "admin"}, "role"),
        ({"label": "x" * 81}, "label"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"user_id": 0}, "user_id"),
    ],
)
def test_tokens_that_are_refused(caller: Call, body: dict[str, Any], field: str) -> None:
    answer = caller("operator").post("/tokens", json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_sessions_are_listed_and_ended(app: Flask, caller: Call) -> None:
    boss, mei = caller("admin"), caller("viewer")
    now = utcnow()
    for user in (mei.user, mei.user, boss.user):
        sessions.begin(user, sessions.PASSWORD, now, address="10.0.0.7")
    listed = mei.get("/sessions").json["items"]
    assert [(one["user"], one["address"]) for one in listed] == [(mei.user.name, "10.0.0.7")] * 2
    assert len(boss.get("/sessions").json["items"]) == 3
    of_boss = boss.get(f"/sessions?user_id={boss.user.id}").json["items"][0]["id"]
    assert mei.delete(f"/sessions/{of_boss}").status_code == 403
    assert mei.delete(f"/sessions/{listed[0]['id']}").status_code == 204
    assert mei.delete(f"/sessions?user_id={boss.user.id}").status_code == 403
    assert mei.delete("/sessions").json == {"ended": 1}
    assert boss.delete(f"/sessions?user_id={mei.user.id}").json == {"ended": 0}
    assert len(sessions.listing(utcnow())) == 1


def test_a_change_of_many_runs_has_the_role_of_the_token_that_confirmed_it(
    app: Flask, caller: Call, submit: Callable[..., str]
) -> None:
    """A token of an admin with the role operator gains nothing by what is done later in its name."""
    from app.runs import bulk

    boss = caller("admin")
    secret = tokens.create(boss.user, "", utcnow(), role="operator")[1]
    headers = {"Authorization": f"Bearer {secret}"}
    frozen = boss.post(
        "/runs/bulk",
        json={"action": "cancel", "ids": [submit("plain", a=1)], "dry_run": True},
        headers=headers,
    ).json
    assert boss.post(f"/runs/bulk/{frozen['id']}/confirm", headers=headers).status_code == 202
    assert bulk.get(frozen["id"]).role == "operator"
    assert users.role_of(boss.user.name) == "admin"
