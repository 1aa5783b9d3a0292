"""Looking for the messages of runs in a Redis list: in pieces, and inside Redis, so that few bytes travel."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from app.broker.connection import broker, client
from app.broker.messages import FOREIGN_PREFIX, id_of

PIECE = 2000  # messages looked at in one step; Redis serves nobody else for the two milliseconds this takes
PIECE_BYTES = 8_000_000
FIRST_PIECE = 400


class Predicate:
    """The runs that somebody looks for."""

    def __init__(self, run_ids: Collection[str]) -> None:
        self.run_ids = frozenset(run_id for run_id in run_ids if run_id)
        self._needles = sorted({needle for run_id in self.run_ids for needle in _needles(run_id)})
        self._any_foreign = int(any(run_id.startswith(FOREIGN_PREFIX) for run_id in self.run_ids))

    def matches(self, raw: bytes) -> str | None:
        """The id of the run whose message this is, when it is one of the wanted."""
        run_id = id_of(raw)
        return run_id if run_id in self.run_ids else None

    def scan(self, key: str, start: int, stop: int) -> tuple[int, list[bytes]]:
        """How long this part of the list is, and its messages of wanted runs, from right to left."""
        if not self.run_ids:
            return 0, []
        scanned, *raws = broker().run("search", [key], [start, stop, self._any_foreign, *self._needles])
        return scanned, [raw for raw in raws if self.matches(raw)]


def first(keys: Sequence[str], predicate: Predicate) -> tuple[str, bytes] | None:
    """List and bytes of the first message of a wanted run, list by list from the end that is taken next.

    They are read from that end, because what people look for is mostly near the front. What workers take
    meanwhile shifts the rest that way, so the pieces overlap, and a last look from the other end, which
    taking does not shift, settles that it is really not there.
    """
    for key, size in _filled(keys):
        hit = _from_near_end(key, size, predicate)
        if hit is not None:
            return key, hit
    return None


def every(keys: Sequence[str], predicate: Predicate) -> Iterator[bytes]:
    """The messages of wanted runs in the lists, each list from the end where new ones come in.

    From there, what is taken or comes in meanwhile makes it miss nothing that was there all along; what a
    person moves meanwhile may be missed or come twice.
    """
    for key, size in _filled(keys):
        yield from _from_far_end(key, size, predicate)


def messages(keys: Sequence[str]) -> Iterator[bytes]:
    """Every message of the lists, each from the end where new ones come in; see `every`."""
    for key, size in _filled(keys):
        done = 0
        while raws := broker().items(key, done, done + size - 1):
            yield from raws
            done += len(raws)


def in_order(key: str) -> Iterator[bytes]:
    """Every message of a list that nobody changes, from the end that is taken next."""
    for _, size in _filled([key]):
        done = 0
        while raws := broker().items(key, -(done + size), -done - 1):
            yield from reversed(raws)
            done += len(raws)


def _from_near_end(key: str, size: int, predicate: Predicate) -> bytes | None:
    done, piece, end = 0, min(FIRST_PIECE, size), broker().items(key, -1, -1)
    while True:
        scanned, hits = predicate.scan(key, -(done + piece), -done - 1)
        if hits:
            return hits[0]
        if scanned < piece:
            break
        done, piece = done + piece - piece // 10, size
    if broker().items(key, -1, -1) == end:
        return None  # nothing was taken meanwhile
    return next(_from_far_end(key, size, predicate), None)


def _from_far_end(key: str, size: int, predicate: Predicate) -> Iterator[bytes]:
    done = 0
    while True:
        scanned, hits = predicate.scan(key, done, done + size - 1)
        yield from hits
        done += scanned
        if not scanned:
            return


def _filled(keys: Sequence[str]) -> list[tuple[str, int]]:
    """The lists that are not empty, with how many messages to read at once: fewer when they are big."""
    pipe = client().pipeline(transaction=False)
    for key in keys:
        pipe.llen(key)
        pipe.memory_usage(key, samples=5)
    answers: list[Any] = pipe.execute()
    filled = []
    for key, count, size in zip(keys, answers[::2], answers[1::2], strict=True):
        if count:
            filled.append((key, max(1, min(PIECE, PIECE_BYTES * count // (size or 1)))))
    return filled


def _needles(run_id: str) -> tuple[bytes, ...]:
    """The ways in which JSON writers put an id into a message's bytes."""
    escaped = json.dumps(run_id)[1:-1].encode()
    plain = json.dumps(run_id, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    return (escaped,) if escaped == plain else (escaped, plain)
