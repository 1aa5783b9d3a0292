"""Sessions: where people are signed in, and when that ends."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import audit
from app.accounts import sessions, users
from app.accounts.models import UserSession
from app.clock import utcnow
from app.errors import Forbidden, NotFound
from app.extensions import db, transaction
from app.pages.accounts.browsers import name_of

DAY = timedelta(days=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def mei(app: Flask, now: datetime) -> users.User:
    return users.create("mei", "viewer", now)


@pytest.mark.database
def test_a_session_is_found_by_its_secret_only(mei: users.User, now: datetime) -> None:
    secret = sessions.begin(mei, sessions.PASSWORD, now, address="10.0.0.7", agent="x\x00" * 200)
    found = sessions.find(secret, now)
    assert found
    assert (found.user, found.address, len(found.agent) <= 255) == (mei, "10.0.0.7", True)
    for wrong in ("", secret[:-1], secret.upper(), found.secret_hash, "\ud800", "\x00"):
        assert sessions.find(wrong, now) is None
    for table in ("sessions", "audit_entries"):
        assert secret not in str(db.session.execute(text(f"SELECT * FROM {table}")).all())


@pytest.mark.database
@pytest.mark.parametrize("remembered", [False, True])
def test_a_session_ends_unused_and_with_age(mei: users.User, now: datetime, remembered: bool) -> None:
    secret = sessions.begin(mei, sessions.PASSWORD, now, remembered=remembered)
    assert sessions.find(secret, now + timedelta(hours=11, minutes=59))
    assert bool(sessions.find(secret, now + timedelta(hours=12))) == remembered
    for hours in range(10, 14 * 24, 10):  # used all the time
        if found := sessions.find(secret, now + timedelta(hours=hours)):
            sessions.note_use(found, now + timedelta(hours=hours))
    assert sessions.find(secret, now + 14 * DAY - timedelta(minutes=1))
    assert sessions.find(secret, now + 14 * DAY) is None


def test_settings_say_when_sessions_end(
    app: Flask, mei: users.User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = app.config["SETTINGS"].model_copy(update={"session_idle_minutes": 10, "session_max_hours": 1})
    monkeypatch.setitem(app.config, "SETTINGS", given)
    secret = sessions.begin(mei, sessions.PASSWORD, now)
    assert sessions.find(secret, now + timedelta(minutes=10)) is None
    kept = sessions.begin(mei, sessions.PASSWORD, now, remembered=True)
    assert sessions.find(kept, now + timedelta(minutes=59))
    assert sessions.find(kept, now + timedelta(minutes=60)) is None


@pytest.mark.database
def test_use_is_written_once_a_minute(mei: users.User, now: datetime) -> None:
    found = sessions.find(sessions.begin(mei, sessions.PASSWORD, now), now)
    assert found
    sessions.note_use(found, now + timedelta(seconds=59))
    assert (found.seen_at, mei.last_seen_at) == (now, now)
    sessions.note_use(found, now + timedelta(seconds=60))
    assert found.seen_at == mei.last_seen_at == now + timedelta(seconds=60)


@pytest.mark.database
def test_ending_one_and_all(mei: users.User, now: datetime) -> None:
    tom, boss = users.create("tom", "operator", now), users.create("boss", "admin", now)
    secrets = [sessions.begin(mei, sessions.LINK, now) for _ in range(4)]
    ids = sorted(one.id for one in sessions.listing(now))
    third = sessions.find(secrets[2], now)
    with pytest.raises(Forbidden):
        sessions.end(ids[0], now, by=tom)
    sessions.end(ids[0], now, by=mei)
    with pytest.raises(NotFound):
        sessions.end(ids[0], now, by=mei)
    sessions.end(ids[1], now, by=boss)
    assert sessions.end_all(mei, now, but=third) == 1
    assert [sessions.find(secret, now) for secret in secrets] == [None, None, third, None]
    for wrong in (0, -1, 2**40):
        with pytest.raises(NotFound):
            sessions.get(wrong, now)
    told = audit.page(audit.AuditFilter(action="user")).items
    assert [entry.action for entry in told][:3] == [
        "user.end-sessions",
        "user.end-session",
        "user.end-session",
    ]


@pytest.mark.database
def test_rows_of_ended_sessions_do_not_stay(mei: users.User, now: datetime) -> None:
    for _ in range(3):
        sessions.begin(mei, sessions.LINK, now)
    again = sessions.begin(mei, sessions.LINK, now + DAY)
    sessions.begin(mei, sessions.LINK, now + DAY, instead_of=again)
    assert db.session.query(UserSession).count() == 1


def aged(minutes: int) -> None:
    with transaction() as session:
        for one in session.query(UserSession):
            one.seen_at = utcnow() - timedelta(minutes=minutes)


def idle() -> float:
    (one,) = sessions.listing(utcnow())
    return (utcnow() - one.seen_at).total_seconds()


def test_a_page_that_asks_by_itself_keeps_no_session_alive(signed_in: Callable[..., FlaskClient]) -> None:
    browser = signed_in("viewer")
    live = {"HX-Request": "true"}
    aged(700)
    for path in ("/overview/live", "/runs/table"):
        assert browser.get(path, headers=live).status_code in (200, 204)
    assert browser.get("/api/v1/me").status_code == 200
    assert idle() > 41_000
    browser.get("/runs/table", headers=live | {"X-Active": "1"})  # its reader has just moved
    assert idle() < 60
    aged(700)
    browser.get("/runs")
    assert idle() < 60
    aged(721)
    refused = browser.get("/runs")
    assert (refused.status_code, refused.location) == (302, "/login?next=/runs")
    assert browser.get("/runs/table", headers=live | {"X-Active": "1"}).status_code == 401


def test_signing_out_ends_the_session_for_who_kept_a_copy(
    app: Flask, signed_in: Callable[..., FlaskClient], post: Callable[..., TestResponse]
) -> None:
    browser = signed_in("viewer")
    cookie = browser.get_cookie("celeriac_session")
    assert cookie
    thief = app.test_client()
    thief.set_cookie("celeriac_session", cookie.value)
    assert thief.get("/settings").status_code == 200
    post(browser, "/logout")
    assert thief.get("/settings").status_code == 302


def test_settings_list_sessions_and_end_them(
    app: Flask,
    signed_in: Callable[..., FlaskClient],
    enter: Callable[..., None],
    post: Callable[..., TestResponse],
) -> None:
    here, there = signed_in("viewer", "mei"), app.test_client()
    there.environ_base["HTTP_USER_AGENT"] = FIREFOX
    enter(there, users.find("mei"))
    page = here.get("/settings").text
    assert page.count("this one") == 1
    assert "Firefox on Linux" in page
    (other,) = [one.id for one in sessions.listing(utcnow()) if one.agent == FIREFOX]
    stranger = signed_in("operator", "tom")
    assert post(stranger, f"/settings/sessions/{other}/end").status_code == 403
    assert post(here, f"/settings/sessions/{other}/end").location == "/settings"
    assert there.get("/settings").status_code == 302
    assert post(here, f"/settings/sessions/{other}/end").status_code == 404
    assert here.get("/settings").status_code == 200


def test_an_admin_sees_and_ends_the_sessions_of_a_user(
    signed_in: Callable[..., FlaskClient], post: Callable[..., TestResponse]
) -> None:
    boss, mei = signed_in("admin", "boss"), signed_in("viewer", "mei")
    path = f"/settings/users/{users.find('mei').id}"
    assert "Sign out everywhere" in boss.get(path).text
    assert mei.get(path).status_code == 403
    assert post(mei, f"{path}/sessions/end").status_code == 403
    assert post(boss, f"{path}/sessions/end").location == path
    assert mei.get("/settings").status_code == 302
    assert "mei is signed in nowhere." in boss.get(path).text
    own = f"/settings/users/{users.find('boss').id}"
    post(boss, f"{own}/sessions/end")
    assert boss.get(own).status_code == 200  # not the one that asks


def test_keeping_signed_in_is_not_offered_where_it_is_off(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "for 14 days" in client.get("/login").text
    given = app.config["SETTINGS"].model_copy(update={"session_remember": False})
    monkeypatch.setitem(app.config, "SETTINGS", given)
    assert "Keep me signed in" not in client.get("/login").text


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8.5", "curl"),
        ("<script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_by_name(app: Flask, agent: str, words: str) -> None:
    assert name_of(agent) == words
