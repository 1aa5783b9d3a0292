"""Reads a Python traceback into frames, and the lines around the one that raised."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

_FRAME = re.compile(r'^\s*File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_HEADER = re.compile(r"^Traceback \(most recent call last\):$")
_BELOW_FRAME = re.compile(r"^    |^\s+\[Previous line repeated")
_MARKERS = re.compile(r"^\s+[\^~]+\s*$")
_LINK = re.compile(
    r"^(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):$",
    re.MULTILINE,
)
_INSTALLED = "site-packages/"
_CELERY = ("celery/", "billiard/", "kombu/", "vine/")
_BASE_TASK = "app/celery/task.py"
FIRST, LAST = 20, 40  # of a deeper traceback only so many frames are kept: where it began and where it ended


@dataclass(frozen=True)
class Frame:
    """One call: where it stands in the source and the line that was being run."""

    path: str
    line: int
    function: str
    source: str
    installed: bool
    file: str = ""  # the whole path, on the machine of the worker
    around: tuple[tuple[int, str], ...] = ()  # see the function
    left_out: int = 0  # how many frames stood before this one

    @property
    def is_internal(self) -> bool:
        """Whether it is a call within Celery itself, which a reader rarely needs."""
        return (self.installed and self.path.startswith(_CELERY)) or self.path == _BASE_TASK


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
            (internal, list(frames))
            for internal, frames in groupby(self.frames, lambda frame: frame.is_internal)
        ]


def parse(text: str, folders: Sequence[str] = ()) -> list[Raised]:
    """The errors of a traceback, the last one ended the run; empty for text that Python does not write.

    `folders` are left out of the paths, as is the one of installed packages.
    """
    errors = (_parse_error(part, folders) for part in _parts(text))
    return [raised for raised in errors if raised and raised.frames]


def _parts(text: str) -> Iterator[list[str]]:
    """The text cut before each "Traceback (most recent call last):"."""
    part: list[str] = []
    for line in text.splitlines():
        if _HEADER.match(line.strip('" ')):
            yield part
            part = []
        else:
            part.append(line)
    yield part


def _parse_error(lines: list[str], folders: Sequence[str]) -> Raised | None:
    frames: list[Frame] = []
    position = 0
    while position < len(lines) and (match := _FRAME.match(lines[position])):
        position += 1
        source = ""
        while position < len(lines) and _BELOW_FRAME.match(lines[position]):
            if not source and lines[position].startswith("    ") and not _MARKERS.match(lines[position]):
                source = lines[position].strip()
            position += 1
        path = _shortened(match["path"], folders)
        installed = _INSTALLED in match["path"]
        frames.append(
            Frame(path, int(match["line"]), match["function"] or "", source, installed, match["path"])
        )
    rest = "\n".join(lines[position:]).strip()
    link = _LINK.search(rest)
    message = rest[: link.start()].strip() if link else rest
    return Raised(message, _ends(frames), link[0] if link else "") if message else None


def _ends(frames: list[Frame]) -> list[Frame]:
    """The first and the last frames of very many."""
    if len(frames) <= FIRST + LAST:
        return frames
    last = frames[-LAST:]
    return [*frames[:FIRST], replace(last[0], left_out=len(frames) - FIRST - LAST), *last[1:]]


def _shortened(path: str, folders: Sequence[str]) -> str:
    if _INSTALLED in path:
        return path.rsplit(_INSTALLED, 1)[1]
    for folder in folders:
        if path.startswith(folder.rstrip("/") + "/"):
            return path.removeprefix(folder.rstrip("/") + "/")
    return path


BEFORE, AFTER = 2, 1
LARGEST_BYTES = 1_000_000


def around(errors: Sequence[Raised], folders: Sequence[str]) -> list[Raised]:
    """The same errors, with lines around the last frame of each.

    Only Python files below `folders` are read, and only when the line is still the one in the traceback:
    after a deploy the lines beside it would mislead.
    """
    return [_with_lines(error, [Path(folder).resolve() for folder in folders]) for error in errors]


def _with_lines(error: Raised, folders: Sequence[Path]) -> Raised:
    *others, last = error.frames
    return replace(error, frames=[*others, replace(last, around=_lines(last, folders))])


def _lines(frame: Frame, folders: Sequence[Path]) -> tuple[tuple[int, str], ...]:
    """Numbers and texts, without the indentation that all of them share; empty when they are not known."""
    try:
        path = Path(frame.file).resolve()
        if (
            frame.installed
            or path.suffix != ".py"
            or not any(path.is_relative_to(folder) for folder in folders)
        ):
            return ()
        if path.stat().st_size > LARGEST_BYTES:
            return ()
        source = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not on this machine, or no text
        return ()
    if (
        not frame.source
        or not 0 < frame.line <= len(source)
        or source[frame.line - 1].strip() != frame.source
    ):
        return ()
    first = max(1, frame.line - BEFORE)
    block = textwrap.dedent("\n".join(source[first - 1 : frame.line + AFTER])).split("\n")
    return tuple(enumerate(block, first))
