"""The JSON Schema says the same as the check."""

import enum
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from app.catalog import schema, validate
from app.catalog.docstrings import Doc
from app.catalog.parameters import read_parameters
from app.errors import Invalid


class Region(enum.Enum):
    EMEA = "emea"
    AMER = "amer"


class Address(BaseModel):
    street: str
    since: date | None = None


@dataclass
class Point:
    x: int


def report(
    day: date,
    region: Region,
    rows: Annotated[int, Field(ge=1, le=50000, description="Cuts the table")] = 5000,
    *,
    to: list[str] = (),
    where: Address | None = None,
    points: list[Point] = (),
    style: Literal["short", "long"] = "short",
    folder: Path = Path("/srv"),
    anything=None,
):
    """Builds it."""


def test_schema_of_a_task(info_of):
    document = schema(info_of(report))
    assert jsonschema_rs.meta.is_valid(document)
    assert document["required"] == ["day", "region"]
    assert document["additionalProperties"] is False
    assert list(document["properties"]) == [
        *("day", "region", "rows", "to", "where", "points", "style", "folder", "anything"),
    ]
    assert document["properties"]["day"] == {"type": "string", "format": "date", "x-kind": "date"}
    assert document["properties"]["rows"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 50000,
        "default": 5000,
        "description": "Cuts the table",
        "x-kind": "int",
    }
    assert document["properties"]["folder"]["default"] == "/srv"
    assert set(document["$defs"]) == {"Address", "Point", "Region"}
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"day": "2026-10-19", "region": "emea"},
        {"day": "2026-10-19", "region": "emea", "where": {"street": "s"}, "points": [{"x": 1}]},
        {"day": "2026-10-19", "region": "moon"},
        {"day": "2026-10-19"},
        {"day": 5, "region": "emea"},
        {"day": "2026-10-19", "region": "emea", "rows": 0},
        {"day": "2026-10-19", "region": "emea", "rows": "7"},
        {"day": "2026-10-19", "region": "emea", "extra": 1},
        {"day": "2026-10-19", "region": "emea", "to": [1]},
        {"day": "2026-10-19", "region": "emea", "where": {}},
        {"day": "2026-10-19", "region": "emea", "style": None},
        {"day": "2026-10-19", "region": "emea", "anything": [{"a": None}]},
    ],
)
def test_schema_and_check_agree(info_of, kwargs):
    info = info_of(report)
    try:
        validate(info, [], kwargs)
        accepted = True
    except Invalid:
        accepted = False
    assert jsonschema_rs.validator_for(schema(info), validate_formats=True).is_valid(kwargs) is accepted


scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=2) | st.sampled_from(["a", "b"])
NUMBERS: list[Any] = [
    int,
    str,
    bool,
    int | None,
    list[int],
    dict[str, bool],
    Literal["a", 1],
    Annotated[int, Field(gt=-3, le=4, multiple_of=2)],
    Annotated[str, Field(min_length=1)],
    Annotated[list[str], Field(max_length=1)],
    int | str,
    tuple[int, str],
]


@pytest.mark.parametrize("annotation", NUMBERS, ids=str)
def test_schema_and_check_agree_on_anything(info_of, annotation):
    def one(x):
        pass

    one.__annotations__ = {"x": annotation}
    info = info_of(one)
    validator = jsonschema_rs.validator_for(schema(info))

    @given(scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("ab"), scalars))
    def walk(value):
        try:
            validate(info, [], {"x": value})
            accepted = True
        except Invalid:
            accepted = False
        assert validator.is_valid({"x": value}) is accepted

    walk()


def test_rest_and_extra(info_of):
    def total(a: int, /, *numbers: int, **labels: str):
        pass

    def free(*numbers, **labels):
        pass

    document = schema(info_of(total))
    assert document["properties"]["numbers"]["items"] == {"type": "integer"}
    assert document["additionalProperties"] == {"type": "string"}
    assert document["required"] == ["a"]
    assert schema(info_of(free))["properties"]["numbers"]["type"] == "array"
    assert schema(info_of(free))["additionalProperties"] is True


def test_a_secret_default_is_not_told(info_of):
    def login(password: str = "swordfish", pin: SecretStr = SecretStr("1234"), limit: int = 3):  # noqa: B008 -- a constant
        pass

    text = json.dumps(schema(info_of(login)))
    assert "swordfish" not in text
    assert "1234" not in text
    assert schema(info_of(login))["properties"]["password"]["x-secret"] is True


def test_types_without_a_schema_are_free(info_of):
    def odd(call: Any = print, number: complex = 1j, default: object = object()):
        pass

    document = schema(info_of(odd))
    assert jsonschema_rs.meta.is_valid(document)
    assert "default" not in document["properties"]["default"]


def test_types_of_the_same_name_are_kept_apart(info_of):
    def make() -> type[BaseModel]:
        class Address(BaseModel):
            town: str

        return Address

    other = make()

    def move(a, b):
        pass

    move.__annotations__ = {"a": Address, "b": other}
    document = schema(info_of(move))
    assert jsonschema_rs.validator_for(document).is_valid({"a": {"street": "s"}, "b": {"town": "t"}})
    assert not jsonschema_rs.validator_for(document).is_valid({"a": {"town": "t"}, "b": {"town": "t"}})


def test_parameters_of_any_callable_have_a_schema():
    assert read_parameters(print, Doc())[0].schema == {}
