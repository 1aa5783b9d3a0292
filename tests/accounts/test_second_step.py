"""Two-step sign-in: a code of an authenticator app, or a recovery code, after the password."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyotp import TOTP
from sqlalchemy import text

from app import audit
from app.accounts import links, second_step, sessions, tokens, users
from app.clock import utcnow
from app.config import Settings
from app.errors import Conflict, Forbidden, Invalid
from app.extensions import db
from tests.races import at_once

Csrf = Callable[..., str]
PASSWORD = "correct horse"
STEP = timedelta(seconds=30)


class Phone:
    """An authenticator app that a user set up, and the recovery codes that were shown."""

    def __init__(self, user: users.User, at: datetime) -> None:
        self.secret = second_step.begin(user, at)
        self.codes = second_step.confirm(user, self.code(at), at)

    def code(self, at: datetime) -> str:
        return TOTP(self.secret).at(at)


@pytest.fixture
def mei(app: Flask, now: datetime) -> users.User:
    users.create("boss", "admin", now)
    return users.create("mei", "viewer", now, PASSWORD)


@pytest.fixture
def phone(mei: users.User, now: datetime) -> Phone:
    return Phone(mei, now - 10 * STEP)


def actions() -> list[str]:
    return [entry.action for entry in audit.page(audit.AuditFilter()).items]


def test_it_counts_once_a_code_was_right(app: Flask, mei: users.User, now: datetime) -> None:
    secret = second_step.begin(mei, now)
    assert second_step.pending(mei) == secret
    with pytest.raises(second_step.WrongCode):
        second_step.confirm(mei, "000000", now)
    assert not mei.has_second_step
    codes = second_step.confirm(mei, TOTP(secret).at(now), now)
    assert (mei.has_second_step, second_step.pending(mei), len(set(codes))) == (True, None, 10)
    for again in (lambda: second_step.begin(mei, now), lambda: second_step.confirm(mei, "000000", now)):
        with pytest.raises(Conflict):
            again()


def test_it_takes_a_password(app: Flask, now: datetime) -> None:
    with pytest.raises(Conflict) as error:
        second_step.begin(users.create("lin", "viewer", now), now)
    assert error.value.code == "no-password"


def test_what_is_kept_makes_no_codes(app: Flask, mei: users.User, phone: Phone) -> None:
    for table in ("users", "recovery_codes", "audit_entries"):
        for row in db.session.execute(text(f"SELECT * FROM {table}")):
            kept = str(tuple(row))
            assert phone.secret not in kept
            assert not [code for code in phone.codes if code.replace("-", "") in kept.replace("-", "")]


@pytest.mark.parametrize(
    ("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)], ids=str
)
def test_a_clock_may_be_off_by_a_step(
    mei: users.User, phone: Phone, now: datetime, steps: int, counts: bool
) -> None:
    assert second_step.sign_in(mei, phone.code(now + steps * STEP), now) is counts


@pytest.mark.parametrize("entered", ["", " ", "12345", "1234567", "x" * 1000, chr(0xFF10) * 5, "\x00"])
def test_what_is_no_code(mei: users.User, phone: Phone, now: datetime, entered: str) -> None:
    assert not second_step.sign_in(mei, entered, now)


def test_codes_as_people_type_them(mei: users.User, phone: Phone, now: datetime) -> None:
    code = phone.code(now)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)  # as a Chinese keyboard types it
    assert second_step.sign_in(mei, f" {wide[:3]} {wide[3:]} ", now)
    assert second_step.sign_in(mei, phone.codes[0].upper().replace("-", " "), now)


@pytest.mark.database
def test_a_code_counts_once(mei: users.User, phone: Phone, now: datetime) -> None:
    code = phone.code(now)
    assert second_step.sign_in(mei, code, now)
    assert not second_step.sign_in(mei, code, now + STEP)
    assert not second_step.sign_in(mei, phone.code(now - STEP), now)  # nor one from before
    assert second_step.sign_in(mei, phone.codes[3], now)
    assert not second_step.sign_in(mei, phone.codes[3], now)
    assert second_step.codes_left(mei) == 9
    assert actions()[:5] == [
        "user.sign-in-failed",
        "user.sign-in",
        "user.sign-in-failed",
        "user.sign-in-failed",
        "user.sign-in",
    ]


def test_the_code_that_turned_it_on_is_used_up(mei: users.User, now: datetime) -> None:
    assert not second_step.sign_in(mei, Phone(mei, now).code(now), now)


def test_a_recovery_code_is_its_users(app: Flask, mei: users.User, phone: Phone, now: datetime) -> None:
    tom = users.create("tom", "viewer", now, PASSWORD)
    Phone(tom, now)
    assert not second_step.sign_in(tom, phone.codes[0], now)
    assert second_step.codes_left(mei) == 10


@pytest.mark.database
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_two_with_one_code_one_comes_in(
    app: Flask, mei: users.User, phone: Phone, now: datetime, kind: str
) -> None:
    code = phone.code(now) if kind == "app" else phone.codes[0]

    def try_it(start: Callable[[], object], _n: int) -> bool:
        user = users.find("mei")
        start()
        return second_step.sign_in(user, code, now)

    assert sorted(at_once(app, 2, try_it)) == [False, True]


@pytest.mark.parametrize(
    ("password", "right", "field"), [("wrong", True, "password"), (PASSWORD, False, "code")]
)
def test_changing_it_takes_password_and_code(
    mei: users.User, phone: Phone, now: datetime, password: str, right: bool, field: str
) -> None:
    code = phone.code(now) if right else "000000"
    for change in (second_step.turn_off, second_step.renew_codes):
        with pytest.raises(second_step.WrongCode) as error:
            change(mei, password, code, now)
        assert list(error.value.errors) == [field]
    assert actions()[:2] == ["user.second-step-refused"] * 2
    assert second_step.sign_in(mei, phone.code(now), now)  # it was not used up
    assert second_step.codes_left(mei) == 10


def test_new_recovery_codes_end_the_old_ones(mei: users.User, phone: Phone, now: datetime) -> None:
    codes = second_step.renew_codes(mei, PASSWORD, phone.codes[0], now)
    assert not second_step.sign_in(mei, phone.codes[1], now)
    assert second_step.sign_in(mei, codes[1], now)


def test_turning_it_off_forgets_everything(mei: users.User, phone: Phone, now: datetime) -> None:
    second_step.turn_off(mei, PASSWORD, phone.code(now), now)
    assert (mei.has_second_step, mei.totp_secret, second_step.codes_left(mei)) == (False, None, 0)
    assert second_step.begin(mei, now) != phone.secret


def test_an_admin_turns_off_anothers_but_not_the_own(mei: users.User, phone: Phone, now: datetime) -> None:
    boss = users.find("boss")
    with pytest.raises(Forbidden):
        second_step.reset(mei, now, by=mei)
    second_step.reset(mei, now, by=boss)
    assert not mei.has_second_step
    assert actions()[0] == "user.second-step-off"
    with pytest.raises(Conflict):
        second_step.reset(mei, now, by=boss)


def test_a_ticket_lasts_ten_minutes_and_as_long_as_the_password(
    mei: users.User, phone: Phone, now: datetime
) -> None:
    ticket = second_step.ticket(mei, now)
    for minutes, counts in ((0, True), (10, True), (11, False), (-1, False)):
        assert bool(second_step.of_ticket(ticket, now + timedelta(minutes=minutes))) is counts
    assert second_step.of_ticket("", now) is None
    users.set_password(mei, "another horse", now)
    assert second_step.of_ticket(ticket, now) is None
    ticket = second_step.ticket(mei, now)
    users.deactivate(mei, now)
    assert second_step.of_ticket(ticket, now) is None


def test_another_secret_key_is_told_and_recovery_codes_still_count(
    app: Flask, mei: users.User, phone: Phone, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: Settings = app.config["SETTINGS"].model_copy(update={"secret_key": "another" * 5})
    monkeypatch.setitem(app.config, "SETTINGS", other)
    with pytest.raises(Invalid, match="CELERIAC_SECRET_KEY"):
        second_step.sign_in(mei, phone.code(now), now)
    assert second_step.sign_in(mei, phone.codes[0], now)


def test_tokens_and_links_ask_for_no_code(
    app: Flask, client: FlaskClient, csrf: Csrf, mei: users.User, phone: Phone
) -> None:
    secret = tokens.create(mei, "", utcnow())[1]
    me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert me.status_code == 200
    path = links.make(mei, utcnow())
    client.post(path, data={"csrf_token": csrf(client, path)})
    assert client.get("/settings").status_code == 200


def enter_password(client: FlaskClient, csrf: Csrf, **fields: str) -> Any:
    form = {"username": "mei", "password": PASSWORD, "csrf_token": csrf(client)} | fields
    return client.post("/login", data=form)


def enter_code(client: FlaskClient, csrf: Csrf, code: str, **fields: str) -> Any:
    form = {"code": code, "csrf_token": csrf(client, "/login/code")} | fields
    return client.post("/login/code", data=form)


def test_signing_in_with_a_code(client: FlaskClient, csrf: Csrf, phone: Phone) -> None:
    answer = enter_password(client, csrf, next="/runs?tab=1", remember="y")
    assert answer.location == "/login/code?next=/runs?tab%3D1&remember=y"
    page = client.get(answer.location).text
    assert 'name="next" value="/runs?tab=1"' in page
    assert client.get("/settings").status_code == 302  # the password alone opens nothing
    assert "user.sign-in" not in actions()
    assert enter_code(client, csrf, "").status_code == 422
    assert enter_code(client, csrf, "000000").status_code == 401
    done = enter_code(client, csrf, phone.code(utcnow()), next="/runs?tab=1", remember="y")
    assert (done.status_code, done.location) == (303, "/runs?tab=1")
    assert [one.remembered for one in sessions.listing(utcnow())] == [True]
    assert client.get("/login/code").location == "/"


def test_a_used_recovery_code_tells_how_many_are_left(client: FlaskClient, csrf: Csrf, phone: Phone) -> None:
    enter_password(client, csrf)
    assert enter_code(client, csrf, phone.codes[0]).status_code == 303
    page = client.get("/").text
    assert "You used a recovery code" in page
    assert "9 are left." in page


def test_without_the_password_first_there_is_no_code(client: FlaskClient, csrf: Csrf, phone: Phone) -> None:
    assert client.get("/login/code").status_code == 401
    answer = client.post(
        "/login/code", data={"code": phone.code(utcnow()), "csrf_token": csrf(client, "/login")}
    )
    assert answer.status_code == 401
    assert "Sign in with your password first" in answer.text


def test_ten_wrong_codes_a_minute_are_enough_from_anywhere(app: Flask, csrf: Csrf, phone: Phone) -> None:
    browsers = [app.test_client(), app.test_client()]
    for client in browsers:
        enter_password(client, csrf)
    token = csrf(browsers[0], "/login/code")
    answers = [
        browsers[0].post("/login/code", data={"code": "000000", "csrf_token": token}) for _n in range(11)
    ]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    elsewhere = browsers[1].post(
        "/login/code",
        data={"code": phone.code(utcnow()), "csrf_token": csrf(browsers[1], "/login/code")},
        environ_base={"REMOTE_ADDR": "10.9.8.7"},
    )
    assert elsewhere.status_code == 429


def test_turning_it_on_and_off_on_the_page(
    app: Flask, client: FlaskClient, csrf: Csrf, mei: users.User
) -> None:
    enter_password(client, csrf)
    send = lambda path, **fields: client.post(  # noqa: E731
        f"/settings/second-step{path}", data=fields | {"csrf_token": csrf(client, "/settings")}
    )
    assert "Turn on two-step sign-in" in client.get("/settings").text
    assert send("").status_code == 303
    page = client.get("/settings/second-step").text
    found = re.search(r'id="secret" translate="no">(\w{32})<', page)
    assert found
    assert "<svg" in page
    assert f"otpauth://totp/Celeriac:mei?secret={found[1]}&amp;issuer=Celeriac" in page
    assert send("/confirm", code="000000").status_code == 422
    shown = send("/confirm", code=TOTP(found[1]).at(utcnow() - STEP))
    assert shown.status_code == 201
    codes = re.findall(r"(?:\w{4}-){3}\w{4}", shown.text)
    assert len(codes) == 10
    page = client.get("/settings/second-step").text
    assert (codes[0] in page, found[1] in page, "10 recovery codes are left" in page) == (False,) * 2 + (
        True,
    )
    assert "Recovery codes, or turn it off" in client.get("/settings").text
    assert send("/change", act="codes", password=PASSWORD, code=codes[0]).status_code == 201
    refused = send("/change", act="off", password="wrong", code=codes[1])
    assert refused.status_code == 422
    assert "This is not your current password." in refused.text
    assert send("/change", act="off", password=PASSWORD, code=TOTP(found[1]).at(utcnow())).status_code == 303
    db.session.expire_all()
    assert not users.find("mei").has_second_step
    assert send("/change", act="off", password=PASSWORD, code="000000").status_code == 409


def test_turning_it_on_ends_the_other_sessions(
    app: Flask, client: FlaskClient, csrf: Csrf, mei: users.User, enter: Callable[..., None]
) -> None:
    elsewhere = app.test_client()
    for browser in (elsewhere, client):
        enter(browser, mei)
    token = csrf(client, "/settings")
    client.post("/settings/second-step", data={"csrf_token": token})
    code = TOTP(second_step.pending(mei) or "").at(utcnow())
    client.post("/settings/second-step/confirm", data={"csrf_token": token, "code": code})
    assert client.get("/settings").status_code == 200
    assert elsewhere.get("/settings").status_code == 302


@pytest.fixture
def asked_of(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets who has to sign in in two steps."""

    def ask(of: str) -> None:
        given: Settings = app.config["SETTINGS"].model_copy(update={"second_step": of})
        monkeypatch.setitem(app.config, "SETTINGS", given)

    return ask


