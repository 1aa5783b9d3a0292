"""Signing in by OpenID Connect, with a provider of the test's own: real HTTP, real signatures."""

import hashlib
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from flask import Flask, jsonify, redirect, request
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from app import audit
from app.accounts import users
from app.clock import utcnow
from app.config import ConfigError, load_settings

CLIENT, SECRET = "celeriac", "a secret between both"


class Provider:
    """A small OpenID Connect provider; a test changes what it says by `claims`, `key` and `header`."""

    def __init__(self) -> None:
        self.app = Flask("provider")
        self.key = self.published = RSAKey.generate_key(2048, {"kid": "one"})
        self.header = {"alg": "RS256", "kid": "one"}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.asked: dict[str, dict[str, str]] = {}
        self.is_down = self.is_unsigned = False
        for path, view in (
            ("/.well-known/openid-configuration", self.metadata),
            ("/authorize", self.authorize),
            ("/jwks", self.jwks),
            ("/userinfo", self.tell),
        ):
            self.app.add_url_rule(path, path, view)
        self.app.add_url_rule("/token", "token", self.token, methods=["POST"])
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def metadata(self) -> Any:
        if self.is_down:
            return "down", 503
        ends = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("token", "userinfo")}
        return jsonify(
            issuer=self.url,
            authorization_endpoint=f"{self.url}/authorize",
            jwks_uri=f"{self.url}/jwks",
            id_token_signing_alg_values_supported=["RS256", "HS256", "none"],
            **ends,
        )

    def authorize(self) -> Any:
        code = secrets.token_urlsafe(8)
        self.asked[code] = request.args.to_dict()
        assert self.asked[code]["code_challenge_method"] == "S256"
        answer = urlencode({"code": code, "state": request.args["state"]})
        return redirect(f"{request.args['redirect_uri']}?{answer}")

    def token(self) -> Any:
        asked = self.asked.pop(request.form["code"], None)
        if asked is None:
            return jsonify(error="invalid_grant"), 400
        challenge = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        assert urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"], "preferred_username": "mei", "groups": ["ops", "staff"]}
        claims |= self.claims
        said = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(self.header, said, self.key, algorithms=["RS256", "HS256"])
        if self.is_unsigned:
            parts = [json.dumps(part).encode() for part in ({"alg": "none"}, said)]
            signed = ".".join([*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])
        return jsonify(access_token="access", token_type="Bearer", expires_in=300, id_token=signed)

    def jwks(self) -> Any:
        return jsonify(keys=[self.published.as_dict(private=False)])

    def tell(self) -> Any:
        return jsonify(self.userinfo)


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()


@pytest.fixture
def provider(running: Provider, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Provider:
    running.key, running.header = running.published, {"alg": "RS256", "kid": "one"}
    running.claims, running.userinfo, running.is_down, running.is_unsigned = {}, {}, False, False
    configure(app, monkeypatch, oidc_issuer=running.url)
    return running


def configure(app: Flask, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    given = {
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "sso_roles": {"ops": "operator", "celeriac-admins": "admin"},
    }
    settings = app.config["SETTINGS"].model_copy(update=given | changed)
    monkeypatch.setitem(app.config, "SETTINGS", settings)


def asked(browser: FlaskClient, path: str = "/login/oidc") -> str:
    """Where the provider sends the browser back to."""
    begun = browser.get(path)
    assert begun.status_code == 302, begun.text
    back = requests.get(begun.location, allow_redirects=False, timeout=10).headers["Location"]
    return back.removeprefix("http://localhost")


def sign_in(browser: FlaskClient, path: str = "/login/oidc") -> TestResponse:
    return browser.get(asked(browser, path))


def refusals() -> list[str]:
    found = audit.page(audit.AuditFilter(action="user.sign-in-refused")).items
    return [str((entry.details or {})["why"]) for entry in found]


def test_off_by_default(client: FlaskClient) -> None:
    assert client.get("/login/oidc").status_code == 404
    assert client.get("/login/oidc/answer?code=a&state=b").status_code == 404
    assert "/login/oidc" not in client.get("/login").text


def test_signing_in_makes_a_user_with_the_role_of_their_groups(
    provider: Provider, client: FlaskClient
) -> None:
    assert 'href="/login/oidc?next=/runs"' in client.get("/login?next=/runs").text
    answer = sign_in(client, "/login/oidc?next=/runs")
    assert (answer.status_code, answer.location) == (303, "/runs")
    page = client.get("/settings").text
    assert "Signed in as mei, operator" in page
    assert "single sign-on" in page
    entries = audit.page(audit.AuditFilter(action="user")).items
    assert [entry.action for entry in entries] == ["user.sign-in", "user.identity", "user.create"]


def test_the_role_follows_the_groups_and_the_user_their_subject(provider: Provider, app: Flask) -> None:
    sign_in(app.test_client())
    provider.claims = {"groups": ["ops", "celeriac-admins"], "preferred_username": "mei.lin"}
    sign_in(app.test_client())
    assert [(user.name, user.role) for user in users.listing()] == [("mei", "admin")]
    provider.claims = {"groups": "ops"}  # the last admin stays one
    sign_in(app.test_client())
    users.create("boss", "admin", utcnow())
    assert users.find("mei").role == "admin"
    sign_in(app.test_client())
    assert users.find("mei").role == "operator"


def test_claims_that_only_userinfo_has(provider: Provider, client: FlaskClient) -> None:
    provider.claims = {"groups": None}
    provider.userinfo = {"sub": "7", "groups": ["celeriac-admins"], "preferred_username": "other"}
    sign_in(client)
    assert [(user.name, user.role) for user in users.listing()] == [("mei", "admin")]
    provider.userinfo["sub"] = "8"
    assert sign_in(client.application.test_client()).status_code == 401


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "of another time"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": "another-client", "azp": CLIENT}, "aud"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": int(time.time()) - 3600}, "iat"),
        ({"iat": int(time.time()) + 3600}, "in the future"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"preferred_username": None}, "preferred_username"),
        ({"preferred_username": ["mei"]}, "preferred_username"),
    ],
)
def test_answers_that_are_refused(
    provider: Provider, client: FlaskClient, claims: dict[str, Any], why: str
) -> None:
    provider.claims, provider.userinfo = claims, {"sub": "7"}
    answer = sign_in(client)
    assert answer.status_code == 401
    assert "cannot be taken" in answer.text
    assert why in refusals()[0]
    assert users.listing() == []
    assert client.get("/settings").status_code == 302


