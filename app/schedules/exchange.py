"""Import of many schedules: idempotent by name, all or nothing, with a difference to look at first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from flask_babel import gettext as _

from app.errors import Invalid
from app.extensions import transaction
from app.schedules import code_checks, edits, history, queries, rows
from app.schedules.definition import ARGUMENTS, FIELDS, Definition
from app.schedules.validation import with_app

_OWN = ("name", "note", "args", "kwargs")
_company = attrgetter(*(name for name in FIELDS if name not in _OWN))


@dataclass(frozen=True)
class Step:
    """What an import does about one schedule: `diff` is `{field: [before, after]}`, empty when nothing.

    `definition` is the whole of it, as it is saved; `stood` what `change` was checked against.
    """

    name: str
    new: bool
    diff: dict[str, list[Any]]
    definition: Definition
    change: edits.Edit | None = None
    stood: tuple[Any, ...] = ()


def plan(items: Sequence[Mapping[str, Any]], now: datetime, by: str | None = None) -> list[Step]:
    """What `apply` would do; raises `Invalid` with messages under `NAME: FIELD`."""
    _refuse_twice(items)
    known = queries.by_name([item["name"].strip() for item in items])
    errors: dict[str, list[str]] = {}
    steps = []
    completed: dict[Any, Definition] = {}
    with code_checks.within_patience():
        for item in items:
            row = known.get(item["name"].strip())
            try:
                steps.append(_change(row, item, now, by) if row else _addition(item, now, completed))
                _ask(steps[-1], now)
            except Invalid as error:
                errors |= {f"{item['name']}: {field}": texts for field, texts in error.errors.items()}
    if errors:
        raise Invalid(errors)
    return steps


def apply(items: Sequence[Mapping[str, Any]], by: str | None, now: datetime) -> list[Step]:
    """Make what is not there and change what differs, in one transaction; returns what was done.

    Schedules that the file does not name stay as they are. Raises as `plan` does, then nothing has changed.
    """
    steps = plan(items, now, by)
    with transaction():
        known = queries.locked_by_name([step.name for step in steps if step.diff])
        new = [(step.definition, step.diff) for step in steps if step.diff and step.name not in known]
        edits.insert_all(new, by, now, "import")
        planned = []
        for item, step in zip(items, steps, strict=True):
            row = known.get(step.name)
            if row is not None and step.change is not None and step.stood == _stands(row, Definition.of(row)):
                planned.append((row, step.change))
            elif row is not None:  # somebody else made or changed it meanwhile
                edits.change(row, item, by, now, "import")
        edits.change_all(planned, by, now, "import")
    rows.announce()
    return steps


def _ask(step: Step, now: datetime) -> None:
    """A worker, about arguments that are new."""
    if any(name in step.diff for name in ARGUMENTS):
        code_checks.require(step.definition, now)


def _addition(item: Mapping[str, Any], now: datetime, completed: dict[Any, Definition]) -> Step:
    """What is made; `completed` are earlier ones, by all that is not each one's own."""
    definition = with_app(Definition(**item))
    company = _company(definition)
    new = edits.completed(definition, now, like=completed.get(company))
    completed[company] = new
    return Step(new.name, True, history.difference(None, new), new)


def _change(row: Any, item: Mapping[str, Any], now: datetime, by: str | None) -> Step:
    change = edits.checked(row, item, by, now)
    return Step(change.new.name, False, change.diff, change.new, change, _stands(row, change.old))


def _stands(row: Any, definition: Definition) -> tuple[Any, ...]:
    """What a change of a schedule was checked against."""
    return row.version, row.run_count, row.secrets_by, definition


def _refuse_twice(items: Sequence[Mapping[str, Any]]) -> None:
    times = Counter(item["name"].strip() for item in items)
    twice = sorted(name for name, number in times.items() if number > 1)
    if twice:
        raise Invalid({name: [_("This name stands in the file more than once.")] for name in twice})
