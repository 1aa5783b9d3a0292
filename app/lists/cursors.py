"""Where a page of a list begins: the key of the row before it, as text that can stand in an address."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _

from app.errors import Invalid
from app.lists.fields import INTEGER_MAX
from app.text import storable

_EPOCH = datetime.fromtimestamp(0, UTC)


class Cursor:
    """The cursors of one list: its key is so many values of these kinds (str, int, datetime).

    A kind may be `| None`. Whole numbers are at most `most`: what the column holds.
    """

    def __init__(self, *kinds: Any, most: int = INTEGER_MAX) -> None:
        self._kinds, self._most = kinds, most

    def write(self, *key: Any) -> str:
        """The cursor that stands at a row."""
        values = [value.isoformat() if isinstance(value, datetime) else value for value in key]
        raw = json.dumps(values, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def read(self, text: str) -> tuple[Any, ...]:
        """The key of the row that a cursor stands at; raises `Invalid` for one that no list returned."""
        try:
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            values = json.loads(raw)
            if not isinstance(values, list):
                raise ValueError(text)
            return tuple(self._value(*pair) for pair in zip(values, self._kinds, strict=True))
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
            raise Invalid({"cursor": [_("This cursor is not one that a list returned.")]}) from None

    def _value(self, value: Any, kind: Any) -> Any:
        if value is None and isinstance(None, kind):
            return None
        if isinstance(_EPOCH, kind):
            return datetime.fromisoformat(value).astimezone(UTC)
        if type(value) is int and isinstance(value, kind) and abs(value) <= self._most:
            return value
        if isinstance(value, str) and isinstance(value, kind) and storable(value) == value:
            return value
        raise ValueError(value)
