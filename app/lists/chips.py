"""The links above a list: a chip for each group of rows with its number, a tag for each filter in force."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from flask_babel import format_decimal
from flask_babel import gettext as _

from app.lists.filters import ListQuery
from app.lists.pages import COUNT_CAP


@dataclass(frozen=True)
class Chip:
    """A link to the rows of one group; `query` is the fields of its address."""

    word: Any
    query: dict[str, Any]
    current: bool
    count: str = ""
    kind: str = ""

    @property
    def css(self) -> str:
        return f"state-{self.kind}" if self.kind else ""


@dataclass(frozen=True)
class Tag:
    """A filter that is in force, in words, and the address's fields without it."""

    label: Any
    value: Any
    query: dict[str, Any]
    error: str = ""


def chips(
    query: ListQuery[Any],
    name: str,
    groups: Iterable[tuple[str, Any, str, str]],
    current: str | None,
    count: str = "",
) -> list[Chip]:
    """The chip of all rows, then one for each group: its value of the field, word, number and icon.

    They lead to the other filters' rows of that group.
    """
    others = query.without(name)
    row = [Chip(_("All"), others, current is None, count)]
    return row + [
        Chip(word, others | {name: value}, value == current, number, kind)
        for value, word, number, kind in groups
    ]


def tags(
    query: ListQuery[Any], elsewhere: Collection[str] = (), words: Callable[[str, str], Any] | None = None
) -> list[Tag]:
    """The filters in force, each of which can be taken away, but those that stand `elsewhere` on the page.

    `words` says a field's value for reading. What is wrong is always there.
    """
    shown = []
    for name, text in query.texts.items():
        if name in elsewhere and name not in query.errors:
            continue
        shown_value = _(", ").join(text) if isinstance(text, list) else text
        value = words(name, shown_value) if words else shown_value
        shown.append(Tag(query.label(name), value, query.without(name), query.errors.get(name, "")))
    unknown = [name for name in query.errors if name not in query.texts]
    return shown + [Tag(query.label(name), "", query.texts, query.errors[name]) for name in unknown]


def capped(*numbers: int) -> str:
    """A sum of counts in words: "24"; "10,000+" as soon as one of them was not counted to its end."""
    total = format_decimal(sum(min(number, COUNT_CAP) for number in numbers))
    return f"{total}+" if any(number > COUNT_CAP for number in numbers) else str(total)
