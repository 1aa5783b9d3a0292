"""Passwords: what is asked of them, how they are kept and checked."""

from functools import lru_cache

from flask_babel import gettext as _
from werkzeug.security import check_password_hash, generate_password_hash

from app.errors import Invalid

MIN_LENGTH = 8
MAX_LENGTH = 1000
METHOD = "scrypt"  # with what it costs by default


def check(password: str, field: str = "password") -> None:
    """Raises `Invalid` for a password of the wrong length. Nothing else is asked (NIST SP 800-63B)."""
    if len(password) < MIN_LENGTH:
        raise Invalid({field: [_("A password needs at least %(n)s characters.", n=MIN_LENGTH)]})
    if len(password) > MAX_LENGTH:
        raise Invalid({field: [_("A password may have at most %(n)s characters.", n=MAX_LENGTH)]})


def hashed(password: str) -> str:
    """The form in which a password is kept."""
    return generate_password_hash(password, method=METHOD)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the right one; takes as long when there is none to compare with."""
    right = check_password_hash(password_hash or _nobodys(), password[:MAX_LENGTH])
    return right and password_hash is not None and len(password) <= MAX_LENGTH


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return hashed("the password of nobody")
