"""A person's own e-mail address: what they enter counts once they have used a link that was sent there."""

from datetime import UTC, datetime, timedelta

from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeSerializer

from app import audit
from app.accounts.models import User
from app.config import secret_key, settings
from app.errors import Conflict, Invalid
from app.extensions import transaction
from app.text import is_mail_address, storable

MAX_LENGTH = 254
LIFETIME = timedelta(days=1)
PATH = "/settings/email/"


def give(user: User, email: str, now: datetime) -> None:
    """Where a user gets mail of their own, as an admin, a proxy or a provider says; empty: nowhere.

    Raises `Invalid`.
    """
    given = _checked(email)
    if (user.email, user.unconfirmed_email) == (given, None):
        return
    with transaction():
        user.email, user.unconfirmed_email = given, None
        audit.record("user.email", now, "user", user.id, user.name)


def enter(user: User, email: str, now: datetime) -> bool:
    """Note the address that a user enters for themselves; whether it is to be confirmed. Raises `Invalid`.

    Until it is, mail goes to the one before.
    """
    entered = _checked(email)
    if entered in (None, user.email):
        give(user, email, now)
        return False
    if entered == user.unconfirmed_email:
        return False
    with transaction():
        user.unconfirmed_email = entered
    return True


def link(user_id: int, email: str, now: datetime) -> str:
    """The path of the page on which a user confirms an address, within a day."""
    return PATH + _signer().dumps([user_id, email, int((now + LIFETIME).timestamp())])


def of_link(user: User, token: str, now: datetime) -> str:
    """The address that a link confirms. Raises `Conflict` for one that is somebody else's or no good now."""
    try:
        user_id, email, ends = _signer().loads(token)
    except BadData:
        user_id, email, ends = 0, "", 0
    waits = user_id == user.id and email == user.unconfirmed_email
    if not waits or now > datetime.fromtimestamp(ends, UTC):
        raise Conflict(
            _("This link was used, is too old, or is for somebody else. Settings sends another one."),
            code="link-spent",
        )
    return str(email)


def confirm(user: User, token: str, now: datetime) -> str:
    """Use the address of a link from now on; returns it. Raises as `of_link` does."""
    email = of_link(user, token, now)
    give(user, email, now)
    return email


def _checked(email: str) -> str | None:
    email = storable(email).strip()
    if len(email) > MAX_LENGTH or (email and not is_mail_address(email)):
        raise Invalid({"email": [_("%(address)s is no e-mail address.", address=email[:80])]})
    return email or None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(secret_key(settings()), salt="celeriac: e-mail address")
