"""The rules: made, changed and deleted by admins, silenced by operators."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select

from app import audit, lists, queue_names, schedules
from app.alerts import quiet, turns
from app.alerts.kinds import KINDS, NUMBER_MAX, SECONDS_MAX, Kind
from app.alerts.models import OUTCOMES, AlertChannel, AlertMessage, AlertRule, AlertState
from app.config import settings
from app.errors import Invalid, NotFound
from app.extensions import db, transaction, unless_taken
from app.lists.fields import Choice, QueryMoment, Whole
from app.text import storable
from app.web import viewer

NAME_MAX, NOTE_MAX, TEXT_MAX = 100, 500, 255
WINDOW_LEAST, WINDOW_MOST = 30, 86400
REMIND_LEAST, REMIND_MOST = 60, 30 * 86400
SILENCE_MOST = timedelta(days=30)
LATE_LEAST = 60  # before that a schedule is not called late anywhere
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
FIELDS: dict[str, Any] = {
    "name": _l("Name"),
    "kind": _l("Condition"),
    "enabled": _l("On"),
    "task_name": _l("Task"),
    "queue": _l("Queue"),
    "schedule_id": _l("Schedule"),
    "seconds": _l("Seconds"),
    "number": _l("Number"),
    "channels": _l("Channels"),
    "window_seconds": _l("One message in"),
    "remind_seconds": _l("Remind every"),
    "tell_recovery": _l("Recovery"),
    "quiet_from": _l("Quiet from"),
    "quiet_until": _l("Quiet until"),
    "quiet_zone": _l("Time zone"),
}
_CURSOR = lists.Cursor(int, most=2**63 - 1)


@dataclass(frozen=True)
class Standing:
    """A rule and how it stands: what fires, the first 200 subjects."""

    rule: AlertRule
    firing: Sequence[AlertState]
    silenced: bool
    quiet: bool

    @property
    def kind(self) -> Kind | None:
        return KINDS.get(self.rule.kind)

    @property
    def state(self) -> str:
        """off, silenced, firing or fine."""
        if not self.rule.enabled:
            return "off"
        if self.silenced:
            return "silenced"
        return "firing" if self.firing else "fine"


@dataclass(frozen=True)
class MessageFilter(lists.Filter):
    """Which messages of the history."""

    rule_id: int | None = lists.of(Whole(1, 2**31 - 1), _l("Rule"))
    channel_id: int | None = lists.of(Whole(1, 2**31 - 1), _l("Channel"))
    state: str | None = lists.of(Choice(OUTCOMES), _l("State"))
    since: datetime | None = lists.of(QueryMoment(), _l("Since"))
    until: datetime | None = lists.of(QueryMoment(), _l("Until"))


def listing(now: datetime) -> list[Standing]:
    """Every rule by name, and how it stands."""
    rules = db.session.scalars(select(AlertRule).order_by(AlertRule.name)).all()
    return standing(rules, now)


def standing(rules: Sequence[AlertRule], now: datetime) -> list[Standing]:
    """How rules stand."""
    firing: dict[int, list[AlertState]] = {}
    for state in db.session.scalars(_firing(now).order_by(AlertState.since_at, AlertState.subject)):
        firing.setdefault(state.rule_id, []).append(state)
    return [
        Standing(
            rule,
            firing.get(rule.id, []),
            quiet.is_silenced(rule, now),
            quiet.is_quiet(rule.quiet_from, rule.quiet_until, rule.quiet_zone, now),
        )
        for rule in rules
    ]


def firing(now: datetime) -> list[Standing]:
    """The rules that fire and are not silenced, by name: what the start page names."""
    rules = db.session.scalars(
        select(AlertRule)
        .where(AlertRule.enabled, AlertRule.id.in_(_firing(now).with_only_columns(AlertState.rule_id)))
        .order_by(AlertRule.name)
    ).all()
    return [rule for rule in standing(rules, now) if rule.state == "firing"] if rules else []


def firing_count(now: datetime) -> int:
    """How many rules fire, for every page."""
    rules = (
        select(func.count())
        .select_from(AlertRule)
        .where(
            AlertRule.enabled,
            AlertRule.silenced_until.is_(None) | (AlertRule.silenced_until <= now),
            AlertRule.id.in_(_firing(now).with_only_columns(AlertState.rule_id)),
        )
    )
    return int(db.session.scalar(rules) or 0)


def get(rule_id: int) -> AlertRule:
    """One rule; raises `NotFound`."""
    row = db.session.get(AlertRule, rule_id)
    if row is None:
        raise NotFound(_("There is no such alert."))
    return row


def create(values: Mapping[str, Any], by: str, now: datetime) -> AlertRule:
    """Make a rule; what happened before is not told. Raises `Invalid`."""
    checked = _checked(values, None)
    with unless_taken("name", _taken()), transaction() as session:
        row = AlertRule(**checked, created_at=now, created_by=by, since_at=now)
        session.add(row)
        session.flush()
        _prepare(row)
        audit.record("alert.create", now, "alert", row.id, row.name, **_told(row))
    return row


def update(rule_id: int, changes: Mapping[str, Any], by: str, now: datetime) -> AlertRule:
    """Change a rule; what is left out stays. One that looks for something else, or was off, begins anew.

    Raises `NotFound` and `Invalid`.
    """
    with unless_taken("name", _taken()), transaction() as session:
        row = get(rule_id)
        kept = {name: getattr(row, name) for name in FIELDS}
        if changes.get("kind", row.kind) != row.kind:  # the fields of the old kind go, if they are not given
            kept |= dict.fromkeys(("task_name", "queue", "schedule_id", "seconds", "number"))
        checked = _checked(kept | dict(changes), row)
        changed = {name: value for name, value in checked.items() if value != getattr(row, name)}
        diff = {
            name: [_readable(name, getattr(row, name)), _readable(name, changed[name])] for name in changed
        }
        for name, value in changed.items():
            setattr(row, name, value)
        if changed.keys() & {"kind", "enabled", "task_name", "queue", "schedule_id", "number"}:
            session.execute(delete_rows(AlertState).where(AlertState.rule_id == rule_id))
            row.since_at, row.told_at = now, None
            _prepare(row)
        if changed:
            audit.record("alert.change", now, "alert", row.id, row.name, diff=diff)
    return row


def delete(rule_id: int, now: datetime) -> str:
    """Delete a rule; its messages stay in the history. Returns its name; raises `NotFound`."""
    with transaction() as session:
        row = get(rule_id)
        session.execute(delete_rows(AlertState).where(AlertState.rule_id == rule_id))
        session.delete(row)
        audit.record("alert.delete", now, "alert", row.id, row.name, **_told(row))
        return row.name


def silence(rule_id: int, until: datetime, note: str, by: str, now: datetime) -> AlertRule:
    """Let a rule make no messages until a moment; what still fires then is told. Raises `Invalid`."""
    note = storable(note).strip()
    errors = {}
    if not now < until <= now + SILENCE_MOST:
        errors["until"] = [_("Give a time in the next %(n)s days.", n=SILENCE_MOST.days)]
    if len(note) > NOTE_MAX:
        errors["note"] = [_("At most %(n)s characters are allowed.", n=NOTE_MAX)]
    if errors:
        raise Invalid(errors)
    with transaction():
        row = get(rule_id)
        row.silenced_until, row.silenced_by, row.silenced_note = until, by, note or None
        details = {"until": until.isoformat(), "note": note or None}
        audit.record("alert.silence", now, "alert", row.id, row.name, **details)
    return row


def unsilence(rule_id: int, now: datetime) -> AlertRule:
    """Let a rule make messages again; raises `NotFound`."""
    with transaction():
        row = get(rule_id)
        if row.silenced_until is not None:
            row.silenced_until = row.silenced_by = row.silenced_note = None
            audit.record("alert.unsilence", now, "alert", row.id, row.name)
    return row


def messages(
    wanted: MessageFilter, limit: int = lists.LIMIT_DEFAULT, cursor: str | None = None
) -> lists.Page[AlertMessage]:
    """The history of messages, newest first."""
    query = select(AlertMessage).order_by(AlertMessage.id.desc())
    for name in ("rule_id", "channel_id", "state"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(getattr(AlertMessage, name) == value)
    if wanted.since:
        query = query.where(AlertMessage.at >= wanted.since)
    if wanted.until:
        query = query.where(AlertMessage.at < wanted.until)
    if cursor:
        query = query.where(AlertMessage.id < _CURSOR.read(cursor)[0])
    rows = db.session.scalars(query.limit(limit + 1)).all()
    return lists.Page.of(rows, limit, lambda row: _CURSOR.write(row.id))


def _firing(now: datetime) -> Any:
    return select(AlertState).where(AlertState.ended_at.is_(None), AlertState.fires_at <= now)


def _prepare(row: AlertRule) -> None:
    if row.kind == "new_failure" and row.enabled:
        turns.seed_kinds()


def _told(row: AlertRule) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in FIELDS if name not in ("name", "enabled")}
    return _details({name: value for name, value in fields.items() if value not in (None, [])})


def _readable(name: str, value: Any) -> Any:
    """A value of a rule for who reads it later: channels by their names."""
    if name != "channels" or not value:
        return value
    rows = db.session.scalars(select(AlertChannel.name).where(AlertChannel.id.in_(value)))
    return sorted(rows)


def _details(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as details of an audit entry, which has a name and a kind of its own."""
    return {
        {"name": "new_name", "kind": "rule_kind"}.get(name, name): value for name, value in values.items()
    }


