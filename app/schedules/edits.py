"""Schedules are made, changed, copied and deleted; every change moves the version and is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from flask_babel import gettext as _
from sqlalchemy import Table, func, select
from sqlalchemy import delete as sql_delete
from sqlalchemy import insert as insert_rows
from sqlalchemy import update as sql_update

from app import catalog
from app.accounts import permits
from app.errors import Conflict, Invalid
from app.extensions import db, transaction, unless_taken
from app.runs import Run, endings, states
from app.schedules import code_checks, drift, history, rows, stored_arguments, stored_secrets, timing
from app.schedules.buffer import buffered
from app.schedules.definition import ARGUMENTS, OWN_TIMING, TIMING, WINDOW, Definition, task_of, timing_of
from app.schedules.models import CODE, PAGE, STAY_OFF, Schedule, from_json, snapshot
from app.schedules.validation import NO_ERRORS, Errors, check, with_app, with_secrets

T = TypeVar("T")
INSERTED_AT_ONCE = 1000
_TABLE = cast(Table, Schedule.__table__)
_EMPTY = {column.name: None for column in _TABLE.columns if column.name != "id"}
_task = attrgetter("task_name", "app")
_IDS = select(Schedule.id, Schedule.name)


@dataclass(frozen=True)
class Edit:
    """A checked change of a schedule; nothing is to be done when `diff` is empty.

    `same_call`: task and arguments were given as they are, to the last bit.
    """

    old: Definition
    new: Definition
    diff: history.Diff
    same_call: bool


def create(definition: Definition, by: str | None, now: datetime, unread: Errors = NO_ERRORS) -> Schedule:
    """A new schedule; its first fire is the first slot from now on.

    `unread` are fields that a form could not read, with messages: nothing is made then, and they are told
    with what else is wrong. Raises `Invalid` by field and `Conflict` (code "name-taken").
    """
    definition = with_app(definition)
    code_checks.require(definition, now)
    return changing(lambda: insert(definition, by, now, unread=unread))


def update(
    schedule_id: int,
    changes: Mapping[str, Any],
    by: str | None,
    now: datetime,
    if_version: int | None = None,
    unread: Errors = NO_ERRORS,
) -> Schedule:
    """Change some fields; the others keep their values. Nothing happens when nothing differs.

    Only a changed timing moves the next fire. Masked arguments stay what they are. `unread`: see `create`.
    Raises `NotFound`, `Stale`, `Invalid` by field and `Conflict` (code "name-taken").
    """
    row = db.session.get(Schedule, schedule_id) if 0 < schedule_id <= rows.ID_MAX else None
    if row is not None:
        old = Definition.of(row)
        new = merged(old, changes, now)
        if any(getattr(new, name) != getattr(old, name) for name in ARGUMENTS):
            code_checks.require(new, now)
    return changing(lambda: change(rows.locked(schedule_id, if_version), changes, by, now, unread=unread))


def delete(schedule_id: int, by: str | None, now: datetime, if_version: int | None = None) -> str:
    """Delete a schedule and return its name; `undelete` brings it back.

    Its runs stay in the history, a buffered fire is cancelled.
    Raises `NotFound`, `Stale`, and `Conflict` (code "defined-in-code") for one that code defines.
    """
    return changing(lambda: remove(rows.locked(schedule_id, if_version), by, now))


def undelete(schedule_id: int, by: str | None, now: datetime) -> Schedule:
    """Bring a deleted schedule back with its id and history; what passed meanwhile is not fired.

    Raises `NotFound` when it was not deleted and `Conflict` when its name is taken.
    """

    def bring_back() -> Schedule:
        values = from_json(history.last_deletion(schedule_id).snapshot or {})
        values.setdefault("app", catalog.whose(values["task_name"], None))  # deleted before that was kept
        permits.require(values["task_name"], values["app"], values["args"], values["kwargs"])
        if db.session.get(Schedule, schedule_id) is not None:
            raise Conflict(_("This schedule is not deleted."), code="not-deleted")
        _require_free(values["name"])
        row = Schedule(**values)
        rows.touched(row, by, now)
        db.session.add(row)
        rows.start(row, now)
        db.session.flush()
        history.record(row, "undelete", by, now)
        return row

    return changing(bring_back)


def duplicate(schedule_id: int, by: str | None, now: datetime) -> Schedule:
    """A copy under another name, disabled so that nothing runs twice; of code definitions too."""

    def copy() -> Schedule:
        row = rows.locked(schedule_id)
        if unreadable := stored_arguments.problems(row.args, row.kwargs):
            raise Invalid(unreadable)
        name = rows.free_name(_("%(name)s copy", name=row.name))
        definition = replace(Definition.of(row), name=name, enabled=False)
        _permit(definition)
        made = _new_row(definition, by, now)
        made.secrets_by = row.secrets_by
        if row.after_stop is not None:  # the copy would fire beside the other scheduler as well
            made.taken_from, made.after_stop = row.taken_from, STAY_OFF
        diff = history.difference(None, definition)
        history.record(made, "create", by, now, diff, note=_("Copied from %(name)s.", name=row.name))
        return made

    return changing(copy)


def changing(work: Callable[[], T]) -> T:
    """One transaction around a change, announced after its commit."""
    words = _("Somebody else took over the same schedule meanwhile. Nothing was done.")
    taken_over = Conflict(words, code="taken-over")
    with unless_taken("name", _taken()), unless_taken("taken_from", taken_over), transaction():
        made = work()
    rows.announce()
    return made


def insert(
    definition: Definition,
    by: str | None,
    now: datetime,
    action: str = "create",
    unread: Errors = NO_ERRORS,
) -> Schedule:
    """`create` inside the caller's transaction."""
    _permit(definition)
    definition = completed(definition, now, unread)
    _require_free(definition.name)
    row = _new_row(definition, by, now)
    row.checked_signature = drift.signature(row)
    history.record(row, action, by, now, history.difference(None, definition))
    return row


