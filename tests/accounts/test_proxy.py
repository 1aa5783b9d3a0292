"""Who is signed in says a trusted proxy, in a header; nobody else may."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix

from app import audit
from app.accounts import sessions, users
from app.clock import utcnow

MEI = {"Remote-User": "mei", "Remote-Groups": "staff, ops"}


@pytest.fixture
def proxied(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    given = {
        "proxy_user_header": "Remote-User",
        "proxy_groups_header": "Remote-Groups",
        "proxy_addresses": ["10.0.0.0/24", "::1"],
        "sso_roles": {"ops": "operator", "boss": "admin"},
    }
    monkeypatch.setitem(app.config, "SETTINGS", app.config["SETTINGS"].model_copy(update=given))
    return app


def browser(app: Flask, address: str = "10.0.0.7") -> FlaskClient:
    made = app.test_client()
    made.environ_base["REMOTE_ADDR"] = address
    return made


def test_off_by_default(app: Flask) -> None:
    assert browser(app).get("/settings", headers=MEI).status_code == 302
    assert users.listing() == []


def test_the_proxy_signs_in(proxied: Flask) -> None:
    mei = browser(proxied)
    assert "Signed in as mei, operator" in mei.get("/settings", headers=MEI).text
    for _ in range(3):
        assert mei.get("/runs", headers=MEI).status_code == 200
    (one,) = sessions.listing(utcnow())
    assert (one.user.name, one.way) == ("mei", "proxy")
    entries = audit.page(audit.AuditFilter(action="user")).items
    assert [entry.action for entry in entries] == ["user.sign-in", "user.create"]


@pytest.mark.parametrize("address", ["10.0.1.7", "192.168.0.1", "::2", "", "nonsense"])
def test_the_header_from_anywhere_else_is_refused_and_told(proxied: Flask, address: str) -> None:
    users.create("mei", "admin", utcnow())
    stranger = browser(proxied, address)
    for path in ("/settings", "/login", "/api/v1/me"):
        assert stranger.get(path, headers=MEI).status_code == 403
    assert stranger.post("/login", headers=MEI).status_code in (400, 403)
    (entry,) = audit.page(audit.AuditFilter(action="user.sign-in-refused")).items
    assert entry.object_name == "mei"
    assert (entry.details or {})["way"] == "proxy"
    assert sessions.listing(utcnow()) == []
    assert stranger.get("/login").status_code == 200


def test_forwarded_addresses_do_not_make_a_proxy(proxied: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxied, "wsgi_app", ProxyFix(proxied.wsgi_app, 1))
    stranger = browser(proxied, "192.168.0.1")
    assert stranger.get("/settings", headers=MEI | {"X-Forwarded-For": "10.0.0.7"}).status_code == 403
    real = browser(proxied, "10.0.0.7")
    assert real.get("/settings", headers=MEI | {"X-Forwarded-For": "203.0.113.9"}).status_code == 200


def test_a_session_goes_with_the_header(proxied: Flask) -> None:
    mei = browser(proxied)
    mei.get("/runs", headers=MEI)
    assert mei.get("/runs").status_code == 302  # past the proxy, with its cookie
    mei.get("/runs", headers=MEI)
    tom = mei.get("/settings", headers=MEI | {"Remote-User": "tom"})
    assert "Signed in as tom, operator" in tom.text


def test_groups_that_change_count_at_once(proxied: Flask) -> None:
    mei = browser(proxied)
    mei.get("/runs", headers=MEI)
    users.create("chief", "admin", utcnow())
    page = mei.get("/settings", headers=MEI | {"Remote-Groups": "boss"})
    assert "Signed in as mei, admin" in page.text
    assert "Signed in as mei, operator" in mei.get("/settings", headers=MEI).text


@pytest.mark.parametrize(
    ("headers", "words"),
    [({"Remote-Groups": "staff"}, "None of your groups"), ({"Remote-User": "m e i"}, "A name has letters")],
)
def test_who_is_not_let_in(proxied: Flask, headers: dict[str, Any], words: str) -> None:
    refused = browser(proxied).get("/runs", headers=MEI | headers)
    assert refused.status_code == 403
    assert words in refused.text
    assert users.listing() == []


def test_a_deactivated_user_stays_out(proxied: Flask) -> None:
    users.create("boss", "admin", utcnow())
    mei = browser(proxied)
    mei.get("/runs", headers=MEI)
    users.deactivate(users.find("mei"), utcnow())
    assert mei.get("/runs", headers=MEI).status_code == 403
    assert len(audit.page(audit.AuditFilter(action="user.sign-in-refused")).items) == 1


def test_the_header_is_no_identity_in_the_api(proxied: Flask) -> None:
    users.create("mei", "admin", utcnow())
    body = {"task_name": "sample_tasks.plain", "args": [1]}
    assert browser(proxied).post("/api/v1/runs", headers=MEI, json=body).status_code == 401


def test_the_proxy_tells_the_address_of_who_has_none(proxied: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"proxy_email_header": "Remote-Email", "second_step": "everybody"}
    monkeypatch.setitem(proxied.config, "SETTINGS", proxied.config["SETTINGS"].model_copy(update=given))
    mei = browser(proxied)
    assert mei.get("/runs", headers=MEI | {"Remote-Email": "a@b, c@d"}).status_code == 200  # asks for no code
    assert users.find("mei").email is None
    for address in ("mei@shop.example", "other@shop.example"):
        browser(proxied).get("/runs", headers=MEI | {"Remote-Email": address})
    assert (users.find("mei").email, users.find("mei").unconfirmed_email) == ("mei@shop.example", None)
