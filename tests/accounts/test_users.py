"""Users: names, roles, the last admin, sessions."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from app import audit
from app.accounts import ensure_first_admin, links, sessions, users
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db
from app.web.permissions import requires
from tests.races import at_once


@pytest.mark.parametrize(
    "name", ["mei", "Mei.Lin", "mei@shop.example", "梅琳", "Ångström", "a" * 40, "7of9", "x+y_z-1"]
)
def test_create_and_find_by_name(app: Flask, now: datetime, name: str) -> None:
    made = users.create(f" {name} ", "operator", now)
    assert made.name == name
    assert users.find(name.upper()).id == made.id


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a" * 41, "mei lin", "mei\nlin", "../etc", ".mei", "-mei", "_mei", "mei\x00", "<b>", "ß" * 41],
)
def test_names_that_are_refused(app: Flask, now: datetime, name: str) -> None:
    with pytest.raises(Invalid) as error:
        users.create(name, "viewer", now)
    assert list(error.value.errors) == ["name"]
    assert users.listing() == []


@pytest.mark.database
@pytest.mark.parametrize("second", ["mei", "MEI", "Mei", "\uff4dei"])  # the last has a full-width m
def test_a_name_is_taken_however_it_is_written(app: Flask, now: datetime, second: str) -> None:
    users.create("mei", "viewer", now)
    with pytest.raises(Conflict) as error:
        users.create(second, "admin", now)
    assert error.value.code == "name-taken"
    assert [user.role for user in users.listing()] == ["viewer"]


@pytest.mark.parametrize("role", ["", "root", "Admin"])
def test_roles_that_do_not_exist(app: Flask, now: datetime, role: str) -> None:
    with pytest.raises(Invalid) as error:
        users.create("mei", role, now)
    assert "viewer, operator, admin" in error.value.errors["role"][0]


@pytest.mark.parametrize(
    ("role", "rights"),
    [("viewer", {"view"}), ("operator", {"view", "operate"}), ("admin", {"view", "operate", "administer"})],
)
def test_rights_of_each_role(app: Flask, now: datetime, role: str, rights: set[str]) -> None:
    user = users.create("mei", role, now)
    assert {right for right in ("view", "operate", "administer", "fly") if user.can(right)} == rights


def test_a_view_cannot_ask_for_a_right_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="administer, operate, view"):
        requires("fly")


@pytest.mark.parametrize(
    ("password", "works"),
    [("correct horse", True), ("pässwörd 密码", True), ("seven77", False), ("x" * 1001, False)],
)
def test_passwords(app: Flask, now: datetime, password: str, works: bool) -> None:
    if not works:
        with pytest.raises(Invalid, match="characters"):
            users.create("mei", "viewer", now, password)
        return
    user = users.create("mei", "viewer", now, password)
    assert password not in (user.password_hash or "")
    assert users.sign_in("MEI", password, now) is user
    assert users.sign_in("mei", password + "x", now) is None


def test_who_may_not_sign_in(app: Flask, now: datetime) -> None:
    users.create("boss", "admin", now)
    mei = users.create("mei", "viewer", now, "correct horse")
    users.create("bot", "viewer", now)
    assert users.sign_in("bot", "", now) is None
    assert users.sign_in("nobody", "correct horse", now) is None
    assert users.sign_in("mei\x00", "wrong", now) is None
    users.deactivate(mei, now)
    assert users.sign_in("mei", "correct horse", now) is None


def test_refused_sign_ins_are_in_the_audit_log_only_for_known_names(app: Flask, now: datetime) -> None:
    users.create("mei", "viewer", now, "correct horse")
    users.sign_in("mei", "wrong", now)
    users.sign_in("my secret password typed in the wrong field", "", now)
    failed = audit.page(audit.AuditFilter(action="user.sign-in-failed")).items
    assert [(entry.object_name, entry.actor) for entry in failed] == [("mei", "")]


def test_a_session_ends_with_a_new_password_and_with_the_user(app: Flask, now: datetime) -> None:
    users.create("boss", "admin", now)
    mei = users.create("mei", "viewer", now, "correct horse")
    tom = users.create("tom", "viewer", now)
    other = sessions.begin(tom, sessions.LINK, now)
    for end in (lambda: users.set_password(mei, "another horse", now), lambda: users.deactivate(mei, now)):
        secret = sessions.begin(mei, sessions.PASSWORD, now)
        assert sessions.find(secret, now)
        end()
        assert sessions.find(secret, now) is None
    users.activate(mei, now)
    assert sessions.listing(now, mei) == []
    assert sessions.find(other, now)


def test_changing_the_own_password_asks_for_the_present_one(app: Flask, now: datetime) -> None:
    mei = users.create("mei", "viewer", now)
    users.change_password(mei, "", "the first one", now)  # nothing to know: she came by a link
    with pytest.raises(Invalid) as error:
        users.change_password(mei, "wrong", "the second one", now)
    assert list(error.value.errors) == ["current"]
    users.change_password(mei, "the first one", "the second one", now)
    assert users.sign_in("mei", "the second one", now)


@pytest.mark.database
def test_the_last_active_admin_stays(app: Flask, now: datetime) -> None:
    boss, deputy = users.create("boss", "admin", now), users.create("deputy", "admin", now)
    users.deactivate(deputy, now)
    for change in (lambda: users.deactivate(boss, now), lambda: users.set_role(boss, "operator", now)):
        with pytest.raises(Conflict) as error:
            change()
        assert error.value.code == "last-admin"
    assert boss.can("administer")
    users.set_role(boss, "admin", now)
    users.activate(deputy, now)
    users.set_role(boss, "viewer", now)
    assert not boss.can("operate")


@pytest.mark.database
def test_two_admins_cannot_shut_each_other_out_at_once(app: Flask, now: datetime) -> None:
    names = ["boss", "deputy"]
    for name in names:
        users.create(name, "admin", now)

    def shut_out(start: Callable[[], object], n: int) -> str:
        user = users.find(names[n])
        start()
        try:
            users.deactivate(user, now)
        except Conflict as error:
            return error.code
        return ""

    said = at_once(app, 2, shut_out)
    db.session.expire_all()
    assert sorted(said) == ["", "last-admin"]
    assert [user.active for user in users.listing()].count(True) == 1


def test_preferences(app: Flask, now: datetime) -> None:
    mei = users.create("mei", "viewer", now)
    users.set_preferences(mei, "Asia/Shanghai", "dark", "zh_Hans_CN")
    assert (mei.timezone, mei.theme, mei.locale) == ("Asia/Shanghai", "dark", "zh_Hans_CN")
    with pytest.raises(Invalid, match="Mars/Olympus"):
        users.set_preferences(mei, "Mars/Olympus", None, None)
    users.set_preferences(mei, "", "", "")
    assert (mei.timezone, mei.theme, mei.locale) == (None, None, None)


@pytest.mark.database
def test_the_first_admin_is_made_once_and_gets_a_link_at_every_start(app: Flask, now: datetime) -> None:
    first = ensure_first_admin(now)
    second = ensure_first_admin(now)
    assert [(user.name, user.role) for user in users.listing()] == [("admin", "admin")]
    assert first
    assert second
    assert first != second
    assert links.use(second.removeprefix(links.PATH), now) is users.find("admin")


def test_the_link_at_the_start_is_for_an_admin_who_is_there(app: Flask, now: datetime) -> None:
    users.create("mei", "viewer", now)
    assert ensure_first_admin(now) is None
    users.create("boss", "admin", now)
    path = ensure_first_admin(now)
    assert path
    assert links.use(path.removeprefix(links.PATH), now) is users.find("boss")


@pytest.mark.database
def test_users_that_are_not_there(app: Flask) -> None:
    for search in (
        lambda: users.find("nobody"),
        lambda: users.get(1),
        lambda: users.get(0),
        lambda: users.get(2**70),
    ):
        with pytest.raises(NotFound):
            search()


@pytest.mark.database
def test_a_clock_in_another_zone_is_the_same_moment(app: Flask) -> None:
    tokyo = datetime.fromisoformat("2026-11-20T21:00:00+09:00")
    assert users.create("mei", "viewer", tokyo).created_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
