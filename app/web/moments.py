"""Moments that a form of ours carries."""

from datetime import UTC, datetime

from flask import request
from flask_babel import gettext as _

from app.errors import Invalid


def moment(name: str) -> datetime:
    """The moment in a field, always with its zone; raises `Invalid`."""
    try:
        at = datetime.fromisoformat(request.form.get(name, ""))
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({name: [_("Give a moment with its zone.")]}) from None
