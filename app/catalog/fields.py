"""The form field of a parameter, by the kind of value it takes."""

import re
from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from pydantic import AwareDatetime
from wtforms import Field
from wtforms.fields import choices
from wtforms.fields.choices import SelectFieldBase
from wtforms.widgets import (
    CheckboxInput,
    DateInput,
    DateTimeLocalInput,
    ListWidget,
    PasswordInput,
    RadioInput,
    Select,
    TextArea,
    TextInput,
    TimeInput,
)

from app.catalog.parameters import NO_VALUE, Parameter
from app.catalog.shapes import Kind, to_text
from app.catalog.value_text import text_of, value_of
from celeriac_agent.secrets import MASK

MAX_RADIOS = 4
MAX_ROWS = 14

_WIDGETS: dict[str, Any] = {
    "text": TextInput(),
    "password": PasswordInput(),
    "textarea": TextArea(),
    "lines": TextArea(),
    "json": TextArea(),
    "date": DateInput(),
    "datetime": DateTimeLocalInput(),
    "time": TimeInput(),
    "switch": CheckboxInput(),
    "radio": ListWidget(prefix_label=False),
    "select": Select(),
}
# What a browser's own picker can show; anything else is kept visible as text.
_PICKERS = {
    Kind.DATE: ("date", re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")),
    Kind.DATETIME: ("datetime", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")),
    Kind.TIME: ("time", re.compile(r"\d\d:\d\d(:\d\d)?")),
}


class ParameterField(Field):
    """A field that keeps what was typed as `text` and what it means as `data`.

    `data` is `NO_VALUE` when nothing was given: the task's default then applies. `control` names the way
    it is drawn: text, password, textarea, lines, json, date, datetime, time, switch, radio or select.
    """

    data: Any
    text: str

    def __init__(self, parameter: Parameter, **kwargs: Any) -> None:
        super().__init__(parameter.name, description=parameter.description, default=NO_VALUE, **kwargs)
        self.parameter = parameter

    @property
    def control(self) -> str:
        shape = self.parameter.shape
        if self.parameter.secret and shape.kind.is_scalar:
            return "password"
        if shape.kind in _PICKERS and shape.core is not AwareDatetime:
            picker, shown = _PICKERS[shape.kind]
            return picker if not self.text or shown.fullmatch(self.text) else "text"
        if shape.kind is Kind.STR:
            return "textarea" if self.parameter.multiline or "\n" in self.text else "text"
        if shape.takes_lines:
            return "lines"
        return "text" if shape.kind.is_scalar else "json"

    def process(self, *args: Any, **kwargs: Any) -> None:
        super().process(*args, **kwargs)
        self.widget = _WIDGETS[self.control]
        self.render_kw = self._attributes()

    def process_data(self, value: Any) -> None:
        given = value is not NO_VALUE and value != MASK
        self.data = value if given else NO_VALUE
        shown = value if given else self._initial()
        self.text = "" if shown is NO_VALUE else text_of(self.parameter.shape, shown)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.text = str(valuelist[0]) if valuelist else ""
        self.data = NO_VALUE
        if self.text if self.parameter.kind is Kind.STR else self.text.strip():
            self.data = value_of(self.parameter.shape, self.text)
            if self._empty_means_none() and is_same(self.data, self.parameter.default_json):
                self.data = NO_VALUE
        elif valuelist and self._empty_means_none():
            self.data = None
        elif self.parameter.required and self.parameter.kind is Kind.STR and not self.parameter.secret:
            raise ValueError(_('This is required. Enter text, or "" for an empty text.'))

    def _empty_means_none(self) -> bool:
        """True when None may be given and is not the default: an empty field then means None."""
        parameter = self.parameter
        return parameter.shape.nullable and parameter.default_json is not None and not parameter.secret

    def _initial(self) -> Any:
        """What stands in the field from the start: a default that can be taken away by emptying the field."""
        return self.parameter.default_json if self._empty_means_none() else NO_VALUE

    def _value(self) -> str:
        return self.text

    def _attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {"aria_required": "true"} if self.parameter.required else {}
        default = self.parameter.default_json
        if self._empty_means_none():
            attributes["placeholder"] = _("none")
        elif default not in (NO_VALUE, None) and not self.parameter.secret:
            attributes["placeholder"] = text_of(self.parameter.shape, default)
        kind, low = self.parameter.kind, self.parameter.shape.bounds.ge
        if kind in (Kind.INT, Kind.FLOAT, Kind.DECIMAL) and not (low is not None and low < 0):
            attributes["inputmode"] = "numeric" if kind is Kind.INT else "decimal"
        if self.control in ("datetime", "time"):
            attributes["step"] = "any"  # so that a time with seconds is valid
        if self.control in ("textarea", "lines", "json"):
            attributes["rows"] = min(max(self.text.count("\n") + 2, 3), MAX_ROWS)
        if self.control != "textarea":
            attributes |= {"autocomplete": "off", "spellcheck": "false"}
        if self.control == "password":
            attributes["autocomplete"] = "new-password"
        return attributes


class SwitchField(ParameterField):
    """A yes-or-no value. Left at its default, it is not sent."""

    checked: bool

    @property
    def control(self) -> str:
        return "switch"

    def process_data(self, value: Any) -> None:
        super().process_data(value)
        self.checked = bool(self.parameter.default_json is True if value is NO_VALUE else value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.checked = bool(valuelist) and valuelist[0] not in ("", "false")
        self.data = NO_VALUE if self.checked is self.parameter.default_json else self.checked

    def _value(self) -> str:
        return "true"

    def _attributes(self) -> dict[str, Any]:
        return {}


class ChoiceField(ParameterField, SelectFieldBase):
    """One of some values: radio buttons for up to four, else a list. Left at its default, it is not sent."""

    option_widget = RadioInput()

    @property
    def control(self) -> str:
        return "radio" if len(self.options()) <= MAX_RADIOS else "select"

    def options(self) -> list[tuple[str, str]]:
        """Key and label of each option; the empty one is there when nothing, or none, may be chosen."""
        if self.parameter.kind is Kind.BOOL:
            options = [("true", _("yes")), ("false", _("no"))]
        else:
            options = [(choice.key, choice.label) for choice in self.parameter.shape.choices]
        default, nullable = self.parameter.default_json, self.parameter.shape.nullable
        preset = default is not NO_VALUE and text_of(self.parameter.shape, default) != ""
        if nullable:
            options.insert(0, ("", _("none")))
        elif not preset and (not self.parameter.required or len(options) > MAX_RADIOS):
            options.insert(0, ("", _("not chosen")))
        return options

    def iter_choices(self) -> Iterator[Any]:
        for key, label in self.options():
            yield choices.Choice(key, label, key == self.text, {})  # type: ignore[attr-defined]  # newer than the stubs

    def process_formdata(self, valuelist: list[Any]) -> None:
        default = self.parameter.default_json
        self.text = str(valuelist[0]) if valuelist else ""
        if self.text:
            self.data = value_of(self.parameter.shape, self.text)
        else:
            self.data = None if self.parameter.shape.nullable and valuelist else NO_VALUE
        if is_same(self.data, default):
            self.data = NO_VALUE

    def _initial(self) -> Any:
        return self.parameter.default_json

    def _attributes(self) -> dict[str, Any]:
        return {}


def is_same(one: Any, other: Any) -> bool:
    """True when both are the same JSON value; NO_VALUE is none."""
    return NO_VALUE not in (one, other) and to_text(one) == to_text(other)


def field_for(parameter: Parameter) -> Any:
    """The (unbound) field of a parameter."""
    if parameter.kind is Kind.BOOL and not parameter.shape.nullable and parameter.default_json is not None:
        return SwitchField(parameter)
    if parameter.kind in (Kind.CHOICE, Kind.BOOL):
        return ChoiceField(parameter)
    return ParameterField(parameter)
