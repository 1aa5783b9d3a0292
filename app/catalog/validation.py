"""Checks arguments against a task's parameters before anything is queued."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from pydantic import TypeAdapter, ValidationError

from app.catalog import json_values, type_words
from app.catalog.binding import Arguments, bind, unbind
from app.catalog.info import TaskInfo
from app.catalog.parameters import Parameter
from app.catalog.problems import messages, unlisted
from app.config import settings
from app.errors import Invalid
from celeriac_agent.secrets import is_masked
from celeriac_agent.stream import to_json

logger = logging.getLogger(__name__)

_PLAIN = (str, int, bool, type(None))


def validate(info: TaskInfo, args: Any, kwargs: Any) -> Arguments:
    """The arguments as they are to be sent: plain JSON values in one spelling, defaults not filled in.

    Takes JSON values and is strict: "3" is no int, true is no int, 3.0 is no int; a date is an ISO 8601
    text. Raises `Invalid` with sentences by parameter (`args` and `kwargs` when they are wrong as a whole).
    How large they may be altogether says `require_size`.
    """
    _require_containers(args, kwargs)
    bound = bind(info.parameters, args, kwargs)
    errors = bound.errors
    values: dict[str, Any] = {}
    for parameter in info.parameters:
        if parameter.name in errors:
            continue
        if parameter.name in bound.values:
            values[parameter.name], problems = check(parameter, bound.values[parameter.name])
        else:
            problems = [missing(parameter)] if parameter.required else []
        if problems:
            errors[parameter.name] = problems
    if not errors:
        arguments, errors = unbind(info.parameters, values, len(args))
    if errors:
        raise Invalid(errors)
    return arguments


def misfit(info: TaskInfo, args: list[Any], kwargs: Mapping[str, Any]) -> str:
    """Why the task's function could not be called so, values aside; empty when it could."""
    bound = bind(info.parameters, args, kwargs)
    lacking = {p.name: [missing(p)] for p in info.parameters if p.required and p.name not in bound.values}
    return "; ".join(f"{name}: {' '.join(why)}" for name, why in (bound.errors | lacking).items())


def require_size(args: Any, kwargs: Any) -> None:
    """Raise `Invalid` for arguments that are larger than a message may carry."""
    size, limit = len(to_json(args)) + len(to_json(kwargs)), settings().arguments_max_bytes
    if size > limit:
        message = _("The arguments take %(size)s bytes; allowed: %(limit)s.", size=size, limit=limit)
        raise Invalid({"kwargs": [message]})


def check(parameter: Parameter, value: Any) -> tuple[Any, list[str]]:
    """The value in its one spelling, and what is wrong with it."""
    if sentence := json_values.problem(value):
        return None, [sentence]
    if is_masked(value):
        return None, [_("Enter the secret value again: it was not kept.")]
    if parameter.adapter is None:
        return value, []
    if sentences := unlisted(parameter.name, parameter.shape, value):
        return None, sentences
    try:
        checked = _spelled(parameter.adapter, value, parameter.native)
    except ValidationError as error:
        return None, messages(parameter.name, parameter.shape, value, error)
    except Exception as error:  # a validator is the task author's own code
        logger.exception("the check of %s failed", parameter.name)
        return None, [_("The check of this value failed: %(error)s.", error=type(error).__name__)]
    sentence = "" if checked is value else json_values.problem(checked)
    return checked, [sentence] if sentence else []


def _spelled(adapter: TypeAdapter[Any], value: Any, native: bool) -> Any:
    """The value as pydantic writes it, provided that it reads that as the same value again.

    It does not for secrets (written as asterisks) and for models with one-way serializers: those are sent
    as they came. A plain value of a type that JSON has, which is most, has but one spelling.
    """
    python = adapter.validate_json(json.dumps(value), strict=True)
    if native and type(value) in _PLAIN and type(python) is type(value) and python == value:
        return value
    try:
        spelled = adapter.dump_python(python, mode="json", by_alias=True, exclude_unset=True, warnings=False)
        again = adapter.validate_json(json.dumps(spelled), strict=True)
        return spelled if again == python else value
    except Exception:  # whatever a serializer of the author's raises, the value itself is fine
        return value


def missing(parameter: Parameter) -> str:
    """The sentence for a value that is not given."""
    return _("This is required. %(allowed)s", allowed=type_words.allowed(parameter.shape))


def _require_containers(args: Any, kwargs: Any) -> None:
    errors = {}
    if not isinstance(args, list):
        errors["args"] = [_("Enter a JSON list.")]
    if not isinstance(kwargs, Mapping):
        errors["kwargs"] = [_("Enter a JSON object.")]
    if errors:
        raise Invalid(errors)
