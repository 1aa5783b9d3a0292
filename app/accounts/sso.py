"""People whom a trusted proxy or an OpenID Connect provider names: let in, with the role of their groups."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from app import audit
from app.accounts import emails, users
from app.accounts.models import User
from app.config import settings
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, transaction
from app.text import is_mail_address
from app.web import roles


def role_of(groups: Iterable[str]) -> str | None:
    """The highest role of somebody's groups; else the default one; None: they are not let in."""
    given = settings()
    granted = [given.sso_roles[group] for group in groups if group in given.sso_roles]
    return max(granted, key=roles.ROLES.index) if granted else given.sso_default_role


def admit(
    name: str, groups: Iterable[str], way: str, now: datetime, subject: str = "", email: str = ""
) -> User:
    """The user whom another says is here; made on their first visit. Their role follows their groups.

    `subject` is what the provider knows them by whatever their name; without one the name says who it is.
    `email` becomes their address when they have none.
    Raises `Forbidden`, of which the audit log tells, for who is not let in.
    """
    role = role_of(groups)
    identity = _digest(subject) if subject else None
    user = _known(name, identity, way, now)
    if role is None and (user is None or settings().sso_roles):
        raise refused(name, way, now, _("None of your groups may use Celeriac."))
    if user is None:
        user = _made(name, role or roles.VIEWER, way, now)
    if not user.active:
        raise refused(name, way, now, _("%(name)s is not active.", name=user.name))
    if identity and user.identity != identity:
        with transaction():
            user.identity = identity
            audit.record("user.identity", now, "user", user.id, user.name, actor=user.name)
    follow(user, role, now)
    if email and user.email is None and len(email) <= emails.MAX_LENGTH and is_mail_address(email):
        emails.give(user, email, now)
    return user


def follow(user: User, role: str | None, now: datetime) -> None:
    """Give a user the role of their groups, where groups have roles; the last admin stays one."""
    if not settings().sso_roles or role is None or user.role == role:
        return
    try:
        users.set_role(user, role, now)
    except Conflict:  # else nobody could manage anything; the log says that the groups want it otherwise
        with transaction():
            audit.record("user.role-kept", now, "user", user.id, user.name, wanted=role)


def refused(name: str, way: str, now: datetime, why: str) -> Forbidden:
    """Note in the audit log that somebody was not let in; the error to raise."""
    with transaction():
        audit.record("user.sign-in-refused", now, "user", "", name[:80], actor="", way=way, why=why)
    return Forbidden(why)


def _known(name: str, identity: str | None, way: str, now: datetime) -> User | None:
    if identity and (user := db.session.scalar(select(User).where(User.identity == identity))):
        return user
    try:
        user = users.find(name)
    except NotFound:
        return None
    if identity is None:
        return user
    is_fresh = user.password_hash is None and user.last_seen_at is None
    if user.identity is None and (is_fresh or settings().oidc_link_users):
        return user
    why = _("There is another user %(name)s here. An admin can set CELERIAC_OIDC_LINK_USERS.", name=user.name)
    raise refused(name, way, now, why)


def _made(name: str, role: str, way: str, now: datetime) -> User:
    try:
        return users.create(name, role, now)
    except Invalid as error:
        raise refused(name, way, now, "; ".join(error.errors.get("name", [error.detail]))) from None
    except Conflict:  # another request of theirs was first
        return users.find(name)


def _digest(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
