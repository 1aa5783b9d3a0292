"""Passwords: what is asked of them, how they are kept and checked."""

from functools import cache, lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _
from werkzeug.security import check_password_hash

from app.config import settings
from app.errors import Invalid

MIN_LENGTH = 8
MAX_LENGTH = 1000
_COMMON = Path(__file__).with_name("common_passwords.txt")
_WERKZEUGS = ("scrypt:", "pbkdf2:")  # how passwords were kept before


def check(password: str, name: str = "", field: str = "password") -> None:
    """Raises `Invalid` for a password of the wrong length, or one that others would try first.

    Nothing else is asked (NIST SP 800-63B): no kinds of characters, no change every so often.
    """
    if len(password) < MIN_LENGTH:
        raise Invalid({field: [_("A password needs at least %(n)s characters.", n=MIN_LENGTH)]})
    if len(password) > MAX_LENGTH:
        raise Invalid({field: [_("A password may have at most %(n)s characters.", n=MAX_LENGTH)]})
    plain = password.casefold()
    if plain in _common():
        raise Invalid({field: [_("Many people use this password, so it is tried first. Choose another.")]})
    if len(set(plain)) == 1 or plain.strip("0123456789!?._-") in {name.casefold(), "celeriac"}:
        raise Invalid({field: [_("This password is easily guessed. Choose another.")]})


def hashed(password: str) -> str:
    """The form in which a password is kept."""
    return _hasher(settings().password_memory_kib).hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the right one; takes as long when there is none to compare with."""
    kept = password_hash or _nobodys(settings().password_memory_kib)
    given = password[:MAX_LENGTH]
    compare = check_password_hash if kept.startswith(_WERKZEUGS) else _is_argons
    return compare(kept, given) and password_hash is not None and len(password) <= MAX_LENGTH


def is_dated(password_hash: str) -> bool:
    """Whether it was made in an older way, or at another cost, than passwords are kept with now."""
    if password_hash.startswith(_WERKZEUGS):
        return True
    return _hasher(settings().password_memory_kib).check_needs_rehash(password_hash)


def _is_argons(kept: str, given: str) -> bool:
    try:
        return PasswordHasher().verify(kept, given)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher(memory_kib: int) -> PasswordHasher:
    """Argon2id with what else the library takes (RFC 9106)."""
    return PasswordHasher(memory_cost=memory_kib)


@lru_cache(maxsize=1)
def _nobodys(memory_kib: int) -> str:
    return _hasher(memory_kib).hash("the password of nobody")


@cache
def _common() -> frozenset[str]:
    lines = _COMMON.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))
