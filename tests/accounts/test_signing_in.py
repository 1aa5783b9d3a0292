"""Signing in and out, as a browser does it."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import audit, configure
from app.accounts import links, users
from app.clock import utcnow

Csrf = Callable[..., str]
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def mei(app: Flask, now: datetime) -> users.User:
    users.create("boss", "admin", now)
    return users.create("mei", "viewer", now, PASSWORD)


def sign_in(client: FlaskClient, csrf: Csrf, **fields: str):  # type: ignore[no-untyped-def]  # TestResponse
    form = {"username": "mei", "password": PASSWORD, "csrf_token": csrf(client)} | fields
    return client.post("/login", data=form)


def test_anonymous_pages_lead_to_sign_in_and_back(client: FlaskClient, csrf: Csrf) -> None:
    refused = client.get("/settings?tab=1")
    assert refused.status_code == 302
    assert refused.location == "/login?next=/settings?tab%3D1"
    page = client.get(refused.location)
    assert page.status_code == 200
    assert 'name="next" value="/settings?tab=1"' in page.text
    answer = sign_in(client, csrf, next="/settings?tab=1")
    assert answer.status_code == 303
    assert answer.location == "/settings?tab=1"
    assert client.get("/settings").status_code == 200
    assert client.get("/login").location == "/"


def test_fragments_and_forms_get_401(client: FlaskClient, csrf: Csrf) -> None:
    assert client.get("/settings", headers={"HX-Request": "true"}).status_code == 401
    assert client.post("/settings/sessions/end", data={"csrf_token": csrf(client)}).status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/%0d%0aX: y\r\nSet-Cookie: a=b",
        "",
    ],
)
def test_next_stays_on_this_site(client: FlaskClient, csrf: Csrf, address: str) -> None:
    answer = sign_in(client, csrf, next=address)
    assert answer.status_code == 303
    assert answer.location.startswith("/")
    assert "evil" not in answer.location.removeprefix("/")[:5]
    assert not answer.location.startswith(("//", "/\\"))
    assert "a=b" not in answer.headers.getlist("Set-Cookie")


@pytest.mark.parametrize(
    ("username", "password"),
    [("mei", "wrong password"), ("nobody", PASSWORD), ("boss", PASSWORD), ("boss", "x")],
)
def test_one_message_for_every_wrong_sign_in(
    client: FlaskClient, csrf: Csrf, username: str, password: str
) -> None:
    answer = sign_in(client, csrf, username=username, password=password)
    assert answer.status_code == 401
    assert "This username and password do not go together." in answer.text
    assert f'value="{username}"' in answer.text
    assert f'value="{password}"' not in answer.text
    assert client.get("/settings").status_code == 302


@pytest.mark.parametrize("missing", ["username", "password"])
def test_missing_fields_are_named(client: FlaskClient, csrf: Csrf, missing: str) -> None:
    answer = sign_in(client, csrf, **{missing: ""})
    assert answer.status_code == 422
    assert f'id="{missing}-error"' in answer.text


def test_without_the_forms_token_nothing_happens(client: FlaskClient) -> None:
    answer = client.post("/login", data={"username": "mei", "password": PASSWORD})
    assert answer.status_code == 400
    assert client.get("/settings").status_code == 302


def test_remember_me_lasts_14_days_and_no_longer(client: FlaskClient, csrf: Csrf) -> None:
    sign_in(client, csrf)
    cookie = client.get_cookie("celeriac_session")
    assert cookie
    assert cookie.expires is None
    client.post("/logout", data={"csrf_token": csrf(client, "/settings")})
    answer = sign_in(client, csrf, remember="y")
    header = answer.headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    cookie = client.get_cookie("celeriac_session")
    assert cookie
    assert cookie.expires
    assert 13.9 < (cookie.expires - utcnow()).total_seconds() / 86400 <= 14
    client.get("/settings")
    assert "Set-Cookie" not in client.get("/settings").headers


def test_a_link_signs_in_once(app: Flask, client: FlaskClient, csrf: Csrf, mei: users.User) -> None:
    path = links.make(mei, utcnow())
    answer = client.post(path, data={"csrf_token": csrf(client, path)})
    assert answer.status_code == 303
    assert answer.location == "/"
    assert client.get("/settings").status_code == 200
    assert client.get(path).location == "/"  # for who is signed in already, the same link does no harm
    assert "Set a password" not in client.get("/").text  # there is one
    stranger = app.test_client()
    refused = [stranger.get(path), stranger.post(path, data={"csrf_token": csrf(stranger)})]
    for answer in refused:
        assert answer.status_code == 401
        assert "was used or is too old" in answer.text
        assert 'action="/login"' in answer.text
        assert "Enter your username." not in answer.text


@pytest.mark.parametrize("headers", [{}, {"Sec-Purpose": "prefetch;prerender"}, {"User-Agent": "Slackbot"}])
def test_looking_at_a_link_does_not_use_it_up(
    app: Flask, client: FlaskClient, csrf: Csrf, mei: users.User, headers: dict[str, str]
) -> None:
    path = links.make(mei, utcnow())
    for _ in range(3):
        page = client.get(path, headers=headers)
        assert page.status_code == 200
        assert f'method="post" action="{path}"' in page.text
        assert "Sign in as mei" in page.text
        assert client.head(path).status_code == 200
    assert client.get("/settings").status_code == 302  # nobody is signed in by it
    assert client.post(path).status_code == 400  # nor by a form of another site
    assert client.post(path, data={"csrf_token": csrf(client, path)}).status_code == 303


def test_signing_out(client: FlaskClient, csrf: Csrf) -> None:
    sign_in(client, csrf)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 400
    answer = client.post("/logout", data={"csrf_token": csrf(client, "/settings")})
    assert answer.status_code == 303
    assert answer.location == "/login"
    assert client.get("/settings").status_code == 302
    actions = [entry.action for entry in audit.page(audit.AuditFilter(actor="mei")).items]
    assert actions == ["user.sign-out", "user.sign-in"]


def test_a_session_from_before_a_new_password_is_over(
    client: FlaskClient, csrf: Csrf, mei: users.User
) -> None:
    sign_in(client, csrf)
    users.set_password(mei, "another horse", utcnow())
    assert client.get("/settings").status_code == 302


def test_the_session_is_a_fresh_one(client: FlaskClient, csrf: Csrf) -> None:
    before = csrf(client)
    sign_in(client, csrf)
    assert client.post("/settings/sessions/end", data={"csrf_token": before}).status_code == 400


def test_ten_wrong_passwords_a_minute_are_enough(client: FlaskClient, csrf: Csrf) -> None:
    token = csrf(client)
    wrong = {"username": "mei", "password": "wrong password", "csrf_token": token}
    statuses = [client.post("/login", data=wrong).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    refused = client.post("/login", data=wrong | {"username": " MEI ", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    other = client.post("/login", data=wrong | {"username": "boss"})
    assert other.status_code == 401


@pytest.mark.parametrize(
    "spelling",
    ["\uff4d\uff45\uff49", "\u2003mei\u3000", "MEI", "\u216fei", "mei\x00", "mei" + " " * 90 + "x"],
)
def test_another_spelling_of_a_name_is_no_fresh_start(
    app: Flask, client: FlaskClient, csrf: Csrf, spelling: str
) -> None:
    token = csrf(client)
    wrong = {"username": spelling, "password": "wrong password", "csrf_token": token}
    assert [client.post("/login", data=wrong).status_code for _ in range(11)] == [401] * 10 + [429]
    assert client.post("/login", data=wrong | {"username": "mei"}).status_code == 429


def test_right_passwords_are_not_counted(app: Flask, csrf: Csrf) -> None:
    for _ in range(12):
        assert sign_in(app.test_client(), csrf).status_code == 303


def test_cookies_are_secure_under_https(app: Flask) -> None:
    other = Flask("other")
    configure(other, app.config["SETTINGS"].model_copy(update={"base_url": "https://celeriac.example"}))
    assert other.config["SESSION_COOKIE_SECURE"] is True
    assert app.config["SESSION_COOKIE_SECURE"] is False


def test_theme_and_language_come_along_to_another_computer(
    client: FlaskClient, csrf: Csrf, mei: users.User
) -> None:
    users.set_preferences(mei, None, "dark", "en")
    sign_in(client, csrf)
    cookies = [client.get_cookie(name) for name in ("theme", "language")]
    assert [cookie.value for cookie in cookies if cookie] == ["dark", "en"]


def test_after_the_first_link_comes_a_password(client: FlaskClient, csrf: Csrf) -> None:
    path = links.make(users.create("lin", "viewer", utcnow()), utcnow())
    client.post(path, data={"csrf_token": csrf(client, path)})
    page = client.get("/").text
    assert "Set a password for the next time" in page
    assert 'href="/settings#password-head"' in page
    assert 'id="password-head"' in client.get("/settings").text
