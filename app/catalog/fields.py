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
from app.catalog.secrets import MASK
from app.catalog.shapes import Kind, to_text
from app.catalog.texts import text_of, value_of

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
        shown = value is not NO_VALUE and value != MASK
        self.data = value if shown else NO_VALUE
        self.text = text_of(self.parameter.shape, value) if shown else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.text = str(valuelist[0]) if valuelist else ""
        self.data = NO_VALUE
        if self.text if self.parameter.kind is Kind.STR else self.text.strip():
            self.data = value_of(self.parameter.shape, self.text)
        elif self.parameter.required and self.parameter.shape.nullable:
            self.data = None
        elif self.parameter.required and self.parameter.kind is Kind.STR and not self.parameter.secret:
            raise ValueError(_('This is required. Enter text, or "" for an empty text.'))

    def _value(self) -> str:
        return self.text

    def _attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {"aria_required": "true"} if self.parameter.required else {}
        default = self.parameter.default_json
        if default not in (NO_VALUE, None) and not self.parameter.secret:
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
        if self.parameter.shape.nullable or not self._has_default():
            blank = _("none") if self.parameter.shape.nullable else _("not chosen")
            if self.parameter.shape.nullable or not self.parameter.required or len(options) > MAX_RADIOS:
                options.insert(0, ("", blank))
        return options

    def iter_choices(self) -> Iterator[Any]:
        for key, label in self.options():
            yield choices.Choice(key, label, key == self.text, {})  # type: ignore[attr-defined]  # newer than the stubs

    def process_data(self, value: Any) -> None:
        super().process_data(self.parameter.default_json if value is NO_VALUE else value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        default = self.parameter.default_json
        self.text = str(valuelist[0]) if valuelist else ""
        if self.text:
            self.data = value_of(self.parameter.shape, self.text)
        else:
            self.data = None if self.parameter.shape.nullable and valuelist else NO_VALUE
        if default is not NO_VALUE and self.data is not NO_VALUE and to_text(self.data) == to_text(default):
            self.data = NO_VALUE

    def _has_default(self) -> bool:
        """True when the default is one of the choices, so that it can be chosen beforehand."""
        return (
            bool(text_of(self.parameter.shape, self.parameter.default_json))
            if self._default_known()
            else False
        )

    def _default_known(self) -> bool:
        return self.parameter.default_json is not NO_VALUE

    def _attributes(self) -> dict[str, Any]:
        return {}


def field_for(parameter: Parameter) -> Any:
    """The (unbound) field of a parameter."""
    if parameter.kind is Kind.CHOICE or (parameter.kind is Kind.BOOL and parameter.shape.nullable):
        return ChoiceField(parameter)
    if parameter.kind is Kind.BOOL:
        return SwitchField(parameter)
    return ParameterField(parameter)
