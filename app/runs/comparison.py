"""Two runs side by side: what went in, what came out, and where their logs part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import select, tuple_

from app.extensions import db
from app.runs import logs
from app.runs.models import Run
from celeriac_agent.stream import to_json

LINES_MOST = 500  # of each log
BOTH, LEFT, RIGHT = "both", "left", "right"


@dataclass(frozen=True)
class Pair:
    """One thing by its name, as each run has it; `has_left` and `has_right` say which have it at all."""

    name: str
    left: Any
    right: Any
    has_left: bool = True
    has_right: bool = True

    @property
    def same(self) -> bool:
        if not (self.has_left and self.has_right):
            return False
        return to_json(self.left) == to_json(self.right)


@dataclass(frozen=True)
class LogStep:
    """A line of a log: which of the runs wrote it."""

    side: str
    text: str
    level: str = ""


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common and what not; `whole_logs` is false when a log is longer than compared."""

    left: Run
    right: Run
    arguments: list[Pair]
    result: list[Pair]
    log: list[LogStep]
    whole_logs: bool = True


def compare(
    left: Run, right: Run, left_names: Sequence[str] = (), right_names: Sequence[str] = ()
) -> Comparison:
    """Two runs side by side; the names are those of their arguments by place, as far as they are known."""
    steps, whole = _logs(left, right)
    return Comparison(
        left,
        right,
        pairs(_arguments(left, left_names), _arguments(right, right_names)),
        pairs(_result(left), _result(right)),
        steps,
        whole,
    )


def previous(run: Run) -> Run | None:
    """The run of the same task that was requested last before this one; None when there is none."""
    older = (
        select(Run)
        .where(
            Run.task_name == run.task_name,
            Run.app.is_(None) if run.app is None else Run.app == run.app,
            tuple_(Run.created_at, Run.id) < tuple_(run.created_at, run.id),
        )
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(1)
    )
    return db.session.scalars(older).first()


def pairs(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Pair]:
    """Everything that is in one of two mappings, in the order of the right one."""
    return [
        Pair(name, left.get(name), right.get(name), name in left, name in right)
        for name in dict.fromkeys([*right, *left])
    ]


def _arguments(run: Run, names: Sequence[str]) -> dict[str, Any]:
    placed = {
        (names[place] if place < len(names) else "") or f"{place + 1}.": value
        for place, value in enumerate(run.args or [])
    }
    return placed | dict(run.kwargs or {})


def _result(run: Run) -> dict[str, Any]:
    """The result by its own names where it has some; nothing for a run without one."""
    if run.result is None:
        return {}
    return dict(run.result) if isinstance(run.result, dict) else {"": run.result}


def _logs(left: Run, right: Run) -> tuple[list[LogStep], bool]:
    """The lines of both logs in one order; times do not count."""
    read = [logs.read(run.id, limit=LINES_MOST + 1).lines for run in (left, right)]
    first, other = (lines[:LINES_MOST] for lines in read)
    steps: list[LogStep] = []
    texts = [[line.text for line in lines] for lines in (first, other)]
    for kind, from_a, to_a, from_b, to_b in SequenceMatcher(
        a=texts[0], b=texts[1], autojunk=False
    ).get_opcodes():
        if kind == "equal":
            steps += [LogStep(BOTH, line.text, line.level) for line in other[from_b:to_b]]
        else:
            steps += [LogStep(LEFT, line.text, line.level) for line in first[from_a:to_a]]
            steps += [LogStep(RIGHT, line.text, line.level) for line in other[from_b:to_b]]
    return steps, all(len(lines) <= LINES_MOST for lines in read)
