"""How rules and messages are called on the page."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import schedules
from app.alerts import conditions
from app.alerts.kinds import KINDS
from app.alerts.models import FAILED, SENT, WAITING, AlertRule
from app.errors import NotFound
from app.web.words import duration

STATE_WORDS: dict[str, Any] = {
    "off": _l("Off"),
    "silenced": _l("Silenced"),
    "firing": _l("Firing"),
    "fine": _l("Fine"),
    WAITING: _l("Waiting"),
    SENT: _l("Sent"),
    FAILED: _l("Failed"),
}
# The icon and the colour of each: those of the states of runs.
STATE_KINDS = {
    "off": "cancelled",
    "silenced": "held",
    "firing": "failed",
    "fine": "succeeded",
    WAITING: "waiting",
    SENT: "succeeded",
    FAILED: "failed",
}


def _schedule(schedule_id: int) -> str:
    try:
        return schedules.get(schedule_id).name
    except NotFound:  # deleted meanwhile
        return str(schedule_id)


def subject_of(rule: AlertRule) -> str:
    """What a rule is about, in few words: "shop.pay, queue files, over 10 min"."""
    kind = KINDS.get(rule.kind)
    parts = []
    if rule.task_name:
        parts.append(rule.task_name)
    if rule.queue:
        parts.append(_("queue %(name)s", name=rule.queue))
    if rule.schedule_id:
        parts.append(_("schedule %(name)s", name=_schedule(rule.schedule_id)))
    if kind and kind.seconds is not None:
        parts.append(_("over %(span)s", span=duration(conditions.threshold(rule))))
    if kind and kind.number is not None:
        number = conditions.number(rule)
        parts.append(_("from %(n)s", n=f"{number} %" if kind.percent else number))
    return str(_(", ").join(parts))
