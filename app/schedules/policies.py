"""What becomes of the fires that are due: run, late, missed or skipped. Pure functions.

**When a fire is missed.** Beat is always a little late, and a restart, a failover or a database that comes
back costs it some seconds; that is lateness, not a miss. A fire is on time while it is not more than
BUSY_SECONDS late, or not more than RESTART_SECONDS late and still the newest one. Anything later is missed,
and `on_missed` decides about it:

- `skip`: none of the missed fires runs.
- `run_once`: the newest of them runs; none when a fire that is on time runs now anyway, which does its work.
- `run_all`: each runs, oldest first; from the oldest on at most MOST_CAUGHT_UP, the others stay missed.

A fire that is later than `grace_seconds` never runs, on time or not (except within BUSY_SECONDS, so that a
short grace cannot stop a schedule). `max_runs` counts the fires that were sent, not those missed or
skipped; after the last one there are no further fires, so none is missed either.

**Overlap** is judged against the runs that are unfinished when beat looks, and against fires on time that
go out in the same moment. Fires that `run_all` catches up do not hinder each other: each of them was asked
for.

**Cost.** Everything is counted arithmetically. However long nothing could fire, a plan has some hundred
entries at most: every fire that does not run is an entry of its own up to MOST_LISTED of each kind, the
newest ones; those before them are one entry with a count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, get_args

from flask_babel import gettext as _

from app.schedules.timing import (
    TaskType,
    Timing,
    actual_at,
    count_between,
    first_fire,
    is_fire,
    last_fire,
    next_fire,
    previous_fire,
)

OnMissed = Literal["skip", "run_once", "run_all"]
Overlap = Literal["skip", "allow", "buffer_one", "cancel_running"]
FireOutcome = Literal["run", "buffer", "missed", "skipped"]
# Why a fire does not run at once: missed too long ago; missed, and the policy does not run it; a newer fire
# does its work; beyond what run_all catches up; an earlier run is unfinished; a person skipped it.
Reason = Literal["", "grace", "on_missed", "newer", "limit", "overlap", "skip_next"]
OverlapDecision = Literal["run", "skip", "buffer", "cancel"]

BUSY_SECONDS = 5  # beat under load, or a clock that is off by a little
RESTART_SECONDS = 60  # restart of beat or of its machine, failover, database or Redis away "for a minute"
MOST_CAUGHT_UP = 100
MOST_LISTED = 100
LONGEST_GRACE_SECONDS = 366 * 86_400
LONGEST_TTL_SECONDS = 366 * 86_400
MOST_RUNS = 1_000_000_000
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policy fields of a schedule, as REST and the table name them."""

    on_missed: OnMissed | None = None  # None: default_on_missed
    grace_seconds: int | None = None
    overlap: Overlap = "skip"
    max_runs: int | None = None
    message_ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """A schedule when beat looks at it.

    `next_due_at` is the nominal moment of its next fire, already claimed fires lie before it. `run_count`
    counts fires sent so far, `unfinished` its runs that are not finished (waiting counts) and `buffered`
    how many fires wait for one of them to end. `skips` are occurrences that a person skipped ahead of time.
    """

    timing: Timing
    policies: Policies
    next_due_at: datetime | None
    run_count: int = 0
    unfinished: int = 0
    buffered: int = 0
    skips: frozenset[datetime] = frozenset()


