"""Schedules of other schedulers become ours, once each, and never fire beside the other one.

What is taken over is off. It can be turned on only after somebody said that the other scheduler is stopped:
neither a switch nor REST nor a file does so before, see `edits`. What is taken over twice is there once: the
database keeps where each one came from, unique.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import case, func, select

from app import catalog
from app.accounts import permits
from app.bulk import Result
from app.errors import CeleriacError, Conflict, Forbidden, Invalid
from app.extensions import db
from app.schedules import code_checks, edits, history, queries
from app.schedules.definition import Definition, task_of
from app.schedules.foreign.conversion import convert
from app.schedules.foreign.entries import Entry, Reading
from app.schedules.foreign.sources import Source
from app.schedules.models import STAY_OFF, TURN_ON, Schedule

FRESH = timedelta(minutes=5)  # who fired so lately runs; some write it down three minutes later


@dataclass(frozen=True)
class Proposal:
    """What would become of an entry: a `definition`, or `problems`; `schedule_id`: it is here already."""

    entry: Entry
    definition: Definition | None = None
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    schedule_id: int | None = None

    @property
    def task(self) -> catalog.TaskInfo | None:
        return task_of(self.definition) if self.definition else catalog.lookup(self.entry.task_name)

    @property
    def possible(self) -> bool:
        return self.definition is not None and self.schedule_id is None


@dataclass(frozen=True)
class Waiting:
    """Schedules from one scheduler that are off until it is stopped; `to_turn_on` of them were on there."""

    taken_from: str
    number: int
    to_turn_on: int


def propose(source: Source, entries: Sequence[Entry], now: datetime) -> list[Proposal]:
    """What would become of each of these entries."""
    taken, named = _taken(source), queries.by_name([entry.name for entry in entries])
    proposals = []
    for entry in entries:
        made = convert(entry, now, source.app_of(entry.task_name))
        schedule_id = taken.get(entry.name)
        problems = made.problems
        if schedule_id is None and not problems and (row := named.get(entry.name.strip())):
            problems = (_there_already(row, made.definition),)
        definition = None if problems else made.definition
        proposals.append(Proposal(entry, definition, problems, made.remarks, schedule_id))
    return proposals


def take_over(
    source: Source, reading: Reading, names: Sequence[str] | None, by: str | None, now: datetime
) -> list[Result]:
    """Make schedules of these entries, or of all; says what happened to each. All of them are off.

    What was taken over before is left as it is. Raises `Invalid` (field `entries`) for unknown names.
    """
    wanted = reading.entries if names is None else _chosen(reading.entries, names)
    results: list[Result] = []
    made: list[tuple[Definition, Entry]] = []
    with code_checks.within_patience():
        for proposal in propose(source, wanted, now):
            name = proposal.entry.name
            if proposal.schedule_id is not None:
                results.append(Result(proposal.schedule_id, name))
            elif proposal.definition is None:
                results.append(Result(None, name, " ".join(proposal.problems)))
            elif problem := _refused(proposal.definition, now):
                results.append(Result(None, name, problem))
            else:
                made.append((replace(proposal.definition, enabled=False), proposal.entry))
    if made:
        edits.changing(lambda: _insert(source, made, by, now))
    ids = _taken(source)
    return results + [Result(ids[entry.name], entry.name) for _definition, entry in made]


def stopped(taken_from: str, by: str | None, now: datetime, reading: Reading | None = None) -> list[Result]:
    """Somebody says that the other scheduler is stopped: turn on what was on there; says what became of it.

    What was off there stays off, and may be turned on from now on. Raises `Conflict` (code "still-runs")
    where it shows that it is not stopped.
    """
    if reading is not None:
        require_stopped(reading, now)

    def work() -> list[Result]:
        query = select(Schedule).where(Schedule.taken_from == taken_from, Schedule.after_stop.is_not(None))
        rows = db.session.scalars(query.order_by(Schedule.id).with_for_update()).all()
        return [result for row in rows if (result := _release(row, by, now))]

    return edits.changing(work)


def require_stopped(reading: Reading, now: datetime) -> None:
    """Raise `Conflict` where a source shows that its scheduler runs."""
    latest = max((entry.last_run_at for entry in reading.entries if entry.last_run_at), default=None)
    if reading.alive:
        words = _("It runs: it holds its lock, which goes when it is stopped, or some minutes after it died.")
        raise Conflict(words, code="still-runs")
    if latest is not None and now - FRESH < latest <= now + FRESH:
        ago = int((now - latest).total_seconds())
        words = _("It fired %(n)s seconds ago. Stop it, and say so five minutes after its last fire.", n=ago)
        raise Conflict(words, code="still-runs")


def waiting() -> list[Waiting]:
    """The schedulers that schedules here wait for."""
    turned_on = func.sum(case((Schedule.after_stop == TURN_ON, 1), else_=0))
    query = (
        select(Schedule.taken_from, func.count(), turned_on)
        .where(Schedule.after_stop.is_not(None))
        .group_by(Schedule.taken_from)
        .order_by(Schedule.taken_from)
    )
    return [Waiting(str(place), number, int(on or 0)) for place, number, on in db.session.execute(query)]


def _insert(source: Source, made: Sequence[tuple[Definition, Entry]], by: str | None, now: datetime) -> None:
    kept = [
        {
            "taken_from": source.taken_from,
            "taken_key": entry.name,
            "after_stop": TURN_ON if entry.enabled else STAY_OFF,
            "disabled_note": _("Until %(kind)s is stopped", kind=source.kind),
        }
        for _definition, entry in made
    ]
    new = [(row, history.difference(None, row)) for row, _entry in made]
    edits.insert_all(new, by, now, "take-over", kept, note=source.taken_from)


def _release(row: Schedule, by: str | None, now: datetime) -> Result | None:
    """None for one that was off there."""
    on, row.after_stop = row.after_stop == TURN_ON, None
    row.disabled_note = None
    if not on:
        return None
    try:
        edits.change(row, {"enabled": True}, by, now, "enable")
    except CeleriacError as error:
        if error.status >= 500:
            raise
        return Result(row.id, row.name, _texts(error) if isinstance(error, Invalid) else error.detail)
    return Result(row.id, row.name)


def _taken(source: Source) -> dict[str, int]:
    """The schedules that came from there, by the names of their entries."""
    query = select(Schedule.taken_key, Schedule.id).where(
        Schedule.taken_from == source.taken_from, Schedule.taken_key.is_not(None)
    )
    return {str(key): schedule_id for key, schedule_id in db.session.execute(query)}


def _chosen(entries: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    known: Mapping[str, Entry] = {entry.name: entry for entry in entries}
    if unknown := [name for name in names if name not in known]:
        words = _("There is no such entry: %(names)s.", names=", ".join(unknown)[:200])
        raise Invalid({"entries": [words]})
    return [known[name] for name in dict.fromkeys(names)]


def _there_already(row: Schedule, definition: Definition | None) -> str:
    if definition and (row.task_name, row.app) == (definition.task_name, definition.app):
        return _("A schedule of this name is here already, for the same task.")
    return _("Another schedule here has this name. Rename that one first.")


def _refused(definition: Definition, now: datetime) -> str:
    """Why not: who asks may not, or the task's own code does not take the arguments."""
    try:
        permits.require(definition.task_name, definition.app, definition.args, definition.kwargs)
        code_checks.require(definition, now)
    except Forbidden as error:
        return error.detail
    except Invalid as error:
        return _texts(error)
    return ""


def _texts(error: Invalid) -> str:
    return " ".join(text for some in error.errors.values() for text in some)
