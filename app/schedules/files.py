"""Schedules as text, YAML or JSON: `{"schedules": [{name, task_name, … as in REST}]}`."""

import json
import re
from collections.abc import Callable
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


_TEXT = "tag:yaml.org,2002:str"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast
    """YAML with JSON's types only: `no`, `12:30` and 2026-11-20 are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- PyYAML's own name

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode:
            return _tag_of(value) if implicit[0] else _TEXT
        return super().resolve(kind, value, implicit)

    def construct_document(self, node: yaml.Node) -> Any:
        """Whole things before what holds them, so that one that holds itself is refused."""
        return self.construct_object(node, deep=True)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        keys = set()
        for key in (key for key, _value in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in keys:
                raise _twice(key.value, key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)

    def get_plain(self) -> Any:
        """The one document, made as it is read: a tree of nodes before would take four times the memory.

        Raises `_Peculiar` where it comes on something that only PyYAML itself can make.
        """
        self.get_event(), self.get_event()  # the start of the stream and of the document
        value = self._next(self.get_event())
        self.get_event()
        if not isinstance(self.get_event(), yaml.StreamEndEvent):
            raise _Peculiar
        return value

    def _next(self, event: Any) -> Any:
        kind = type(event)
        if kind is yaml.AliasEvent or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise _Peculiar
        if kind is yaml.ScalarEvent:
            return _value_of(event.value) if event.implicit[0] else event.value
        if kind is yaml.SequenceStartEvent:
            items = []
            while type(event := self.get_event()) is not yaml.SequenceEndEvent:
                items.append(self._next(event))
            return items
        if kind is not yaml.MappingStartEvent:
            raise _Peculiar
        made = {}
        while type(event := self.get_event()) is not yaml.MappingEndEvent:
            key = self._next(event)
            if type(key) is not str:
                raise _Peculiar
            if key in made:
                raise _twice(key, event.start_mark)
            made[key] = self._next(self.get_event())
        return made


def _twice(key: str, mark: Any) -> yaml.MarkedYAMLError:
    said = _("the key %(key)s stands twice in this object", key=key[:80])
    return yaml.MarkedYAMLError(problem=said, problem_mark=mark)


class _Peculiar(Exception):
    """Aliases, tags, several documents: what hardly any file has."""


def _load(text: str) -> Any:
    """The value of a YAML text; raises `yaml.YAMLError`."""
    loader = _Loader(text)
    try:
        return loader.get_plain()
    except _Peculiar:
        return yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader
    finally:
        loader.dispose()


def _value_of(text: str) -> Any:
    """A scalar that has neither quotes nor a tag, as the loader makes it."""
    tag = _tag_of(text)
    return text if tag == _TEXT else _MADE[tag](text)


_MADE: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda _text: None,
    "tag:yaml.org,2002:bool": lambda text: text == "true",
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
}


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
        value = catalog.parse_json(text, None) if as_json else _load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise _invalid(_("This is neither YAML nor JSON: %(why)s", why=why)) from None
    if not isinstance(value, dict) or set(value) != {"schedules"} or not isinstance(value["schedules"], list):
        raise _invalid(_("The file must be an object with one list, schedules."))
    for number, item in enumerate(value["schedules"], 1):
        if not isinstance(item, dict):
            raise _invalid(_("Schedule %(n)s is not an object.", n=number))
    items: list[dict[str, Any]] = value["schedules"]
    return items


def _invalid(message: str) -> Invalid:
    return Invalid({"file": [message]})
