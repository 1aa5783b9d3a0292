"""The start page, live."""

from dataclasses import dataclass
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
from app.web import live, viewer
from app.web.navigation import Entry, register
from app.web.permissions import requires

bp = Blueprint("overview", __name__)
SHOWN_FAILURES = 6


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


@bp.get("/")
@requires("view")
def index() -> str:
    return render_template("overview/index.html", **_drawn())


@bp.get("/overview/live")
@requires("view")
def part() -> str | Response:
    """Always read afresh: what waits and who works moves without the history."""
    shown = _drawn()
    return live.fragment("overview/_live.html", shown["version"], lambda: shown)


def _drawn() -> dict[str, Any]:
    """What the templates draw of this moment; `query` is what the address says beside the table.

    Of a time that is wrong, the usual one is shown.
    """
    query = lists.read(ThroughputFilter, request.args, viewer.now(), viewer.zone(), ("version",))
    zone = ZoneInfo(viewer.zone())
    summary = overview.summary(settings().declared_queues, viewer.now(), query.filter.last, zone)
    series, hour = summary.throughput, summary.next_hour
    as_table = query.filter.table == "1"
    steps, chart = first_steps.steps(), None
    shown_marks: list[marks.Mark] = []
    if any(series.whole):
        chart = throughput.chart(series)
        shown_marks = marks.marks(series.from_at, series.at(len(series.ended)))
    firing, unreached = rules.firing(viewer.now()), channels.unreached(viewer.now())
    seen = [
        (rule_firing.rule.name, [(state.subject, state.facts) for state in rule_firing.firing])
        for rule_firing in firing
    ]
    return {
        "summary": summary,
        "version": live.version_of(
            summary.version, seen, unreached, [step.name for step in steps], shown_marks
        ),
        "first_steps": steps,
        "firing": firing,
        "unreached": unreached,
        "alert_line": words.line,
        "shown_failures": SHOWN_FAILURES,
        "query": query.without("table"),
        "tags": lists.tags(query, ("last", "table")),
        "as_table": as_table,
        "spans": throughput.SPAN_WORDS,
        "chart": chart,
        "marks": shown_marks,
        "table": throughput.table(series) if as_table else None,
        "hour": next_hour.drawing(hour, viewer.now()) if hour.lines else None,
        "hour_told": next_hour.summary(hour),
        "failed_share": facts.share(summary.day.ended),
        "failed_compared": facts.compared(summary.day),
        "late_told": facts.latest(summary.late, viewer.now()),
    }
