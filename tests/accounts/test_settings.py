"""The Settings pages: password, preferences, tokens, users."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import audit
from app.accounts import tokens, users
from app.clock import utcnow

Csrf = Callable[..., str]
SignedIn = Callable[..., FlaskClient]


@pytest.fixture
def submit(csrf: Csrf) -> Callable[..., TestResponse]:
    """Sends a form of the settings."""

    def send(client: FlaskClient, path: str, **fields: str) -> TestResponse:
        return client.post(f"/settings{path}", data=fields | {"csrf_token": csrf(client, "/settings")})

    return send


def test_every_role_has_settings(signed_in: SignedIn) -> None:
    for role in ("viewer", "operator", "admin"):
        page = signed_in(role).get("/settings")
        assert page.status_code == 200
        assert "Create token" in page.text
        assert ('href="/settings/users"' in page.text) == (role == "admin")


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/users/1/role",
        "/users/1/deactivate",
        "/users/1/activate",
        "/users/1/link",
        "/users/1/tokens",
    ],
)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_admin_manages_users_and_makes_tokens(
    signed_in: SignedIn, submit: Callable[..., TestResponse], role: str, path: str
) -> None:
    answer = submit(signed_in(role), path, name="x", role="admin")
    assert answer.status_code == 403
    assert [user.role for user in users.listing()] == [role]
    assert tokens.listing() == []


def test_first_password_then_another(
    signed_in: SignedIn, submit: Callable[..., TestResponse], enter: Callable[..., None]
) -> None:
    here = signed_in("viewer", "mei")
    elsewhere = signed_in("viewer", "tom")
    enter(elsewhere, users.find("mei"))
    assert "Current password" not in here.get("/settings").text
    assert submit(here, "/password", password="correct horse", again="correct horse").status_code == 303
    assert "Your password is changed" in here.get("/settings").text
    assert elsewhere.get("/settings").status_code == 302
    assert users.sign_in("mei", "correct horse", utcnow())
    assert "Current password" in here.get("/settings").text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": "short", "again": "short"}, "password"),
        ({"password": "long enough", "again": "other than that"}, "again"),
        ({"password": "", "again": ""}, "password"),
        ({"password": "long enough", "again": "long enough", "current": "wrong"}, "current"),
    ],
)
def test_passwords_that_are_refused(
    signed_in: SignedIn,
    submit: Callable[..., TestResponse],
    enter: Callable[..., None],
    fields: dict[str, str],
    field: str,
) -> None:
    client = signed_in("viewer", "mei")
    users.set_password(users.find("mei"), "correct horse", utcnow())
    enter(client, users.find("mei"))
    answer = submit(client, "/password", **({"current": "correct horse"} | fields))
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert users.sign_in("mei", "correct horse", utcnow())


def test_guesses_of_the_present_password_are_limited_and_audited(
    signed_in: SignedIn, submit: Callable[..., TestResponse], enter: Callable[..., None]
) -> None:
    client = signed_in("viewer", "mei")
    users.set_password(users.find("mei"), "correct horse", utcnow())
    enter(client, users.find("mei"))
    new = {"password": "long enough", "again": "long enough"}
    for _ in range(12):  # a slip of the new one is no guess
        assert submit(client, "/password", **new | {"again": "other"}, current="x").status_code == 422
    statuses = [submit(client, "/password", **new, current="guess").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    assert submit(client, "/password", **new, current="correct horse").status_code == 429
    assert users.sign_in("mei", "correct horse", utcnow())
    guesses = audit.page(audit.AuditFilter(actor="mei", action="user.password-refused")).items
    assert len(guesses) == 10


def test_signing_out_everywhere_else(
    signed_in: SignedIn, submit: Callable[..., TestResponse], enter: Callable[..., None]
) -> None:
    here, elsewhere = signed_in("viewer", "mei"), signed_in("viewer", "tom")
    enter(elsewhere, users.find("mei"))
    assert submit(here, "/sessions/end").status_code == 303
    assert here.get("/settings").status_code == 200
    assert elsewhere.get("/settings").status_code == 302


def test_preferences_take_effect(signed_in: SignedIn, submit: Callable[..., TestResponse]) -> None:
    client = signed_in("viewer")
    assert 'data-zone="UTC"' in client.get("/settings").text
    answer = submit(client, "/preferences", theme="dark", locale="", timezone="Asia/Kolkata")
    assert answer.status_code == 303
    page = client.get("/settings").text
    assert 'data-zone="Asia/Kolkata"' in page
    assert 'data-theme="dark"' in page
    client.set_cookie("timezone", "Europe/Paris")
    assert 'data-zone="Asia/Kolkata"' in client.get("/settings").text
    submit(client, "/preferences", theme="", locale="", timezone="")
    assert 'data-zone="Europe/Paris"' in client.get("/settings").text


@pytest.mark.parametrize("wrong", [{"timezone": "Mars/Olympus"}, {"theme": "pink"}, {"locale": "tlh"}])
def test_preferences_that_do_not_exist(
    signed_in: SignedIn, submit: Callable[..., TestResponse], wrong: dict[str, str]
) -> None:
    fields = {"theme": "", "locale": "", "timezone": ""} | wrong
    assert submit(signed_in("viewer", "mei"), "/preferences", **fields).status_code == 422
    mei = users.find("mei")
    assert (mei.theme, mei.locale, mei.timezone) == (None, None, None)


def test_a_token_is_shown_once_and_works(
    app: Flask, signed_in: SignedIn, submit: Callable[..., TestResponse]
) -> None:
    client = signed_in("admin", "boss")
    answer = submit(client, "/tokens", label="nightly <b>export</b>", days="0")
    assert answer.status_code == 201
    found = re.search(r"cel_[\w-]{43}", answer.text)
    assert found
    assert "nightly &lt;b&gt;export" in answer.text
    assert found[0] not in client.get("/settings").text
    headers = {"Authorization": f"Bearer {found[0]}"}
    me = app.test_client().get("/api/v1/me", headers=headers)
    assert me.json
    assert me.json["name"] == "boss"
    assert "T" in me.json["token"]["created_at"]
    token_id = tokens.listing()[0].id
    question = client.get(f"/settings/tokens/{token_id}/revoke", headers={"HX-Request": "true"}).text
    assert "<html" not in question
    assert "<html" in client.get(f"/settings/tokens/{token_id}/revoke").text
    assert submit(client, f"/tokens/{token_id}/revoke").status_code == 303
    assert app.test_client().get("/api/v1/me", headers=headers).status_code == 401


def test_a_label_that_is_too_long(signed_in: SignedIn, submit: Callable[..., TestResponse]) -> None:
    answer = submit(signed_in("admin"), "/tokens", label="x" * 81)
    assert answer.status_code == 422
    assert tokens.listing() == []


def test_only_own_tokens_are_shown_and_revoked(
    signed_in: SignedIn, submit: Callable[..., TestResponse]
) -> None:
    client = signed_in("operator", "mei")
    signed_in("admin", "boss")
    tokens.create(users.find("mei"), "of mei", utcnow())
    other, _secret = tokens.create(users.find("boss"), "of boss", utcnow())
    page = client.get("/settings").text
    assert "of mei" in page
    assert "of boss" not in page
    assert client.get(f"/settings/tokens/{other.id}/revoke").status_code == 403
    assert submit(client, f"/tokens/{other.id}/revoke").status_code == 403
    assert len(tokens.listing()) == 2


def test_an_admin_makes_a_user_who_signs_in_by_link(
    app: Flask, signed_in: SignedIn, submit: Callable[..., TestResponse], csrf: Callable[..., str]
) -> None:
    boss = signed_in("admin", "boss")
    answer = submit(boss, "/users", name="mei", role="operator")
    assert answer.status_code == 201
    found = re.search(r"http://localhost(/login/link/[\w-]+)", answer.text)
    assert found
    mei = app.test_client()
    assert mei.post(found[1], data={"csrf_token": csrf(mei, found[1])}).status_code == 303
    assert "Signed in as mei, operator" in mei.get("/settings").text


@pytest.mark.parametrize(
    ("name", "role"), [("", "viewer"), ("m e i", "viewer"), ("BOSS", "viewer"), ("mei", "root")]
)
def test_users_that_are_refused(
    signed_in: SignedIn, submit: Callable[..., TestResponse], name: str, role: str
) -> None:
    answer = submit(signed_in("admin", "boss"), "/users", name=name, role=role)
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert [user.name for user in users.listing()] == ["boss"]


def test_roles_and_shutting_out(signed_in: SignedIn, submit: Callable[..., TestResponse]) -> None:
    boss, mei = signed_in("admin", "boss"), signed_in("viewer", "mei")
    mei_id = users.find("mei").id
    assert submit(boss, f"/users/{mei_id}/role", role="operator").status_code == 303
    assert "Signed in as mei, operator" in mei.get("/settings").text
    assert submit(boss, f"/users/{mei_id}/role", role="king").status_code == 422
    assert submit(boss, f"/users/{mei_id}/deactivate").status_code == 303
    assert "mei is deactivated" in boss.get("/settings/users").text
    assert mei.get("/settings").status_code == 302
    assert submit(boss, f"/users/{mei_id}/link").status_code == 409
    assert submit(boss, f"/users/{mei_id}/activate").status_code == 303
    assert "/login/link/" in submit(boss, f"/users/{mei_id}/link").text
    boss_id = users.find("boss").id
    assert submit(boss, f"/users/{boss_id}/deactivate").status_code == 409
    assert submit(boss, f"/users/{boss_id}/role", role="viewer").status_code == 409
    assert submit(boss, "/users/999999/deactivate").status_code == 404
    assert submit(boss, f"/users/{2**80}/deactivate").status_code == 404
    page = boss.get("/settings/users").text
    assert "Deactivate mei" in page


def test_a_deactivation_says_how_many_tokens_it_ends_and_its_undo_brings_them_back(
    signed_in: SignedIn, submit: Callable[..., TestResponse]
) -> None:
    boss, mei = signed_in("admin", "boss"), users.create("mei", "viewer", utcnow())
    secret = tokens.create(mei, "", utcnow())[1]
    path = f"/users/{mei.id}"
    asked = boss.get(f"/settings{path}/deactivate").text
    assert "1 token ends for good" in asked
    assert f'action="/settings{path}/deactivate"' in asked
    submit(boss, f"{path}/deactivate")
    told = boss.get("/settings/users").text
    assert "Signed out everywhere; 1 token ended." in told
    undo = re.search(rf'action="/settings{path}/activate">.*?name="undo_of" value="([^"]+)"', told, re.S)
    assert undo
    assert submit(boss, f"{path}/activate", undo_of="yesterday").status_code == 422
    assert not users.get(mei.id).active
    submit(boss, f"{path}/activate", undo_of=undo[1])
    assert "1 token works again." in boss.get("/settings/users").text
    assert tokens.find(secret, utcnow())


def test_a_token_that_was_never_used_and_has_no_end_says_so(signed_in: SignedIn) -> None:
    client = signed_in("admin", "boss")
    tokens.create(users.find("boss"), "", utcnow())
    page = client.get("/settings").text
    assert re.search(r'data-label="Last used"><span class="dim">never<', page)
    assert re.search(r'data-label="Ends"><span class="dim">no end<', page)


def test_everyone_makes_tokens_for_themselves_within_their_role(
    app: Flask, signed_in: SignedIn, submit: Callable[..., TestResponse]
) -> None:
    mei = signed_in("operator", "mei")
    page = mei.get("/settings").text
    assert 'value="operator"' in page
    assert 'value="admin"' not in page
    assert submit(mei, "/tokens", label="x", role="admin", days="30").status_code == 422
    assert submit(mei, "/tokens", label="x", role="viewer", days="7").status_code == 422
    answer = submit(mei, "/tokens", label="reader", role="viewer", days="30")
    found = re.search(r"cel_[\w-]{43}", answer.text)
    assert found
    headers = {"Authorization": f"Bearer {found[0]}"}
    program = app.test_client()
    assert program.get("/api/v1/me", headers=headers).json["role"] == "viewer"  # type: ignore[index]
    body = {"task_name": "sample_tasks.plain", "args": [1]}
    assert program.post("/api/v1/runs", headers=headers, json=body).status_code == 403
    assert [(one.label, one.may) for one in tokens.listing()] == [("reader", "viewer")]


def test_an_admin_makes_a_token_for_somebody(
    app: Flask, signed_in: SignedIn, submit: Callable[..., TestResponse]
) -> None:
    boss, mei = signed_in("admin", "boss"), users.create("mei", "viewer", utcnow())
    path = f"/users/{mei.id}"
    answer = submit(boss, f"{path}/tokens", label="for mei", role="viewer", days="0")
    found = re.search(r"cel_[\w-]{43}", answer.text)
    assert (answer.status_code, answer.headers["Content-Location"]) == (201, f"/settings{path}")
    assert found
    assert "New token of mei" in answer.text
    assert found[0] not in boss.get(f"/settings{path}").text
    me = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {found[0]}"})
    assert me.json["name"] == "mei"  # type: ignore[index]
    assert submit(boss, f"{path}/tokens", role="operator", days="0").status_code == 422
    (entry,) = audit.page(audit.AuditFilter(action="token.create")).items
    assert (entry.actor, entry.details and entry.details["user"]) == ("boss", "mei")
    submit(boss, f"{path}/deactivate")
    assert (
        app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {found[0]}"}).status_code
        == 401
    )
