"""Jinja filters and globals of every template: times and sizes in words."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_babel import format_datetime, format_decimal, get_locale, ngettext
from flask_babel import gettext as _
from markupsafe import Markup, escape
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types

from app.web import viewer, words


def ago(moment: datetime) -> str:
    """Filter: how far away a moment is from this request."""
    return words.ago(moment, viewer.now())


def at(moment: datetime) -> str:
    """Filter: the absolute time that stands beside a relative one."""
    return words.at(moment, viewer.now())


def since(moment: datetime) -> float:
    """Filter: seconds from a moment to this request."""
    return max(0.0, (viewer.now() - moment).total_seconds())


def until(moment: datetime) -> float:
    """Filter: seconds from this request to a moment; below 0 when it has passed."""
    return (moment - viewer.now()).total_seconds()


def from_epoch(seconds: float) -> datetime:
    """Filter: the moment of an epoch second."""
    return datetime.fromtimestamp(seconds, UTC)


def number(value: float) -> str:
    """Filter: a number with the viewer's separators, at most two decimals."""
    return str(format_decimal(round(value, 2)))


def short_id(value: str) -> str:
    """Filter: the first block of a run's id, enough to recognise it in a list."""
    return value[:8]


def last_part(task_name: str) -> str:
    """Filter: a task's name without its module."""
    return task_name.rsplit(".", 1)[-1]


def wall_clock(moment: datetime) -> str:
    """Filter: the time of day, as a clock on the wall shows it: "14:32"."""
    return str(format_datetime(moment, "HH:mm"))


def weekday(moment: datetime) -> str:
    """Filter: the day in words: "Tuesday 20 October"."""
    return str(format_datetime(moment, _("EEEE d MMMM")))


def initials(name: str) -> str:
    """Filter: one or two letters that stand for a person."""
    parts = name.replace(".", " ").replace("_", " ").replace("-", " ").split()
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()


def option_tags(options: Iterable[Any], chosen: object = "") -> Markup:
    """Filter: the options of a list. No macro: there are lists of six hundred time zones."""
    wanted, drawn = "" if chosen is None else str(chosen), []
    for option in options:
        if isinstance(option, SelectChoice):
            value, label = option.value, option.label
        else:
            value, label = option if isinstance(option, tuple | list) else (option, option)
        mark, shown = " selected" if str(value) == wanted else "", escape(label)
        drawn.append(f'<option value="{shown if value is label else escape(value)}"{mark}>{shown}</option>')
    return Markup("".join(drawn))  # noqa: S704 -- each part is escaped


def sentences(parts: Iterable[object]) -> str:
    """Filter: one after the other, with a space between them where the language has one."""
    return sentence_space().join(str(part) for part in parts)


def sentence_space() -> str:
    """What stands between two sentences."""
    return "" if str(get_locale()).startswith("zh") else " "


def ticking() -> dict[str, Any]:
    """The words with which static/app.js keeps "3 s ago" and "2 min so far" current between answers."""
    return {
        "s": _("%(n)s s", n="{}"),
        "min": _("%(n)s min", n="{}"),
        "h": _("%(n)s h", n="{}"),
        "day": ngettext("%(num)s day", "%(num)s days", 1),
        "days": _("%(num)s days", num="{}"),
        "ago": _("%(amount)s ago", amount="{}"),
        "in": _("in %(amount)s", amount="{}"),
        "two": _("%(large)s %(small)s", large="{large}", small="{small}"),
    }


def init_app(app: Flask) -> None:
    filters = {
        "ago": ago,
        "at": at,
        "since": since,
        "until": until,
        "from_epoch": from_epoch,
        "number": number,
        "short_id": short_id,
        "last_part": last_part,
        "wall_clock": wall_clock,
        "weekday": weekday,
        "initials": initials,
        "option_tags": option_tags,
        "sentences": sentences,
        "full": words.full,
        "zone_name": words.zone_name,
        "long_date": words.long_date,
        "duration": words.duration,
        "size": words.size,
        "pretty": words.pretty,
        "one_line": words.one_line,
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals.update(
        now=viewer.now, ticking=ticking, sentence_space=sentence_space, arguments=words.arguments
    )
