"""One look at all rules: what fires and what is well again is noted, and messages are made of it.

Any number of processes may try; one of them has the turn. What it writes it writes in one transaction, and
only while the turn is still its own.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from app import runs
from app.alerts import conditions, counts, quiet
from app.alerts.conditions import Found
from app.alerts.facts import Facts
from app.alerts.kinds import KINDS
from app.alerts.models import (
    AlertChannel,
    AlertMessage,
    AlertRule,
    AlertState,
    AlertTurn,
)
from app.config import settings
from app.errors import BrokerUnavailable
from app.extensions import db, transaction
from app.runs.failures import FailureKind, inbox
from app.runs.failures.models import Key

EVERY = timedelta(seconds=5)
LEASE = timedelta(seconds=60)  # then another takes the turn of one that died with it
REMEMBERED = timedelta(hours=1)  # longer than failures are looked back for: none is told twice
ITEMS_MOST = 20  # in one message
States = dict[str, AlertState]

logger = logging.getLogger(__name__)


def take(now: datetime, patience: timedelta = timedelta(0)) -> int:
    """Look at the rules if it is time and nobody else does; returns how many messages were made.

    `patience` is how much longer than due the turn must have been nobody's.
    """
    rules = db.session.scalars(select(AlertRule).where(AlertRule.enabled)).all()
    rules = [rule for rule in rules if rule.kind in KINDS]  # in SQL anything can be written
    if not rules:
        return 0
    token = _claim(now, patience)
    if token is None:
        return 0
    facts = Facts(now)
    before = _states([rule.id for rule in rules])
    found = {rule.id: _found(rule, before[rule.id].values(), facts) for rule in rules}
    with transaction() as session:
        released = update(AlertTurn).where(AlertTurn.token == token).values(next_at=now + EVERY)
        if not session.connection().execute(released).rowcount:
            logger.warning("looking at the alerts took too long: another process does it")
            return 0
        return _write(found, facts, now)


def step(rule: AlertRule, states: States, found: Iterable[Found], facts: Facts, now: datetime) -> None:
    """Bring the states of a rule to what was found; states that are new are added, none is taken away."""
    kind, wrong = KINDS[rule.kind], set()
    for condition in found:
        wrong.add(condition.subject)
        state = states.get(condition.subject)
        if state is None:
            states[condition.subject] = _begun(
                AlertState(rule_id=rule.id, subject=condition.subject), condition, now
            )
        elif state.ended_at is not None:
            if not kind.event or condition.at > state.last_at:
                _begun(state, condition, now)
        elif kind.event and (condition.at > state.last_at or _is_untold(rule, state)):
            state.facts, state.path = counts.renewed(state, condition.facts), condition.path
            state.last_at = max(condition.at, state.last_at)
        elif not kind.event and (
            state.told_of_at is None
            or quiet.is_due_again(rule, now)
            or counts.differs(state.facts, condition.facts)
        ):
            state.facts, state.path = dict(condition.facts), condition.path  # as it is now
    for state in states.values():
        if state.ended_at is not None:
            continue
        # An occurrence is found for a while, though the task has succeeded since.
        if conditions.is_over(rule, state, facts) if kind.event else state.subject not in wrong:
            state.ended_at = now
            if not (kind.recovers and rule.tell_recovery) or not conditions.is_well(rule, state, facts):
                state.told_of_at = None


def compose(rule: AlertRule, states: States, facts: Facts, now: datetime) -> dict[str, Any] | None:
    """The content of the message that is due now, whose subjects are told from then on; None for none."""
    firing = [state for state in states.values() if state.ended_at is None and state.fires_at <= now]
    new = [state for state in firing if _is_untold(rule, state)]
    over = [state for state in states.values() if state.ended_at is not None and state.told_of_at is not None]
    again = firing if not (new or over) and _is_reminded(rule, now) else []
    if not (new or over or again) or not quiet.may_tell(rule, now):
        return None
    for state in new:
        state.facts = counts.as_told(rule, state, conditions.number(rule), facts)
    what = "alert" if new else "recovery" if over else "reminder"
    new = new or again
    content = {
        "what": what,
        "kind": rule.kind,
        "rule": rule.name,
        "at": now.isoformat(),
        "firing": [_item(state) for state in new[:ITEMS_MOST]],
        "firing_count": len(new),
        "still": len(firing) - len(new),
        "recovered": [_item(state) for state in over[:ITEMS_MOST]],
        "recovered_count": len(over),
    }
    for state in new:
        state.told_of_at = state.last_at
    for state in over:
        state.told_of_at = None
    rule.told_at = now
    return content


def seed_kinds() -> None:
    """Note all kinds of failures as known, inside the caller's `transaction()`."""
    for row in inbox.locked(or_(FailureKind.seen_at.is_(None), FailureKind.seen_at < FailureKind.last_at)):
        row.seen_at = row.last_at


