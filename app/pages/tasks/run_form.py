"""The Run now form: a task's arguments, as fields or as JSON, and where the run goes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask_babel import gettext as _
from wtforms import Form, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types

from app.catalog.binding import Arguments, by_name
from app.catalog.forms import ParameterForm, build_form
from app.catalog.info import TaskInfo
from app.catalog.json_text import RAW, parse_raw, to_raw
from app.catalog.validation import validate
from app.errors import Invalid

FIELDS = "fields"


class Destination(Form):
    """The queue and the priority of the run; the task's own stand there at first."""

    queue = SelectField()
    priority = SelectField()


@dataclass(frozen=True)
class ParameterProblem:
    """One message of a refused form, with the field it belongs to; both empty for the form as a whole."""

    message: str
    label: str = ""
    field_id: str = ""


@dataclass
class RunForm:
    """The form as it is drawn: `mode` says which tab is open, `raw` what the JSON tab holds.

    `start` is the part of the form that says when the run starts; it knows schedules, this does not.
    """

    info: TaskInfo
    parameters: ParameterForm
    destination: Destination
    mode: str = FIELDS
    raw: str = ""
    rerun_of: str = ""
    problems: list[ParameterProblem] = field(default_factory=list)
    start: Any = None

    def arguments(self) -> Arguments:
        """The arguments that were entered, checked; raises `Invalid`."""
        if self.mode == RAW:
            values = parse_raw(self.raw)
            return validate(self.info, values.args, values.kwargs)
        return self.parameters.arguments()

    def peek(self) -> Arguments | None:
        """The arguments when they could be sent as they stand; what is said at the fields stays."""
        said = {parameter.name: list(parameter.errors) for parameter in self.parameters}
        try:
            return self.arguments()
        except Invalid:
            return None
        finally:
            for parameter in self.parameters:
                parameter.errors = said[parameter.name]
            if not self.problems:
                self.parameters.form_errors = []

    def options(self) -> dict[str, Any]:
        """Queue and priority where they differ from the task's own; raises `Invalid`."""
        if not self.destination.validate():
            raise Invalid(
                {name: list(map(str, messages)) for name, messages in self.destination.errors.items() if name}
            )
        queue, priority = self.destination.queue.data, int(self.destination.priority.data)
        return {
            "queue": queue if queue != self.info.queue else None,
            "priority": priority if priority != self.info.priority else None,
        }

    def refuse(self, error: Invalid) -> None:
        """Keep what is wrong, to be shown at the fields and by the button."""
        for name, messages in error.errors.items():
            if self.start is not None and name in self.start:
                self.start[name].errors = list(messages)
            elif name in self.parameters and not self.parameters[name].errors:  # what only its code knows
                self.parameters[name].errors = list(messages)
            label, field_id = self._place(name)
            self.problems += [ParameterProblem(message, label, field_id) for message in messages]

    def in_mode(self, mode: str) -> "RunForm":
        """The same form with the other tab open, and in it what was entered so far, if it can be read."""
        if mode == self.mode:
            return self
        if mode == RAW:
            return replace(self, mode=RAW, raw=to_raw(self.parameters.entered()))
        values = parse_raw(self.raw)
        return replace(self, mode=FIELDS, parameters=build_form(self.info, values=values))

    def _place(self, name: str) -> tuple[str, str]:
        of_start = self.start is not None and name in self.start
        if self.mode == RAW and name not in self.destination and not of_start:
            return ("" if name in (RAW, "args", "kwargs") else name), RAW
        parts: tuple[Any, ...] = (self.start or {}, self.parameters, self.destination)
        for part in parts:
            if name in part:
                return str(part[name].label.text), part[name].id
        return name, ""


def empty_form(
    info: TaskInfo, queues: Sequence[str], mode: str, values: Arguments | None = None, rerun_of: str = ""
) -> RunForm:
    """The form before anything is entered, or filled in with earlier arguments."""
    known = by_name(info.parameters, values.args, values.kwargs) if values else {}
    raw = to_raw(known) if known else _template(info)
    return RunForm(info, build_form(info, values=values), _destination(info, queues), mode, raw, rerun_of)


def read_form(info: TaskInfo, queues: Sequence[str], data: Any) -> RunForm:
    """The form as it was submitted (`data` is a multi-dict)."""
    mode = RAW if data.get("mode") == RAW else FIELDS
    parameters, destination = build_form(info, data), _destination(info, queues, data)
    return RunForm(info, parameters, destination, mode, data.get(RAW, ""), data.get("rerun_of", ""))


def _destination(info: TaskInfo, queues: Sequence[str], data: Any = None) -> Destination:
    form = Destination(data, queue=info.queue, priority=str(info.priority))
    form.queue.choices = _choices(list(dict.fromkeys([info.queue, *queues])), info.queue)
    form.priority.choices = _choices([str(number) for number in range(9, -1, -1)], str(info.priority))
    return form


def _choices(values: Sequence[str], default: str) -> list[Any]:
    marked = _("%(value)s (task default)", value=default)
    return [SelectChoice(value, marked if value == default else value) for value in values]


def _template(info: TaskInfo) -> str:
    """What the JSON tab shows at first: the required arguments, to be filled in."""
    required: Mapping[str, None] = {p.name: None for p in info.parameters if p.required}
    return json.dumps(required, indent=2)