@pytest.mark.parametrize(
    ("of", "due"),
    [("optional", set()), ("admins", {"admin"}), ("everybody", {"admin", "operator", "viewer"})],
    ids=["nobody", "admins", "everybody"],  # not the sets, whose order differs in each process
)
def test_of_whom_it_is_asked(
    app: Flask, now: datetime, asked_of: Callable[[str], None], of: str, due: set[str]
) -> None:
    made = [users.create(role, role, now, PASSWORD) for role in ("admin", "operator", "viewer")]
    asked_of(of)
    assert {user.role for user in made if second_step.is_due(user)} == due
    phones = [Phone(user, now) for user in made]
    assert not any(second_step.is_due(user) for user in made)
    for user, phone in zip(made, phones, strict=True):
        if user.role in due:
            with pytest.raises(Conflict) as error:
                second_step.turn_off(user, PASSWORD, phone.code(now + STEP), now + STEP)
            assert error.value.code == "second-step-required"


def test_who_has_to_is_led_to_set_it_up(
    client: FlaskClient, csrf: Csrf, mei: users.User, asked_of: Callable[[str], None]
) -> None:
    asked_of("everybody")
    here = "/settings/second-step"
    assert enter_password(client, csrf).status_code == 303
    for path in ("/", "/settings", "/runs?state=FAILURE"):
        assert (client.get(path).status_code, client.get(path).location) == (303, here)
    assert client.get("/runs", headers={"HX-Request": "true"}).status_code == 403
    assert client.get("/api/v1/me").status_code == 403
    assert client.get("/healthz").status_code in (200, 503)
    token = csrf(client, here)
    made = client.post("/settings/tokens", data={"csrf_token": token, "label": "x", "days": "30"})
    assert (made.location, tokens.listing(mei)) == (here, [])
    assert "Your role needs it here" in client.get(here).text
    client.post(here, data={"csrf_token": token})
    code = TOTP(second_step.pending(mei) or "").at(utcnow())
    shown = client.post(f"{here}/confirm", data={"csrf_token": token, "code": code})
    assert (shown.status_code, "Go to the start page" in shown.text) == (201, True)
    assert client.get("/").status_code == 200
    assert "off" not in re.findall(r'name="act" value="(\w+)"', client.get(here).text)


