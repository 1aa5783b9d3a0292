"""A search among what waits in a queue: it looks at one run after the other, and says how far it came."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from flask_babel import lazy_gettext as _l

from app import broker, catalog, lists
from app.broker import Held, Message
from app.lists.fields import Text
from app.queues import messages
from app.queues.details import Queue
from app.queues.messages import Waiting

BUDGET_SECONDS = 0.3
READ_AT_ONCE = 500
WORDS_MAX = 10
_TEXT = "Words to find in task, id and arguments; name=value finds an argument by its name."


@dataclass(frozen=True)
class WaitingFilter(lists.Filter):
    """Which waiting or held runs; what is left out lets all through."""

    task_name: str | None = lists.of(Text(), _l("Task"))
    q: str | None = lists.of(Text(metadata={"description": _TEXT}), _l("Text"))


@dataclass(frozen=True)
class Found:
    """The runs that match, and how far was looked: `looked` runs from `offset` on.

    `next_offset` is where to look on; None when the line was looked at to its end. `next_cursor` is the same,
    behind the last run that was looked at. Of `unread` runs the arguments could not be looked into.
    """

    items: list[Waiting] = field(default_factory=list)
    offset: int = 0
    looked: int = 0
    unread: int = 0
    next_offset: int | None = None
    next_cursor: str | None = None


def search(
    queue: Queue,
    wanted: WaitingFilter,
    offset: int,
    limit: int,
    held: bool = False,
    budget: float = BUDGET_SECONDS,
) -> Found:
    """The first `limit` runs that match from `offset` on, in the order of the line; or of the held ones."""
    deadline = monotonic() + budget
    total = queue.held if held else queue.waiting
    matching: list[Any] = []
    at, unread, last, words = offset, 0, "", _words(wanted)
    while at < total and len(matching) < limit:
        read = _read(queue.name, at, held)
        if len(read) < READ_AT_ONCE:  # the line may have become shorter meanwhile
            total = at + len(read)
        for item in read:
            message = item.message if isinstance(item, Held) else item
            unread += message.args is None
            at, last = at + 1, message.id
            if _matches(message, wanted.task_name, words):
                matching.append(item)
                if len(matching) == limit:
                    break
        if monotonic() > deadline:
            break
    shown = messages.held_of(queue, matching) if held else messages.waiting_of(queue, matching)
    if at >= total:
        return Found(shown, offset, at - offset, unread)
    return Found(shown, offset, at - offset, unread, at, lists.cursor_behind(at, last))


def _read(name: str, offset: int, held: bool) -> Sequence[Any]:
    if held:
        return broker.held(name, offset, READ_AT_ONCE)
    return broker.page(name, offset, READ_AT_ONCE, messages.BODY_LIMIT_BYTES)


def _words(wanted: WaitingFilter) -> list[str]:
    return [word.casefold() for word in (wanted.q or "").split()[:WORDS_MAX]]


def _matches(message: Message, task_name: str | None, words: Sequence[str]) -> bool:
    """Whether a message is meant. What is secret in its arguments finds nothing."""
    if task_name and message.task_name != task_name:
        return False
    if not words:
        return True
    if not _has_all(message, message.args, message.kwargs, words):
        return False
    if message.args is None or message.kwargs is None:
        return True
    info = catalog.lookup(message.task_name or "")
    return _has_all(message, *catalog.hide(info, message.args, message.kwargs), words)


def _has_all(message: Message, args: Any, kwargs: Any, words: Sequence[str]) -> bool:
    named = {name.casefold(): _text(value) for name, value in (kwargs or {}).items()}
    text = " ".join((message.task_name or "", message.id, _text(args or []), _text(kwargs or {}))).casefold()
    return all(word in text or _names(word, named) for word in words)


def _names(word: str, named: dict[str, str]) -> bool:
    """Whether name=value is an argument with this name and a value that has this text."""
    name, equals, value = word.partition("=")
    return bool(equals) and value.strip('"') in named.get(name, "") and name in named


def _text(value: Any) -> str:
    return value.casefold() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).casefold()
