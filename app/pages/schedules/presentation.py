"""What the Schedules pages make of the domain: chips, rows, strips; pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import lists
from app.lists import Chip, ListQuery
from app.pages.schedules.form_fields import wall_text
from app.runs import Run, states
from app.schedules import timing
from app.schedules.definition import timing_of
from app.schedules.filters import ScheduleFilter
from app.schedules.lateness import LATE_AFTER
from app.schedules.models import CODE, Schedule
from app.schedules.queries import STRIP, LastRun
from app.schedules.timing import TimingError
from app.web.words import amount

STATES: dict[str, tuple[Any, str]] = {
    "on": (_l("On"), ""),
    "off": (_l("Off"), ""),
    "late": (_l("Late"), "late"),
    "failing": (_l("Failing"), "failed"),
}
_NOT_RUN = (states.SKIPPED, states.MISSED)


def chips(counts: Mapping[str, int], query: ListQuery[ScheduleFilter]) -> list[Chip]:
    """All, then each state, with their numbers."""
    groups = [(state, word, lists.capped(counts[state]), kind) for state, (word, kind) in STATES.items()]
    return lists.chips(query, "state", groups, query.filter.state, lists.capped(counts["all"]))


@dataclass(frozen=True)
class Lateness:
    """Since when a fire is due, how long ago that is in words, and what keeps it from starting."""

    due_at: datetime
    span: str
    why: str


@dataclass(frozen=True)
class Strip:
    """The last outcomes as paths of an SVG, and in words."""

    good: str = ""
    bad: str = ""
    open: str = ""
    dots: str = ""
    summary: str = ""


@dataclass(frozen=True)
class ListedSchedule:
    """One line of the list: `status` is on, off, ended or retired; `problem` says what will go wrong."""

    schedule: Schedule
    words: str
    expression: str
    status: str
    late: Lateness | None
    last: LastRun | None
    strip: Strip
    problem: str

    @property
    def version(self) -> str:
        """Differs when the line does, but for what time alone changes."""
        schedule = self.schedule
        last = self.last and (self.last.state, self.last.run_id)
        return (
            f"{schedule.version} {schedule.next_run_at} {last} {self.late is not None} {self.problem != ''}"
        )


def row(
    schedule: Schedule,
    outcomes: Sequence[LastRun],
    waits: Run | None,
    paused: Sequence[str],
    problem: str,
    now: datetime,
) -> ListedSchedule:
    """What the list shows of a schedule; `waits` is its fire that has not started, `problem` its drift."""
    ran = [outcome for outcome in outcomes if outcome.state not in _NOT_RUN]
    return ListedSchedule(
        schedule,
        words(schedule),
        expression(schedule),
        status(schedule),
        late(schedule, waits, paused, now),
        next(reversed(ran or list(outcomes)), None),
        strip(outcomes),
        problem or schedule.last_error or "",
    )


def status(schedule: Schedule) -> str:
    if schedule.retired_at is not None:
        return "retired"
    if schedule.enabled:
        return "on"
    return "ended" if schedule.is_exhausted else "off"


def late(schedule: Schedule, waits: Run | None, paused: Sequence[str], now: datetime) -> Lateness | None:
    """Why a fire that is due has not started; None when none is late."""
    if waits is not None and waits.due_at is not None:
        return _late_since(waits.due_at, _waits_for(waits, paused), now)
    next_run_at = schedule.next_run_at if schedule.enabled else None
    if next_run_at is None or next_run_at >= now - LATE_AFTER or schedule.failures:
        return None
    return _late_since(schedule.next_due_at or next_run_at, _("no beat has fired it"), now)


def _late_since(due_at: datetime, why: str, now: datetime) -> Lateness:
    return Lateness(due_at, amount((now - due_at).total_seconds()), why)


def _waits_for(run: Run, paused: Sequence[str]) -> str:
    if run.state == states.HELD:
        return _("held by a person")
    if run.state == states.SCHEDULED:
        return _("an earlier run has not ended")
    if run.state == states.RECEIVED:
        return _("a worker has it")
    return _("queue paused") if run.queue in paused else _("waits in %(queue)s", queue=run.queue or "")


def words(schedule: Schedule) -> str:
    """The timing in the viewer's language; for one that cannot be read, that."""
    try:
        return timing.words(timing_of(schedule, schedule.id))
    except (TimingError, ValueError):
        return _("Timing cannot be read")


def cron_words(text: str) -> str:
    """A cron expression in the viewer's language; empty for none."""
    return timing.words(timing.Timing(task_type="cron", cron_schedule=text)) if text else ""


def expression(schedule: Schedule) -> str:
    """The timing as it is written."""
    match schedule.task_type:
        case "cron":
            return schedule.cron_schedule or ""
        case "interval":
            return f"interval {schedule.interval_seconds} s"
    try:
        return wall_text(schedule.run_at, timing.zone(schedule.timezone)).replace("T", " ")
    except TimingError:
        return ""


def drift_words(problems: Mapping[str, Sequence[str]], schedule: Schedule, when: str) -> str:
    """What is wrong with the arguments: "will fail at 03:00: `region` was renamed"; empty for nothing."""
    if not problems:
        return ""
    texts = " ".join(text for messages in problems.values() for text in messages)
    if "task_name" in problems:
        return texts
    if schedule.enabled and schedule.next_run_at is not None:
        return _("Will fail at %(when)s: %(problem)s", when=when, problem=texts)
    return _("Would fail: %(problem)s", problem=texts)


# The strip: 20 places of 6 px; bars stand on the line, failures hang below it.
_STEP, _BAR, _LINE, _TALLEST, _LEAST = 6, 5, 18, 16, 3


def strip(outcomes: Sequence[LastRun]) -> Strip:
    """The last outcomes, oldest first, the newest at the right end; a bar is as high as the run was long."""
    shown = outcomes[-STRIP:]
    longest = max((outcome.runtime_seconds or 0 for outcome in shown), default=0) or 1
    paths: dict[str, list[str]] = {"good": [], "bad": [], "open": [], "dots": []}
    for index, outcome in enumerate(shown, STRIP - len(shown)):
        x = index * _STEP
        if outcome.state == states.SUCCESS:
            height = _LEAST + round((_TALLEST - _LEAST) * (outcome.runtime_seconds or 0) / longest)
            paths["good"].append(f"M{x} {_LINE}v-{height}h{_BAR}v{height}z")
        elif outcome.state in states.BAD:
            paths["bad"].append(f"M{x} {_LINE + 1}v7h{_BAR}v-7z")
        elif states.is_finished(outcome.state):
            paths["dots"].append(f"M{x + 2.5} {_LINE - 2}h.01")
        else:
            paths["open"].append(f"M{x + 0.5} {_LINE - 0.5}v-13h4v13z")
    return Strip(**{name: "".join(parts) for name, parts in paths.items()}, summary=_summary(shown))


def _summary(outcomes: Sequence[LastRun]) -> str:
    if not outcomes:
        return _("Not run yet")
    counts: Counter[str] = Counter()
    for state, number in Counter(outcome.state for outcome in outcomes).items():
        counts[str(states.of(state).word)] += number
    listed = _(", ").join(_("%(state)s: %(n)s", n=n, state=word) for word, n in counts.most_common())
    return _("Last %(n)s: %(outcomes)s", n=len(outcomes), outcomes=listed)


def is_code(schedule: Schedule) -> bool:
    return schedule.origin == CODE
