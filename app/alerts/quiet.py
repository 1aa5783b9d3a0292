"""When a rule keeps still though something is wrong: silenced, in quiet hours, or told just now."""

import logging
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.alerts.models import AlertRule

logger = logging.getLogger(__name__)


def is_silenced(rule: AlertRule, now: datetime) -> bool:
    """Whether a person has silenced it for a time that has not ended."""
    return rule.silenced_until is not None and now < rule.silenced_until


def is_quiet(start: str | None, end: str | None, zone: str, now: datetime) -> bool:
    """Whether a zone's clock stands between two times of day, "HH:MM"; over midnight if `end` is less."""
    if not start or not end:
        return False
    try:
        first, last = time.fromisoformat(start), time.fromisoformat(end)
        clock = now.astimezone(ZoneInfo(zone)).time()
    except (ValueError, KeyError):  # written in SQL: better a message too many than none from any rule
        logger.warning("quiet hours cannot be read: %s to %s in %s", start, end, zone)
        return False
    return first <= clock < last if first <= last else clock >= first or clock < last


def is_due_again(rule: AlertRule, now: datetime) -> bool:
    """Whether it is time to remind of what still fires."""
    if not rule.remind_seconds or rule.told_at is None:
        return False
    return now >= rule.told_at + timedelta(seconds=rule.remind_seconds) and may_tell(rule, now)


def may_tell(rule: AlertRule, now: datetime) -> bool:
    """Whether a message of the rule may be made now: one in each window, none while it is to keep still."""
    if not rule.enabled or not rule.channels or is_silenced(rule, now):
        return False
    if is_quiet(rule.quiet_from, rule.quiet_until, rule.quiet_zone, now):
        return False
    return rule.told_at is None or now >= rule.told_at + timedelta(seconds=rule.window_seconds)