def insert_all(
    made: Sequence[tuple[Definition, history.Diff]],
    by: str | None,
    now: datetime,
    action: str,
    more: Sequence[Mapping[str, Any]] = (),
    note: str | None = None,
) -> None:
    """Make many schedules of `completed` definitions with free names inside the caller's transaction.

    Each comes with what its change tells; `more` are other columns of each, `note` is kept with the changes.
    They are written some at a time, past the session: it would take four times as long.
    """
    _permit(*(definition for definition, _diff in made))
    tasks = {_task(definition): definition for definition, _diff in made}
    signatures = {task: drift.signature(definition) for task, definition in tasks.items()}
    for start in range(0, len(made), INSERTED_AT_ONCE):
        batch = made[start : start + INSERTED_AT_ONCE]
        values = [_columns(definition, signatures[_task(definition)], by, now) for definition, _diff in batch]
        for value, others in zip(values, more[start : start + INSERTED_AT_ONCE], strict=False):
            value |= others
        filled = [name for name in _EMPTY if any(value[name] is not None for value in values)]
        some = [{name: value[name] for name in filled} for value in values]  # half of the columns are empty
        last_id = db.session.scalar(select(func.max(Schedule.id))) or 0
        db.session.connection().execute(insert_rows(_TABLE), some)
        names = [value["name"] for value in values]
        # Not by names: PostgreSQL has no statistics of a table that grows, and compares all with all.
        made_as = {name: id for id, name in db.session.execute(_IDS.where(Schedule.id > last_id))}
        ids = [made_as[name] for name in names]
        jittered = [
            schedule_id for schedule_id, value in zip(ids, values, strict=True) if value["jitter_seconds"]
        ]
        for row in db.session.scalars(select(Schedule).where(Schedule.id.in_(jittered))) if jittered else ():
            rows.retime(row)
        entries = zip(ids, names, (diff for _definition, diff in batch), strict=True)
        history.record_all([(id, name, 1, diff) for id, name, diff in entries], action, by, now, note)


def _columns(definition: Definition, signature: str, by: str | None, now: datetime) -> dict[str, Any]:
    """The columns of a new row; where its next fire derives from its id, that is put right afterwards."""
    row = SimpleNamespace(**_EMPTY | _first_values(definition, by, now), id=None)
    row.checked_signature = signature
    rows.start(row, now)
    del row.id
    return vars(row)


