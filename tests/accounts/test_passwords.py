"""Passwords: common ones are refused, hashes grow stronger at sign-in."""

from datetime import datetime

import pytest
from flask import Flask
from werkzeug.security import generate_password_hash

from app.accounts import passwords, users
from app.errors import Invalid
from app.extensions import transaction


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord",
        "12345678",
        "iloveyou",
        "qwertyuiop",
        "trustno1",
        "celeriac",
        "Celeriac2026!",
        "meilinwu",
        "MeiLinWu1",
        "aaaaaaaaaa",
    ],
)
def test_what_others_try_first_is_refused(app: Flask, now: datetime, password: str) -> None:
    with pytest.raises(Invalid) as error:
        users.create("meilinwu", "viewer", now, password)
    assert list(error.value.errors) == ["password"]
    mei = users.create("meilinwu", "viewer", now, "correct horse")
    with pytest.raises(Invalid):
        users.set_password(mei, password, now)
    assert users.sign_in("meilinwu", "correct horse", now)


@pytest.mark.parametrize(
    "password", ["correct horse", "密码是一个很长的句子", "MIT licence", "# MIT Li", " " * 7 + "x"]
)
def test_what_is_not_common_is_taken(app: Flask, now: datetime, password: str) -> None:
    users.create("mei", "viewer", now, password)
    assert users.sign_in("mei", password, now)


@pytest.mark.parametrize("method", ["scrypt:1024:8:1", "pbkdf2:sha256:1000"])
def test_an_old_hash_is_made_anew_at_sign_in(app: Flask, now: datetime, method: str) -> None:
    mei = users.create("mei", "viewer", now)
    with transaction():
        mei.password_hash = old = generate_password_hash("correct horse", method=method)
    assert users.sign_in("mei", "wrong horse", now) is None
    assert mei.password_hash == old
    assert users.sign_in("mei", "correct horse", now) is mei
    assert (mei.password_hash or "").startswith("$argon2id$")
    anew = mei.password_hash
    assert users.sign_in("mei", "correct horse", now) is mei
    assert mei.password_hash == anew


def test_a_dearer_hash_is_made_when_the_setting_is_raised(
    app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mei = users.create("mei", "viewer", now, "correct horse")
    assert "m=32," in (mei.password_hash or "")
    given = app.config["SETTINGS"].model_copy(update={"password_memory_kib": 64})
    monkeypatch.setitem(app.config, "SETTINGS", given)
    assert users.sign_in("mei", "correct horse", now)
    assert "m=64," in (mei.password_hash or "")


@pytest.mark.parametrize("kept", ["", "rubbish", "$argon2id$rubbish", "scrypt:1$rubbish"])
def test_a_damaged_hash_lets_nobody_in(app: Flask, kept: str) -> None:
    assert not passwords.matches(kept, "correct horse")
