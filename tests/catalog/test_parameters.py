"""A signature becomes parameters, whatever stands in it."""

import enum
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict
from uuid import UUID

import annotated_types
import pytest
from celery import Task
from pydantic import (
    AwareDatetime,
    BaseModel,
    EmailStr,
    Field,
    HttpUrl,
    PositiveInt,
    SecretStr,
    StringConstraints,
)
from typing_extensions import TypeAliasType

from app.catalog import type_words as wording
from app.catalog.facts import in_code
from app.catalog.parameters import NO_VALUE, Parameter
from app.catalog.shapes import Kind


class Region(enum.Enum):
    EMEA = "emea"
    AMER = "amer"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    street: str
    since: date | None = None


@dataclass
class Point:
    x: int
    y: int


class Row(TypedDict):
    day: date
    amount: int


class Tree(TypedDict):
    children: "list[Tree]"


Amount = NewType("Amount", int)
Size = TypeAliasType("Size", Annotated[int, Field(ge=1, le=9)])


def type_words(parameter: Parameter) -> str:
    """The type as a table of parameters shows it."""
    bounds = wording.bounds_words(parameter.shape)
    name = wording.type_name(parameter.annotation)
    return f"{name}, {bounds}" if bounds else name


@pytest.mark.parametrize(
    ("annotation", "kind", "words"),
    [
        (int, Kind.INT, "int"),
        (float, Kind.FLOAT, "float"),
        (bool, Kind.BOOL, "bool"),
        (str, Kind.STR, "str"),
        (date, Kind.DATE, "date"),
        (datetime, Kind.DATETIME, "datetime"),
        (AwareDatetime, Kind.DATETIME, "AwareDatetime"),
        (time, Kind.TIME, "time"),
        (timedelta, Kind.DURATION, "timedelta"),
        (Decimal, Kind.DECIMAL, "Decimal"),
        (UUID, Kind.UUID, "UUID"),
        (Path, Kind.PATH, "Path"),
        (SecretStr, Kind.STR, "SecretStr"),
        (HttpUrl, Kind.STR, "HttpUrl"),
        (Literal["emea", "amer", "apac"], Kind.CHOICE, '"emea"|"amer"|"apac"'),
        (Literal[1, "a", None], Kind.CHOICE, '1|"a"|null'),
        (Region, Kind.CHOICE, '"emea"|"amer"'),
        (Level, Kind.CHOICE, "1|2"),
        (int | None, Kind.INT, "int | None"),
        (Optional[date], Kind.DATE, "date | None"),  # noqa: UP045 -- the old spelling is what is tested
        (int | str, Kind.JSON, "int | str"),
        (list[str], Kind.LIST, "list[str]"),
        (list, Kind.LIST, "list"),
        (Sequence[int], Kind.LIST, "Sequence[int]"),
        (Iterable[int], Kind.LIST, "Iterable[int]"),
        (set[int], Kind.LIST, "set[int]"),
        (tuple[int, ...], Kind.LIST, "tuple[int, ...]"),
        (tuple[int, str], Kind.LIST, "tuple[int, str]"),
        (dict[str, int], Kind.DICT, "dict[str, int]"),
        (dict, Kind.DICT, "dict"),
        (Address, Kind.MODEL, "Address"),
        (Point, Kind.MODEL, "Point"),
        (Row, Kind.MODEL, "Row"),
        (list[Address], Kind.LIST, "list[Address]"),
        (Any, Kind.JSON, "JSON"),
        (object, Kind.JSON, "JSON"),
        (Amount, Kind.INT, "int"),
        (Size, Kind.INT, "int, 1 to 9"),
        (Annotated[int, Field(ge=1, le=50000)], Kind.INT, "int, 1 to 50000"),
        (Annotated[int, Field(ge=1)] | None, Kind.INT, "int | None, at least 1"),
        (PositiveInt, Kind.INT, "int, more than 0"),
        (Annotated[float, Field(gt=0, le=1.5)], Kind.FLOAT, "float, more than 0, at most 1.5"),
        (Annotated[int, Field(lt=10, multiple_of=5)], Kind.INT, "int, less than 10, a multiple of 5"),
        (Annotated[int, annotated_types.Interval(ge=2, le=4)], Kind.INT, "int, 2 to 4"),
        (Annotated[Decimal, Field(ge=1)], Kind.DECIMAL, "Decimal, at least 1"),
        (Annotated[date, Field(ge=date(2020, 1, 1))], Kind.DATE, "date, at least 2020-01-01"),
        (Annotated[str, Field(min_length=1, max_length=80)], Kind.STR, "str, 1 to 80 characters"),
        (Annotated[str, Field(max_length=1)], Kind.STR, "str, at most 1 character"),
        (Annotated[str, StringConstraints(pattern="^a+$")], Kind.STR, "str, matching ^a+$"),
        (Annotated[list[str], Field(min_length=1)], Kind.LIST, "list[str], at least 1 item"),
    ],
)
def test_type_is_recognised_and_named(parameter_of, annotation, kind, words):
    parameter = parameter_of(annotation)
    assert (parameter.kind, type_words(parameter)) == (kind, words)
    assert parameter.adapter
    assert parameter.required


