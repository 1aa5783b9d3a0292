"""The arguments of a schedule as a form: the fields of Run now, and dates that refer to the fire."""

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from app import catalog
from app.errors import Invalid
from app.schedules import due_arguments
from app.schedules.models import Schedule
from app.schedules.validation import masked_arguments, with_secrets

PREFIX = "due-"


class ParameterForm:
    """The fields of a task's parameters, filled in with a schedule's arguments or with what was submitted.

    Beside each field for a date stands a choice: the date in the field, or a moment that refers to the fire.
    `due[name]` is what is chosen there, a marker as JSON text, or "" for the field.
    """

    def __init__(self, info: catalog.TaskInfo, row: Schedule | None = None, data: Any = None) -> None:
        self.info = info
        self._known = _Known(info, row)
        self._shown = _Known(info, row, shown=True).values
        markers = {name: self._shown[name] for name in self._dates() if _is_marker(self._shown.get(name))}
        plain = {name: value for name, value in self._shown.items() if name not in markers}
        self.fields = catalog.build_form(info, data, catalog.Arguments([], plain) if plain else None)
        self.due = {name: _text(markers[name]) if name in markers else "" for name in self._dates()}
        if data is not None:
            self.due = {name: str(data.get(PREFIX + name, "")) for name in self.due}
        drawn: list[Any] = list(self.fields)
        for field in drawn:
            if field.parameter.secret and field.parameter.name in self._known.values and field.render_kw:
                field.render_kw["placeholder"] = _("kept; type to replace it")

    def due_choices(self, name: str) -> list[tuple[str, str]]:
        """Key and label of what a date can refer to; a marker that was made elsewhere is among them."""
        choices = [(_text(marker), label) for marker, label in _markers_for(self.info.parameter(name))]
        chosen = self.due[name]
        if chosen and chosen not in (key for key, _label in choices):
            choices.append((chosen, chosen))
        return choices

    def entered(self) -> dict[str, Any]:
        """All arguments by name, secrets that were left alone masked, as far as they can be read."""
        values = self.fields.entered()
        for name, text in self.due.items():
            if text:
                values[name] = _marker(text)
        for parameter in self.info.parameters:
            known = self._known.values.get(parameter.name)
            # A default that the schedule spells out stays spelt out, so that nothing seems to have changed.
            if known is not None and (parameter.secret or known == parameter.default_json):
                values.setdefault(parameter.name, self._shown[parameter.name])
        return values

    def is_unchanged(self) -> bool:
        """Whether the schedule's arguments are still what stands in the form, all of them."""
        restored = with_secrets(self.entered(), self._known.values)
        return self._known.whole and bool(restored == self._known.values)

    def unreadable(self) -> dict[str, list[str]]:
        """Messages by parameter for what cannot even be read."""
        messages = {}
        for name, text in self.due.items():
            if text and not _is_marker(_marker(text)):
                messages[name] = [_("Choose one of the list.")]
        drawn: list[Any] = list(self.fields)
        for field in drawn:
            name = field.parameter.name
            if field.process_errors and not self.due.get(name):
                messages[name] = [str(message) for message in field.process_errors]
        return messages

    def referring(self) -> dict[str, Any]:
        """The arguments that refer to the fire and can be read, by name."""
        names = {}
        for name, value in self.entered().items():
            try:
                due_arguments.check([], {name: value})
            except Invalid:
                continue
            if due_arguments.has_markers([], {name: value}):
                names[name] = value
        return names

    def _dates(self) -> list[str]:
        kinds = (catalog.Kind.DATE, catalog.Kind.DATETIME)
        return [p.name for p in self.info.parameters if p.kind in kinds]


def marker_words(parameter: catalog.Parameter | None, value: Any) -> str:
    """What a value that refers to the fire means, in words; empty for any other value, and for rare ones."""
    return next((label for marker, label in _markers_for(parameter) if marker == value), "")


class _Known:
    """A stored schedule's arguments by name; `whole` tells whether the task takes them all.

    With `shown`, secrets are masked.
    """

    def __init__(self, info: catalog.TaskInfo, row: Schedule | None, shown: bool = False) -> None:
        self.values: dict[str, Any] = {}
        self.whole = False
        if row is None or (row.task_name, row.app) != (info.name, info.app):
            return
        args, kwargs = masked_arguments(info, row.args, row.kwargs) if shown else (row.args, row.kwargs)
        self.values = catalog.by_name(info.parameters, args, kwargs)
        names = info.places(len(args))
        self.whole = all(names) and set(kwargs) <= set(self.values) and not set(names) & set(kwargs)


def _is_marker(value: Any) -> bool:
    return isinstance(value, Mapping) and due_arguments.KEY in value


def _marker(text: str) -> Any:
    """What a choice means; text that is no JSON means itself, which no parameter for dates takes."""
    try:
        return catalog.parse_json(text)
    except ValueError:
        return text


def _text(marker: Mapping[str, Any]) -> str:
    return json.dumps(marker, separators=(",", ":"))


def _markers_for(parameter: catalog.Parameter | None) -> list[tuple[dict[str, str], str]]:
    date = parameter is not None and parameter.kind is catalog.Kind.DATE
    return _dates() if date else _datetimes()


def _dates() -> list[tuple[dict[str, str], str]]:
    return [
        ({"$due": "P0D"}, _("Day of the fire")),
        ({"$due": "-P1D"}, _("Day before the fire")),
        ({"$due": "-P7D"}, _("A week before the fire")),
        ({"$due": "P0D", "floor": "week"}, _("Monday of its week")),
        ({"$due": "P0D", "floor": "month"}, _("Start of its month")),
        ({"$due": "-P1M", "floor": "month"}, _("Start of the month before")),
        ({"$due": "P0D", "floor": "year"}, _("Start of its year")),
    ]


def _datetimes() -> list[tuple[dict[str, str], str]]:
    return [
        ({"$due": "P0D"}, _("Moment of the fire")),
        ({"$due": "-PT1H"}, _("An hour before the fire")),
        ({"$due": "-P1D"}, _("Same time the day before")),
        ({"$due": "P0D", "floor": "hour"}, _("Start of its hour")),
        ({"$due": "P0D", "floor": "day"}, _("Start of its day")),
        ({"$due": "-P1D", "floor": "day"}, _("Start of the day before")),
        ({"$due": "P0D", "floor": "week"}, _("Start of its week")),
        ({"$due": "P0D", "floor": "month"}, _("Start of its month")),
        ({"$due": "-P1M", "floor": "month"}, _("Start of the month before")),
    ]
