"""Users: made, found, changed; the last active admin stays one."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from flask_babel import gettext as _
from sqlalchemy import func, select

from app import audit
from app.accounts import links, passwords, sessions, tokens
from app.accounts.models import User
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, transaction, unless_taken
from app.web import roles

FIRST_ADMIN = "admin"
NAME_MAX = 40
UNDO_WITHIN = timedelta(minutes=10)
_NAME = re.compile(r"[^\W_][\w.@+-]*")
_LARGEST_ID = 2**31 - 1


class WrongPassword(Invalid):
    """What was entered is not the current password."""


def create(name: str, role: str, now: datetime, password: str | None = None) -> User:
    """A new user; without a password only a link signs in. Raises `Invalid`; `Conflict` for a taken name."""
    name = _checked_name(name)
    _check_role(role)
    if password is not None:
        passwords.check(password, name)
    user = User(
        name=name,
        name_key=_key(name),
        role=role,
        active=True,
        created_at=now,
        password_hash=None if password is None else passwords.hashed(password),
    )
    taken = Conflict(_("There is already a user named %(name)s.", name=name), code="name-taken")
    with unless_taken("name_key", taken), transaction() as session:
        session.add(user)
        session.flush()
        audit.record("user.create", now, "user", user.id, name, role=role)
    return user


def find(name: str) -> User:
    """The user of that name, however it is capitalised; raises `NotFound`."""
    user = _by_name(name)
    if user is None:
        raise NotFound(_("There is no user named %(name)s.", name=name[:80]))
    return user


def role_of(name: str) -> str:
    """The role of the active user of that name; "" for anybody else."""
    user = _by_name(name)
    return user.role if user and user.active else ""


def get(user_id: int) -> User:
    """The user with that id; raises `NotFound`."""
    user = db.session.get(User, user_id) if 0 < user_id <= _LARGEST_ID else None
    if user is None:
        raise NotFound(_("There is no such user."))
    return user


def listing() -> Sequence[User]:
    """Every user, by name."""
    return db.session.scalars(select(User).order_by(User.name_key)).all()


def sign_in(name: str, password: str, now: datetime) -> User | None:
    """The active user with that name and password; None otherwise, after the same time in every case.

    Whose `has_second_step` is signed in by `second_step.sign_in`, which also tells the audit log.
    """
    user = _by_name(name)
    right = passwords.matches(user.password_hash if user else None, password)
    if user is None:
        return None
    if right and user.active:
        dated = passwords.is_dated(user.password_hash or "")
        anew = passwords.hashed(password) if dated else None
        with transaction():
            if anew:  # only now is the password known from which to make another hash
                user.password_hash = anew
            if not user.has_second_step:
                audit.record("user.sign-in", now, "user", user.id, user.name, actor=user.name)
        return user
    with transaction():
        audit.record("user.sign-in-failed", now, "user", user.id, user.name)
    return None


def note_sign_in(user: User, now: datetime, way: str) -> None:
    """Tell the audit log that a user signed in, and how, where no password was asked for."""
    with transaction():
        audit.record("user.sign-in", now, "user", user.id, user.name, actor=user.name, way=way)


def set_password(user: User, password: str, now: datetime) -> None:
    """Give a user a new password; every session that was begun before ends. Raises `Invalid`."""
    passwords.check(password, user.name)
    password_hash = passwords.hashed(password)
    with transaction():
        user.password_hash = password_hash
        sessions.drop(user.id)
        audit.record("user.password", now, "user", user.id, user.name)


def change_password(user: User, old: str, new: str, now: datetime) -> None:
    """As `set_password`, by the user; one who has a password must know it.

    Raises `Invalid` by field: `WrongPassword` for a guess that was wrong, of which the audit log tells.
    """
    if user.password_hash is not None and not passwords.matches(user.password_hash, old):
        with transaction():
            audit.record("user.password-refused", now, "user", user.id, user.name)
        raise WrongPassword({"current": [_("This is not your current password.")]})
    set_password(user, new, now)


def set_role(user: User, role: str, now: datetime) -> None:
    """Give a user another role, at once; raises `Invalid`, or `Conflict` for the last active admin."""
    _check_role(role)
    with transaction():
        _keep_an_admin(user, role == roles.ADMIN)
        before, user.role = user.role, role
        audit.record("user.role", now, "user", user.id, user.name, before=before, after=role)


def deactivate(user: User, now: datetime) -> int:
    """Shut a user out: sessions, tokens and links end. Returns how many tokens that were.

    Raises `Conflict` as `set_role` does.
    """
    with transaction():
        _keep_an_admin(user, False)
        user.active = False
        sessions.drop(user.id)
        links.drop(user.id)
        ended = tokens.drop(user.id, now)
        audit.record("user.deactivate", now, "user", user.id, user.name, revoked=ended)
    return ended


def activate(user: User, now: datetime, undo_of: datetime | None = None) -> int:
    """Let a user in again, with the same password. Tokens that ended stay ended: somebody may have them.

    `undo_of` is the moment of a deactivation that is taken back: within some minutes the tokens that it
    ended count again. Returns how many do.
    """
    back = 0
    with transaction():
        user.active = True
        if undo_of and timedelta(0) <= now - undo_of <= UNDO_WITHIN:
            back = tokens.take_up_again(user.id, undo_of)
        audit.record("user.activate", now, "user", user.id, user.name, restored=back)
    return back


def set_preferences(user: User, timezone: str | None, theme: str | None, locale: str | None) -> None:
    """What a user sees pages in; None leaves it to the browser. Raises `Invalid` for an unknown time zone."""
    if timezone and timezone not in available_timezones():
        raise Invalid({"timezone": [_("There is no time zone %(name)s.", name=timezone[:80])]})
    with transaction():
        user.timezone, user.theme, user.locale = timezone or None, theme or None, locale or None


def hide_first_steps(user: User, hidden: bool) -> None:
    """Put the first steps of the start page away, or bring them back."""
    with transaction():
        user.first_steps_hidden = hidden


def ensure_first_admin(now: datetime) -> str | None:
    """The path of a one-time link for `admin`, who is created when there is nobody at all.

    When `admin` is gone or no admin, the link is for the oldest active admin; None when there is none.
    """
    if not db.session.scalar(select(func.count()).select_from(User)):
        create(FIRST_ADMIN, roles.ADMIN, now)
    admins = db.session.scalars(
        select(User).where(User.role == roles.ADMIN, User.active).order_by(User.id)
    ).all()
    first = next((user for user in admins if user.name_key == FIRST_ADMIN), None) or next(iter(admins), None)
    return links.make(first, now) if first else None


def entered_key(name: str) -> str:
    """What a name that somebody entered is looked up by: all spellings that mean one user give the same."""
    return _key(name[: NAME_MAX * 2])


def _keep_an_admin(user: User, stays_admin: bool) -> None:
    """Raises `Conflict` when the change would leave no active admin; two such changes wait for each other."""
    query = select(User.id).where(User.role == roles.ADMIN, User.active).order_by(User.id).with_for_update()
    others = [admin_id for admin_id in db.session.scalars(query) if admin_id != user.id]
    if not stays_admin and not others and user.role == roles.ADMIN and user.active:
        raise Conflict(_("%(name)s is the last active admin.", name=user.name), code="last-admin")


def _by_name(name: str) -> User | None:
    return db.session.scalar(select(User).where(User.name_key == entered_key(name)))


def _checked_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not name:
        raise Invalid({"name": [_("A name is required.")]})
    if len(name) > NAME_MAX or len(_key(name)) > NAME_MAX * 2:
        raise Invalid({"name": [_("A name may have at most %(n)s characters.", n=NAME_MAX)]})
    if not _NAME.fullmatch(name):
        raise Invalid(
            {"name": [_("A name has letters, digits and . _ @ + - only, and begins with a letter or digit.")]}
        )
    return name


def _key(name: str) -> str:
    """The name as it is compared: without case, and with the spellings of one letter made one."""
    return unicodedata.normalize(
        "NFKC", name.strip().replace("\x00", "").encode("utf-8", "replace").decode()
    ).casefold()


def _check_role(role: str) -> None:
    if role not in roles.ROLES:
        allowed = ", ".join(roles.ROLES)
        raise Invalid(
            {"role": [_("There is no role %(role)s; allowed: %(allowed)s.", role=role[:40], allowed=allowed)]}
        )
