"""The numbers of a task as a chart: places in percent, words in the viewer's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import format_datetime, format_percent, ngettext, to_user_timezone
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.runs import Bucket, Numbers
from app.web import charts
from app.web.charts import Axis, Tick
from app.web.words import duration

SPAN_WORDS = {"24h": _l("24 h"), "7d": _l("7 d"), "30d": _l("30 d")}
_EACH = {"24h": _l("by hour"), "7d": _l("by 3 hours"), "30d": _l("by day")}
_LEAST_BAR = 3.0  # one failure among thousands is still seen
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Column:
    """One interval. `good` and `bad` are bars (their upper edge and height), `median` is a place; percent."""

    x: float
    width: float
    title: str
    good: tuple[float, float] | None
    bad: tuple[float, float] | None
    median: float | None
    mostly_failed: bool

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Chart:
    """What templates/tasks/_numbers.html draws."""

    each: str
    columns: Sequence[Column]
    times: Sequence[Tick]
    counts: Sequence[Tick]
    below: Sequence[Tick]
    median: float | None
    summary: str


def chart(numbers: Numbers) -> Chart:
    """The chart of a span in which at least one run ended."""
    intervals = numbers.intervals
    times = charts.time_axis(max((bucket.run_p50 or 0.0 for bucket in intervals), default=0.0) or 0.001)
    counts = charts.count_axis(max(bucket.runs for bucket in intervals))
    width = 100 / len(intervals)
    whole = numbers.whole
    return Chart(
        each=str(_EACH[numbers.span]),
        columns=[
            _column(index * width, width, bucket, times, counts) for index, bucket in enumerate(intervals)
        ],
        times=[Tick(times.y(value), short(value)) for value in times.ticks],
        counts=[Tick(counts.y(value), f"{value:g}") for value in (counts.ticks[0], counts.top)],
        below=_below(numbers.span, intervals),
        median=None if whole.run_p50 is None else times.y(whole.run_p50),
        summary=_in_words(whole),
    )


def short(seconds: float) -> str:
    """A duration for an axis, in milliseconds below a second: "200 ms", "2 min"."""
    if 0 < seconds < 0.9995:
        return _("%(n)s ms", n=f"{round(1000 * seconds, 1):g}")
    return "0" if seconds == 0 else duration(seconds)


def share(rate: float) -> str:
    """A share in percent that is 100 % only when nothing failed: "95.2 %"."""
    return str(format_percent(int(rate * 1000) / 1000, "0.#%"))


def _column(x: float, width: float, bucket: Bucket, times: Axis, counts: Axis) -> Column:
    bad = max(_LEAST_BAR, counts.height(bucket.failed)) if bucket.failed else 0.0
    good = counts.height(bucket.succeeded + bucket.others)
    return Column(
        x=round(x, 3),
        width=round(width, 3),
        title=f"{_when(bucket)}: {_in_words(bucket)}",
        good=(round(100 - bad - good, 2), good) if good else None,
        bad=(round(100 - bad, 2), bad) if bad else None,
        median=None if bucket.run_p50 is None else times.y(bucket.run_p50),
        mostly_failed=bucket.failed > bucket.succeeded,
    )


def _when(bucket: Bucket) -> str:
    if bucket.until_at - bucket.from_at > 12 * _HOUR:
        return str(format_datetime(bucket.from_at, _("EEE d MMM")))
    start, end = (
        format_datetime(bucket.from_at, _("EEE d MMM, HH:mm")),
        format_datetime(bucket.until_at, "HH:mm"),
    )
    return _("%(start)s to %(end)s", start=start, end=end)


def _in_words(bucket: Bucket) -> str:
    """An interval in words."""
    parts = [ngettext("%(num)s run", "%(num)s runs", bucket.runs)]
    if bucket.failed:
        parts.append(_("%(n)s failed", n=bucket.failed))
    if bucket.run_p50 is not None and bucket.run_p95 is not None:
        parts.append(_("median %(span)s", span=short(bucket.run_p50)))
        parts.append(_("p95 %(span)s", span=short(bucket.run_p95)))
    return _(", ").join(parts)


def _below(span: str, intervals: Sequence[Bucket]) -> list[Tick]:
    """The words below the chart: some hours, every day, or some days."""
    width = 100 / len(intervals)
    ticks = []
    for index, bucket in enumerate(intervals):
        local = to_user_timezone(bucket.from_at)
        if span == "24h" and local.hour % 6 == 0 and 0 < index < len(intervals) - 1:
            ticks.append(Tick(round(index * width, 2), str(format_datetime(bucket.from_at, "HH:mm"))))
        elif span == "7d" and local.hour in (9, 10, 11):
            ticks.append(Tick(round((index + 1) * width, 2), str(format_datetime(bucket.from_at, "EEE"))))
        elif span == "30d" and index % 5 == 4:
            middle = round((index + 0.5) * width, 2)
            ticks.append(Tick(middle, str(format_datetime(bucket.from_at, _("d MMM")))))
    return ticks
