"""API tokens: made, found by their secret, revoked."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from app import audit
from app.accounts.models import ApiToken, User
from app.errors import Forbidden, Invalid, NotFound
from app.extensions import db, transaction
from app.web import roles

PREFIX = "cel_"
LABEL_MAX = 80
USED_EVERY = timedelta(minutes=1)
_LARGEST_ID = 2**31 - 1


def create(user: User, label: str, now: datetime) -> tuple[ApiToken, str]:
    """A new token of a user, and its secret, which nobody can be shown again; raises `Invalid`."""
    label = " ".join(label.split())
    if len(label) > LABEL_MAX:
        raise Invalid({"label": [_("A label may have at most %(n)s characters.", n=LABEL_MAX)]})
    if not label.isprintable():
        raise Invalid({"label": [_("A label is one line of text.")]})
    if not user.active:
        raise Invalid({"user": [_("%(name)s is not active.", name=user.name)]})
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction() as session:
        token = ApiToken(
            user_id=user.id, label=label, token_hash=digest(secret), start=secret[:8], created_at=now
        )
        session.add(token)
        session.flush()
        audit.record("token.create", now, "token", token.id, label or token.start, user=user.name)
    return token, secret


def find(secret: str) -> ApiToken | None:
    """The token with this secret, if it is not revoked and its user is active."""
    if not secret.startswith(PREFIX):
        return None
    query = (
        select(ApiToken)
        .join(ApiToken.user)
        .where(ApiToken.token_hash == digest(secret), ApiToken.revoked_at.is_(None), User.active)
    )
    return db.session.scalar(query)


def note_use(token: ApiToken, now: datetime) -> None:
    """Keep when a token was last used, exact to a minute, so that not every request writes."""
    if token.last_used_at and now - token.last_used_at < USED_EVERY:
        return
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < now)
    with transaction() as session:
        session.execute(update(ApiToken).where(ApiToken.id == token.id, stale).values(last_used_at=now))


def listing(user: User | None = None) -> Sequence[ApiToken]:
    """The tokens of a user, or of everybody, that are not revoked; oldest first."""
    query = select(ApiToken).where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.id)
    return db.session.scalars(query.where(ApiToken.user_id == user.id) if user else query).all()


def get(token_id: int, by: User | None = None) -> ApiToken:
    """A token that is not revoked. `by` (None: the command line) must own it or be an admin.

    Raises `NotFound` for one that does not exist or is revoked, `Forbidden` for somebody else's.
    """
    token = db.session.get(ApiToken, token_id) if 0 < token_id <= _LARGEST_ID else None
    if token is None or token.revoked_at:
        raise NotFound(_("There is no token %(id)s.", id=token_id))
    if by and by.id != token.user_id and not by.can(roles.ADMINISTER):
        raise Forbidden(_("Only an admin can revoke the token of somebody else."))
    return token


def revoke(token_id: int, now: datetime, by: User | None = None) -> None:
    """End a token; it stays ended. Raises as `get` does."""
    token = get(token_id, by)
    with transaction():
        token.revoked_at = now
        audit.record("token.revoke", now, "token", token_id, token.label or token.start, user=token.user.name)


def digest(secret: str) -> str:
    """How a secret of 32 random bytes is kept: it cannot be guessed, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
