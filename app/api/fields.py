"""Fields and schemas of the REST API: strict about types, times always with a zone."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app import lists, queue_names
from app.lists import LIMIT_DEFAULT, LIMIT_MAX
from app.lists.fields import INTEGER_MAX, ItemOrList, Moment, QueryMoment, Schema, Whole
from celeriac_agent.settings import OWN_APP

# As in every list:
__all__ = ["INTEGER_MAX", "ItemOrList", "Moment", "QueryMoment", "Schema", "Whole"]


OF_APP = {"description": f"The Celery app; {OWN_APP} for Celeriac's own."}
_PLAIN = frozenset({str, int, float, bool, type(None)})  # no two share what could be changed


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


def reader(schema: type[ma.Schema]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What loads one item after another as `schema` does: for many it takes a fifth of the time.

    Marshmallow looks for every field in every item, and reads every value anew. Items mostly have the same
    few fields, and in them the same values. Whatever is wrong is left to marshmallow to say.
    """
    whole = schema()
    known = whole.fields
    required = {name for name, field in known.items() if field.required}
    defaults = {name: field.load_default for name, field in known.items() if not field.required}

    def fresh(name: str, value: Any) -> Any:
        return known[name].deserialize(value, name)

    plain = lru_cache(maxsize=10_000, typed=True)(fresh)  # typed: true is not 1

    def load(item: dict[str, Any]) -> dict[str, Any]:
        loaded: dict[str, Any]
        if required <= item.keys() <= known.keys():
            loaded = {name: default() if callable(default) else default for name, default in defaults.items()}
            with suppress(ma.ValidationError):
                for name, value in item.items():
                    read = plain if type(value) in _PLAIN else fresh
                    loaded[name] = read(name, value)
                return loaded
        loaded = whole.load(item)
        return loaded

    return load


class PageQuery(Schema):
    """Which part of a list."""

    limit = Whole(
        *(1, LIMIT_MAX), load_default=LIMIT_DEFAULT, metadata={"description": "How many items at most."}
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(max=1000),
        metadata={"description": "`next_cursor` of the page before."},
    )


class WholeListQuery(PageQuery):
    """Which part of a list that is short: all of it unless `limit` says less."""

    limit = Whole(
        *(1, LIMIT_MAX), load_default=None, metadata={"description": "How many items at most; else all."}
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


def filtered(kind: type[lists.Filter]) -> type[ma.Schema]:
    """The query of a list: its filter's fields, and which part of what they let through."""
    return lists.schema(kind, PageQuery)


class OutcomeSchema(Schema):
    """What happened to one of many."""

    name = fields.String()
    done = Flag()
    problem = fields.String(metadata={"description": "Why nothing was done; empty when it was."})
