"""What every call of the REST API has in common: identity, strict input, problem documents, lists."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import tokens, users
from app.clock import utcnow

Callers = Callable[[str], Any]
PUBLIC = {"/api/v1/openapi.json", "/api/v1/docs"}


def routes(app: Flask) -> list[tuple[str, str]]:
    return [
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.rule not in PUBLIC
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    ]


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    found: dict[str, Any] = answer.json
    assert {"type", "title", "status", "detail"} <= set(found)
    assert found["status"] == status
    assert found["type"] == f"urn:celeriac:problem:{found['code']}"
    assert all(found[name] for name in ("title", "detail"))
    return found


def test_every_call_needs_identity(app: Flask, client: FlaskClient) -> None:
    found = routes(app)
    assert len(found) > 8
    for method, path in found:
        answer = client.open(path, method=method)
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Celeriac"'


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer cel_",
        "Basic bWVpOng=",
        "Token {}",
        "Bearer {}x",
        "bearer\t{}y",
        "Bearer {} {}",
    ],
)
def test_tokens_that_are_not_one(client: FlaskClient, caller: Callers, header: str) -> None:
    secret = caller("admin").secret
    answer = client.get("/api/v1/me", headers={"Authorization": header.format(secret, secret)})
    problem(answer, 401)


def test_revoked_tokens_and_those_of_inactive_users(caller: Callers) -> None:
    caller("admin")
    first, second = caller("viewer"), caller("viewer")
    assert first.get("/me").status_code == 200
    tokens.revoke(tokens.listing(first.user)[0].id, utcnow())
    problem(first.get("/me"), 401)
    users.deactivate(second.user, utcnow())
    problem(second.get("/me"), 401)


def test_me(caller: Callers) -> None:
    operator = caller("operator")
    me = operator.get("/me").json
    assert me["name"] == operator.user.name
    assert me["role"] == "operator"
    assert me["rights"] == ["operate", "view"]
    assert tokens.listing(operator.user)[0].last_used_at is not None


def test_a_session_reads_but_changes_nothing(signed_in: Callable[..., FlaskClient]) -> None:
    browser = signed_in("admin")
    assert browser.get("/api/v1/me").json["token"] is None  # type: ignore[index]  # an object
    problem(browser.post("/api/v1/runs", json={"task_name": "sample_tasks.plain", "args": [1]}), 401)
    problem(browser.delete("/api/v1/runs?state=SUCCESS"), 401)


def test_a_wrong_token_is_not_healed_by_a_session(signed_in: Callable[..., FlaskClient]) -> None:
    problem(signed_in("admin").get("/api/v1/me", headers={"Authorization": "Bearer nonsense"}), 401)


def test_a_token_is_nothing_on_pages(client: FlaskClient, caller: Callers) -> None:
    answer = client.get("/settings", headers={"Authorization": f"Bearer {caller('admin').secret}"})
    assert answer.status_code == 302


def test_roles(caller: Callers) -> None:
    viewer, operator = caller("viewer"), caller("operator")
    for method, path in (("POST", "/runs"), ("POST", "/runs/x/cancel"), ("POST", "/runs/x/rerun")):
        found = problem(viewer(method, path, data=b"{"), 403)  # the role is asked before anything is read
        assert "operator" in found["detail"]
    problem(viewer.delete("/runs"), 403)
    problem(operator.delete("/runs"), 403)


@pytest.mark.parametrize(
    ("path", "method"),
    [("/nowhere", "GET"), ("", "GET"), ("/runs/x/y", "POST"), ("/runs/a%00b", "GET"), ("/me/", "GET")],
)
def test_unknown_addresses(client: FlaskClient, caller: Callers, path: str, method: str) -> None:
    problem(caller("admin")(method, path), 404)
    problem(client.open("/api/v1/nowhere"), 404)
    assert "<html" in client.get("/nowhere").text


def test_wrong_methods(caller: Callers) -> None:
    answer = caller("admin")("PUT", "/runs")
    found = problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}
    assert "POST" in found["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "Line 1, column 2"),
        (b'{"task_name": "x",\n "args": [1 2]}', "Line 2, column 13"),
        (b"[1, 2", "Line 1"),
        (b"nonsense", "Line 1, column 1"),
        (b"{'task_name': 'x'}", "double quotes"),
        (b'{"task_name": "x", "args": [NaN]}', "NaN"),
        (b'{"task_name": "x", "args": [-Infinity]}', "Infinity"),
        (b'{"task_name": "x", "args": [1e999]}', "1.7e308"),
        (b'{"task_name": "x", "task_name": "y"}', "stands twice"),
        (b'{"task_name": "x", "kwargs": {"a": 1, "a": 2}}', "stands twice"),
        (b'{"task_name": "\xff"}', "not UTF-8"),
        ('{"task_name": "é"}'.encode("latin-1"), "not UTF-8"),
        ('{"task_name": "x"}'.encode("utf-16"), "not UTF-8"),
        (b'{"task_name": "\\ud800"}', "half a character"),
        (b"[" * 100_000, "nested"),
        (b'{"args": ' + b"[" * 60 + b"]" * 60 + b"}", "nested"),
        (b'{"task_name": "x", "args": [' + b"9" * 5000 + b"]}", "digits"),
        (b'{"task_name": "x"} {}', "column 20"),
    ],
    ids=range(18),
)
def test_bodies_that_are_no_json(caller: Callers, body: bytes, words: str) -> None:
    found = problem(caller("operator").post("/runs", data=body, content_type="application/json"), 400)
    assert words in found["detail"]
    assert found["code"] == "malformed-json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"x"', b"true"])
def test_bodies_that_are_no_object(caller: Callers, body: bytes) -> None:
    found = problem(caller("operator").post("/runs", data=body, content_type="application/json"), 422)
    assert list(found["errors"]) == ["body"]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"],
)
def test_bodies_of_another_kind(caller: Callers, kind: str) -> None:
    problem(caller("operator").post("/runs", data=b'{"task_name": "x"}', content_type=kind), 415)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"]
)
def test_kinds_of_json(caller: Callers, kind: str) -> None:
    body = json.dumps({"task_name": "nonsense"})
    found = problem(caller("operator").post("/runs", data=body, content_type=kind), 422)
    assert list(found["errors"]) == ["task_name"]


def test_bodies_that_are_too_large(app: Flask, caller: Callers) -> None:
    limit = app.config["MAX_CONTENT_LENGTH"]
    assert limit == app.config["SETTINGS"].request_max_bytes
    body = b'{"task_name": "' + b"x" * limit + b'"}'
    found = problem(caller("operator").post("/runs", data=body, content_type="application/json"), 413)
    assert str(limit) in found["detail"]


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1.0", "1e2", "", " 5", "+5", "5_0", "9" * 30])
@pytest.mark.parametrize("path", ["/runs", "/tasks", "/audit"])
def test_limits_that_are_refused(caller: Callers, path: str, limit: str) -> None:
    answer = caller("viewer").get(path, query_string={"limit": limit})
    assert list(problem(answer, 422)["errors"]) == ["limit"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "%%%", "x" * 2000, "bm9uc2Vuc2V8AA"])
@pytest.mark.parametrize("path", ["/runs", "/schedules", "/audit", "/tasks"])
def test_cursors_that_no_list_gave(caller: Callers, path: str, cursor: str) -> None:
    answer = caller("viewer").get(path, query_string={"cursor": cursor})
    assert list(problem(answer, 422)["errors"]) == ["cursor"]


def test_unknown_fields_are_named(caller: Callers) -> None:
    operator = caller("operator")
    found = problem(operator.post("/runs", json={"task_name": "x", "prioriti": 3}), 422)
    assert found["errors"] == {"prioriti": ["There is no such field."]}
    found = problem(operator.get("/runs?stat=SUCCESS"), 422)
    assert found["errors"] == {"stat": ["There is no such field."]}


def test_a_field_that_is_given_twice(caller: Callers) -> None:
    found = problem(caller("viewer").get("/runs?limit=1&limit=2"), 422)
    assert list(found["errors"]) == ["limit"]


@pytest.mark.parametrize("query", ["q=%ff", "q=a%00b", "task_name=%c3%28"])
def test_queries_in_another_encoding(caller: Callers, query: str) -> None:
    problem(caller("viewer").get(f"/runs?{query}"), 400)


def test_too_many_calls(app: Flask, caller: Callers) -> None:
    first, second = caller("viewer"), caller("viewer")
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = settings.model_copy(update={"api_rate_limit": "3/minute"})
    try:
        assert [first.get(path).status_code for path in ("/me", "/runs", "/tasks")] == [200] * 3
        answer = first.get("/audit")
        problem(answer, 429)
        assert 0 < int(answer.headers["Retry-After"]) <= 61
        assert second.get("/me").status_code == 200
    finally:
        app.config["SETTINGS"] = settings


def test_errors_of_our_own_tell_nothing(app: Flask, caller: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = caller("admin")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("app.catalog.listing", lambda _: 1 / 0)
    try:
        found = problem(admin.get("/tasks"), 500)
    finally:
        app.config["PROPAGATE_EXCEPTIONS"] = None
    assert "division" not in json.dumps(found)


def test_head_and_options(caller: Callers) -> None:
    viewer = caller("viewer")
    assert viewer("HEAD", "/tasks").status_code == 200
    assert viewer("OPTIONS", "/runs").status_code == 200
