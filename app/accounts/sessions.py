"""Sessions: where a user is signed in. A browser keeps the secret of its own, the table a hash of it."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from app import audit
from app.accounts.models import User, UserSession
from app.accounts.tokens import digest
from app.config import settings
from app.errors import Forbidden, NotFound
from app.extensions import db, transaction
from app.web import roles

USED_EVERY = timedelta(minutes=1)
AGENT_MAX = 255
PASSWORD, LINK, PROXY, OIDC = "password", "link", "proxy", "oidc"
_LARGEST_ID = 2**31 - 1


def begin(
    user: User,
    way: str,
    now: datetime,
    *,
    remembered: bool = False,
    address: str | None = None,
    agent: str = "",
    instead_of: str = "",
) -> str:
    """A new session of a user, begun in one of the ways above; returns its secret.

    It takes the place of the one with the secret `instead_of`. Those that ended go.
    """
    secret = secrets.token_urlsafe(32)
    with transaction() as session:
        session.execute(
            delete(UserSession).where(or_(~_open(now), UserSession.secret_hash == digest(instead_of)))
        )
        session.add(
            UserSession(
                user_id=user.id,
                secret_hash=digest(secret),
                way=way,
                remembered=remembered,
                created_at=now,
                seen_at=now,
                ends_at=now + timedelta(hours=settings().session_max_hours),
                address=address,
                agent=agent.encode("utf-8", "replace").decode().replace("\x00", "")[:AGENT_MAX],
            )
        )
        session.execute(update(User).where(User.id == user.id).values(last_seen_at=now))
    return secret


def find(secret: str, now: datetime) -> UserSession | None:
    """The session with this secret, if it has not ended and its user is active."""
    query = select(UserSession).join(UserSession.user)
    return db.session.scalar(query.where(UserSession.secret_hash == digest(secret), _open(now), User.active))


def note_use(found: UserSession, now: datetime) -> None:
    """Keep when somebody last did something, exact to a minute, so that not every request writes."""
    if now - found.seen_at < USED_EVERY:
        return
    session_id, user_id = found.id, found.user_id
    with transaction() as session:
        session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=now))
        stale = or_(User.last_seen_at.is_(None), User.last_seen_at < now)
        session.execute(update(User).where(User.id == user_id, stale).values(last_seen_at=now))


def listing(now: datetime, user: User | None = None) -> Sequence[UserSession]:
    """The sessions of a user, or of everybody, that have not ended; the last used first."""
    query = select(UserSession).where(_open(now)).order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    return db.session.scalars(query.where(UserSession.user_id == user.id) if user else query).all()


def get(session_id: int, now: datetime, by: User | None = None) -> UserSession:
    """A session that has not ended. `by` (None: the command line) must own it or be an admin.

    Raises `NotFound` for one that does not exist or has ended, `Forbidden` for somebody else's.
    """
    query = select(UserSession).where(UserSession.id == session_id, _open(now))
    session = db.session.scalar(query) if 0 < session_id <= _LARGEST_ID else None
    if session is None:
        raise NotFound(_("There is no session %(id)s.", id=session_id))
    if by and by.id != session.user_id and not by.can(roles.ADMINISTER):
        raise Forbidden(_("Only an admin can end the session of somebody else."))
    return session


def end(session_id: int, now: datetime, by: User | None = None) -> None:
    """Sign a user out in one place. Raises as `get` does."""
    found = get(session_id, now, by)
    user = found.user
    with transaction() as session:
        session.execute(delete(UserSession).where(UserSession.id == session_id))
        audit.record("user.end-session", now, "user", user.id, user.name, session=session_id)


def end_all(user: User, now: datetime, but: UserSession | None = None) -> int:
    """Sign a user out everywhere, `but` in one place; how many sessions that ended."""
    user_id, name, kept = user.id, user.name, but.id if but else None
    with transaction():
        number = drop(user_id, kept)
        audit.record("user.end-sessions", now, "user", user_id, name, sessions=number)
    return number


def sign_out(found: UserSession, now: datetime) -> None:
    """End a session by its own wish."""
    user = found.user
    with transaction() as session:
        session.execute(delete(UserSession).where(UserSession.id == found.id))
        audit.record("user.sign-out", now, "user", user.id, user.name)


def drop(user_id: int, but: int | None = None) -> int:
    """End a user's sessions inside the caller's transaction; how many there were."""
    query = delete(UserSession).where(UserSession.user_id == user_id)
    if but is not None:
        query = query.where(UserSession.id != but)
    return len(db.session.scalars(query.returning(UserSession.id)).all())


def _open(now: datetime) -> ColumnElement[bool]:
    """Whether a session has not ended: by its age, or, unless it is remembered, because nobody used it."""
    used = UserSession.seen_at > now - timedelta(minutes=settings().session_idle_minutes)
    return and_(UserSession.ends_at > now, or_(UserSession.remembered, used))
