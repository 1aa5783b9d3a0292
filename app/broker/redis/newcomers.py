"""What waits and was sent past Celeriac: found once, soon after it came in, however long the line is."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.broker.connection import broker, keys, reaches_broker
from app.broker.messages import Message, parse

PIECE = 1000  # messages of a list that are looked at in one step


class Newcomers:
    """One a recorder; it remembers which message was the newest of each list when it last looked."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    @reaches_broker
    def poll(self, queues: Sequence[str]) -> list[Message]:
        """Messages without our stamp that came into the queues since the last look, held ones too.

        The first look is at all that waits. One that is moved or given back may be found again.
        Raises `BrokerUnavailable`.
        """
        if not queues:
            return []
        lists = {key: (queue, step) for queue in queues for key, step in _lists(queue)}
        messages: list[Message] = []
        for key, raws in self._new(list(lists)):
            queue, step = lists[key]
            messages += [parse(raw, queue, step) for raw in raws]
        return messages

    def _new(self, lists: list[str]) -> Iterator[tuple[str, list[bytes]]]:
        newest: dict[str, str] = {}
        done = 0
        while lists:
            marks = [self._seen.get(key, "") for key in lists]
            answers: Any = broker().run("newcomers", lists, [done, PIECE, *marks])
            more = []
            for key, (mark, is_more, *raws) in zip(lists, answers, strict=True):
                newest.setdefault(key, mark.decode())
                yield key, raws
                if is_more:
                    more.append(key)
            lists, done = more, done + PIECE
        self._seen |= newest  # only now: what was not taken in is looked at again


def _lists(queue: str) -> list[tuple[str, int]]:
    names = keys()
    levels = [(level.key, level.step) for level in names.levels(queue)]
    return [*levels, (names.held(queue), names.steps[len(names.steps) // 2])]


def newcomers() -> Newcomers:
    """Who looks for them: one a recorder."""
    return Newcomers()
