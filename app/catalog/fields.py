"""The form field of a parameter, by the kind of value it takes."""

import re
from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from pydantic import AwareDatetime
from wtforms import Field
from wtforms.fields import choices
from wtforms.fields.choices import SelectFieldBase
from wtforms.form import BaseForm
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
from app.catalog.validation import check, missing
from app.catalog.value_text import text_of, value_of
from celeriac_agent.secrets import MASK, is_masked

MAX_RADIOS = 4
MODELS_DEEP = 2  # a model within a model within another is JSON
MAX_ROWS = 14

_WIDGETS: dict[str, Any] = {
    "model": TextArea(),  # as JSON; its own fields draw themselves
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
    it is drawn: text, password, textarea, lines, json, date, datetime, time, switch, radio, select or model.
    """

    data: Any
    text: str
    keeps_mask = False  # of a secret within a model: left as it is, it stays

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
        if self.text == MASK and self.keeps_mask:
            self.widget = PasswordInput(hide_value=False)
        self.render_kw = self._attributes()

    def process_data(self, value: Any) -> None:
        given = value is not NO_VALUE and (value != MASK or self.keeps_mask)
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


class ModelField(ParameterField):
    """A model: a field for each of its own. What these cannot hold is shown, and sent, as JSON."""

    def __init__(self, parameter: Parameter, depth: int = 0, **kwargs: Any) -> None:
        super().__init__(parameter, **kwargs)
        fields: Any = {part.name: field_for(part, depth + 1) for part in parameter.parts}
        self.parts: Any = BaseForm(fields, prefix=f"{self.name}.", meta=self.meta)
        for part in list[Any](self.parts):
            part.keeps_mask = True
        self.as_json = False
        self._errors: Any = []

    @property
    def control(self) -> str:
        return "json" if self.as_json else "model"

    @property
    def errors(self) -> Any:
        """What is wrong, with the places in the model; taken away, its fields have nothing wrong either."""
        return self._errors

    @errors.setter
    def errors(self, messages: Any) -> None:
        self._errors = messages
        for part in () if messages else self.parts:
            part.errors = []

    @property
    def said_by_parts(self) -> bool:
        """Whether what is wrong stands at the model's own fields."""
        return not self.as_json and any(part.errors for part in self.parts)

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        self.as_json = formdata is not None and self.name in formdata
        self._sent = None if self.as_json else formdata
        super().process(formdata, *args, **kwargs)
        if self._sent is not None and not self.as_json:
            self._read_parts()

    def process_data(self, value: Any) -> None:
        super().process_data(value)
        shown = value if value is not NO_VALUE else self.parameter.default_json
        values = {} if shown in (NO_VALUE, None) else shown
        self.as_json = self.as_json or not fits(self.parameter, values)
        self.parts.process(self._sent, data={} if self.as_json else values)

    def place_errors(self) -> None:
        """Put what is wrong with the model at its own fields, as far as it is theirs."""
        for part in () if self.as_json else self.parts:
            part.errors = list(part.process_errors)
            if not part.errors and part.data is not NO_VALUE:
                part.errors = [] if is_masked(part.data) else check(part.parameter, part.data)[1]
            elif not part.errors and part.parameter.required:
                part.errors = [missing(part.parameter)]
            if isinstance(part, ModelField) and part.errors:
                part.place_errors()

    def _read_parts(self) -> None:
        values = {part.parameter.name: part.data for part in self.parts if part.data is not NO_VALUE}
        wrong = [
            _(
                "%(place)s: %(problem)s",
                place=_(", ").join([self.parameter.name, part.parameter.name]),
                problem=text,
            )
            for part in self.parts
            for text in part.process_errors
        ]
        default = self.parameter.default_json
        if not self.parameter.required and not any(_is_typed(part) for part in self.parts):
            self.data = None if self._empty_means_none() else NO_VALUE
            for part in self.parts:
                part.process_errors = []
        elif wrong:
            self.data, self.process_errors = NO_VALUE, wrong
        else:
            own = {part.name: values.get(part.name, part.default_json) for part in self.parameter.parts}
            whole = {name: value for name, value in own.items() if value is not NO_VALUE}
            self.data = NO_VALUE if is_same(whole, default) else values

    def _attributes(self) -> dict[str, Any]:
        return super()._attributes() if self.as_json else {}


def _is_typed(field: Any) -> bool:
    """Whether something was entered in a field of a model, as against left as it is when nobody does."""
    if isinstance(field, SwitchField):
        return field.data is not NO_VALUE and field.checked
    if isinstance(field, ModelField) and not field.as_json:
        return any(map(_is_typed, field.parts))
    given = field.data is not NO_VALUE and field.data is not None
    return given or (bool(field.text) and not isinstance(field, ChoiceField))


def fits(parameter: Parameter, value: Any) -> bool:
    """Whether the fields of a model can hold a value of it: none that it has not, each simple enough."""
    known = {part.name: part for part in parameter.parts}
    if not isinstance(value, dict) or not value.keys() <= known.keys():
        return False
    return all(_fits_part(known[name], part_value) for name, part_value in value.items())


def _fits_part(part: Parameter, value: Any) -> bool:
    if value is None or part.kind in (Kind.JSON, Kind.DICT):
        return True
    if part.kind is Kind.MODEL:
        return not part.parts or fits(part, value)
    return isinstance(value, list) if part.kind is Kind.LIST else not isinstance(value, dict | list)


def is_same(one: Any, other: Any) -> bool:
    """True when both are the same JSON value; NO_VALUE is none."""
    return NO_VALUE not in (one, other) and to_text(one) == to_text(other)


def field_for(parameter: Parameter, depth: int = 0) -> Any:
    """The (unbound) field of a parameter, or of a model's field at a depth."""
    if depth < MODELS_DEEP and parameter.parts:
        return ModelField(parameter, depth)
    if parameter.kind is Kind.BOOL and not parameter.shape.nullable and parameter.default_json is not None:
        return SwitchField(parameter)
    if parameter.kind in (Kind.CHOICE, Kind.BOOL):
        return ChoiceField(parameter)
    return ParameterField(parameter)
