"""Text that every database takes, and text that may be an e-mail address."""

import re

_MAIL = re.compile(r"[^@\s,;:<>\"()]+@[^@\s,;:<>\"()]+")


def storable(text: str) -> str:
    """Text without NUL and lone surrogates, which PostgreSQL does not take."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def is_mail_address(text: str) -> bool:
    """Whether text looks like one e-mail address, nothing that a mail's head reads otherwise."""
    return _MAIL.fullmatch(text) is not None
