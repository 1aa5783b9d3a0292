"""Two-step sign-in: after the password a code of an authenticator app (TOTP, RFC 6238) or a recovery code."""

import base64
import hmac
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask_babel import gettext as _
from sqlalchemy import delete, func, or_, select, update

from app import audit
from app.accounts import passwords, sessions
from app.accounts.models import RecoveryCode, User, UserSession
from app.accounts.tokens import digest
from app.config import secret_key, settings
from app.errors import Conflict, Forbidden, Invalid
from app.extensions import db, transaction
from app.web import roles

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

RECOVERY_CODES = 10
STEP_SECONDS = 30
TICKET_LASTS = timedelta(minutes=10)
_SKEW = (0, -1, 1)  # steps that a clock may be off
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_GROUPS, _GROUP = 4, 4


class WrongCode(Invalid):
    """What was entered is no code that counts now, or not the password that was asked for with it."""


def is_asked_of(user: User) -> bool:
    """Whether the setting asks it of somebody of this role, so that they cannot do without."""
    of = settings().second_step
    return of == "everybody" or (of == "admins" and user.role == roles.ADMIN)


def is_due(user: User) -> bool:
    """Whether the user has to set it up before anything else."""
    return is_asked_of(user) and not user.has_second_step


def begin(user: User, now: datetime) -> str:
    """Make a secret for an authenticator app; it counts once `confirm` has seen a code of it.

    Raises `Conflict` when it is on already, or there is no password that a code could come after.
    """
    if user.has_second_step:
        raise Conflict(_("Two-step sign-in is on already."), code="second-step-on")
    if user.password_hash is None:
        raise Conflict(_("Set a password first: the code is asked for after it."), code="no-password")
    from pyotp import random_base32

    secret = random_base32()
    with transaction():
        user.totp_secret = _fernet().encrypt(secret.encode()).decode()
    return secret


def pending(user: User) -> str | None:
    """The secret that waits for its first code; None when there is none, or it is not to be shown again."""
    return _secret(user) if user.totp_secret and not user.has_second_step else None


def address(user: User, secret: str) -> str:
    """The otpauth:// address that an authenticator app takes the secret from."""
    from pyotp import TOTP

    return TOTP(secret).provisioning_uri(name=user.name, issuer_name=settings().deployment_name)


def confirm(user: User, code: str, now: datetime, but: UserSession | None = None) -> list[str]:
    """Turn it on, by a code of the secret that `begin` made. Returns recovery codes; they are kept as hashes.

    Every session of theirs ends, `but` this one. Raises `WrongCode`, or `Conflict` when nothing waits.
    """
    secret = pending(user)
    if secret is None:
        raise Conflict(_("Begin anew: there is nothing to confirm."), code="not-begun")
    step = _step_of(secret, code, now)
    if step is None:
        raise _wrong()
    with transaction():
        user.totp_since, user.totp_step = now, step
        codes = _new_codes(user.id)
        ended = sessions.drop(user.id, but.id if but else None)
        audit.record("user.second-step", now, "user", user.id, user.name, sessions=ended)
    return codes


def ticket(user: User, now: datetime) -> str:
    """What a browser keeps (signed) of a user whose password was right, until the code comes."""
    return f"{user.id} {int(now.timestamp())} {_stamp(user)}"


def of_ticket(ticket: str, now: datetime) -> User | None:
    """The user of a ticket, for ten minutes, and while password and secret are those of then."""
    user_id, at, stamp = [*ticket.split(), "0", "0", ""][:3]
    if not timedelta(0) <= now - datetime.fromtimestamp(int(at), UTC) <= TICKET_LASTS:
        return None
    user = db.session.get(User, int(user_id))
    return user if user and user.active and user.has_second_step and _stamp(user) == stamp else None


def sign_in(user: User, code: str, now: datetime) -> bool:
    """Whether the code ends the sign-in of a user whose password was right. It is used up."""
    user_id, name = user.id, user.name
    by = _use(user, code, now) if user.active else None
    with transaction():
        if by:
            audit.record("user.sign-in", now, "user", user_id, name, actor=name, second_step=by)
        else:
            audit.record("user.sign-in-failed", now, "user", user_id, name, second_step=True)
    return by is not None


def codes_left(user: User) -> int:
    """How many recovery codes were not used."""
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user.id)
    return db.session.scalar(query) or 0


def renew_codes(user: User, password: str, code: str, now: datetime) -> list[str]:
    """New recovery codes in the place of all that there are. Raises `WrongCode` by field."""
    _require(user, password, code, now)
    with transaction():
        codes = _new_codes(user.id)
        audit.record("user.recovery-codes", now, "user", user.id, user.name)
    return codes