def completed(
    definition: Definition, now: datetime, unread: Errors = NO_ERRORS, like: Definition | None = None
) -> Definition:
    """A new definition as it is saved; raises `Invalid` by field.

    Of many, what each has in common with one that has been completed before, `like`, is checked once.
    """
    return check(_anchored(definition, None, now), None, now, known=unread, like=like)


def change(
    row: Schedule,
    changes: Mapping[str, Any],
    by: str | None,
    now: datetime,
    action: str = "update",
    note: str | None = None,
    unread: Errors = NO_ERRORS,
) -> Schedule:
    """`update` of a locked row inside the caller's transaction."""
    wanted_change = checked(row, changes, by, now, unread)
    if wanted_change.diff:
        _carry_out(row, wanted_change, by, now, note)
        history.record(row, action, by, now, wanted_change.diff, note)
    return row


def change_all(changes: Sequence[tuple[Schedule, Edit]], by: str | None, now: datetime, action: str) -> None:
    """Carry out `checked` changes of locked rows inside the caller's transaction."""
    for row, edit in changes:
        _carry_out(row, edit, by, now)
    entries = [(row.id, row.name, row.version, edit.diff) for row, edit in changes]
    history.record_all(entries, action, by, now)


def checked(
    row: Any,
    changes: Mapping[str, Any],
    by: str | None,
    now: datetime,
    unread: Errors = NO_ERRORS,
) -> Edit:
    """What `change` would do to a row, or to what has its columns; raises `Invalid` by field."""
    old = Definition.of(row)
    new_values = merged(old, changes, now)
    secrets = stored_secrets.not_entered(old, changes, new_values, by, row.secrets_by)
    new = check(new_values, old, now, row.id, row.run_count, secrets | unread)
    return Edit(old, new, history.difference(old, new), stored_secrets.unchanged(old, new_values))


def _carry_out(row: Schedule, edit: Edit, by: str | None, now: datetime, note: str | None = None) -> None:
    if set(edit.diff) != {"enabled"} or edit.new.enabled:  # switching off takes nothing from anybody
        _permit(edit.old, edit.new)
    if edit.new.enabled and row.after_stop is not None:
        raise Conflict(
            _(
                "It was taken over and may still fire there. Stop the other scheduler and say so under "
                "Schedules, Of other schedulers: that turns it on."
            ),
            code="other-scheduler",
        )
    if edit.new.name != edit.old.name:
        _require_free(edit.new.name)
    write(row, edit.old, edit.new, by, now, note)
    if not edit.same_call:
        row.secrets_by = stored_secrets.person(by)
    if not set(ARGUMENTS).isdisjoint(edit.diff):
        row.checked_signature = drift.signature(row)


def write(
    row: Schedule, old: Definition, new: Definition, by: str | None, now: datetime, note: str | None = None
) -> None:
    """Put a new definition into a locked row in place of its old; move its next fire where that follows."""
    new.write(row)
    rows.touched(row, by, now)
    if any(getattr(row, name) != getattr(old, name) for name in ARGUMENTS):
        row.drift = row.checked_signature = None
    if (_task(new), new.task_type) != (_task(old), old.task_type):
        row.rerun_of = None
    _switched(row, old, by, now, note)
    _moved(row, old, now)


def merged(old: Definition, changes: Mapping[str, Any], now: datetime) -> Definition:
    """The old definition with the wanted changes, secrets kept; what belongs to another task or type goes."""
    values = dict(changes)
    if "args" in values:
        values["args"] = with_secrets(values["args"], old.args)
    if "kwargs" in values:
        values["kwargs"] = with_secrets(values["kwargs"], _named(old))
    if values.get("task_name", old.task_name) != old.task_name:
        values.setdefault("app", None)
    new = replace(old, **values)
    if _task(new) != _task(old):
        new = with_app(new)
    if new.task_type != old.task_type:
        gone: dict[str, Any] = {name: None for name in OWN_TIMING[old.task_type] if name not in values}
        new = replace(new, **gone)
    return _anchored(new, old, now, anchor_given="anchor_at" in values and values["anchor_at"] is not None)