@pytest.mark.parametrize("kind", ["foreign", "unsigned", "secret"])
def test_a_signature_that_is_not_the_providers(provider: Provider, client: FlaskClient, kind: str) -> None:
    if kind == "foreign":
        provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    elif kind == "unsigned":
        provider.is_unsigned = True
    else:  # signed with the client's secret: the provider offers it, but anybody who has the secret could
        provider.key, provider.header = OctKey.import_key(SECRET), {"alg": "HS256"}
    assert sign_in(client).status_code == 401
    assert len(refusals()) == 1
    assert users.listing() == []


def test_an_answer_counts_once_and_for_who_asked(provider: Provider, app: Flask) -> None:
    browser, stranger = app.test_client(), app.test_client()
    back = asked(browser)
    assert stranger.get(back).status_code == 401  # another browser: a link that was slipped to somebody
    before = browser.get_cookie("celeriac_session")
    assert before
    assert browser.get(back).status_code == 303
    thief = app.test_client()
    thief.set_cookie("celeriac_session", before.value)  # with the very cookie
    assert thief.get(back).status_code == 401
    for path in (
        "/login/oidc/answer",
        "/login/oidc/answer?code=x&state=y",
        "/login/oidc/answer?error=denied",
    ):
        assert stranger.get(path).status_code == 401
    assert len(refusals()) == 5
    assert len(users.listing()) == 1


def test_an_answer_with_a_code_that_was_used(provider: Provider, client: FlaskClient) -> None:
    back = asked(client)
    code = parse_qs(urlsplit(back).query)["code"][0]
    del provider.asked[code]
    assert client.get(back).status_code == 401
    assert "invalid_grant" in refusals()[0]


def test_who_has_no_role_is_not_let_in(
    provider: Provider, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.claims = {"groups": ["staff"]}
    answer = sign_in(client)
    assert (answer.status_code, users.listing()) == (401, [])
    assert "None of your groups" in answer.text
    configure(app, monkeypatch, oidc_issuer=provider.url, sso_default_role="viewer")
    assert sign_in(client).status_code == 303
    assert users.find("mei").role == "viewer"
    users.create("boss", "admin", utcnow())
    users.deactivate(users.find("mei"), utcnow())
    assert sign_in(app.test_client()).status_code == 401


def test_a_name_that_somebody_has_here_is_not_taken_over(
    provider: Provider, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    mei = users.create("mei", "operator", utcnow(), "correct horse")
    answer = sign_in(app.test_client())
    assert answer.status_code == 401
    assert "another user mei" in answer.text
    configure(app, monkeypatch, oidc_issuer=provider.url, oidc_link_users=True)
    assert sign_in(app.test_client()).status_code == 303
    assert mei.identity
    provider.claims = {"sub": "8"}  # somebody else of that name
    assert sign_in(app.test_client()).status_code == 401


def test_a_user_who_was_made_for_them_is_theirs(provider: Provider, client: FlaskClient) -> None:
    users.create("mei", "viewer", utcnow())
    assert sign_in(client).status_code == 303
    assert [(user.name, user.role) for user in users.listing()] == [("mei", "operator")]


def test_a_provider_that_does_not_answer(provider: Provider, client: FlaskClient) -> None:
    provider.is_down = True
    answer = client.get("/login/oidc")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert 'name="password"' in answer.text


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        ({"email": "mei@id.example"}, "mei@id.example"),
        ({"email": "mei@id.example", "email_verified": False}, None),
        ({"email": "nobody"}, None),
        ({"email": ["a@b"]}, None),
    ],
    ids=str,
)
def test_the_provider_tells_the_address_of_who_has_none(
    app: Flask, provider: Provider, claims: dict[str, Any], kept: str | None
) -> None:
    provider.claims = claims
    assert sign_in(app.test_client()).status_code == 303
    assert users.find("mei").email == kept


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("OIDC_ISSUER", "http://id.example"),
        ("OIDC_ISSUER", "https://id.example"),  # without a client
        ("SSO_ROLES", "ops"),
        ("SSO_ROLES", "ops=king"),
        ("SSO_DEFAULT_ROLE", "king"),
        ("PROXY_USER_HEADER", "X User"),
        ("PROXY_USER_HEADER", "Remote-User"),  # without addresses
        ("PROXY_ADDRESSES", "10.0.0.300"),
        ("SESSION_IDLE_MINUTES", "1"),
        ("PASSWORD_MEMORY_KIB", "1"),
        ("SECOND_STEP", "nobody"),
        ("PROXY_EMAIL_HEADER", "X Mail"),
    ],
)
def test_settings_that_stop_the_start(monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    monkeypatch.setenv(f"CELERIAC_{setting}", value)
    with pytest.raises(ConfigError, match="CELERIAC_"):
        load_settings()
