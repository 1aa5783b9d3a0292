"""API tokens: only a hash is kept, and they end with their user."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from app import audit
from app.accounts import tokens, users
from app.errors import Forbidden, Invalid, NotFound
from app.extensions import db


@pytest.mark.database
def test_a_token_is_found_by_its_secret_only(app: Flask, now: datetime) -> None:
    mei = users.create("mei", "operator", now)
    token, secret = tokens.create(mei, " nightly  export ", now)
    assert secret.startswith("cel_")
    assert len(secret) > 40
    assert token.label == "nightly export"
    assert tokens.find(secret, now) is token
    for wrong in ("", "cel_", secret[:-1], secret.upper(), secret + "x", token.token_hash, "cel_\ud800"):
        assert tokens.find(wrong, now) is None


def test_the_secret_is_nowhere_in_the_database(app: Flask, now: datetime) -> None:
    _token, secret = tokens.create(users.create("mei", "operator", now), "", now)
    for table in ("api_tokens", "audit_entries"):
        for row in db.session.execute(text(f"SELECT * FROM {table}")):
            assert secret[4:] not in str(tuple(row))


def test_a_token_ends_when_it_is_revoked(app: Flask, now: datetime) -> None:
    token, secret = tokens.create(users.create("mei", "operator", now), "", now)
    tokens.revoke(token.id, now)
    assert tokens.find(secret, now) is None
    assert tokens.listing() == []
    with pytest.raises(NotFound):
        tokens.revoke(token.id, now)


@pytest.mark.database
def test_a_token_ends_with_its_user(app: Flask, now: datetime) -> None:
    mei, tom = users.create("mei", "operator", now), users.create("tom", "operator", now)
    secret, others = tokens.create(mei, "", now)[1], tokens.create(tom, "", now)[1]
    tokens.create(mei, "ends by itself", now, expires_at=now + timedelta(seconds=1))
    gone = now + timedelta(minutes=1)
    assert (tokens.count(mei, gone), users.deactivate(mei, gone)) == (1, 1)
    assert tokens.find(secret, gone) is None
    with pytest.raises(Invalid):
        tokens.create(mei, "", gone)
    assert users.activate(mei, gone) == 0  # who was let in again gets new tokens
    assert tokens.find(secret, gone) is None
    assert tokens.find(others, gone)


@pytest.mark.parametrize(
    ("minutes", "undone", "back"), [(10, 0, 1), (11, 0, 0), (-1, 0, 0), (1, 1, 0)], ids=str
)
def test_a_deactivation_can_be_taken_back_for_ten_minutes(
    app: Flask, now: datetime, minutes: int, undone: int, back: int
) -> None:
    mei = users.create("mei", "operator", now)
    secret, ended = tokens.create(mei, "", now)[1], tokens.create(mei, "", now)[0]
    tokens.revoke(ended.id, now - timedelta(seconds=1))  # by hand, so it stays revoked
    users.deactivate(mei, now)
    at = now + timedelta(minutes=minutes)
    assert users.activate(mei, at, undo_of=now + timedelta(seconds=undone)) == back
    assert bool(tokens.find(secret, at)) is bool(back)
    (entry,) = audit.page(audit.AuditFilter(action="user.activate")).items
    assert entry.details == {"restored": back}


def test_only_its_user_or_an_admin_may_revoke(app: Flask, now: datetime) -> None:
    mei, tom = users.create("mei", "operator", now), users.create("tom", "operator", now)
    boss = users.create("boss", "admin", now)
    first, second = tokens.create(mei, "", now)[0], tokens.create(mei, "", now)[0]
    with pytest.raises(Forbidden):
        tokens.revoke(first.id, now, by=tom)
    tokens.revoke(first.id, now, by=mei)
    tokens.revoke(second.id, now, by=boss)


@pytest.mark.database
def test_last_used_is_written_once_a_minute(app: Flask, now: datetime) -> None:
    token, _secret = tokens.create(users.create("mei", "operator", now), "", now)
    tokens.note_use(token, now)
    tokens.note_use(token, now + timedelta(seconds=59))
    assert token.last_used_at == now
    tokens.note_use(token, now + timedelta(seconds=61))
    assert token.last_used_at == now + timedelta(seconds=61)


@pytest.mark.parametrize("label", ["x" * 81, "bell\x07", "nul\x00"])
def test_labels_that_are_refused(app: Flask, now: datetime, label: str) -> None:
    with pytest.raises(Invalid) as error:
        tokens.create(users.create("mei", "operator", now), label, now)
    assert list(error.value.errors) == ["label"]


@pytest.mark.database
@pytest.mark.parametrize("token_id", [0, -1, 12345, 2**40])
def test_tokens_that_are_not_there(app: Flask, now: datetime, token_id: int) -> None:
    with pytest.raises(NotFound):
        tokens.revoke(token_id, now)


@pytest.mark.database
def test_a_token_ends_at_its_moment(app: Flask, now: datetime) -> None:
    mei = users.create("mei", "operator", now)
    token, secret = tokens.create(mei, "", now, expires_at=now + timedelta(days=1))
    assert tokens.find(secret, now + timedelta(hours=23)) is token
    assert tokens.find(secret, now + timedelta(days=1)) is None
    with pytest.raises(Invalid) as error:
        tokens.create(mei, "", now, expires_at=now)
    assert list(error.value.errors) == ["expires_at"]


def test_the_role_of_a_token_is_not_above_its_owners(app: Flask, now: datetime) -> None:
    users.create("boss", "admin", now)
    mei = users.create("mei", "operator", now)
    for role in ("admin", "king"):
        with pytest.raises(Invalid, match="allowed: viewer, operator"):
            tokens.create(mei, "", now, role=role)
    reader = tokens.create(mei, "", now, role="viewer")[0]
    runner, always = tokens.create(mei, "", now, role="operator")[0], tokens.create(mei, "", now)[0]
    assert (reader.may, runner.may, always.may) == ("viewer", "operator", "operator")
    users.set_role(mei, "viewer", now)
    assert (runner.may, always.may) == ("viewer", "viewer")
    users.set_role(mei, "admin", now)
    assert (reader.may, runner.may, always.may) == ("viewer", "operator", "admin")


def test_a_token_makes_none_that_can_do_more_or_lives_longer(app: Flask, now: datetime) -> None:
    boss = users.create("boss", "admin", now)
    first = tokens.create(boss, "", now, role="operator", expires_at=now + timedelta(days=1))[0]
    boss.limit_to("operator")  # as in a request with that token
    until = now + timedelta(hours=1)
    assert tokens.create(boss, "", now, expires_at=until, by=boss, within=first)[0].may == "operator"
    for wish in ({"role": "admin", "expires_at": until}, {}, {"expires_at": now + timedelta(days=2)}):
        with pytest.raises(Invalid):
            tokens.create(boss, "", now, by=boss, within=first, **wish)
    with pytest.raises(Forbidden):
        tokens.create(users.create("mei", "viewer", now), "", now, by=boss, within=first)