def test_who_comes_by_a_link_sets_a_password_first(
    client: FlaskClient, csrf: Csrf, app: Flask, now: datetime, asked_of: Callable[[str], None]
) -> None:
    asked_of("admins")
    boss = users.create("boss", "admin", now)
    path, here = links.make(boss, utcnow()), "/settings/second-step"
    client.post(path, data={"csrf_token": csrf(client, path)})
    page = client.get("/", follow_redirects=True)
    assert (page.request.path, f'action="{here}/password"' in page.text) == (here, True)
    form = {"csrf_token": csrf(client, here), "password": PASSWORD, "again": "another"}
    refused = client.post(f"{here}/password", data=form)
    assert (refused.status_code, "not the same" in refused.text) == (422, True)
    assert client.post(f"{here}/password", data=form | {"again": PASSWORD}).location == here
    assert "Turn on two-step sign-in" in client.get(here).text
    form["csrf_token"] = csrf(client, here)
    assert client.post(f"{here}/password", data=form | {"again": PASSWORD}).status_code == 409


def test_a_token_acts_whoever_has_to(
    caller: Callable[[str], Any], asked_of: Callable[[str], None], app: Flask
) -> None:
    asked_of("everybody")
    assert caller("viewer").get("/me").status_code == 200


def test_an_admin_turns_it_off_on_the_page(
    signed_in: Callable[..., FlaskClient], csrf: Csrf, mei: users.User, phone: Phone
) -> None:
    boss = signed_in("admin", "chief")
    path = f"/settings/users/{mei.id}"
    assert f'href="{path}/second-step/reset"' in boss.get(path).text
    assert "two-step sign-in" in boss.get("/settings/users").text
    assert "Turn off the two-step sign-in of mei?" in boss.get(f"{path}/second-step/reset").text
    form = {"csrf_token": csrf(boss, "/settings")}
    assert boss.post(f"{path}/second-step/reset", data=form).status_code == 303
    assert "Turn off two-step sign-in" not in boss.get(path).text
    assert boss.post(f"{path}/second-step/reset", data=form).status_code == 409


def test_over_rest(caller: Callable[[str], Any], mei: users.User, phone: Phone) -> None:
    boss, path = caller("admin"), f"/users/{mei.id}/second-step"
    assert boss.get(f"/users/{mei.id}").json["two_step"] is True
    assert caller("operator")("DELETE", path).status_code == 403
    assert boss("DELETE", path).status_code == 204
    assert boss.get(f"/users/{mei.id}").json["two_step"] is False
    assert boss("DELETE", path).status_code == 409
    assert boss("DELETE", f"/users/{boss.user.id}/second-step").status_code == 403


def test_from_the_command_line(app: Flask, mei: users.User, phone: Phone) -> None:
    run = app.test_cli_runner()
    done = run.invoke(args=["users", "reset-second-step", "mei"])
    assert (done.exit_code, done.output) == (0, "mei signs in with the password alone.\n")
    assert users.sign_in("mei", PASSWORD, utcnow())
    again = run.invoke(args=["users", "reset-second-step", "mei"])
    assert (again.exit_code, "has no two-step sign-in" in again.output) == (1, True)
