"""How one value is read, from an address as from JSON: strict, with an error that says what is allowed."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from marshmallow import fields, validate

from app.text import storable

INTEGER_MAX = 2**31 - 1
TEXT_MAX = 255
SECONDS_MAX = 10**9
SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
SPAN_WORDS = {
    "1h": _l("Last hour"),
    "24h": _l("Last 24 hours"),
    "7d": _l("Last 7 days"),
    "30d": _l("Last 30 days"),
}

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")
_DIGITS = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


class Schema(ma.Schema):
    """Base of every schema: a field that is not in it is refused by name."""

    error_messages = {  # noqa: RUF012 -- marshmallow's own name
        "unknown": _l("There is no such field."),  # type: ignore[dict-item]  # made text when it is told
        "type": _l("A JSON object belongs here."),  # type: ignore[dict-item]
    }

    class Meta:
        unknown = ma.RAISE


class Moment(fields.Field[datetime]):
    """A moment as RFC 3339 writes it, always with a zone. Read and written as aware UTC."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            if not isinstance(value, str) or not _MOMENT.fullmatch(value):
                raise ValueError(value)
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):  # 31 February; the year 0 or 10000 in UTC
            example = "2026-11-20T14:30:00Z, 2026-11-20T14:30:00+01:00"
            raise ma.ValidationError(
                _("Give a time with its zone (RFC 3339): %(example)s", example=example)
            ) from None


class QueryMoment(Moment):
    """The same in a query, where an unescaped + arrives as a space."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if isinstance(value, str) and len(value) > len("2026-11-20 14:30"):
            value = re.sub(r" (?=\d\d:\d\d$)", "+", value)
        return super()._deserialize(value, attr, data, **kwargs)


def with_zone(text: str, zone: str) -> str:
    """A time as a person or a date field writes it, with the zone that it is meant in; else the text."""
    try:
        moment = datetime.fromisoformat(text)
        return text if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ValueError, OverflowError):
        return text


class Text(fields.String):
    """Text that is compared or looked for: what no database keeps is never found."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Length(1, TEXT_MAX), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
            raise ma.ValidationError(_("Give a text of 1 to %(n)s characters.", n=TEXT_MAX))
        return storable(value)


class Whole(fields.Integer):
    """A whole number from `least` to `most`: digits only, no 1.0, 1e3 or 1_000."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        self.least, self.most = least, most
        super().__init__(validate=validate.Range(least, most), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if type(value) is not int or not self.least <= value <= self.most:
            raise ma.ValidationError(
                _("Give a whole number from %(low)s to %(high)s.", low=self.least, high=self.most)
            )
        return value


class Seconds(fields.Float):
    """A number of seconds, from 0 on."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(0, SECONDS_MAX), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        number = math.nan
        if (isinstance(value, str) and _NUMBER.fullmatch(value)) or type(value) in (int, float):
            number = float(value)
        if not 0 <= number <= SECONDS_MAX:
            raise ma.ValidationError(
                _("Give a number of seconds from 0 to %(high)s.", high=f"{SECONDS_MAX:,}")
            )
        return number


class Choice(fields.String):
    """One of some words."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        self.choices = tuple(choices)
        options["metadata"] = options.get("metadata", {}) | {"enum": list(self.choices)}
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value not in self.choices:
            raise ma.ValidationError(
                _(
                    "%(value)s is not allowed. Choose one of: %(all)s.",
                    value=str(value)[:80],
                    all=", ".join(self.choices),
                )
            )
        return value


class TrueOrFalse(fields.Boolean):
    """true or false; no "yes", no 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value is True or value == "true":
            return True
        if value is False or value == "false":
            return False
        raise ma.ValidationError(_("Give true or false."))


class Span(Choice):
    """A time that ends now, by its short name; read as its length."""

    def __init__(self, **options: Any) -> None:
        super().__init__(SPANS, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return SPANS[super()._deserialize(value, attr, data, **kwargs)]


class ItemOrList(fields.List[Any]):
    """A list that may also be given as its only item."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize([value] if isinstance(value, str) else value, attr, data, **kwargs)