def test_how_a_value_is_written(parameter_of):
    def how(annotation):
        return wording.how_to_write(parameter_of(annotation).shape)

    assert how(list[str]) == "one per line, or JSON"
    assert how(list[Address]) == how(dict) == how(Address) == "JSON"
    assert how(str) == how(int) == ""
    assert "PT1H30M" in how(timedelta)
    assert "zone" in how(AwareDatetime)


def test_too_many_choices_are_counted_not_listed(parameter_of):
    many = enum.Enum("many", {f"NAME{n}": f"some value {n}" for n in range(50)})
    assert type_words(parameter_of(many)) == "one of 50"


class Unknown:
    """A class that pydantic knows nothing of."""


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Unknown, "JSON"),
        (list[Unknown], "JSON"),
        ("NowhereToBeFound", "NowhereToBeFound"),
        ("broken [", "broken ["),
    ],
)
def test_what_cannot_be_checked_is_free_json(parameter_of, annotation, words):
    parameter = parameter_of(annotation)
    assert (parameter.kind, parameter.adapter) == (Kind.JSON, None)
    assert words in wording.how_to_write(parameter.shape)


def test_one_bad_hint_does_not_spoil_the_others(info_of):
    def report(day: "date", whom: "Nowhere", rows: "list[int]" = ()):  # noqa: F821 -- it is missing on purpose
        pass

    day, whom, rows = info_of(report).parameters
    assert (day.kind, whom.kind, rows.kind) == (Kind.DATE, Kind.JSON, Kind.LIST)
    assert "Nowhere" in wording.how_to_write(whom.shape)


def test_parameters_without_hints(info_of):
    def anything(a, b=3, *rest, **others):
        pass

    a, b, rest, others = info_of(anything).parameters
    assert [p.kind for p in (a, b, rest, others)] == [Kind.JSON, Kind.JSON, Kind.LIST, Kind.DICT]
    assert [p.required for p in (a, b, rest, others)] == [True, False, False, False]
    assert all("no type hint" in wording.how_to_write(p.shape) for p in (a, b, rest, others))
    assert b.default_json == 3


def test_ways_of_passing(info_of):
    def ways(a: int, /, b: int, *rest: int, c: int, d: int = 1, **others: str):
        pass

    _, b, rest, c, d, others = info_of(ways).parameters
    assert [p.name for p in info_of(ways).parameters if p.positional_only] == ["a"]
    assert [p.name for p in info_of(ways).parameters if p.keyword_only] == ["c", "d"]
    assert (rest.takes_rest, others.takes_extra) == (True, True)
    assert (type_words(rest), type_words(others)) == ("list[int]", "dict[str, str]")
    assert (b.positional, c.required, d.required) == (True, True, False)


