"""Fields and schemas of the REST API: strict about types, times always with a zone."""

import re
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app import queue_names

LIMIT_MAX = 200
LIMIT_DEFAULT = 50
INTEGER_MAX = 2**31 - 1

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")
_INTEGER = re.compile(r"-?\d{1,18}")


class Moment(fields.Field[datetime]):
    """A moment as RFC 3339 writes it, always with a zone. Read and written as aware UTC."""

    default_error_messages = {  # noqa: RUF012 -- marshmallow's own name
        "invalid": "Give a time with its zone (RFC 3339): 2026-11-20T14:30:00Z or 2026-11-20T14:30:00+01:00",
    }

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise self.make_error("invalid")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):  # 31 February; the year 0 or 10000 in UTC
            raise self.make_error("invalid") from None


class QueryMoment(Moment):
    """The same in a query, where an unescaped + arrives as a space."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        text = re.sub(r" (?=\d\d:\d\d$)", "+", value) if len(value) > len("2026-11-20 14:30") else value
        return super()._deserialize(text, attr, data, **kwargs)


class QueryInteger(fields.Integer):
    """A whole number in a query: digits only, no 1.0, 1e3 or 1_000."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _INTEGER.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class Flag(fields.Boolean):
    """true or false; no "yes", no 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class FullMatch(validate.Regexp):
    """The whole text matches: in Python, `$` alone would let a line break at the end pass."""

    def __call__(self, value: Any) -> Any:
        if not self.regex.fullmatch(value):
            raise ma.ValidationError(self._format_error(value))
        return value


class QueueName(FullMatch):
    """The name of a queue, as everywhere."""

    def __init__(self) -> None:
        super().__init__(queue_names.PATTERN)

    def __call__(self, value: Any) -> Any:
        if wrong := queue_names.problem(value):
            raise ma.ValidationError(wrong)
        return value


class Several(fields.List[Any]):
    """A list that may also be given as its only item."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize([value] if isinstance(value, str) else value, attr, data, **kwargs)


class Schema(ma.Schema):
    """Base of every schema: a field that is not in it is refused by name."""

    error_messages = {  # noqa: RUF012 -- marshmallow's own name
        "unknown": "There is no such field.",
        "type": "A JSON object belongs here.",
    }

    class Meta:
        unknown = ma.RAISE


class PageQuery(Schema):
    """Which part of a list."""

    limit = QueryInteger(
        load_default=LIMIT_DEFAULT,
        validate=validate.Range(1, LIMIT_MAX, error="Give a limit from {min} to {max}."),
        metadata={"description": "How many items at most."},
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(max=1000),
        metadata={"description": "`next_cursor` of the page before."},
    )


class Problem(ma.Schema):
    """An error (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "urn:celeriac:problem: and the code."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What is wrong and what to do."})
    code = fields.String(required=True, metadata={"description": "The kind of problem, for programs."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "For 422: what is wrong with each field."},
    )


def page_of(item: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a list: `{"items": […], "next_cursor": … | null}`."""
    name = item.__name__.removesuffix("Schema")
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(required=True, allow_none=True),
        },
        name=f"{name}PageSchema",
    )
