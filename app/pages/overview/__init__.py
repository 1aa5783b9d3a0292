"""The start page, live."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, render_template, request
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import lists, overview
from app.alerts import channels, rules, words
from app.config import settings
from app.lists.fields import Choice
from app.pages import marks
from app.pages.overview import facts, first_steps, next_hour, search, throughput
from app.short_cache import cached
from app.web import live, viewer
from app.web.navigation import Entry, register
from app.web.permissions import requires

bp = Blueprint("overview", __name__)
SHOWN_FAILURES = 6
CACHED_AS = "overview"
CACHED_SECONDS = 5.0  # what is rare: deploys, changes of schedules, channels that cannot be reached


@dataclass(frozen=True)
class ThroughputFilter(lists.Filter):
    """Of which time the throughput is, and whether it is also a table."""

    last: str = lists.of(Choice(overview.SPANS), _l("Time"), overview.DEFAULT_SPAN)
    table: str = lists.of(Choice(["1"]), _l("Table"), "")


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(search.bp)
    app.register_blueprint(first_steps.bp)
    register(app, Entry("overview.index", _l("Overview"), "layout-dashboard", 10))


@dataclass(frozen=True)
class Moment:
    """What is known of a moment, before it is drawn."""

    query: lists.ListQuery[ThroughputFilter]
    summary: overview.Summary
    steps: Sequence[first_steps.Step]
    firing: Sequence[rules.Standing]
    unreached: Sequence[channels.Shown]
    marks: Sequence[marks.Mark]

    @cached_property
    def version(self) -> str:
        """Differs as soon as something that the page shows does."""
        alerts = [
            (standing.rule.name, [(state.subject, state.facts) for state in standing.firing])
            for standing in self.firing
        ]
        steps = [step.name for step in self.steps]
        return live.version_of(self.summary.version, alerts, self.unreached, steps, self.marks)


@bp.get("/")
@requires("view")
def index() -> str:
    return render_template("overview/index.html", **_drawn(_moment()))


@bp.get("/overview/live")
@requires("view")
def part() -> str | Response:
    """Always read afresh: what waits and who works moves without the history."""
    moment = _moment()
    return live.fragment("overview/_live.html", moment.version, lambda: _drawn(moment))


def _moment() -> Moment:
    """Of a time that is wrong, the usual one is shown."""
    now = viewer.now()
    query = lists.read(ThroughputFilter, request.args, now, viewer.zone(), ("version",))
    summary = overview.summary(settings().declared_queues, now, query.filter.last, ZoneInfo(viewer.zone()))
    return Moment(
        query,
        summary,
        first_steps.steps(),
        rules.firing(now),
        _unreached(now),
        _marks(summary.throughput) if any(summary.throughput.whole) else [],
    )


def _unreached(now: datetime) -> list[channels.Shown]:
    none: list[channels.Shown] = []
    return cached(f"{CACHED_AS}: unreached", lambda: channels.unreached(now), CACHED_SECONDS, instead=none)


def _marks(series: overview.Throughput) -> list[marks.Mark]:
    span = series.from_at, series.at(len(series.ended))
    name = f"{CACHED_AS}: happened in {series.span}"
    none: list[marks.Happening] = []
    happened = cached(name, lambda: marks.happened(*span), CACHED_SECONDS, instead=none)
    return marks.marks(happened, *span)


def _drawn(moment: Moment) -> dict[str, Any]:
    """What the templates draw; `query` is what the address says beside the table."""
    query, summary = moment.query, moment.summary
    series, hour = summary.throughput, summary.next_hour
    as_table = query.filter.table == "1"
    return {
        "summary": summary,
        "version": moment.version,
        "first_steps": moment.steps,
        "firing": moment.firing,
        "unreached": moment.unreached,
        "alert_line": words.line,
        "shown_failures": SHOWN_FAILURES,
        "query": query.without("table"),
        "tags": lists.tags(query, ("last", "table")),
        "as_table": as_table,
        "spans": throughput.SPAN_WORDS,
        "chart": throughput.chart(series) if any(series.whole) else None,
        "marks": moment.marks,
        "table": throughput.table(series) if as_table else None,
        "hour": next_hour.drawing(hour, viewer.now()) if hour.lines else None,
        "hour_told": next_hour.summary(hour),
        "failed_share": facts.share(summary.day.ended),
        "failed_compared": facts.compared(summary.day),
        "late_told": facts.latest(summary.late, viewer.now()),
    }
