"""The lines around the one that raised, from the project's own source, while it still is what ran."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.runs.tracebacks import Frame, Raised

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
        if frame.installed or path.suffix != ".py" or not any(path.is_relative_to(one) for one in folders):
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
