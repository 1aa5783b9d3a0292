"""The facts on top of the start page, in words."""

from datetime import datetime

from flask_babel import format_percent, ngettext
from flask_babel import gettext as _

from app.overview.summary import Day, LateSchedules
from app.runs import Ended
from app.web.words import amount


def share(ended: Ended) -> str:
    """The share of runs that failed, with more digits the smaller it is: "0.19 %"; empty for none."""
    failed = ended.failed_share
    if not failed:
        return ""
    if failed < 0.0001:
        return _("under %(share)s", share="0.01 %")
    pattern = "0.## %" if failed < 0.01 else "0.# %" if failed < 0.1 else "0 %"
    return str(format_percent(failed, pattern))


def compared(day: Day) -> str:
    """How the failures of a day compare with those of the day before; empty when that is not known."""
    more = day.more_failed
    if more is None:
        return ""
    if more == 0:
        return _("as many as the day before")
    if more > 0:
        return ngettext("%(num)s more than the day before", "%(num)s more than the day before", more)
    return ngettext("%(num)s fewer than the day before", "%(num)s fewer than the day before", -more)


def latest(late: LateSchedules, now: datetime) -> str:
    """The schedule that is late for the longest time: "Send weekly digest, 12 min late"."""
    if not late.schedules:
        return ""
    first = late.schedules[0]
    span = amount((now - first.due_at).total_seconds())
    return _("%(name)s, %(amount)s late", name=first.name, amount=span)
