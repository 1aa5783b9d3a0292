"""What a list can be asked for: declared once, read alike by its page, REST, bulk change and export."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import new_class
from typing import Any, Generic, TypeVar, cast

import marshmallow as ma
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from app.errors import Invalid
from app.lists.fields import INTEGER_MAX, ItemOrList, Moment, Schema, Span, Whole, with_zone
from app.text import storable

_SINCE, _UNTIL, _LAST = "since", "until", "last"
_TEXT_MAX = 1000  # of a value that is shown again, right or wrong
_NAME_MAX = 80


@dataclass(frozen=True)
class Filter:
    """Base of the filters: a frozen dataclass whose fields are made by `of`; empty ones let all through.

    One that has a plain field `at` finds the moment there at which it was asked for.
    One that has `since` can also be asked for with `last`, a time that ends now. Of `since` and `until`, and
    of `min_…` and `max_…`, the second may not leave nothing in between.
    """


@dataclass(frozen=True)
class PartFilter(Filter):
    """Where the part of a line begins that a page shows."""

    offset: int = field(default=0, metadata={"read_as": Whole(0, INTEGER_MAX), "label": _l("Position")})


F = TypeVar("F", bound=Filter)
_schemas: dict[Any, type["FilterSchema"]] = {}


def of(read_as: ma.fields.Field[Any], label: Any = "", default: Any = None) -> Any:
    """A field of a filter: how its value is read, and what pages call it."""
    return field(default=default, metadata={"read_as": read_as, "label": label})


class FilterSchema(Schema):
    """Base of the schemas that `schema` makes of filters."""

    @ma.validates_schema(skip_on_field_errors=False)
    def _leave_something(self, data: dict[str, Any], **_options: Any) -> None:
        errors = {}
        if _SINCE in data and _UNTIL in data and data[_UNTIL] <= data[_SINCE]:
            errors[_UNTIL] = [_("Give a time after the one that the list begins at (since).")]
        for most in [name for name in data if name.startswith("max_")]:
            least = most.replace("max_", "min_", 1)
            if least in data and data[most] < data[least]:
                errors[most] = [_("Give no less than the lower bound (%(name)s).", name=least)]
        if errors:
            raise ma.ValidationError(errors)


def schema(kind: type[Filter], *more: type[Schema]) -> type[FilterSchema]:
    """The schema of a filter, alone or with the fields of others (where a page begins)."""
    if (kind, more) in _schemas:
        return _schemas[kind, more]
    read_as = {field.name: field.metadata["read_as"] for field in dataclasses.fields(kind) if field.metadata}
    if _SINCE in read_as:
        description = "A time that ends now, in place of since; of both, the later beginning counts."
        read_as[_LAST] = Span(metadata={"description": description})
    made = new_class(f"{kind.__name__}Schema", (FilterSchema, *more), {}, lambda space: space.update(read_as))
    _schemas[kind, more] = made
    return made


def meant(kind: type[F], values: Mapping[str, Any], now: datetime) -> F:
    """The filter that the values which a schema has read mean; other values are left aside."""
    names = {field.name for field in dataclasses.fields(kind)}
    own = {name: value for name, value in values.items() if name in names}
    if "at" in names:
        own["at"] = now
    if _SINCE in names and (span := values.get(_LAST)) is not None:
        own[_SINCE] = max(now - span, own.get(_SINCE, now - span))
    return kind(**own)


@dataclass(frozen=True)
class ListQuery(Generic[F]):
    """What the address of a list asks for: its fields as they stand there, what they mean, what is wrong.

    A field with an error stays in `texts`, so that it can be put right, and is not in `filter`; one that is
    no filter at all is only in `errors`.
    """

    kind: type[F]
    filter: F
    texts: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    cursor: str | None = None

    @property
    def here(self) -> dict[str, Any]:
        """The fields of the address of this page of the list."""
        return self.at(self.cursor)

    def at(self, cursor: str | None) -> dict[str, Any]:
        """The fields of the address of the page at a cursor; of the first without one."""
        return self.texts | ({"cursor": cursor} if cursor else {})

    def without(self, *names: str) -> dict[str, Any]:
        """The fields of the address but some."""
        return {name: text for name, text in self.texts.items() if name not in names}

    def label(self, name: str) -> Any:
        """What pages call a field."""
        labels = {
            field.name: field.metadata["label"] for field in dataclasses.fields(self.kind) if field.metadata
        }
        return {_LAST: _l("Time"), **labels}.get(name, name)

    def usable(self) -> F:
        """The filter, for what touches no more than is asked for; raises `Invalid` when a field is wrong."""
        if self.errors:
            raise Invalid({name: [text] for name, text in self.errors.items()})
        return self.filter


def read(
    kind: type[F],
    arguments: MultiDict[str, str],
    now: datetime,
    zone: str,
    beside: Collection[str] = ("cursor",),
) -> ListQuery[F]:
    """What an address or a sent form asks for. Empty fields ask for nothing; plain times are in `zone`.

    `beside` are the fields that are no filter; any other that is unknown is an error.
    """
    reader = schema(kind)()
    texts: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, sent in arguments.lists():
        sent_texts = [text for value in sent if (text := storable(value.strip())[:_TEXT_MAX])]
        if not sent_texts or name in beside:
            continue
        if name not in reader.fields:
            errors[name[:_NAME_MAX]] = str(reader.error_messages["unknown"])
            continue
        several = isinstance(reader.fields[name], ItemOrList)
        texts[name] = sent_texts if several and len(sent_texts) > 1 else sent_texts[0]
        if len(sent_texts) > 1 and not several:
            errors[name] = _("This is given more than once.")
    try:
        values = reader.load(texts | _with_zones(reader, texts, zone))
    except ma.ValidationError as error:
        wrong = error.messages_dict
        errors = {name: first_text(messages) for name, messages in wrong.items()} | errors
        values = cast("dict[str, Any]", error.valid_data)
    right = {name: value for name, value in values.items() if name not in errors}
    return ListQuery(kind, meant(kind, right, now), texts, errors, arguments.get("cursor") or None)


def first_text(messages: Any) -> str:
    """The first of the messages that a field of a schema has, however deep they lie."""
    while not isinstance(messages, str) and isinstance(messages, Mapping | Sequence):
        messages = next(iter(messages.values() if isinstance(messages, Mapping) else messages))
    return str(messages)


def _with_zones(reader: ma.Schema, texts: Mapping[str, Any], zone: str) -> dict[str, str]:
    return {
        name: with_zone(text, zone) for name, text in texts.items() if isinstance(reader.fields[name], Moment)
    }
