"""What became of runs that did not succeed: whether the same work, run again, succeeded since."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from app.extensions import db
from app.runs import states
from app.runs.models import Run

MADE_GOOD, OPEN, FAILED_AGAIN = "made-good", "open", "failed-again"
SUPERSEDED = "superseded"
_READ = 500


class _Try(NamedTuple):
    """One run of a family: a run and all that were made by rerunning it, or it and theirs."""

    id: str
    rerun_of: str | None
    state: str
    created_at: datetime


class Families:
    """The families of some runs, read once; a run without reruns has none."""

    def __init__(self, run_ids: Collection[str]) -> None:
        self._of = {run.id: family for family in _families(run_ids) for run in family}

    def outcome(self, run_id: str) -> str | None:
        """How the later runs of the same work stand: MADE_GOOD, else OPEN, else FAILED_AGAIN.

        None when there was none since, or those came to nothing (cancelled, expired), and for a run that
        succeeded: it needs none.
        """
        family = self._of.get(run_id, ())
        run = next((member for member in family if member.id == run_id), None)
        if run is None or run.state == states.SUCCESS:
            return None
        later = {member.state for member in family if _age(member) > _age(run)}
        if states.SUCCESS in later:
            return MADE_GOOD
        if later & set(states.UNFINISHED):
            return OPEN
        return FAILED_AGAIN if later & set(states.BAD) else None

    def first_of_each(self, run_ids: Iterable[str]) -> list[str]:
        """Of each family its oldest run among them: the same work counts once, however often it was tried."""
        oldest: dict[str, str] = {}
        for run_id in run_ids:
            ages = {member.id: _age(member) for member in self._of.get(run_id, ())}
            work = min(ages, key=ages.__getitem__, default=run_id)
            if work not in oldest or ages[run_id] < ages[oldest[work]]:
                oldest[work] = run_id
        return list(oldest.values())

    def left_out(self, run_ids: Collection[str]) -> dict[str, str]:
        """Those of a set not to be run again, and why: MADE_GOOD, OPEN, or SUPERSEDED by one of the set."""
        chosen = set(run_ids)
        outcomes = {run_id: self.outcome(run_id) for run_id in chosen}
        superseded = {run_id: SUPERSEDED for run_id in chosen if self._is_superseded(run_id, chosen)}
        return superseded | {key: how for key, how in outcomes.items() if how in (MADE_GOOD, OPEN)}

    def _is_superseded(self, run_id: str, chosen: set[str]) -> bool:
        family = [run for run in self._of.get(run_id, ()) if run.id in chosen and run.state != states.SUCCESS]
        return bool(family) and run_id in {run.id for run in sorted(family, key=_age)[:-1]}


def _age(run: _Try) -> tuple[datetime, str]:
    return run.created_at, run.id


def _families(run_ids: Collection[str]) -> list[list[_Try]]:
    """The runs of each family that has more than one: up to the first one, and down to every rerun."""
    known: dict[str, _Try] = {}
    asked: set[str] = set()
    new = set(run_ids)
    while new:
        found = _read(new)
        asked |= new
        known |= found
        new = {key for run in found.values() for key in (run.id, run.rerun_of) if key} - asked
    families: dict[str, list[_Try]] = {}
    for run in known.values():
        families.setdefault(_first(run, known), []).append(run)
    return [family for family in families.values() if len(family) > 1]


def _first(run: _Try, known: Mapping[str, _Try]) -> str:
    passed = {run.id}
    while run.rerun_of and run.rerun_of in known and run.rerun_of not in passed:
        run = known[run.rerun_of]
        passed.add(run.id)
    return run.rerun_of or run.id  # of a deleted first run its reruns still are one family


def _read(values: Iterable[str]) -> dict[str, _Try]:
    """The runs of these ids, and those that were made by rerunning them."""
    keys = sorted(values)
    tries: dict[str, _Try] = {}
    for start in range(0, len(keys), _READ):
        some = keys[start : start + _READ]
        query = select(Run.id, Run.rerun_of, Run.state, Run.created_at)
        rows = db.session.execute(query.where(Run.id.in_(some) | Run.rerun_of.in_(some)))
        tries |= {row[0]: _Try(*row) for row in rows}
    return tries
