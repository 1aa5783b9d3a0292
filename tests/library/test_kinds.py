"""Guessing what a column holds, and turning cells into it."""
# ruff: noqa: DTZ001  # times in files have no zone

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.library.data.kinds import GUESSED, Guess, convert


def guess(*values: Any, typed: bool = False) -> str:
    found = Guess(typed)
    for value in values:
        found.see(value)
    return found.kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-20", None], "integer"),
        (["1", "2.5"], "float"),
        (["1.10"], "float"),
        (["true", "FALSE", None], "boolean"),
        (["2026-01-31"], "date"),
        (["2026-01-31", "2026-01-31 10:00"], "datetime"),
        (["2026-01-31T10:00:00.5"], "datetime"),
        ([], "text"),
        ([None, None], "text"),
        (["1", "x"], "text"),
        (["1", "2026-01-31"], "text"),
        (["true", "1"], "text"),
    ],
)
def test_a_columns_kind_is_the_narrowest_that_fits(values: list[Any], kind: str) -> None:
    assert guess(*values) == kind


@pytest.mark.parametrize(
    "value",
    ["007", "+1", "-0", "1e5", "1_000", "١٢", " 1", "1.", ".5", "NaN", "inf", "9223372036854775808", "0x1F",
     "2026-02-30",
     "2026-01-31T10:00:00Z", "1.2345678901234567", "24:00", "1,5"],
)  # fmt: skip
def test_what_would_lose_something_stays_text(value: str) -> None:
    assert guess(value) == "text"


def test_strings_of_a_typed_file_are_strings() -> None:
    assert guess("1", typed=True) == "text"
    assert guess("true", typed=True) == "text"
    assert guess("2026-01-31", typed=True) == "date"  # JSON has no dates
    assert guess(1, 2, typed=True) == "integer"
    assert guess(1, 2.5, typed=True) == "float"
    assert guess(2**53 + 1, 2.5, typed=True) == "text"
    assert guess(True, 1, typed=True) == "text"
    assert guess({"a": 1}, typed=True) == "text"


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (" 12 ", "integer", 12), ("007", "integer", 7), (3.0, "integer", 3), ("1e3", "integer", 1000),
        ("1.5", "float", 1.5), (2, "float", 2.0), ("1.10", "decimal", Decimal("1.10")),
        ("Yes", "boolean", True), ("0", "boolean", False), (1, "boolean", True), (False, "boolean", False),
        ("2026-01-31", "date", date(2026, 1, 31)), (datetime(2026, 1, 31), "date", date(2026, 1, 31)),
        (date(2026, 1, 31), "datetime", datetime(2026, 1, 31)),
        ("2026-01-31 10:30", "datetime", datetime(2026, 1, 31, 10, 30)),
        (1.5, "text", "1.5"), (True, "text", "true"), ([1, "ü"], "text", '[1, "ü"]'), ("", "text", ""),
        (date(2026, 1, 31), "text", "2026-01-31"), (None, "integer", None),
    ],
)  # fmt: skip
def test_values_are_converted(value: Any, kind: Any, result: Any) -> None:
    converted = convert(value, kind)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("abc", "integer"), ("1.5", "integer"), (True, "integer"), ("9223372036854775808", "integer"),
        ("", "integer"),
        ("1e999999999", "float"), ("nan", "float"), (math.inf, "float"), ([1], "float"), ("sNaN", "decimal"),
        ("maybe", "boolean"), (2, "boolean"), ("31.01.2026", "date"), (5, "date"), ("2026-02-30", "date"),
        (datetime(2026, 1, 31, 10), "date"), ("soon", "datetime"), ({}, "datetime"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_words(value: Any, kind: Any) -> None:
    with pytest.raises(ValueError, match=r" is not (true|a )"):
        convert(value, kind)


def test_a_huge_exponent_takes_no_time() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        convert("1e999999999", "integer")


CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=30)


@given(
    st.lists(CELL | st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True), max_size=6),
    st.booleans(),
)
def test_whatever_was_guessed_can_be_converted(values: list[Any], typed: bool) -> None:
    kind = guess(*values, typed=typed)
    assert kind in GUESSED
    for value in values:
        convert(value, kind)  # type: ignore[arg-type]


@given(st.text(alphabet="0123456789.-+eE", max_size=24))
def test_numbers_come_back_as_they_were_written(text: str) -> None:
    kind = guess(text)
    if kind == "integer":
        assert str(convert(text, kind)) == text
    elif kind == "float":
        assert Decimal(str(convert(text, kind))) == Decimal(text)