def test_self_of_a_bound_task_is_no_parameter(info_of):
    def resize(self, folder: str):
        pass

    assert [p.name for p in info_of(resize, bind=True).parameters] == ["folder"]


def test_automatic_retries_do_not_hide_the_signature(info_of):
    def fetch(self, url: str, tries: int = 2):
        pass

    info = info_of(fetch, bind=True, autoretry_for=(ValueError,))
    assert [(p.name, p.kind) for p in info.parameters] == [("url", Kind.STR), ("tries", Kind.INT)]


def test_celery_own_pydantic_wrapper_does_not_hide_the_signature(info_of):
    def move(address: Address):
        pass

    assert info_of(move, pydantic=True).parameters[0].kind is Kind.MODEL


def test_class_based_task(celery_app):
    class Sweep(Task):
        """Sweeps the floor."""

        name = "tests.sweep"

        def run(self, room: Literal["hall", "kitchen"], times: int = 1):
            pass

    info = in_code(celery_app, celery_app.register_task(Sweep()))
    assert info.summary == "Sweeps the floor."
    assert [(p.name, p.kind) for p in info.parameters] == [("room", Kind.CHOICE), ("times", Kind.INT)]


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, 3, 3),
        (date, date(2026, 1, 2), "2026-01-02"),
        (Path, Path("/tmp"), "/tmp"),
        (Region, Region.EMEA, "emea"),
        (Address, Address(street="s"), {"street": "s", "since": None}),
        (set[int], frozenset(), []),
        (tuple[int, ...], (1, 2), [1, 2]),
        (int, None, None),
        (timedelta, timedelta(seconds=90), "PT1M30S"),
        (Any, object(), NO_VALUE),
        (float, float("nan"), NO_VALUE),
        (Unknown, Unknown(), NO_VALUE),
    ],
)
def test_default_as_json(parameter_of, annotation, default, expected):
    parameter = parameter_of(annotation, default)
    assert not parameter.required
    assert parameter.default_json == expected


def test_meaning_comes_from_field_or_docstring(info_of):
    def report(
        day: date,
        region: Annotated[str, Field(description="Where it was sold")],
        limit: int = 5,
    ):
        """Builds it.

        Args:
            day: The day to report on
            region: not shown, the field says more
        """

    assert [p.description for p in info_of(report).parameters] == [
        "The day to report on",
        "Where it was sold",
        "",
    ]


def test_secret_by_name_or_by_type(parameter_of, info_of):
    def login(password: str, user: str, pin: SecretStr, keys: list[SecretStr], reset_password: bool = False):
        pass

    assert [p.name for p in info_of(login).parameters if p.secret] == ["password", "pin", "keys"]

    class Login(BaseModel):
        user: str
        code: SecretStr

    assert parameter_of(list[Login]).secret_keys == {"code"}


@pytest.mark.parametrize(
    ("annotation", "default", "multiline"),
    [
        (str, (), False),
        (str, ("a\nb",), True),
        (Annotated[str, Field(json_schema_extra={"multiline": True})], (), True),
        (Annotated[str, Field(json_schema_extra={"format": "textarea"})], (), True),
        (Annotated[str, Field(description="The text, multi-line")], (), True),
        (Annotated[str, Field(max_length=5000)], (), True),
        (Annotated[str, Field(max_length=5000, pattern=r"^\S+$")], (), False),
        (Annotated[str, Field(max_length=500)], (), False),
    ],
)
def test_multiline_text(parameter_of, annotation, default, multiline):
    assert parameter_of(annotation, *default).multiline is multiline


def test_recursive_types_are_survived(parameter_of):
    assert parameter_of(Tree).kind in (Kind.JSON, Kind.MODEL)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs the type statement")
def test_an_alias_of_itself_is_survived(parameter_of):
    space: dict[str, Any] = {}
    exec("type Nested = list[Nested]", space)
    assert parameter_of(space["Nested"]).kind is Kind.JSON


def test_e_mail_needs_an_optional_package_and_is_survived(parameter_of):
    assert parameter_of(EmailStr).kind in (Kind.STR, Kind.JSON)
