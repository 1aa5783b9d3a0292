"""API tokens: made, found by their secret, revoked."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, func, or_, select, update

from app import audit
from app.accounts.models import ApiToken, User
from app.errors import Forbidden, Invalid, NotFound
from app.extensions import db, transaction
from app.web import roles

PREFIX = "cel_"
LABEL_MAX = 80
USED_EVERY = timedelta(minutes=1)
_LARGEST_ID = 2**31 - 1


def create(
    user: User,
    label: str,
    now: datetime,
    *,
    role: str | None = None,
    expires_at: datetime | None = None,
    by: User | None = None,
    within: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """A new token of a user, and its secret, which nobody can be shown again.

    Its role is not above the user's. `by` (None: the command line) makes it for themselves, or as an
    admin for anybody; `within` is the token by which they act: what it makes for them cannot do more, or
    live longer.
    Raises `Invalid` by field, `Forbidden` for somebody else's.
    """
    if by and by.id != user.id and not by.can(roles.ADMINISTER):
        raise Forbidden(_("Only an admin can make a token for somebody else."))
    if not user.active:
        raise Invalid({"user": [_("%(name)s is not active.", name=user.name)]})
    label = _checked_label(label)
    own = by if by and by.id == user.id else None
    role = _checked_role(role, own.acting_role if own else user.role)
    if own and role is None and own.acting_role != own.role:
        role = own.acting_role
    _check_end(expires_at, now, within if own else None)
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction() as session:
        token = ApiToken(
            user_id=user.id,
            label=label,
            token_hash=digest(secret),
            start=secret[:8],
            role=role,
            created_at=now,
            expires_at=expires_at,
        )
        session.add(token)
        session.flush()
        until = expires_at.isoformat() if expires_at else None
        what = {"user": user.name, "role": role, "until": until}
        audit.record("token.create", now, "token", token.id, label or token.start, **what)
    return token, secret


def find(secret: str, now: datetime) -> ApiToken | None:
    """The token with this secret, if it is not revoked, has not ended and its user is active."""
    if not secret.startswith(PREFIX):
        return None
    query = (
        select(ApiToken)
        .join(ApiToken.user)
        .where(ApiToken.token_hash == digest(secret), _open(now), User.active)
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


def count(user: User, now: datetime) -> int:
    """How many tokens of a user count now."""
    query = select(func.count()).select_from(ApiToken).where(ApiToken.user_id == user.id, _open(now))
    return db.session.scalar(query) or 0


def revoke(token_id: int, now: datetime, by: User | None = None) -> None:
    """End a token; it stays ended. Raises as `get` does."""
    token = get(token_id, by)
    with transaction():
        token.revoked_at = now
        audit.record("token.revoke", now, "token", token_id, token.label or token.start, user=token.user.name)


def drop(user_id: int, now: datetime) -> int:
    """End all tokens of a user inside the caller's transaction; how many that were."""
    ended = update(ApiToken).where(ApiToken.user_id == user_id, _open(now)).values(revoked_at=now)
    return len(db.session.scalars(ended.returning(ApiToken.id)).all())


def take_up_again(user_id: int, dropped_at: datetime) -> int:
    """Take back what `drop` did at a moment, inside the caller's transaction; how many tokens count again."""
    dropped = (ApiToken.user_id == user_id, ApiToken.revoked_at == dropped_at)
    again = update(ApiToken).where(*dropped).values(revoked_at=None)
    return len(db.session.scalars(again.returning(ApiToken.id)).all())


def _checked_label(label: str) -> str:
    label = " ".join(label.split())
    if len(label) > LABEL_MAX:
        raise Invalid({"label": [_("A label may have at most %(n)s characters.", n=LABEL_MAX)]})
    if not label.isprintable():
        raise Invalid({"label": [_("A label is one line of text.")]})
    return label


def _checked_role(role: str | None, most: str) -> str | None:
    if not role:
        return None
    if role not in roles.ROLES or roles.lower(role, most) != role:
        allowed = ", ".join(roles.ROLES[: roles.ROLES.index(most) + 1])
        raise Invalid(
            {
                "role": [
                    _(
                        "A token cannot have the role %(role)s; allowed: %(allowed)s.",
                        role=role[:40],
                        allowed=allowed,
                    )
                ]
            }
        )
    return role


def _check_end(expires_at: datetime | None, now: datetime, within: ApiToken | None) -> None:
    if expires_at and expires_at <= now:
        raise Invalid({"expires_at": [_("The end of a token lies ahead.")]})
    most = within.expires_at if within else None
    if most and (expires_at is None or expires_at > most):
        raise Invalid(
            {"expires_at": [_("A token that is made by a token ends no later than that one does.")]}
        )


def _open(now: datetime) -> ColumnElement[bool]:
    return and_(ApiToken.revoked_at.is_(None), or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now))


def digest(secret: str) -> str:
    """How a secret of 32 random bytes is kept: it cannot be guessed, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
