"""Changes to a message's bytes: the one value that changes is replaced, every other byte stays as it is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]  # typeshed leaves it out

_decoder = JSONDecoder(strict=False)
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Cut:
    """A place for a value in a message: `raw[:start] + before + value + after + raw[end:]`."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    def put(self, raw: bytes, value: str) -> bytes:
        return raw[: self.start] + (self.before + value + self.after).encode() + raw[self.end :]


def priority_cut(raw: bytes) -> Cut | None:
    """Where `properties.priority` stands, or would stand; None for what is not kombu's JSON."""
    return _cut(raw, ["properties"], "priority")


def with_route(raw: bytes, queue: str) -> bytes:
    """The message addressed to a queue by name: the default exchange, and the queue as routing key.

    A worker that gives a message back puts it where these two say. What is not kombu's stays as it is.
    """
    for name, value in (("exchange", ""), ("routing_key", queue)):
        cut = _cut(raw, ["properties", "delivery_info"], name)
        if cut is not None:
            raw = cut.put(raw, json.dumps(value))
    return raw


def _cut(raw: bytes, path: list[str], name: str) -> Cut | None:
    # JSON's own signs are ASCII and no part of another UTF-8 character, so Latin-1 gives each byte one place.
    text = raw.decode("latin-1")
    try:
        _decoder.decode(text)  # refuses what kombu could not read either
        at = _skip(text, 0)
        for step in path:
            at = dict(_members(text, at))[step][0]
        members = dict(_members(text, at))
    except (ValueError, KeyError, IndexError, RecursionError):
        return None
    if name in members:
        return Cut(*members[name])
    return Cut(at + 1, at + 1, f"{json.dumps(name)}: ", ", " if members else "")


def _members(text: str, at: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, and start and end of the value, of each member of the JSON object that opens at `at`."""
    if text[at] != "{":
        raise ValueError("not an object")
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1, False)
        start = _skip(text, _skip(text, at) + 1)
        _, at = _decoder.raw_decode(text, start)
        yield name, (start, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