def _checked(values: Mapping[str, Any], row: AlertRule | None) -> dict[str, Any]:
    """The values as they are stored; raises `Invalid` with what is wrong with each field."""
    errors: dict[str, list[str]] = {}
    checked: dict[str, Any] = {}
    defaults = {"enabled": True, "tell_recovery": True, "window_seconds": 300, "channels": []}
    defaults |= {"quiet_zone": settings().timezone}
    for name in FIELDS:
        given = values.get(name)
        given = defaults.get(name) if given is None else given
        try:
            checked[name] = _READERS[name](given, values, row)
        except ValueError as error:
            errors[name] = [str(error)]
    if bool(checked.get("quiet_from")) != bool(checked.get("quiet_until")):
        empty = "quiet_until" if checked.get("quiet_from") else "quiet_from"
        errors.setdefault(empty, [_("Quiet hours need a beginning and an end.")])
    if errors:
        raise Invalid(errors)
    return checked


def _name(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> str:
    text = storable(str(given or "")).strip()
    if not 0 < len(text) <= NAME_MAX:
        raise ValueError(_("Give 1 to %(n)s characters.", n=NAME_MAX))
    other = db.session.scalar(select(AlertRule.id).where(AlertRule.name == text))
    if other is not None and (row is None or other != row.id):
        raise ValueError(*_taken().errors["name"])
    return text


def _taken() -> Invalid:
    return Invalid({"name": [_("There is an alert of this name.")]})


def _kind(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> str:
    if given not in KINDS:
        raise ValueError(_("Choose one of: %(all)s.", all=", ".join(KINDS)))
    return str(given)


def _flag(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> bool:
    return bool(given)


def _of_kind(name: str, read: Callable[[Any, Kind], Any]) -> Callable[..., Any]:
    """The reader of a field that only some kinds have."""

    def reader(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> Any:
        kind = KINDS.get(str(values.get("kind")))
        if given in (None, "") or kind is None:
            return None
        if name not in kind.fields:
            own = ", ".join(kind.fields) or _("none")
            raise ValueError(
                _("This says nothing for this kind (%(kind)s); its own: %(own)s.", kind=kind.name, own=own)
            )
        return read(given, kind)

    return reader


def _task(given: Any, kind: Kind) -> str:
    text = storable(str(given)).strip()
    if len(text) > TEXT_MAX:
        raise ValueError(_("At most %(n)s characters are allowed.", n=TEXT_MAX))
    return text


def _queue(given: Any, kind: Kind) -> str:
    if wrong := queue_names.problem(str(given)):
        raise ValueError(wrong)
    return str(given)


def _schedule(given: Any, kind: Kind) -> int:
    number = _whole(given, 1, 2**31 - 1)
    if db.session.get(schedules.Schedule, number) is None:
        raise ValueError(_("There is no such schedule."))
    return number


def _seconds(given: Any, kind: Kind) -> int:
    return _whole(given, LATE_LEAST if kind.name == "schedule_late" else 1, SECONDS_MAX)


def _number(given: Any, kind: Kind) -> int:
    return _whole(given, 1, min(kind.number_most, NUMBER_MAX))


def _window(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> int:
    return _whole(given, WINDOW_LEAST, WINDOW_MOST)


def _remind(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> int | None:
    return None if given in (None, "") else _whole(given, REMIND_LEAST, REMIND_MOST)


def _whole(given: Any, least: int, most: int) -> int:
    text = str(given).strip()
    if isinstance(given, bool) or not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise ValueError(_("Give a whole number from %(low)s to %(high)s.", low=least, high=most))
    return int(text)


def _channels(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> list[int]:
    wanted = list(dict.fromkeys(_whole(channel_id, 1, 2**31 - 1) for channel_id in given))
    known = set(db.session.scalars(select(AlertChannel.id).where(AlertChannel.id.in_(wanted))))
    if missing := [str(channel_id) for channel_id in wanted if channel_id not in known]:
        raise ValueError(_("There is no such channel: %(ids)s.", ids=", ".join(missing)))
    return wanted


def _clock(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> str | None:
    if given in (None, ""):
        return None
    if not _CLOCK.fullmatch(str(given)):
        raise ValueError(_("Give a time of day: 22:00."))
    return str(given)


def _zone(given: Any, values: Mapping[str, Any], row: AlertRule | None) -> str:
    if given not in viewer.zones():
        raise ValueError(
            _("There is no time zone %(name)s; give one such as Asia/Shanghai.", name=str(given)[:80])
        )
    return str(given)


_READERS: dict[str, Callable[..., Any]] = {
    "name": _name,
    "kind": _kind,
    "enabled": _flag,
    "task_name": _of_kind("task_name", _task),
    "queue": _of_kind("queue", _queue),
    "schedule_id": _of_kind("schedule_id", _schedule),
    "seconds": _of_kind("seconds", _seconds),
    "number": _of_kind("number", _number),
    "channels": _channels,
    "window_seconds": _window,
    "remind_seconds": _remind,
    "tell_recovery": _flag,
    "quiet_from": _clock,
    "quiet_until": _clock,
    "quiet_zone": _zone,
}
