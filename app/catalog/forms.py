"""The form that a task's parameters make.

How text becomes arguments: an empty field is left out, so that the task's default applies, or means None
where None is allowed and not the default; two double quotes in a field for text stand for the empty text; a
list is one item a line, or JSON when it begins with `[`; a model has a field for each of its own, `p-x.y`,
and is left out when all of them are empty and it is not required; whatever has no simpler form is JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from wtforms.form import BaseForm

from app.catalog.binding import Arguments, bind
from app.catalog.fields import ModelField, field_for
from app.catalog.info import TaskInfo
from app.catalog.parameters import NO_VALUE
from app.catalog.validation import validate
from app.errors import Invalid

PREFIX = "p-"


def build_form(info: TaskInfo, formdata: Any = None, values: Arguments | None = None) -> "ParameterForm":
    """The form of a task.

    It holds what was submitted (`formdata`, a multi-dict) or else earlier arguments, without masked values.
    """
    form = ParameterForm(info)
    form.process(formdata, data=bind(info.parameters, values.args, values.kwargs).values if values else {})
    return form


class ParameterForm(BaseForm):
    """One field per parameter, each with its `parameter`; names begin with `p-` and meet no other field's."""

    def __init__(self, info: TaskInfo) -> None:
        super().__init__({p.name: field_for(p) for p in info.parameters}, prefix=PREFIX)
        self.info = info
        for field in self:
            field.description = info.translated(field.description)

    def arguments(self) -> Arguments:
        """The arguments that were entered; raises `Invalid` after putting every message at its field."""
        for field in self:
            field.errors = list(field.process_errors) or self._misplaced(field)
        self.form_errors = []
        try:
            arguments = validate(self.info, [], self.entered())
        except Invalid as error:
            self._place(error.errors)
        for field in self:
            if isinstance(field, ModelField) and field.errors:
                field.place_errors()
        problems = {name: list(messages) for name, messages in self.errors.items()}
        if problems:
            raise Invalid(problems)
        return arguments

    def validate(self, extra_validators: Mapping[str, Sequence[Any]] | None = None) -> bool:
        """True when `arguments()` has something to give; if not, the messages stand at their fields."""
        try:
            self.arguments()
        except Invalid:
            return False
        return True

    def entered(self) -> dict[str, Any]:
        """The arguments by name as far as they can be read, unchecked; what was left empty is left out."""
        values: dict[str, Any] = {}
        for parameter in self.info.parameters:
            field = self[parameter.name]
            if field.data is NO_VALUE or field.process_errors:
                continue
            if not parameter.takes_extra:
                values[parameter.name] = field.data
            elif isinstance(field.data, dict):
                values |= {name: value for name, value in field.data.items() if name not in self}
        return values

    def _misplaced(self, field: Any) -> list[str]:
        """What is wrong with the field of `**kwargs` as such: it holds arguments with names of their own."""
        if not field.parameter.takes_extra or field.data is NO_VALUE:
            return []
        if not isinstance(field.data, dict):
            return [_("Enter a JSON object.")]
        taken = [name for name in field.data if name in self]
        return [_("%(names)s: these have fields of their own.", names=", ".join(taken))] if taken else []

    def _place(self, errors: Mapping[str, list[str]]) -> None:
        """Messages go to their fields; a field that could not even be read keeps its own message."""
        for name, messages in errors.items():
            if name not in self:
                self.form_errors = [*self.form_errors, *messages]
            elif not self[name].errors:
                self[name].errors = messages
