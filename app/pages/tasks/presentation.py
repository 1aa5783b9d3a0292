"""What the Tasks pages make of a task: groups, a table of parameters, limits in words; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from flask_babel import gettext as _
from flask_babel import ngettext

from app.catalog import docstrings, type_words
from app.catalog.docstrings import Paragraph
from app.catalog.fields import ParameterField
from app.catalog.forms import ParameterForm
from app.catalog.info import TaskInfo
from app.catalog.parameters import NO_VALUE, Parameter
from app.catalog.value_text import is_free
from app.web.words import duration, one_line


@dataclass(frozen=True)
class ParameterRow:
    """One line of the parameter table; `default` is empty for a required one."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Group:
    """The tasks of a group that a page shows, and how many it has in all."""

    name: str
    total: int
    tasks: list[TaskInfo]


def in_groups(tasks: Iterable[TaskInfo]) -> list[TaskInfo]:
    """The tasks by the first part of their name, those of another app together: a team's own come first.

    The library follows, its examples last; otherwise they stay in the order they come.
    """
    return sorted(tasks, key=_place)


def groups(ordered: Sequence[TaskInfo], shown: Iterable[TaskInfo]) -> list[Group]:
    """The tasks of a page in their groups."""
    totals = {key: len(list(members)) for key, members in groupby(ordered, _key)}
    return [
        Group(_("App %(name)s", name=key[0]) if key[0] else key[1], totals[key], list(members))
        for key, members in groupby(shown, _key)
    ]


def _place(info: TaskInfo) -> int:
    if info.origin != "library":
        return 0
    return 2 if info.name.startswith("examples.") else 1


def _key(info: TaskInfo) -> tuple[str, str]:
    return (info.app, "") if info.app else ("", info.name.split(".")[0])


def parameter_rows(info: TaskInfo) -> list[ParameterRow]:
    return [
        ParameterRow(
            _name(parameter), _type(parameter), _default(parameter), info.translated(parameter.description)
        )
        for parameter in info.parameters
    ]


def _name(parameter: Parameter) -> str:
    stars = "**" if parameter.takes_extra else "*" if parameter.takes_rest else ""
    return stars + parameter.name


def _type(parameter: Parameter) -> str:
    bounds = type_words.bounds_words(parameter.shape)
    name = type_words.type_name(parameter.annotation)
    return f"{name}, {bounds}" if bounds else name


def _default(parameter: Parameter) -> str:
    if parameter.required or parameter.variadic:
        return ""
    if parameter.default_json is NO_VALUE:
        return _("set in code")
    if parameter.default_json is None:
        return _("empty")
    return (
        _("secret") if parameter.secret and parameter.default_json else one_line(parameter.default_json, 60)
    )


def paragraphs(info: TaskInfo) -> list[Paragraph]:
    return [
        replace(paragraph, text=info.translated(paragraph.text))
        for paragraph in docstrings.paragraphs(info.doc)
    ]


def limits(info: TaskInfo, in_force: TaskInfo) -> list[tuple[str, str]]:
    """What holds for its runs: names and values in words; what people set stands before what is in code."""
    return [
        (_("Default queue"), info.queue),
        (_("Priority"), str(info.priority)),
        (_("Time limit"), _in_force(_time_limit(in_force), _time_limit(info))),
        (_("Rate limit"), _in_force(_rate_limit(in_force), _rate_limit(info))),
        *([(_("Retries"), _retries(info))] if info.retries else []),
        (
            _("Acknowledged"),
            _("late, after it has run") if info.acks_late else _("early: it never runs twice"),
        ),
        (_("May be run by"), _("admins") if info.role == "admin" else _("operators and admins")),
        (_("Result"), _("not kept") if info.ignore_result else _("kept")),
    ]


def _in_force(value: str, code: str) -> str:
    return value if value == code else _("%(value)s, set here (in code: %(code)s)", value=value, code=code)


def _time_limit(info: TaskInfo) -> str:
    parts = []
    if info.soft_time_limit:
        parts.append(_("%(span)s soft", span=duration(info.soft_time_limit)))
    if info.time_limit:
        parts.append(_("%(span)s hard", span=duration(info.time_limit)))
    return _(", ").join(parts) or _("none")


def _rate_limit(info: TaskInfo) -> str:
    if not info.rate_limit:
        return _("none")
    number, _slash, unit = info.rate_limit.partition("/")
    names = {
        "s": _("%(n)s / s per worker", n=number),
        "m": _("%(n)s / min per worker", n=number),
        "h": _("%(n)s / h per worker", n=number),
    }
    return names.get(unit or "s", info.rate_limit)


def _retries(info: TaskInfo) -> str:
    if info.max_retries is None:
        return _("without end")
    return ngettext("up to %(num)s", "up to %(num)s", info.max_retries) if info.max_retries else _("none")


def taken(form: ParameterForm) -> list[tuple[str, str]]:
    """What was made of what stands in the fields of parameters without a type: names and words."""
    return [
        (field.parameter.name, _taken_as(field))
        for field in form
        if isinstance(field, ParameterField)
        and is_free(field.parameter.shape)
        and field.data is not NO_VALUE
        and field.text.strip()
    ]


def _taken_as(field: ParameterField) -> str:
    value = field.data
    if isinstance(value, str):
        quoted = field.text.strip().startswith('"')
        return _("is taken as JSON text") if quoted else _("is taken as text")
    if isinstance(value, bool):
        return _("is taken as JSON true or false")
    if isinstance(value, int | float):
        return _("is taken as a JSON number")
    if value is None:
        return _("is taken as JSON null")
    return _("is taken as a JSON list") if isinstance(value, list) else _("is taken as a JSON object")
