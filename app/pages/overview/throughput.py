"""The throughput as a chart, and in words. A step is one unit wide in its paths, which so stay short."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from flask_babel import format_date, format_datetime, format_decimal, get_timezone, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.overview import Throughput
from app.runs import Ended
from app.web.charts import Axis, Tick, count_axis

SPAN_WORDS = {"1h": _l("1 h"), "6h": _l("6 h"), "24h": _l("24 h"), "7d": _l("7 d")}
_EACH = {"1h": _l("per 5 min"), "6h": _l("per 5 min"), "24h": _l("per 15 min"), "7d": _l("per hour")}
_BACK = {"1h": _l("the last hour"), "6h": _l("the last 6 hours"), "24h": _l("the last 24 hours")}
_BACK |= {"7d": _l("the last 7 days")}
UP, DOWN = 264, 64  # how high the area can be and how long a bar; twice the pixels
_LEAST_BAR = 6  # one failure among many is still seen
_MINUTES = {"1h": 10, "6h": 60, "24h": 180}
_EDGE = 2.0  # percent; a word nearer to the edge would leave the chart


@dataclass(frozen=True)
class Event:
    """The words at failures that stand out, `at` percent from the left, on their left side or their right."""

    at: float
    before: bool
    label: str


@dataclass(frozen=True)
class Gridline:
    """One step of the table."""

    when: str
    ended: Ended


@dataclass(frozen=True)
class Chart:
    """What _throughput.html draws: `good` is an area, `running` its last step, `bad` bars."""

    steps: int
    whole: float  # percent of the width that the whole steps take
    each: str
    good: str
    running: str
    bad: str
    up: int
    down: int
    counts: Sequence[Tick]
    failures: Sequence[Tick]
    below: Sequence[Tick]
    event: Event | None
    summary: str


def chart(throughput: Throughput) -> Chart:
    """The chart of a span in which at least one run ended."""
    above = count_axis(max(step.succeeded for step in throughput.ended), most=2)
    below = count_axis(max(step.failed for step in throughput.ended), most=1)
    steps = len(throughput.ended)
    last = round(UP * throughput.ended[-1].succeeded / above.top)
    return Chart(
        steps=steps,
        whole=round(100 * (steps - 1) / steps, 2),
        each=str(_EACH[throughput.span]),
        good=_stairs([step.succeeded for step in throughput.ended[:-1]], above),
        running=f"M{steps - 1} {UP}v-{last}h1V{UP}Z" if last else "",
        bad=_bars([step.failed for step in throughput.ended], below),
        up=UP,
        down=DOWN,
        counts=[Tick(above.y(value), str(format_decimal(value))) for value in above.ticks],
        failures=[Tick(0, "0"), Tick(100, str(format_decimal(below.top)))]
        if throughput.whole.failed
        else [Tick(0, "0")],
        below=_below(throughput),
        event=_event(throughput),
        summary=_in_words(throughput),
    )


def table(throughput: Throughput) -> list[Gridline]:
    """The steps in which runs ended, newest first."""
    day = lru_cache(lambda date: str(format_date(date, _("EEE d MMM"))))  # formatting is slow, days are few
    tz, lines = get_timezone(), []
    for number, ended in reversed(list(enumerate(throughput.ended))):
        if any(ended):
            start, end = (throughput.at(edge).astimezone(tz) for edge in (number, number + 1))
            when = _("%(start)s to %(end)s", start=f"{day(start.date())}, {start:%H:%M}", end=f"{end:%H:%M}")
            lines.append(Gridline(when, ended))
    return lines


def _stairs(values: Sequence[int], axis: Axis) -> str:
    """An area of steps up to the last whole one; its sides lie outside of the drawing."""
    heights = [round(UP * value / axis.top) for value in values]
    drawn, across, height = [f"M-1 {UP}V{UP - heights[0]}h1"], 0, heights[0]
    for following in heights:
        if following != height:
            drawn.append(f"h{across}v{height - following}")
            across, height = 0, following
        across += 1
    return f"{''.join(drawn)}h{across + 1}V{UP}Z"


def _bars(values: Sequence[int], axis: Axis) -> str:
    """Strokes that hang from the upper edge in the middle of their steps."""
    lengths = [max(_LEAST_BAR, round(DOWN * value / axis.top)) if value else 0 for value in values]
    drawn, across, back = ["M.5 0"], 0, 0
    for length in lengths:
        if length:
            drawn.append(f"m{across} {back}v{length}")
            across, back = 0, -length
        across += 1
    return "".join(drawn) if len(drawn) > 1 else ""


def _below(throughput: Throughput) -> list[Tick]:
    tz, steps = get_timezone(), len(throughput.ended)
    ticks = []
    for number in range(steps):
        local, at = throughput.at(number).astimezone(tz), round(100 * number / steps, 2)
        if not _EDGE <= at <= 100 - _EDGE:
            continue
        if throughput.span == "7d":
            if local.hour == 12:
                ticks.append(Tick(at, str(format_datetime(local, "EEE"))))
        elif (minute := local.hour * 60 + local.minute) % _MINUTES[throughput.span] == 0:
            ticks.append(Tick(at, f"{local:%H:%M}", minor=bool(minute % (2 * _MINUTES[throughput.span]))))
    return ticks


def _event(throughput: Throughput) -> Event | None:
    cluster = throughput.cluster
    if cluster is None:
        return None
    before = cluster.first > len(throughput.ended) / 2
    edge = cluster.first if before else cluster.last + 1
    return Event(round(100 * edge / len(throughput.ended), 2), before, _cluster_words(throughput))


def _cluster_words(throughput: Throughput) -> str:
    if throughput.cluster is None:
        return ""
    from_at, until_at = throughput.at(throughput.cluster.first), throughput.at(throughput.cluster.last + 1)
    return _(
        "%(n)s failed, %(start)s to %(end)s",
        n=throughput.cluster.failed,
        start=_moment(from_at, throughput.span),
        end=_moment(until_at, ""),
    )


def _in_words(throughput: Throughput) -> str:
    """The whole in words, for those who do not see it."""
    parts = [
        str(_BACK[throughput.span]),
        ngettext("%(num)s run succeeded", "%(num)s runs succeeded", throughput.whole.succeeded),
        ngettext("%(num)s failed", "%(num)s failed", throughput.whole.failed),
        _cluster_words(throughput),
    ]
    return _("Throughput of %(parts)s", parts=_("; ").join(part for part in parts if part))


def _moment(at: datetime, span: str) -> str:
    """A time of day; in a week with its weekday."""
    local = at.astimezone(get_timezone())
    return str(format_datetime(at, _("EEE HH:mm"))) if span == "7d" else f"{local:%H:%M}"
