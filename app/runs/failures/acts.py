"""What people do to kinds of failures: resolve, ignore, open again, give them an owner or a note."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from app import audit, broker
from app.accounts import users
from app.broker import topics
from app.bulk import Result
from app.errors import Invalid, NotFound
from app.extensions import db, transaction
from app.runs.failures import inbox
from app.runs.failures.models import IGNORED, OPEN, RESOLVED, FailureChange, FailureKind
from app.text import storable

BULK_MAX = 1000
NOTE_MAX = 2000
IGNORE_MOST = timedelta(days=366)
UNDO_WITHIN = timedelta(minutes=5)
TOPIC = "failures"
_KEPT = (
    *("state", "state_at", "state_by", "ignored_until", "reopened_at", "reopened_run_id"),
    *("made_good_at", "owner", "note"),
)
Given = Mapping[str, Any]


def apply(action: str, ids: Sequence[int], by: str, now: datetime, given: Given) -> list[Result]:
    """Do one of `ACTIONS` with each kind, in one transaction; says what happened to each. At most 1,000.

    Of what is `given`, an action takes what it needs: `until` to ignore (None: for good), `owner` to assign
    (None: nobody); `note` goes with any. Raises `Invalid`.
    """
    chosen = list(dict.fromkeys(ids))
    checked = _checked(action, chosen, given, now)
    with transaction():
        rows = {row.id: row for row in inbox.locked(FailureKind.id.in_(chosen))}
        changed = [
            (row, before) for row in rows.values() if (before := _change(row, action, by, now, checked))
        ]
        db.session.add_all(_entry(row, action, by, now, checked, before) for row, before in changed)
        details = _details(action, checked)
        audit.record_all(
            f"failure.{action}", now, "failure", [(row.id, name_of(row), details) for row, _old in changed]
        )
    topics.touch(broker.client(), [TOPIC])
    missing = _("There is no such kind of failure.")
    return [
        Result(kind_id, name_of(rows[kind_id])) if kind_id in rows else Result(kind_id, problem=missing)
        for kind_id in chosen
    ]


def act(action: str, kind_id: int, by: str, now: datetime, given: Given) -> FailureKind:
    """The same with one kind; returns it as it stands then. Raises `NotFound` and `Invalid`."""
    [result] = apply(action, [kind_id], by, now, given)
    if result.problem:
        raise NotFound(result.problem)
    return inbox.get(kind_id)


def undo(done_at: datetime, by: str, now: datetime) -> list[Result]:
    """Take back what `by` did at exactly that moment; says what happened to each kind.

    One that was changed since, or came back, is left alone and said. Raises `NotFound` when there is nothing
    to take back, or no more.
    """
    query = select(FailureChange).where(FailureChange.at == done_at, FailureChange.by == by)
    done = {
        change.kind_id: change
        for change in db.session.scalars(query.where(FailureChange.before.is_not(None)))
    }
    if not done or now - done_at > UNDO_WITHIN:
        raise NotFound(_("There is nothing left to take back."))
    own = {kind_id: (change.id, dict(change.before or {})) for kind_id, change in done.items()}
    results = []
    with transaction():
        rows = inbox.locked(FailureKind.id.in_(own))
        last = select(FailureChange.kind_id, func.max(FailureChange.id)).group_by(FailureChange.kind_id)
        newest: dict[int, int] = dict(db.session.execute(last.where(FailureChange.kind_id.in_(own))).all())
        undone = []
        for row in rows:
            change_id, before = own[row.id]
            if newest[row.id] != change_id:
                results.append(Result(row.id, problem=_("It was changed since.")))
                continue
            for name, value in before.items():
                is_moment = value is not None and name.endswith(("_at", "_until"))
                setattr(row, name, datetime.fromisoformat(value) if is_moment else value)
            db.session.add(FailureChange(kind_id=row.id, at=now, by=by, action="undo"))
            undone.append((row.id, name_of(row), {"state": row.state}))
            results.append(Result(row.id, name_of(row)))
        audit.record_all("failure.undo", now, "failure", undone)
    topics.touch(broker.client(), [TOPIC])
    return results


def name_of(row: FailureKind) -> str:
    """What a kind is called: its task, of another app with that, and error."""
    task = f"{row.task_name} ({row.app})" if row.other_app else row.task_name
    return f"{task}: {row.kind}" if row.kind else task


def _resolve(row: FailureKind, by: str, now: datetime, given: Given) -> None:
    if row.state != RESOLVED:
        _stand(row, RESOLVED, by, now)


def _ignore(row: FailureKind, by: str, now: datetime, given: Given) -> None:
    if row.state != IGNORED or row.ignored_until != given["until"]:
        _stand(row, IGNORED, by, now, given["until"])


def _reopen(row: FailureKind, by: str, now: datetime, given: Given) -> None:
    if row.standing(now) != OPEN:
        _stand(row, OPEN, by, now)
        row.made_good_at = None


def _assign(row: FailureKind, by: str, now: datetime, given: Given) -> None:
    row.owner = given["owner"]


def _note(row: FailureKind, by: str, now: datetime, given: Given) -> None:
    row.note = given["note"] or None


def _stand(row: FailureKind, state: str, by: str, now: datetime, until: datetime | None = None) -> None:
    row.state, row.state_at, row.state_by, row.ignored_until = state, now, by, until
    row.reopened_at = row.reopened_run_id = None


ACTIONS: dict[str, Callable[[FailureKind, str, datetime, Given], None]] = {
    "resolve": _resolve,
    "ignore": _ignore,
    "reopen": _reopen,
    "assign": _assign,
    "note": _note,
}


def _change(row: FailureKind, action: str, by: str, now: datetime, given: Given) -> dict[str, Any] | None:
    """Do it; returns what was different before, None when nothing was."""
    old = {name: getattr(row, name) for name in _KEPT}
    ACTIONS[action](row, by, now, given)
    if given["note"]:
        row.note = given["note"]
    before = {name: value for name, value in old.items() if value != getattr(row, name)}
    if not before:
        return None
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in before.items()
    }


def _entry(
    row: FailureKind, action: str, by: str, now: datetime, given: Given, before: dict[str, Any]
) -> FailureChange:
    return FailureChange(
        kind_id=row.id,
        at=now,
        by=by,
        action=action,
        note=given["note"] or None,
        until=given["until"],
        owner=given["owner"],
        before=before,
    )


def _details(action: str, given: Given) -> dict[str, Any]:
    until = given["until"]
    details = {
        "until": until.isoformat() if until else None,
        "owner": given["owner"],
        "note": given["note"] or None,
    }
    return details | ({"for_good": True} if action == "ignore" and until is None else {})


def _checked(action: str, ids: Sequence[int], given: Given, now: datetime) -> dict[str, Any]:
    """What an action needs of what is given; raises `Invalid` with what is wrong with each field."""
    errors: dict[str, list[str]] = {}
    if action not in ACTIONS:
        errors["action"] = [_("Choose one of: %(choices)s.", choices=", ".join(ACTIONS))]
    if not 0 < len(ids) <= BULK_MAX:
        errors["ids"] = [_("Choose 1 to %(most)s.", most=BULK_MAX)]
    note = storable(str(given.get("note") or "")).strip()
    if len(note) > NOTE_MAX:
        errors["note"] = [_("A note has at most %(n)s characters.", n=NOTE_MAX)]
    until = given.get("until") if action == "ignore" else None
    if until is not None and not now < until <= now + IGNORE_MOST:
        errors["until"] = [_("Give a time in the next %(n)s days, or none.", n=IGNORE_MOST.days)]
    owner = str(given.get("owner") or "") if action == "assign" else ""
    if owner:
        try:
            user = users.find(owner)
        except NotFound as error:
            errors["owner"] = [error.detail]
        else:
            owner = user.name
            if not user.active:
                errors["owner"] = [_("%(name)s is shut out.", name=owner)]
    if errors:
        raise Invalid(errors)
    return {"note": note, "until": until, "owner": owner or None}
