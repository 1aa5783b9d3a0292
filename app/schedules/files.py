"""Schedules as text, YAML or JSON: `{"schedules": [{name, task_name, … as in REST}]}`."""

import json
import re
from typing import Any

import yaml
from flask_babel import gettext as _

from app import catalog
from app.errors import Invalid

NOTICE = f"""\
# Secret arguments are masked as {catalog.MASK}. On import a masked one keeps the value that the schedule of
# this name has; for a new schedule write the secret itself in its place.
"""
_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")
_JSON_TYPES = {
    "tag:yaml.org,2002:null": (r"null|~|", ["n", "~", ""]),
    "tag:yaml.org,2002:bool": (r"true|false", ["t", "f"]),
    "tag:yaml.org,2002:int": (r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    "tag:yaml.org,2002:float": (
        r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?",
        list("-0123456789"),
    ),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast
    """YAML with JSON's types only: `no`, `12:30` and 2026-11-20 are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- PyYAML's own name


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` and other readers of YAML read as the same; never an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """PyYAML takes these line breaks for spaces unless they are escaped."""
        style = '"' if _ODD_BREAKS.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(str, _Dumper.represent_str)

for _tag, (_pattern, _first) in _JSON_TYPES.items():
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)
    _Dumper.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def write(schedules: list[dict[str, Any]], as_json: bool) -> str:
    """The text of a file."""
    if as_json:
        return json.dumps({"schedules": schedules}, indent=2, ensure_ascii=False) + "\n"
    body = yaml.dump({"schedules": schedules}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return NOTICE + body


def read(text: str) -> list[dict[str, Any]]:
    """The schedules in a text of either kind; raises `Invalid` (field `file`) when it is neither."""
    try:
        as_json = text.lstrip().startswith("{")
        value = catalog.parse_json(text, None) if as_json else yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise _invalid(_("This is neither YAML nor JSON: %(why)s", why=why)) from None
    if not isinstance(value, dict) or set(value) != {"schedules"} or not isinstance(value["schedules"], list):
        raise _invalid(_("The file must be an object with one list, schedules."))
    for place, item in enumerate(value["schedules"], 1):
        if not isinstance(item, dict):
            raise _invalid(_("Schedule %(n)s is not an object.", n=place))
    found: list[dict[str, Any]] = value["schedules"]
    return found


def _invalid(message: str) -> Invalid:
    return Invalid({"file": [message]})