def _claim(now: datetime, patience: timedelta) -> str | None:
    due = db.session.scalar(select(AlertTurn.next_at).where(AlertTurn.id == 1))
    if due is not None and due > now - patience:
        return None
    token = str(uuid4())
    try:
        with transaction() as session:
            if due is None:
                session.add(AlertTurn(id=1, next_at=now + LEASE, token=token))
                return token
            free = update(AlertTurn).where(AlertTurn.id == 1, AlertTurn.next_at <= now - patience)
            taken = session.connection().execute(free.values(next_at=now + LEASE, token=token))
            return token if taken.rowcount else None
    except IntegrityError:  # another made the row in this moment
        return None


def _found(rule: AlertRule, before: Iterable[AlertState], facts: Facts) -> list[Found] | None:
    try:
        return conditions.find(rule, before, facts)
    except BrokerUnavailable:
        return None


def _write(found: Mapping[int, Sequence[Found] | None], facts: Facts, now: datetime) -> int:
    """Note what was found, of the rules that are still there; returns how many messages were made."""
    known = db.session.scalars(select(AlertRule).where(AlertRule.enabled, AlertRule.id.in_(found))).all()
    states = _states([rule.id for rule in known])
    made = 0
    for rule in known:
        seen = found[rule.id]
        if seen is not None:
            step(rule, states[rule.id], seen, facts, now)
        if content := compose(rule, states[rule.id], facts, now):
            made += _address(rule, content, now)
        _keep(rule, states[rule.id], now)
    if any(rule.kind == "new_failure" for rule in known):
        _note_kinds(failure for failure in facts.failures if facts.is_unseen(failure))
    if made:
        forget(now)
    return made


def _states(rule_ids: Sequence[int]) -> dict[int, States]:
    states_by_rule: dict[int, States] = {rule_id: {} for rule_id in rule_ids}
    for state in db.session.scalars(select(AlertState).where(AlertState.rule_id.in_(rule_ids))):
        states_by_rule[state.rule_id][state.subject] = state
    return states_by_rule


def _begun(state: AlertState, condition: Found, now: datetime) -> AlertState:
    state.since_at, state.last_at, state.ended_at = condition.since or condition.at, condition.at, None
    state.fires_at = now + timedelta(seconds=condition.hold)
    state.facts, state.path = dict(condition.facts), condition.path
    return state


def _is_reminded(rule: AlertRule, now: datetime) -> bool:
    """Whether what still fires is told again; what has no end of its own is told once."""
    return KINDS[rule.kind].recovers and quiet.is_due_again(rule, now)


def _is_untold(rule: AlertRule, state: AlertState) -> bool:
    return state.told_of_at is None or (KINDS[rule.kind].event and state.last_at > state.told_of_at)


def _item(state: AlertState) -> dict[str, Any]:
    return {
        "subject": state.subject,
        "since": state.since_at.isoformat(),
        "facts": state.facts,
        "path": state.path,
    }


def _address(rule: AlertRule, content: dict[str, Any], now: datetime) -> int:
    """Make a message for each channel of the rule."""
    channels = db.session.scalars(select(AlertChannel).where(AlertChannel.id.in_(rule.channels))).all()
    for channel in channels:
        db.session.add(message_to(channel, content, now, rule))
    return len(channels)


def message_to(
    channel: AlertChannel, content: dict[str, Any], now: datetime, rule: AlertRule | None = None
) -> AlertMessage:
    """A message that waits to be sent."""
    return AlertMessage(
        at=now,
        rule_id=rule.id if rule else None,
        rule_name=rule.name if rule else "",
        channel_id=channel.id,
        channel_name=channel.name,
        content=content,
        next_at=now,
    )


def _keep(rule: AlertRule, states: States, now: datetime) -> None:
    """Keep what is new, and forget what ended and needs no memory."""
    for state in states.values():
        over = state.ended_at is not None and state.told_of_at is None
        lasts = REMEMBERED if KINDS[rule.kind].event else timedelta(0)
        if over and state.ended_at is not None and now - state.ended_at >= lasts:
            if state in db.session:
                db.session.delete(state)
        else:
            db.session.add(state)


def _note_kinds(failures: Iterable[runs.Failure]) -> None:
    newest: dict[Key, datetime] = {}
    for failure in failures:
        newest[failure.key] = max(failure.at, newest.get(failure.key, failure.at))
    for row in inbox.locked_keys(newest):
        row.seen_at = max(newest[row.key], row.seen_at or newest[row.key])


def forget(now: datetime) -> None:
    """Forget messages that are as old as the oldest runs."""
    old = now - timedelta(days=settings().retention_days)
    db.session.execute(delete(AlertMessage).where(AlertMessage.at < old))
