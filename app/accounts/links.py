"""One-time sign-in links: for the first sign-in, and instead of a forgotten password."""

import secrets
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, or_, select, update

from app import audit
from app.accounts.models import LoginLink, User
from app.accounts.tokens import digest
from app.errors import Conflict
from app.extensions import db, transaction

LIFETIME = timedelta(days=1)
PATH = "/login/link/"


def make(user: User, now: datetime) -> str:
    """The path of a new link that signs the user in once, within a day. It takes the place of earlier ones.

    Raises `Conflict` when the user is not active.
    """
    if not user.active:
        raise Conflict(_("%(name)s is not active.", name=user.name), code="not-active")
    secret = secrets.token_urlsafe(32)
    with transaction() as session:
        finished = or_(LoginLink.user_id == user.id, LoginLink.expires_at < now)
        session.execute(delete(LoginLink).where(finished))
        session.add(
            LoginLink(user_id=user.id, token_hash=digest(secret), created_at=now, expires_at=now + LIFETIME)
        )
        audit.record("user.link", now, "user", user.id, user.name)
    return PATH + secret


def drop(user_id: int) -> None:
    """End a user's links inside the caller's transaction."""
    db.session.execute(delete(LoginLink).where(LoginLink.user_id == user_id))


def open_for(secret: str, now: datetime) -> User | None:
    """The user whom an open link would sign in; it stays open."""
    return db.session.scalar(
        select(User)
        .join(LoginLink)
        .where(
            LoginLink.token_hash == digest(secret),
            LoginLink.used_at.is_(None),
            LoginLink.expires_at > now,
            User.active,
        )
    )


def use(secret: str, now: datetime) -> User | None:
    """The user of an open link, which this uses up; None for a link that is used, too old or unknown."""
    with transaction() as session:
        user_id = session.scalar(
            update(LoginLink)
            .where(
                LoginLink.token_hash == digest(secret),
                LoginLink.used_at.is_(None),
                LoginLink.expires_at > now,
            )
            .values(used_at=now)
            .returning(LoginLink.user_id)
        )
        user = session.scalar(select(User).where(User.id == user_id, User.active)) if user_id else None
        if user:
            audit.record("user.sign-in", now, "user", user.id, user.name, actor=user.name, link=True)
    return user
