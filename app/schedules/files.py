"""Schedules as text, YAML or JSON: `{"schedules": [{name, task_name, … as in REST}]}`."""

import json
import re
from functools import lru_cache
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


_TEXT, _LIST, _OBJECT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast
    """YAML with JSON's types only: `no`, `12:30` and 2026-11-20 are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- PyYAML's own name

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode:
            return _tag_of(value) if implicit[0] else _TEXT
        return super().resolve(kind, value, implicit)

    def construct_document(self, node: yaml.Node) -> Any:
        return self._value(node, {})

    def _value(self, node: yaml.Node, made: dict[int, Any]) -> Any:
        """Lists, objects and text without PyYAML's way of making them, which takes twice as long."""
        tag = node.tag
        if tag == _TEXT:
            return node.value
        if id(node) in made:  # an alias of it
            return made[id(node)]
        value: Any
        if tag == _LIST and isinstance(node, yaml.SequenceNode):
            value = [self._value(one, made) for one in node.value]
        elif tag == _OBJECT and isinstance(node, yaml.MappingNode) and _has_plain_keys(node):
            value = {key.value: self._value(one, made) for key, one in node.value}
        else:
            value = self.construct_object(node, deep=True)
        made[id(node)] = value
        return value


def _has_plain_keys(node: yaml.MappingNode) -> bool:
    return all(key.tag == _TEXT for key, _value in node.value)


@lru_cache(maxsize=10_000)  # names of fields and tasks come again and again
def _tag_of(text: str) -> str:
    """The type of a scalar that has neither quotes nor a tag."""
    return next((tag for tag, pattern in _READ_AS.get(text[:1], ()) if pattern.match(text)), _TEXT)


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` and other readers of YAML read as the same; never an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """PyYAML takes these line breaks for spaces unless they are escaped."""
        style = '"' if _ODD_BREAKS.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(str, _Dumper.represent_str)

_READ_AS: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _tag, (_pattern, _first) in _JSON_TYPES.items():
    for _letter in _first:
        _READ_AS.setdefault(_letter, []).append((_tag, re.compile(rf"(?:{_pattern})\Z")))
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
    for number, item in enumerate(value["schedules"], 1):
        if not isinstance(item, dict):
            raise _invalid(_("Schedule %(n)s is not an object.", n=number))
    found: list[dict[str, Any]] = value["schedules"]
    return found


def _invalid(message: str) -> Invalid:
    return Invalid({"file": [message]})
