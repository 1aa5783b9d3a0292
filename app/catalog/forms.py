"""The form that a task's parameters make.

How text becomes arguments: an empty field is left out, so that the task's default applies (None for a
required parameter that may be None); two double quotes in a field for text stand for the empty text; a list
is one item a line, or JSON when it begins with `[`; whatever has no simpler form is JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from wtforms.form import BaseForm

from app.catalog.binding import Arguments, by_name
from app.catalog.fields import ParameterField, field_for
from app.catalog.info import TaskInfo
from app.catalog.parameters import NO_VALUE
from app.catalog.validation import MAX_BYTES, validate
from app.errors import Invalid

PREFIX = "p-"


def build_form(
    info: TaskInfo, formdata: Any = None, values: Arguments | None = None, *, max_bytes: int = MAX_BYTES
) -> "ParameterForm":
    """The form of a task.

    It holds what was submitted (`formdata`, a multi-dict) or else earlier arguments, without masked values.
    """
    form = ParameterForm(info, max_bytes)
    form.process(formdata, data=by_name(info.parameters, values.args, values.kwargs) if values else {})
    return form


class ParameterForm(BaseForm):
    """One field per parameter, each with its `parameter`; names begin with `p-` and meet no other field's."""

    def __init__(self, info: TaskInfo, max_bytes: int) -> None:
        super().__init__({p.name: field_for(p) for p in info.parameters}, prefix=PREFIX)
        self.info = info
        self.max_bytes = max_bytes

    def arguments(self) -> Arguments:
        """The arguments that were entered; raises `Invalid` after putting every message at its field."""
        for field in self:
            field.errors = list(field.process_errors)
        self.form_errors = []
        try:
            arguments = validate(self.info, [], self._keywords(), max_bytes=self.max_bytes)
        except Invalid as error:
            self._place(error.errors)
        found = {name: list(messages) for name, messages in self.errors.items()}
        if found:
            raise Invalid(found)
        return arguments

    def validate(self, extra_validators: Mapping[str, Sequence[Any]] | None = None) -> bool:
        """True when `arguments()` has something to give; if not, the messages stand at their fields."""
        try:
            self.arguments()
        except Invalid:
            return False
        return True

    def _keywords(self) -> dict[str, Any]:
        keywords: dict[str, Any] = {}
        for parameter in self.info.parameters:
            field = self[parameter.name]
            if field.data is NO_VALUE or field.errors:
                continue
            if not parameter.takes_extra:
                keywords[parameter.name] = field.data
            elif not isinstance(field.data, dict):
                field.errors = [_("Enter a JSON object.")]
            elif taken := [name for name in field.data if name in self]:
                field.errors = [_("%(names)s: these have fields of their own.", names=", ".join(taken))]
            else:
                keywords |= field.data
        return keywords

    def _place(self, errors: Mapping[str, list[str]]) -> None:
        """Messages go to their fields; a field that could not even be read keeps its own message."""
        for name, messages in errors.items():
            if name not in self:
                self.form_errors = [*self.form_errors, *messages]
            elif not self[name].errors:
                self[name].errors = messages


__all__ = ["PREFIX", "ParameterField", "ParameterForm", "build_form"]
