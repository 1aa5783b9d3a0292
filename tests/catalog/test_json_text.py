"""JSON that a person typed: strict, and explained by line and column."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog import Arguments, by_name, parse_raw, to_raw, validate
from app.catalog.json_text import parse_json
from app.errors import Invalid


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Line 1, column 1: a value belongs here"),
        ('["a"\n "b"]', "Line 2, column 2: put a comma"),
        ('{"a" 1}', "Line 1, column 6: put a colon"),
        ("{a: 1}", "Line 1, column 2: a key in double quotes belongs here."),
        ("{'a': 1}", "Line 1, column 2: use double quotes, not single ones."),
        ("['a']", "Line 1, column 2: use double quotes, not single ones."),
        ('{"a": True}', "Line 1, column 7: write true, false and null in small letters"),
        ('"abc', "Line 1, column 1: the text that starts here has no closing double quote."),
        ('"a\nb"', "Line 1, column 3: write line breaks and tabs"),
        ('"C:\\dir"', "Line 1, column 4: a backslash inside a text is written twice"),
        ('"\\u12"', "Line 1, column 3: \\u needs four hexadecimal digits."),
        ("1 2", "Line 1, column 3: nothing may follow the end of the value."),
        ("[1,]", "Line 1, column 4: take away the comma before the end"),
        ('{"a": 1,\n}', "Line 2, column 1: take away the comma before the end"),
        ("{\n\n  NaN}", "Line 3, column 3: a key in double quotes"),
        ("NaN", "Line 1, column 1: NaN and Infinity are not JSON."),
        ('["NaN", -Infinity]', "Line 1, column 9: NaN and Infinity are not JSON."),
        ("[1e999]", "NaN and Infinity are not allowed"),
        ('{"a": {"b": 1, "b": 2}}', "Line 1, column 16: the key b stands twice in this object."),
        ('{"a": 1, "\\u0061": 2}', "Line 1, column 10: the key a stands twice in this object."),
        ("[" * 60 + "]" * 60, "Lists and objects may be nested at most 50 deep."),
        ("[" * 500_000, "Lists and objects may be nested at most 50 deep."),
        ("9" * 5000, "A whole number may have at most 4300 digits."),
        ('"\\ud800"', "The text holds half a character"),
        (" " * 2_000_001, "The text is too long"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\ufeff[1]", [1]),
        ('{"a": {"b": 1}, "b": {"b": 2}}', {"a": {"b": 1}, "b": {"b": 2}}),
        ('["NaN", "{", "\\"a\\": 1"]', ["NaN", "{", '"a": 1']),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_good_json(text, value):
    assert parse_json(text) == value


def test_raw_arguments():
    assert parse_raw('{"a": 1}') == Arguments([], {"a": 1})
    assert parse_raw("[1, 2]") == Arguments([1, 2], {})
    assert parse_raw('{"args": [1], "kwargs": {}}') == Arguments([], {"args": [1], "kwargs": {}})
    assert parse_raw(" \n") == Arguments([], {})


def test_earlier_arguments_come_back_through_the_raw_tab(info_of):
    def total(a: int, b: int = 0, *numbers: int, **labels: str):
        pass

    info = info_of(total)
    known = by_name(info.parameters, [1, 2, 3, 4], {"unit": "kg"})
    assert validate(info, [], parse_raw(to_raw(known)).kwargs) == Arguments([1, 2, 3, 4], {"unit": "kg"})


@pytest.mark.parametrize("text", ["3", '"a"', "null", "{", "[NaN]"])
def test_raw_arguments_that_are_none(text):
    with pytest.raises(Invalid) as caught:
        parse_raw(text)
    assert list(caught.value.errors) == ["raw"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.sampled_from([None, 2]), st.booleans())
def test_any_json_is_read_as_python_reads_it(value, indent, ascii_only):
    assert parse_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == value


def refuse(name: str) -> None:
    raise ValueError(name)


def only_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def strictly(text: str) -> object:
    """The same strictness by other means: the hooks of Python's own parser and writer."""
    value = json.loads(text, parse_constant=refuse, object_pairs_hook=only_once)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return value


@given(st.text(st.sampled_from('{}[]",:\\ \n1eNaIu') | st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_or_explained(text):
    try:
        expected = strictly(text.removeprefix("\ufeff"))
    except ValueError:
        with pytest.raises(ValueError, match=r"\.$"):
            parse_json(text)
    else:
        assert parse_json(text) == expected