@dataclass(frozen=True, slots=True)
class PlannedFire:
    """What becomes of the fire that was due at `due_at`.

    `count` > 1: this entry stands for that many fires from `due_at` to `last_due_at`. `late` tells a missed
    fire that runs all the same. `cancel_running`: terminate the unfinished runs before this one is sent.
    """

    due_at: datetime
    outcome: FireOutcome
    reason: Reason = ""
    late: bool = False
    cancel_running: bool = False
    count: int = 1
    last_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All fires due now, oldest first, and where the schedule goes on.

    `next_due_at` is the next nominal fire and `next_actual_at` when it is to be sent, jitter included; both
    are None when the schedule is exhausted and disables itself. `run_count` is the new count of fires sent.
    """

    fires: tuple[PlannedFire, ...]
    next_due_at: datetime | None
    next_actual_at: datetime | None
    run_count: int


def default_on_missed(task_type: TaskType) -> OnMissed:
    """A one-time fire is wanted even late; a repeating one comes again."""
    return "run_once" if task_type == "one_time" else "skip"


def decide_overlap(overlap: Overlap, unfinished: int, buffered: int = 0) -> OverlapDecision:
    """What a fire does while so many runs of its schedule are unfinished and so many fires are buffered."""
    if unfinished == 0 and buffered == 0:
        return "run"
    match overlap:
        case "allow":
            return "run"
        case "cancel_running":
            return "cancel"
        case "buffer_one":
            return "buffer" if buffered == 0 else "skip"
        case _:
            return "skip"


def plan(due: ScheduleState, now: datetime) -> Plan:
    """What to do with every fire that is due at `now`, and the next one.

    Whoever carries it out writes a run row for each entry (MISSED or SKIPPED with the reason where it does
    not run) and moves the schedule to `next_due_at` in one transaction, then sends. With no fire due the
    plan is empty and goes on where the schedule stands.
    """
    last = _last_due(due, now)
    if due.next_due_at is None or last is None or _used_up(due, 0):
        following = None if _used_up(due, 0) else due.next_due_at
        return Plan((), following, _actual(due, following), due.run_count)
    due_fires = _DueFires.of(due, due.next_due_at, last)
    # Nominal moments are compared from here on, so `now` is taken back by what jitter adds.
    seen_at = now - (actual_at(due.timing, last) - last)
    on_time = _on_time(due_fires, due.policies, seen_at)
    entries = [
        *_missed(due_fires, due, seen_at, on_time),
        *(PlannedFire(fire, "run") for fire in on_time),
        *(PlannedFire(skip, "skipped", "skip_next") for skip in due_fires.skips),
    ]
    fires, sent = _carry_out(due, sorted(entries, key=lambda entry: entry.due_at))
    following = None if _used_up(due, sent) else next_fire(due.timing, last)
    return Plan(tuple(fires), following, _actual(due, following), due.run_count + sent)


def _used_up(due: ScheduleState, sent: int) -> bool:
    return due.policies.max_runs is not None and due.run_count + sent >= due.policies.max_runs


def _actual(due: ScheduleState, due_at: datetime | None) -> datetime | None:
    return None if due_at is None else actual_at(due.timing, due_at)


def _last_due(due: ScheduleState, now: datetime) -> datetime | None:
    """The newest fire whose actual moment has come; a stored next fire off the grid is a fire like others."""
    first = due.next_due_at
    if first is None:
        return None
    last = last_fire(due.timing, now)
    # Only the newest can be held back by its jitter: a fire never passes the next one.
    if last is not None and last > first and actual_at(due.timing, last) > now:
        last = previous_fire(due.timing, last)
    last = first if last is None else max(last, first)
    return last if actual_at(due.timing, last) <= now else None


@dataclass(frozen=True, slots=True)
class _DueFires:
    """The fires that are due, oldest first, without those a person skipped; asked for, never listed whole."""

    timing: Timing
    first: datetime
    last: datetime
    skips: tuple[datetime, ...]
    off_grid: bool  # `first` was put into the table by hand

    @classmethod
    def of(cls, due: ScheduleState, first: datetime, last: datetime) -> "_DueFires":
        off_grid = not is_fire(due.timing, first)
        skips = sorted(
            skip
            for skip in due.skips
            if first <= skip <= last and (is_fire(due.timing, skip) or skip == first)
        )
        return cls(due.timing, first, last, tuple(skips), off_grid)

    def count(self, low: datetime, high: datetime) -> int:
        low, high = max(low, self.first), min(high, self.last)
        count = count_between(self.timing, low, high) + int(self.off_grid and low <= self.first <= high)
        return count - sum(low <= skip <= high for skip in self.skips)

    def oldest(self, low: datetime, high: datetime, limit: int) -> list[datetime]:
        return list(islice(self._forth(max(low, self.first), min(high, self.last)), limit))

    def newest(self, low: datetime, high: datetime, limit: int) -> list[datetime]:
        """The newest `limit` fires of [low, high], still oldest first."""
        return list(islice(self._back(max(low, self.first), min(high, self.last)), limit))[::-1]

    def _forth(self, low: datetime, high: datetime) -> Iterator[datetime]:
        fire = low if self.off_grid and low == self.first else first_fire(self.timing, low)
        while fire is not None and fire <= high:
            if fire not in self.skips:
                yield fire
            fire = next_fire(self.timing, fire)

    def _back(self, low: datetime, high: datetime) -> Iterator[datetime]:
        fire = last_fire(self.timing, high)
        while fire is not None and fire >= low:
            if fire not in self.skips:
                yield fire
            fire = previous_fire(self.timing, fire)
        if self.off_grid and low <= self.first <= high and self.first not in self.skips:
            yield self.first


def _on_time(due_fires: _DueFires, policies: Policies, seen_at: datetime) -> list[datetime]:
    on_time = due_fires.oldest(seen_at - timedelta(seconds=BUSY_SECONDS), due_fires.last, MOST_LISTED)
    if on_time:
        return on_time
    patience = RESTART_SECONDS
    if policies.grace_seconds is not None:
        patience = min(patience, policies.grace_seconds)
    return due_fires.newest(seen_at - timedelta(seconds=patience), due_fires.last, 1)


def _missed(
    due_fires: _DueFires, due: ScheduleState, seen_at: datetime, on_time: list[datetime]
) -> list[PlannedFire]:
    """The fires before those that are on time, by policy."""
    policies = due.policies
    if on_time and on_time[0] == due_fires.first:
        return []
    low, high = due_fires.first, (on_time[0] - _TICK if on_time else due_fires.last)
    on_missed = policies.on_missed or default_on_missed(due.timing.task_type)
    if on_missed == "skip":
        return _not_run(due_fires, low, high, "on_missed")
    expired: list[PlannedFire] = []
    if policies.grace_seconds is not None:
        grace_from = seen_at - timedelta(seconds=policies.grace_seconds)
        expired = _not_run(due_fires, low, min(high, grace_from - _TICK), "grace")
        low = max(low, grace_from)
    if on_missed == "run_all":
        late = due_fires.oldest(low, high, MOST_CAUGHT_UP)
        rest = _not_run(due_fires, late[-1] + _TICK, high, "limit") if late else []
    else:
        late = [] if on_time else due_fires.newest(low, high, 1)
        rest = _not_run(due_fires, low, late[0] - _TICK if late else high, "newer")
    return [*expired, *rest, *(PlannedFire(fire, "run", late=True) for fire in late)]


def _not_run(due_fires: _DueFires, low: datetime, high: datetime, reason: Reason) -> list[PlannedFire]:
    """Entries for the fires of [low, high], all missed: the newest one by one, the rest together."""
    listed = due_fires.newest(low, high, MOST_LISTED)
    entries = [PlannedFire(fire, "missed", reason) for fire in listed]
    rest = due_fires.count(low, high) - len(listed) if len(listed) == MOST_LISTED else 0
    if rest > 0:
        (first,) = due_fires.oldest(low, high, 1)
        (last,) = due_fires.newest(low, listed[0] - _TICK, 1)
        entries.insert(0, PlannedFire(first, "missed", reason, count=rest, last_due_at=last))
    return entries


def _carry_out(due: ScheduleState, entries: Sequence[PlannedFire]) -> tuple[list[PlannedFire], int]:
    """The entries, oldest first, with overlap and max_runs applied, and how many of them are sent."""
    fires: list[PlannedFire] = []
    unfinished, buffered, just_sent, sent = due.unfinished, due.buffered, 0, 0
    for entry in entries:
        if _used_up(due, sent):
            break
        if entry.outcome == "run":
            hindering = unfinished + (0 if entry.late else just_sent)
            match decide_overlap(due.policies.overlap, hindering, buffered):
                case "skip":
                    entry = replace(entry, outcome="skipped", reason="overlap")
                case "buffer":
                    entry, buffered = replace(entry, outcome="buffer", reason="overlap"), buffered + 1
                case "cancel":
                    entry, unfinished = replace(entry, cancel_running=True), 0
                    just_sent = 0 if entry.late else 1
                case "run":
                    just_sent += 0 if entry.late else 1
            sent += entry.outcome in ("run", "buffer")
        fires.append(entry)
    return fires, sent


def errors(policies: Policies) -> dict[str, list[str]]:
    """Messages by field; empty when every policy field is in range."""
    messages: dict[str, list[str]] = {}
    if policies.on_missed not in (None, *get_args(OnMissed)):
        messages["on_missed"] = [_("Missed fires are treated by skip, run_once or run_all.")]
    if policies.overlap not in get_args(Overlap):
        messages["overlap"] = [_("Overlap is treated by skip, allow, buffer_one or cancel_running.")]
    for name, value, least, most in (
        ("grace_seconds", policies.grace_seconds, 0, LONGEST_GRACE_SECONDS),
        ("max_runs", policies.max_runs, 1, MOST_RUNS),
        ("message_ttl_seconds", policies.message_ttl_seconds, 1, LONGEST_TTL_SECONDS),
    ):
        if value is not None and not least <= value <= most:
            messages[name] = [
                _("This takes a whole number from %(least)s to %(most)s.", least=least, most=most)
            ]
    return messages
