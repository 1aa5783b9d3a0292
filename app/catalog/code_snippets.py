"""A run as the code or the command that sends the same: for the page, to be copied."""

import json
import pprint
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from app.catalog.info import TaskInfo
from app.catalog.masking import mask
from app.catalog.parameters import Parameter

WIDTH = 64

# Types that kombu's JSON carries as they are; any other value is written as plain JSON has it.
_CARRIED = (date, datetime, time, Decimal, UUID)
_CELERY_NAMES = {"run_at": "eta", "message_ttl_seconds": "expires"}


def as_python(
    info: TaskInfo, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> str:
    """The `apply_async` call of this run, secrets masked; `options` are those of `POST /runs`.

    `hold` is not Celery's and left out.
    """
    args, kwargs, _ = mask(info, args, kwargs)
    receivers = [info.parameter(name) for name in info.places(len(args))]
    lines = []
    if args:
        lines.append(_written("args", [_typed(p, v) for p, v in zip(receivers, args, strict=True)]))
    if kwargs:
        lines.append(_written("kwargs", {n: _typed(info.parameter(n), v) for n, v in kwargs.items()}))
    for name, value in options.items():
        if value is None or name == "hold":
            continue
        lines.append(_written(_CELERY_NAMES.get(name, name), value))
    body = textwrap.indent("\n".join(lines), "    ")
    return f"{info.function}.apply_async(\n{body}\n)" if lines else f"{info.function}.apply_async()"


def as_curl(
    base_url: str, info: TaskInfo, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> str:
    """The curl command that posts this run to the API, secrets masked; the token is in the environment."""
    args, kwargs, _ = mask(info, args, kwargs)
    body: dict[str, Any] = {"task_name": info.name}
    body |= {"app": info.app} if info.app else {}
    body |= {name: value for name, value in (("args", args), ("kwargs", kwargs), *options.items()) if value}
    body |= {"priority": 0} if options.get("priority") == 0 else {}
    return " \\\n".join(
        [
            f"curl {shlex.quote(base_url.rstrip('/') + '/api/v1/runs')}",
            '  -H "Authorization: Bearer $CELERIAC_TOKEN"',
            "  --json " + shlex.quote(json.dumps(body, ensure_ascii=False, default=str)),
        ]
    )


def _written(name: str, value: Any) -> str:
    text = pprint.pformat(value, width=WIDTH, sort_dicts=False)
    return textwrap.indent(f"{name}={text},", " " * (len(name) + 1)).lstrip()


def _typed(parameter: Parameter | None, value: Any) -> Any:
    """The value as its own type where Celery can carry that, since this is how a developer would write it."""
    if parameter is None or parameter.adapter is None or parameter.shape.core not in _CARRIED:
        return value
    try:
        typed = parameter.adapter.validate_json(json.dumps(value))
    except ValidationError:  # a value that the task does not take, shown as it is
        return value
    return value if getattr(typed, "tzinfo", None) else typed  # pydantic's time zones cannot be typed in
