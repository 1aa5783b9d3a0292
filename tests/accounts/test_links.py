"""One-time sign-in links."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.accounts import links, users
from app.errors import Conflict
from tests.races import at_once

pytestmark = pytest.mark.database


def secret_of(path: str) -> str:
    assert path.startswith("/login/link/")
    return path.removeprefix("/login/link/")


def test_a_link_works_once(app: Flask, now: datetime) -> None:
    mei = users.create("mei", "viewer", now)
    secret = secret_of(links.make(mei, now))
    assert links.use(secret, now) is mei
    assert links.use(secret, now) is None
    assert links.use("", now) is None


def test_a_link_works_for_a_day(app: Flask, now: datetime) -> None:
    mei = users.create("mei", "viewer", now)
    secret = secret_of(links.make(mei, now))
    assert links.use(secret, now + timedelta(days=1)) is None
    assert links.use(secret, now + timedelta(hours=23)) is mei


def test_a_new_link_takes_the_place_of_the_old_one_of_the_same_user(app: Flask, now: datetime) -> None:
    mei, tom = users.create("mei", "viewer", now), users.create("tom", "viewer", now)
    old, other = secret_of(links.make(mei, now)), secret_of(links.make(tom, now))
    new = secret_of(links.make(mei, now))
    assert links.use(old, now) is None
    assert links.use(new, now) is mei
    assert links.use(other, now) is tom


def test_no_link_for_who_is_shut_out(app: Flask, now: datetime) -> None:
    users.create("boss", "admin", now)
    mei = users.create("mei", "viewer", now)
    secret = secret_of(links.make(mei, now))
    users.deactivate(mei, now)
    assert links.use(secret, now) is None
    with pytest.raises(Conflict):
        links.make(mei, now)


def test_two_uses_at_once_sign_in_one(app: Flask, now: datetime) -> None:
    secret = secret_of(links.make(users.create("mei", "viewer", now), now))

    def use(start: Callable[[], object], _n: int) -> bool:
        start()
        return links.use(secret, now) is not None

    assert sorted(at_once(app, 4, use)) == [False, False, False, True]
