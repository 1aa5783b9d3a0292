"""Kinds of failures in REST: the same as on the pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.clock import utcnow
from app.runs.failures import inbox
from app.runs.failures.inbox import FailureFilter
from tests.rows import make_run

Callers = Callable[[str], Any]


def fail(task: str = "t.a", minutes: float = 5) -> int:
    at = utcnow() - timedelta(minutes=minutes)
    make_run(f"{task}-{minutes}", at, "FAILURE", task_name=task, error="KeyError: 1", ended_at=at)
    return inbox.ids(FailureFilter(state="all", task_name=task, at=utcnow()), 1)[0]


def test_a_kind_is_resolved_comes_back_and_is_ignored(app: Flask, caller: Callers) -> None:
    kind_id = fail(minutes=60)
    api = caller("operator")
    [item] = api.get("/failures").json["items"]
    assert (item["id"], item["state"], item["failures"], item["kind"]) == (kind_id, "open", 1, "KeyError")
    done = api.post(f"/failures/{kind_id}/resolve", json={"note": "fixed"}).json
    assert (done["state"], done["state_by"], done["note"]) == ("resolved", api.user.name, "fixed")
    assert api.get("/failures").json["items"] == []
    assert api.get("/failures/counts").json == {"open": 0, "resolved": 1, "ignored": 0, "all": 1}
    fail(minutes=-1)
    back = api.get(f"/failures/{kind_id}").json
    assert (back["state"], back["reopened_run_id"], back["failures"]) == ("open", "t.a--1", 2)
    changes = api.get(f"/failures/{kind_id}/changes").json["items"]
    assert [(one["action"], one["by"]) for one in changes] == [
        ("came-back", None),
        ("resolve", api.user.name),
    ]
    assert api.post(f"/failures/{kind_id}/ignore").json["ignored_until"] is None
    assert api.get("/failures?state=ignored").json["items"][0]["id"] == kind_id
    assert api.post(f"/failures/{kind_id}/reopen").json["state"] == "open"


def test_owner_note_and_many(app: Flask, caller: Callers) -> None:
    one, two = fail(), fail("t.b")
    api = caller("operator")
    assert (
        api("PATCH", f"/failures/{one}", json={"owner": api.user.name, "note": "mine"}).json["note"] == "mine"
    )
    assert [row["id"] for row in api.get(f"/failures?owner={api.user.name}").json["items"]] == [one]
    assert api("PATCH", f"/failures/{one}", json={"note": None}).json["note"] is None
    until = (utcnow() + timedelta(days=2)).isoformat()
    body = {"action": "ignore", "ids": [one, two, 99999], "until": until}
    outcomes = api.post("/failures/bulk", json=body).json["outcomes"]
    assert [row["done"] for row in outcomes] == [True, True, False]
    assert api.get("/failures").json["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/failures?state=gone", None, "state"),
        ("GET", "/failures?order=name", None, "order"),
        ("GET", "/failures?cursor=x", None, "cursor"),
        ("GET", "/failures?color=red", None, "color"),
        ("POST", "/failures/{id}/ignore", {"until": "2001-01-01T00:00:00Z"}, "until"),
        ("POST", "/failures/{id}/ignore", {"until": "tomorrow"}, "until"),
        ("POST", "/failures/{id}/resolve", {"note": "x" * 2001}, "note"),
        ("PATCH", "/failures/{id}", {"owner": "nobody"}, "owner"),
        ("PATCH", "/failures/{id}", {"state": "open"}, "state"),
        ("POST", "/failures/bulk", {"action": "close", "ids": [1]}, "action"),
        ("POST", "/failures/bulk", {"action": "resolve", "ids": []}, "ids"),
    ],
)
def test_bad_input_is_named(
    app: Flask, caller: Callers, method: str, path: str, body: Any, field: str
) -> None:
    answer = caller("operator")(method, path.format(id=fail()), json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_roles_and_what_is_not_there(app: Flask, caller: Callers) -> None:
    kind_id, viewer = fail(), caller("viewer")
    assert viewer.get(f"/failures/{kind_id}").status_code == 200
    for act in ("resolve", "ignore", "reopen"):
        assert viewer.post(f"/failures/{kind_id}/{act}").status_code == 403
        assert caller("operator").post(f"/failures/99999/{act}").status_code == 404
    assert viewer("PATCH", f"/failures/{kind_id}", json={"note": "x"}).status_code == 403
    assert viewer.post("/failures/bulk", json={"action": "resolve", "ids": [kind_id]}).status_code == 403
    assert viewer.get("/failures/99999/changes").status_code == 404