def _named(old: Definition) -> dict[str, Any]:
    """All arguments by name, those by place included, as far as the task is known."""
    info = task_of(old)
    return (catalog.by_name(info.parameters, old.args, old.kwargs) if info else {}) | old.kwargs


def remove(row: Schedule, by: str | None, now: datetime) -> str:
    """`delete` of a locked row inside the caller's transaction."""
    if row.origin == CODE and row.retired_at is None:
        raise Conflict(
            _("This schedule is defined in code and would come back. Turn it off instead."),
            code="defined-in-code",
        )
    _permit(Definition.of(row))
    history.record(row, "delete", by, now, snapshot=snapshot(row))
    ended = db.session.scalars(
        sql_update(Run)
        .where(Run.schedule_id == row.id, buffered(Run))
        .values(state=states.REVOKED, outbox=None, ended_at=now, updated_at=now)
        .values(error=_("Its schedule was deleted while it waited for an earlier run."))
        .returning(Run.id)
        .execution_options(synchronize_session=False)
    ).all()
    endings.note_these(ended)
    db.session.execute(
        sql_delete(Schedule).where(Schedule.id == row.id).execution_options(synchronize_session=False)
    )
    name = row.name
    db.session.expunge(row)
    return name


def _permit(*definitions: Definition) -> None:
    """Raise `Forbidden` when who acts may not run the task of one of them."""
    for definition in definitions:
        permits.require(definition.task_name, definition.app, definition.args, definition.kwargs)


def _new_row(definition: Definition, by: str | None, now: datetime) -> Schedule:
    row = Schedule(**_first_values(definition, by, now))
    db.session.add(row)
    db.session.flush()  # the jitter derives from the id
    rows.start(row, now)
    return row


def _first_values(definition: Definition, by: str | None, now: datetime) -> dict[str, Any]:
    """The columns of a new row that are not empty, but for when it fires."""
    values = vars(definition) | {"origin": PAGE, "secrets_by": stored_secrets.person(by)}
    values |= {"version": 1, "created_at": now, "created_by": by, "updated_at": now, "updated_by": by}
    values |= {"run_count": 0, "failures": 0}
    return values if definition.enabled else values | {"disabled_at": now, "disabled_by": by}


def _switched(row: Schedule, old: Definition, by: str | None, now: datetime, note: str | None) -> None:
    if row.enabled and not old.enabled:
        row.disabled_at = row.disabled_by = row.disabled_note = None
    elif old.enabled and not row.enabled:
        row.disabled_at, row.disabled_by, row.disabled_note = now, by, note or None


def _moved(row: Schedule, old: Definition, now: datetime) -> None:
    """Move the next fire when what times it changed, and only then."""
    timed = TIMING if row.task_type != "cron" else (*TIMING, "timezone")
    retimed = any(getattr(row, name) != getattr(old, name) for name in timed)
    windowed = any(getattr(row, name) != getattr(old, name) for name in WINDOW)
    if retimed or row.enabled != old.enabled:
        rows.start(row, now)
    elif windowed and row.enabled:
        due_at = row.next_due_at
        overdue = due_at is not None and due_at <= now and timing.is_fire(timing_of(row, row.id), due_at)
        if not overdue:  # an overdue fire is beat's to take
            rows.start(row, now)
    elif row.jitter_seconds != old.jitter_seconds:
        rows.retime(row)
    if retimed and row.skips:
        shape = timing_of(row, row.id)
        row.skips = [
            skip for skip in row.skips if timing.is_fire(shape, datetime.fromisoformat(skip))
        ] or None


def _anchored(
    new: Definition, old: Definition | None, now: datetime, anchor_given: bool = False
) -> Definition:
    """An interval counts from when its period was set, unless told otherwise; nothing else moves it."""
    if new.task_type != "interval" or anchor_given:
        return new
    if old is not None and old.task_type == "interval" and old.interval_seconds == new.interval_seconds:
        return replace(new, anchor_at=old.anchor_at)
    if old is None and new.anchor_at is not None:
        return new
    return replace(new, anchor_at=now)


def _require_free(name: str) -> None:
    if db.session.scalar(select(Schedule.id).where(Schedule.name == name)) is not None:
        raise _taken()


def _taken() -> Conflict:
    return Conflict(_("Another schedule has this name."), code="name-taken")
