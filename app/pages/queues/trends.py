"""How the depth of a queue went, as a small drawing and in words."""

from collections.abc import Sequence

from flask_babel import format_decimal
from flask_babel import gettext as _

from app import broker, queues
from app.pages.marks import Mark
from app.queues import Queue, Trend
from app.web import charts

_BREAKS_AFTER = 3.5 * broker.SAMPLE_SECONDS  # the line is not drawn over what nobody saw
_WIDTH, _HEIGHT = 108, 32


def drawn(trend: Trend) -> charts.Sparkline | None:
    """The drawing, of the last half hour; None with too few samples."""
    if not trend.known:
        return None
    return charts.sparkline(trend.points, -queues.SPAN.total_seconds(), _BREAKS_AFTER, _WIDTH, _HEIGHT)


def summary(trend: Trend, happened: Sequence[Mark] = ()) -> str:
    """What the drawing shows, for those who do not see it, and what happened meanwhile."""
    depth = str(
        _(
            "Waiting in the last %(minutes)s min: %(first)s at first, at most %(most)s, now %(last)s.",
            minutes=trend.minutes,
            first=format_decimal(trend.samples[0].waiting),
            most=format_decimal(trend.most),
            last=format_decimal(trend.waiting),
        )
    )
    return " ".join([depth, *(mark.label for mark in happened)])


def change(trend: Trend) -> str:
    """ "up 12 in the last 30 min"; empty with too few samples."""
    if not trend.known:
        return ""
    number, minutes = format_decimal(abs(trend.change)), trend.minutes
    if trend.change > 0:
        return str(_("up %(n)s in the last %(minutes)s min", n=number, minutes=minutes))
    if trend.change < 0:
        return str(_("down %(n)s in the last %(minutes)s min", n=number, minutes=minutes))
    return str(_("unchanged in the last %(minutes)s min", minutes=minutes))


def rate(queue: Queue) -> str:
    """What comes in a minute, and where that leads to, if the figures say so."""
    n = format_decimal(queue.in_per_minute)
    words = {
        "growing-slowly": _("%(n)s in / min, growing slowly", n=n),
        "growing": _("%(n)s in / min, growing", n=n),
        "draining": _("%(n)s in / min, draining", n=n),
        "steady": _("%(n)s in / min, steady", n=n),
    }
    return str(words.get(queue.tendency or "") or _("%(n)s in / min, the last 5 min", n=n))
