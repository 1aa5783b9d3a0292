"""Arguments as the table holds them: rows are written in SQL too, and a column holds what it was given."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import JSON, Dialect
from sqlalchemy.types import TypeDecorator


class Unreadable(ValueError):
    """A column holds no such arguments."""


class _StandIn:
    """Equals nothing but itself, so that whatever is put in its place is a change."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = None  # type: ignore[assignment]  # as lists and dicts


class UnreadableArgs(_StandIn, list[Any]):
    """Stands for a column `args` that holds no JSON list, so that the rest of its row can be read."""

    kind = list


class UnreadableKwargs(_StandIn, dict[str, Any]):
    """Stands for a column `kwargs` that holds no JSON object."""

    kind = dict


class StoredArguments(TypeDecorator[Any]):
    """JSON of one kind; what is no JSON, or of another kind, is read as what stands for it."""

    impl = JSON
    cache_ok = True

    def __init__(self, stand_in: type[UnreadableArgs] | type[UnreadableKwargs]) -> None:
        super().__init__()
        self.stand_in = stand_in

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """JSON's own, which here must not end the reading of a whole page of rows."""
        inner = self.load_dialect_impl(dialect).result_processor(dialect, coltype)

        def read(value: Any) -> Any:
            try:
                loaded = inner(value) if inner else value
            except (ValueError, TypeError, RecursionError):
                loaded = None
            return loaded if isinstance(loaded, self.stand_in.kind) else self.stand_in()

        return read


def problems(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the columns of a row, by column; empty when both could be read."""
    messages = {}
    if isinstance(args, UnreadableArgs):
        messages["args"] = [_("The column args holds no JSON list.")]
    if isinstance(kwargs, UnreadableKwargs):
        messages["kwargs"] = [_("The column kwargs holds no JSON object.")]
    return messages


def parse(args: str, kwargs: str) -> tuple[list[Any], dict[str, Any]]:
    """The columns from their texts; raises `Unreadable`."""
    parsed = {}
    for name, text, stand_in in (("args", args, UnreadableArgs), ("kwargs", kwargs, UnreadableKwargs)):
        try:
            parsed[name] = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(_("The column %(name)s holds no JSON: %(why)s", name=name, why=error)) from None
        if not isinstance(parsed[name], stand_in.kind):
            parsed[name] = stand_in()
    if wrong := problems(parsed["args"], parsed["kwargs"]):
        raise Unreadable(" ".join(text for texts in wrong.values() for text in texts))
    return parsed["args"], parsed["kwargs"]
