"""What beat does with one due row: the runs it makes of the fires, why some do not run, how it goes on."""

import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import ngettext

from app import catalog
from app.runs import Run, creation, new_run, states
from app.runs.creation import Row
from app.schedules import due_arguments, stored_arguments
from app.schedules.definition import policies_of, timing_of
from app.schedules.policies import PlannedFire, ScheduleState, plan
from app.schedules.timing import Timing, actual_at, first_fire, zone
from celeriac_agent.settings import OWN_APP

UNKNOWN_TASK = "unknown_task"
REASON = "reason"
_NAMESPACE = uuid.UUID("5f0ac7c7-7bf4-5a5c-9c7b-6f0f5d8f2c11")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ENDS = {"missed": states.MISSED, "skipped": states.SKIPPED}


class Unfinished(NamedTuple):
    """How many runs of a schedule are sent and not finished, and how many fires wait for one of them."""

    sent: int = 0
    buffered: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The rows of runs to make, and the row's new state. `exhausted`: it disables itself.

    `anchored`: an interval that was written without an anchor counts from now. `app`: whose task a row that
    was written without one runs.
    """

    id: int
    runs: list[Row] = field(default_factory=list)
    next_due_at: datetime | None = None
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    run_count: int = 0
    error: str | None = None
    skips: list[str] | None = None
    anchored: bool = False
    app: str | None = None

    @property
    def exhausted(self) -> bool:
        return self.next_due_at is None


def run_id(schedule_id: int, due_at: datetime) -> str:
    """The id of the run for a fire: the same wherever and however often it is worked out."""
    return str(uuid.uuid5(_NAMESPACE, f"{schedule_id} {due_at.astimezone(UTC).isoformat()}"))


def decide(row: Any, unfinished: Unfinished, now: datetime) -> Decision:
    """What becomes of a due row (the columns of its schedule; `args`, `kwargs` and `skips` as JSON text).

    A row without `next_due_at` was written in SQL: its next fire is worked out. Only a moment of its own
    (`one_time`) that has passed is a fire like any other then: it runs or is missed, by its policies. Raises
    whatever a value that cannot be evaluated raises.
    """
    new = row.next_due_at is None and row.app is None and not row.run_count
    app = catalog.whose(row.task_name, None) if new else None
    maker = _RunMaker(row, now, app or row.app)
    timing, next_due_at = timing_of(row, row.id), row.next_due_at
    if next_due_at is None:
        anchored = row.task_type == "interval" and row.anchor_at is None
        timing = replace(timing, anchor_at=now) if anchored else timing
        next_due_at = _begin(timing, row, now)
        if next_due_at is None or next_due_at > now:
            return replace(_placed(timing, row, next_due_at, anchored), app=app)
    skips = _skips(row)
    policies = policies_of(row)
    if maker.info is None:
        policies = replace(policies, max_runs=None)  # nothing is sent, so nothing counts
    planned = plan(
        ScheduleState(
            timing=timing,
            policies=policies,
            next_due_at=next_due_at,
            run_count=row.run_count,
            unfinished=unfinished.sent,
            buffered=unfinished.buffered,
            skips=frozenset(map(datetime.fromisoformat, skips or ())),
        ),
        now,
    )
    runs = [maker.make(entry, number) for number, entry in enumerate(planned.fires)]
    fired = any(run["outbox"] for run in runs)
    return Decision(
        row.id,
        runs,
        planned.next_due_at,
        planned.next_actual_at,
        now if fired else row.last_run_at,
        planned.run_count if maker.info else row.run_count,
        reason_words(maker.unknown) if maker.unknown else None,
        _later(skips, planned.next_due_at),
        app=app,
    )


def _begin(timing: Timing, row: Any, now: datetime) -> datetime | None:
    """The first fire of a row that was written in SQL."""
    if timing.task_type != "one_time":
        return first_fire(timing, now)
    due_at = first_fire(timing, _LONG_AGO)
    ran = due_at is not None and row.last_run_at is not None and row.last_run_at >= due_at
    return None if ran else due_at


def _placed(timing: Timing, row: Any, first: datetime | None, anchored: bool) -> Decision:
    """A row that was written in SQL goes to its first fire; nothing fires yet. Without one it says so."""
    return Decision(
        row.id,
        [],
        first,
        actual_at(timing, first) if first else None,
        row.last_run_at,
        row.run_count,
        None if first else _("It has no fire any more, so it was turned off."),
        _skips(row),
        anchored,
    )


def _skips(row: Any) -> list[str] | None:
    skips: list[str] | None = json.loads(row.skips) if row.skips else None
    return skips


def _later(skips: list[str] | None, next_due_at: datetime | None) -> list[str] | None:
    if not skips or next_due_at is None:
        return None
    return [skip for skip in skips if datetime.fromisoformat(skip) >= next_due_at] or None


class _RunMaker:
    """Makes the rows of runs for the fires of one schedule."""

    def __init__(self, row: Any, now: datetime, app: str | None) -> None:
        self.row = row
        self.now = now
        self.app = app
        self.info = catalog.lookup(row.task_name, app or OWN_APP)
        self.unknown: dict[str, Any] | None = None
        self._arguments = catalog.Arguments(*stored_arguments.parse(row.args, row.kwargs))
        self._relative = due_arguments.KEY in row.args or due_arguments.KEY in row.kwargs

    def make(self, entry: PlannedFire, number: int) -> Row:
        """The row of one fire; `number` keeps fires of the same batch in their order."""
        created_at = self.now + timedelta(microseconds=number)
        arguments = self._resolved(entry.due_at)
        return new_run(
            self.row.task_name,
            self.info,
            arguments,
            created_at,
            self._begin(entry, arguments),
            run_id=run_id(self.row.id, entry.due_at),
            queue=self.row.queue,
            priority=self.row.priority,
            rerun_of=self.row.rerun_of,
            requested_by=f"schedule:{self.row.name}",
            schedule_id=self.row.id,
            app=self.app,
            due_at=entry.due_at,
        )

    def _begin(self, entry: PlannedFire, arguments: catalog.Arguments) -> Row:
        """The part of the row that says whether it is sent, waits, or does not run."""
        if self.info is None and entry.outcome in ("run", "buffer"):
            self.unknown = reason_facts(entry, UNKNOWN_TASK, self.row.task_name)
            return creation.ended(states.SKIPPED, self.now, reason_words(self.unknown), self.unknown)
        if entry.outcome in _ENDS:
            why = reason_facts(entry, entry.reason, self.row.task_name)
            return creation.ended(_ENDS[entry.outcome], self.now, reason_words(why), why)
        ttl_seconds = self.row.message_ttl_seconds
        if entry.outcome == "buffer" or entry.cancel_running:
            return creation.buffered(arguments, ttl_seconds)
        return creation.waiting(arguments, self.now, ttl_seconds)

    def _resolved(self, due_at: datetime) -> catalog.Arguments:
        if not self._relative:
            return self._arguments
        arguments, tz = self._arguments, zone(self.row.timezone)
        return catalog.Arguments(
            *due_arguments.resolve(arguments.args, arguments.kwargs, due_at, tz, kinds(self.info))
        )


def kinds(info: catalog.TaskInfo | None) -> dict[str, due_arguments.Kind]:
    """Which parameters take dates, by name and by place, for resolving arguments that refer to the fire."""
    marker_kinds: dict[str, due_arguments.Kind] = {}
    index = 0
    for parameter in info.parameters if info else ():
        kind = _date_kind(parameter)
        if kind:
            marker_kinds[parameter.name] = kind
            if parameter.positional:
                marker_kinds[f"args.{index}"] = kind
        index += parameter.positional
    return marker_kinds


def _date_kind(parameter: catalog.Parameter) -> due_arguments.Kind | None:
    shape = parameter.shape
    while shape.item is not None:
        shape = shape.item
    if shape.kind == catalog.Kind.DATE:
        return "date"
    return "datetime" if shape.kind == catalog.Kind.DATETIME else None


def reason_facts(entry: PlannedFire, reason: str, task_name: str) -> dict[str, Any]:
    """What a run row keeps in its notices of a fire that does not run, for `reason_words`."""
    kept: dict[str, Any] = {REASON: reason}
    if reason == UNKNOWN_TASK:
        kept["task_name"] = task_name
    if entry.count > 1 and entry.last_due_at is not None:
        kept |= {
            "count": entry.count,
            "from": entry.due_at.isoformat(),
            "until": entry.last_due_at.isoformat(),
        }
    return kept


def reason_words(kept: dict[str, Any]) -> str:
    """The reason as a sentence or two, in the current language."""
    reason = _reason(kept)
    if "count" not in kept:
        return reason
    fires = ngettext(
        "This stands for %(num)d fire due from %(first)s to %(last)s.",
        "This stands for %(num)d fires due from %(first)s to %(last)s.",
        kept["count"],
        first=_moment(kept["from"]),
        last=_moment(kept["until"]),
    )
    return f"{reason} {fires}"


def reason_of_run(run: Run) -> str | None:
    """Why a run of a schedule was missed or skipped, in the current language; None for any other run."""
    kept = run.notices or {}
    return reason_words(kept) if REASON in kept else None


def _reason(kept: dict[str, Any]) -> str:
    match kept[REASON]:
        case "grace":
            return _("Nothing could fire it in time: it was later than the grace period allows.")
        case "on_missed":
            return _("Nothing could fire it in time, and missed fires of this schedule are skipped.")
        case "newer":
            return _("Nothing could fire it in time; a newer fire ran instead.")
        case "limit":
            return _("Nothing could fire it in time, and more fires were missed than are caught up.")
        case "overlap":
            return _("An earlier run of this schedule had not finished.")
        case "skip_next":
            return _("It was skipped ahead of time by hand.")
        case "unknown_task":
            return _("No task named %(name)s is known any more.", name=kept.get("task_name", ""))
        case other:
            return str(other)


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
