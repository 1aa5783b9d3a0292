"""Reads a Python traceback into frames, so that a page can point at the line that raised; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

_FRAME = re.compile(r'^\s*File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_HEADER = re.compile(r"^(?:Traceback|Remote Traceback) \(most recent call last\):$")
_MARKERS = re.compile(r"^\s+[\^~]+\s*$")
_INTERNAL = ("/celery/", "/billiard/", "/kombu/", "/vine/")


@dataclass(frozen=True)
class Frame:
    """One call: where it stands in the source and the line that was being run."""

    path: str
    line: int
    function: str
    source: str

    @property
    def is_internal(self) -> bool:
        """Whether it is a call within Celery itself, which a reader rarely needs."""
        return "site-packages" in self.path and any(part in self.path for part in _INTERNAL)

    @property
    def place(self) -> str:
        """The path without the folder of the installed packages."""
        return self.path.rsplit("site-packages/", 1)[-1]


@dataclass(frozen=True)
class Raised:
    """One error with the frames that led to it; `link` is Python's sentence that ties it to the next one."""

    message: str
    frames: list[Frame] = field(default_factory=list)
    link: str = ""

    @property
    def groups(self) -> list[tuple[bool, list[Frame]]]:
        """The frames in order, neighbours within Celery put together: `(is_internal, frames)`."""
        return [
            (internal, list(frames)) for internal, frames in groupby(self.frames, lambda one: one.is_internal)
        ]


def parse(text: str) -> list[Raised]:
    """The errors of a traceback, the last one ended the run; empty for text that Python does not write."""
    found = [raised for part in _parts(text) if (raised := _parse_one(part))]
    return found if found and any(raised.frames for raised in found) else []


def _parts(text: str) -> Iterator[list[str]]:
    """The text cut before each "Traceback (most recent call last):"."""
    part: list[str] = []
    for line in text.splitlines():
        if _HEADER.match(line.strip('" ')):
            if part:
                yield part
            part = []
        else:
            part.append(line)
    if part:
        yield part


def _parse_one(lines: list[str]) -> Raised | None:
    frames: list[Frame] = []
    position = 0
    while position < len(lines) and (match := _FRAME.match(lines[position])):
        position += 1
        source = ""
        while position < len(lines) and lines[position].startswith("    "):
            if not source and not _MARKERS.match(lines[position]):
                source = lines[position].strip()
            position += 1
        while position < len(lines) and lines[position].strip().startswith("[Previous line repeated"):
            position += 1
        frames.append(Frame(match["path"], int(match["line"]), match["function"] or "", source))
    rest = "\n".join(lines[position:]).strip("\n")
    message, _, link = rest.partition("\n\n")
    return Raised(message.strip(), frames, link.strip()) if message.strip() else None
