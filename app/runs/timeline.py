"""The way of a run through its stages, as steps and the spans between them; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.runs import states
from app.runs.models import Run


class Stage(StrEnum):
    """What a step marks, or what went on in the leg before it."""

    QUEUED = "queued"
    RECEIVED = "received"
    STARTED = "started"
    FAILED_TRY = "failed-try"
    NOW = "now"
    ENDED = "ended"
    WILL_START = "will-start"
    WILL_END = "will-end"
    NEXT_TRY = "next-try"


class Span(StrEnum):
    """What a leg was spent on."""

    WAITED = "waited"
    HANDED_OVER = "handed-over"
    EARLIER_ATTEMPTS = "earlier-attempts"
    RAN = "ran"
    WAITING = "waiting"
    RUNNING = "running"
    TO_COME = "to-come"


@dataclass(frozen=True)
class Step:
    """One moment; `at` is None for one whose time is unknown. `state` is the state it shows."""

    stage: Stage
    at: datetime | None
    state: str
    to_come: bool = False


@dataclass(frozen=True)
class Leg:
    """The span before the next step; `weight` (1 to 4) is its share of the line. `since` still goes on."""

    span: Span
    state: str
    seconds: float | None = None
    since: datetime | None = None
    weight: int = 1


def timeline(run: Run, now: datetime, typical_seconds: float | None = None) -> list[Step | Leg]:
    """Steps and legs in turn, from the queue to the end or to what is still to come.

    `typical_seconds` is how long runs of the task take, where enough are known to say when this one ends.
    """
    line: list[Step | Leg] = [Step(Stage.QUEUED, run.sent_at or run.created_at, states.SUCCESS)]
    for stage, at in ((Stage.RECEIVED, run.received_at), (Stage.STARTED, run.started_at)):
        if at is not None:
            _walk_to(line, Step(stage, at, states.SUCCESS), run, now)
    if run.is_finished:
        _walk_to(line, Step(Stage.ENDED, run.ended_at, run.state), run, now)
        if run.is_end_unknown:
            line[-2] = Leg(Span.RAN, run.state)
    else:
        _to_come(line, run, now, typical_seconds)
    return line


def _walk_to(line: list[Step | Leg], step: Step, run: Run, now: datetime) -> None:
    """Add a step and the leg that leads to it."""
    before = _last_step(line)
    seconds = _between(before.at, step.at)
    share = _weight(seconds, _between(_first_step(line).at, run.ended_at or now))
    line += [Leg(_span_after(before, run), _colour(before, step), seconds, weight=share), step]


def _to_come(line: list[Step | Leg], run: Run, now: datetime, typical_seconds: float | None) -> None:
    """Add where the run is now and what comes next."""
    if run.state == states.RETRY:
        _walk_to(line, Step(Stage.FAILED_TRY, run.ended_at, states.RETRY), run, now)
        line += [
            Leg(Span.TO_COME, states.PENDING),
            Step(Stage.NEXT_TRY, run.eta_at, states.PENDING, to_come=True),
        ]
        return
    running = run.state in states.RUNNING
    since = _last_step(line).at
    line.append(Leg(Span.RUNNING if running else Span.WAITING, run.state, since=since, weight=3))
    line.append(Step(Stage.NOW, now, run.state))
    left = seconds_left(run, now, typical_seconds) if running else None
    ends_at = None if left is None else now + timedelta(seconds=left)
    ahead = Step(Stage.WILL_END, ends_at, states.PENDING, to_come=True)
    if not running:
        ahead = Step(
            Stage.WILL_START,
            run.eta_at or run.send_at if run.state == states.SCHEDULED else None,
            states.PENDING,
            True,
        )
    line += [Leg(Span.TO_COME, states.PENDING, left), ahead]


def seconds_left(run: Run, now: datetime, typical_seconds: float | None) -> float | None:
    """How long a running run is likely to need: from its own progress, else from the task's usual time.

    None when neither tells: too little is done to judge by, or it has run longer than usual already.
    """
    if run.started_at is None:
        return None
    elapsed = (now - run.started_at).total_seconds()
    if run.progress_at and run.progress_total and run.progress_current:
        share = run.progress_current / run.progress_total
        if 0.05 <= share < 1:
            until_report = (run.progress_at - run.started_at).total_seconds()
            return max(0.0, until_report / share - elapsed)
    if typical_seconds is None or elapsed >= typical_seconds:
        return None
    return typical_seconds - elapsed


def _span_after(before: Step, run: Run) -> Span:
    if before.stage == Stage.STARTED:
        return Span.RAN
    if before.stage == Stage.RECEIVED:
        return Span.HANDED_OVER
    return Span.EARLIER_ATTEMPTS if run.attempt else Span.WAITED


def _colour(before: Step, step: Step) -> str:
    return step.state if before.stage == Stage.STARTED and step.state != states.SUCCESS else states.SUCCESS


def _weight(seconds: float | None, whole: float | None) -> int:
    share = (seconds or 0.0) / whole if whole else 0.0
    return 1 + sum(share > bound for bound in (0.1, 0.25, 0.5))


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None


def _first_step(line: list[Step | Leg]) -> Step:
    return next(step for step in line if isinstance(step, Step))


def _last_step(line: list[Step | Leg]) -> Step:
    return next(step for step in reversed(line) if isinstance(step, Step))
