"""How often it happened: what is news since a message told of a subject, counted when one is made."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.alerts.facts import Facts
from app.alerts.models import AlertRule, AlertState
from app.runs import states
from app.runs.failures.groups import COUNTED_AT_MOST

UNFIRED = {"schedule_missed": states.MISSED, "schedule_skipped": states.SKIPPED}
_GROWS = ("seconds", "used")
_NEXT = timedelta(microseconds=1)


def news_from(state: AlertState) -> datetime:
    """From when on what happened to a subject is news: after what was told or has ended, else its begin."""
    if state.ended_at is not None:
        return state.last_at + _NEXT
    return state.since_at if state.told_of_at is None else state.told_of_at + _NEXT


def renewed(state: AlertState, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of what goes on; `before` is how many a message has told of."""
    before = int(state.facts.get("before", 0))
    if state.told_of_at == state.last_at:
        before += int(state.facts.get("count", 0))
    return dict(facts) | ({"before": before} if before else {})


def differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether pages have to say something else of what goes on: not for each second that passes."""
    older, newer = (
        {name: value for name, value in facts.items() if name not in _GROWS} for facts in (before, now)
    )
    return older != newer or any(
        abs(now[name] - before.get(name, 0)) * 10 > now[name] for name in _GROWS if name in now
    )


def as_told(rule: AlertRule, state: AlertState, least: int, facts: Facts) -> dict[str, Any]:
    """The facts of a subject that a message is about to tell of, with its true count: a look reads less."""
    told = {name: value for name, value in state.facts.items() if name != "more"}
    if rule.kind == "failures_in_row":
        count = facts.failed_in_row(state.task, rule, least)
    elif rule.kind == "run_failed":
        since = max(news_from(state), rule.since_at)
        count = _until(state, facts.failed_since(state.task, rule, since))
    elif rule.kind in UNFIRED:
        since = max(news_from(state), rule.since_at)
        count = _until(state, facts.unfired_since(UNFIRED[rule.kind], int(state.subject), since))
    else:
        return dict(state.facts)
    if not count:  # deleted meanwhile: as it was seen
        return dict(state.facts)
    return told | {"count": count} | ({"more": True} if count >= COUNTED_AT_MOST else {})


def _until(state: AlertState, times: list[datetime]) -> int:
    """How many had been seen: what came since is told next."""
    return sum(at <= state.last_at for at in times)