def turn_off(user: User, password: str, code: str, now: datetime) -> None:
    """Ask for the password alone again. Raises `WrongCode` by field, `Conflict` where it may not be off."""
    if is_asked_of(user):
        raise Conflict(_("Two-step sign-in may not be turned off here."), code="second-step-required")
    _require(user, password, code, now)
    _forget(user, now)


def reset(user: User, now: datetime, by: User | None = None) -> None:
    """As `turn_off` for somebody who lost their app and codes, by an admin or (None) the command line.

    Raises `Conflict` when it is not on, `Forbidden` for oneself: that would need no code.
    """
    if by and by.id == user.id:
        raise Forbidden(_("Turn off your own with your password and a code, in Settings."))
    if not user.has_second_step:
        raise Conflict(_("%(name)s has no two-step sign-in.", name=user.name), code="second-step-off")
    _forget(user, now)


def _forget(user: User, now: datetime) -> None:
    with transaction() as session:
        user.totp_secret = user.totp_since = user.totp_step = None
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
        audit.record("user.second-step-off", now, "user", user.id, user.name)


def _require(user: User, password: str, code: str, now: datetime) -> None:
    """Who does this knows the password and has a code; a wrong password uses no code up."""
    if not user.has_second_step:
        raise Conflict(_("%(name)s has no two-step sign-in.", name=user.name), code="second-step-off")
    wrong = None
    if not passwords.matches(user.password_hash, password):
        wrong = WrongCode({"password": [_("This is not your current password.")]})
    elif _use(user, code, now) is None:
        wrong = _wrong()
    if wrong:
        with transaction():
            audit.record("user.second-step-refused", now, "user", user.id, user.name)
        raise wrong


def _use(user: User, code: str, now: datetime) -> str | None:
    """Use a code up: "app" or "recovery", by what it was; None for one that does not count (any more).

    Two requests with the same code: one of them gets it.
    """
    entered, user_id = _plain(code), user.id
    if not user.has_second_step or not entered:
        return None
    if len(entered) == _GROUPS * _GROUP:
        this = delete(RecoveryCode).where(
            RecoveryCode.user_id == user_id, RecoveryCode.code_hash == digest(entered)
        )
        with transaction() as session:
            return "recovery" if session.scalars(this.returning(RecoveryCode.id)).all() else None
    step = _step_of(_secret(user), entered, now)
    if step is None:
        return None
    fresh = or_(User.totp_step.is_(None), User.totp_step < step)
    with transaction() as session:
        taken = update(User).where(User.id == user_id, fresh).values(totp_step=step).returning(User.id)
        return "app" if session.scalars(taken).all() else None


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code belongs to, of those that are near enough."""
    from pyotp import TOTP

    totp, entered = TOTP(secret, interval=STEP_SECONDS), _plain(code).encode()
    this = int(now.timestamp()) // STEP_SECONDS
    steps = (this + skew for skew in _SKEW)
    return next(
        (step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), entered)), None
    )


def _new_codes(user_id: int) -> list[str]:
    """Inside the caller's transaction."""
    codes = [
        "".join(secrets.choice(_LETTERS) for _n in range(_GROUPS * _GROUP)) for _c in range(RECOVERY_CODES)
    ]
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.add_all(RecoveryCode(user_id=user_id, code_hash=digest(code)) for code in codes)
    return ["-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP)) for code in codes]


def _plain(code: str) -> str:
    """A code as it is compared: people type spaces and hyphens as they see them."""
    plain = unicodedata.normalize("NFKC", code[:64]).lower()
    return "".join(letter for letter in plain if letter.isalnum())


def _stamp(user: User) -> str:
    return digest(f"{user.password_hash} {user.totp_secret}")[:16]


def _wrong() -> WrongCode:
    return WrongCode({"code": [_("This code does not count, or was used. Wait for the next one.")]})


def _secret(user: User) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _fernet().decrypt((user.totp_secret or "").encode()).decode()
    except InvalidToken:
        raise Invalid(
            {
                "code": [
                    _(
                        "Codes of the app cannot be checked: CELERIAC_SECRET_KEY is not the one of then. "
                        "Use a recovery code, or let an admin reset it."
                    )
                ]
            }
        ) from None


def _fernet() -> "Fernet":
    """Of a key of its own: who has only the database, or a backup of it, cannot make codes."""
    from cryptography.fernet import Fernet  # takes long, and most do without

    key = hmac.digest(secret_key(settings()).encode(), b"celeriac: second step", "sha256")
    return Fernet(base64.urlsafe_b64encode(key))
