"""Arguments are checked before anything is queued, and the messages say what is allowed."""

import enum
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, SecretStr, field_serializer

from app.catalog import Arguments, validate
from app.catalog.docstrings import Doc
from app.catalog.json_values import MAX_DEPTH
from app.catalog.parameters import read_parameters
from app.catalog.validation import check
from app.errors import Invalid

OPAQUE = object()


class Region(enum.Enum):
    EMEA = "emea"
    AMER = "amer"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    street: Annotated[str, Field(min_length=1)]
    floor: int = 0
    since: date | None = None


def report(
    day: date,
    region: Literal["emea", "amer", "apac"],
    rows: Annotated[int, Field(ge=1, le=50000)] = 5000,
    recipients: list[str] = (),
):
    """Builds the report."""


@pytest.fixture
def info(info_of):
    return info_of(report)


def errors_of(info, args=(), kwargs=None) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        validate(info, list(args), kwargs or {})
    return caught.value.errors


def problems(parameter, value) -> list[str]:
    return check(parameter, value)[1]


def test_good_arguments_keep_their_way_of_passing(info):
    assert validate(info, ["2026-10-19", "emea"], {"rows": 7}) == Arguments(
        ["2026-10-19", "emea"], {"rows": 7}
    )


def test_defaults_are_not_filled_in(info):
    assert validate(info, [], {"day": "2026-10-19", "region": "emea"}).kwargs == {
        "day": "2026-10-19",
        "region": "emea",
    }


def test_every_problem_is_told_at_once_at_its_parameter(info):
    assert errors_of(info, [], {"day": "19/10/2026", "region": "moon", "rows": 0, "x": 1}) == {
        "day": ["Enter a date such as 2026-10-19."],
        "region": ["Choose one of: emea, amer, apac."],
        "rows": ["Enter a whole number from 1 to 50000."],
        "x": ["There is no parameter `x`. The task takes: day, region, rows, recipients."],
    }


def test_missing(info):
    assert errors_of(info, [], {"region": "emea"}) == {
        "day": ["This is required. Enter a date such as 2026-10-19."]
    }


def test_too_many_by_place(info):
    errors = errors_of(info, ["2026-10-19", "emea", 5, [], 1])
    assert errors == {"args": ["The task takes at most 4 arguments by their place."]}


def test_given_twice(info):
    errors = errors_of(info, ["2026-10-19", "emea"], {"region": "amer"})
    assert errors == {"region": ["Given twice: by its place and by its name."]}


def test_a_task_without_parameters(info_of):
    def ping():
        pass

    assert validate(info_of(ping), [], {}) == Arguments([], {})
    assert "takes none" in errors_of(info_of(ping), [], {"x": 1})["x"][0]
    assert "no arguments" in errors_of(info_of(ping), [1])["args"][0]


@pytest.mark.parametrize("args", [None, {}, "text", 1, (1,)])
def test_args_must_be_a_list(info, args):
    with pytest.raises(Invalid) as caught:
        validate(info, args, {})
    assert "args" in caught.value.errors


@pytest.mark.parametrize("kwargs", [None, [], "text", 1])
def test_kwargs_must_be_an_object(info, kwargs):
    with pytest.raises(Invalid) as caught:
        validate(info, [], kwargs)
    assert "kwargs" in caught.value.errors


def test_names_must_be_text(info):
    assert "kwargs" in errors_of(info, [], {"day": "2026-10-19", "region": "emea", 3: 4})


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "3"),
        (int, 3.0),
        (int, 3.5),
        (int, True),
        (int, None),
        (float, "1.5"),
        (float, True),
        (float, 10**400),
        (bool, 1),
        (bool, "true"),
        (str, 3),
        (str, None),
        (date, 5),
        (date, "2026-02-30"),
        (date, "2026-10-19T10:00"),
        (datetime, "yesterday"),
        (datetime, 1700000000),
        (AwareDatetime, "2026-10-19T10:00"),
        (timedelta, "soon"),
        (Decimal, "1,5"),
        (Decimal, "NaN"),
        (Path, 3),
        (Region, "EMEA"),
        (Region, None),
        (Literal[1, 2], "1"),
        (Literal[1, 2], True),
        (Literal[1, 2], 1.0),
        (list[Literal[1, 2]], [1, True]),
        (Level, True),
        (list[int], "1"),
        (list[int], [1, "2"]),
        (set[int], {"a": 1}),
        (tuple[int, str], [1]),
        (dict[str, int], []),
        (dict[str, int], {"a": "1"}),
        (dict[int, str], {"x": "a"}),
        (Address, "home"),
        (Address, {"floor": 1}),
        (Address, {"street": ""}),
        (int | None, "x"),
        (int | str, [1]),
        (SecretStr, 5),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(parameter_of, annotation, value):
    sentences = problems(parameter_of(annotation), value)
    assert sentences
    for sentence in sentences:
        assert sentence.endswith(".")
        assert "Input should" not in sentence


@pytest.mark.parametrize(
    ("annotation", "value", "sent"),
    [
        (int, 2**80, 2**80),
        (float, 3, 3.0),
        (date, "2026-10-19", "2026-10-19"),
        (datetime, "2026-10-19T10:00", "2026-10-19T10:00:00"),
        (datetime, "2026-10-19 10:00:00+02:00", "2026-10-19T10:00:00+02:00"),
        (timedelta, "1:30:00", "PT1H30M"),
        (Decimal, 0.1, "0.1"),
        (Decimal, "1.10", "1.10"),
        (Path, "/srv/in box", "/srv/in box"),
        (Region, "emea", "emea"),
        (set[int], [3, 3], [3]),
        (tuple[int, str], [1, "a"], [1, "a"]),
        (dict[int, str], {"1": "a"}, {"1": "a"}),
        (Address, {"street": "s", "since": "2026-01-02"}, {"street": "s", "since": "2026-01-02"}),
        (int | None, None, None),
        (int | str, "3", "3"),
        (date | str, "2026-01-02", "2026-01-02"),
        (SecretStr, "swordfish", "swordfish"),
        (Any, {"a": [1, None, True, "x"]}, {"a": [1, None, True, "x"]}),
        (bytes, "abc", "abc"),
    ],
)
def test_what_is_sent(parameter_of, annotation, value, sent):
    result, sentences = check(parameter_of(annotation), value)
    assert sentences == []
    assert (result, type(result)) == (sent, type(sent))
    json.dumps(result, allow_nan=False)


def test_a_secret_inside_a_model_is_sent_and_not_its_asterisks(parameter_of):
    class Login(BaseModel):
        user: str
        code: SecretStr

    value = {"user": "mei", "code": "swordfish"}
    assert check(parameter_of(Login), value) == (value, [])


def test_a_one_way_serializer_does_not_change_what_is_sent(parameter_of):
    class Rounded(BaseModel):
        size: float

        @field_serializer("size")
        def in_words(self, size: float) -> str:
            return f"about {size:.0f}"

    assert check(parameter_of(Rounded), {"size": 1.5}) == ({"size": 1.5}, [])


def test_aliases_survive(parameter_of):
    class Mail(BaseModel):
        sender: str = Field(alias="from")

    assert check(parameter_of(Mail), {"from": "a@b"}) == ({"from": "a@b"}, [])


@pytest.mark.parametrize("annotation", [Any, float, list[float], dict[str, Any]])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused_however_deep(parameter_of, annotation, bad):
    for value in (bad, [bad], {"a": [{"b": bad}]}):
        assert "NaN" in problems(parameter_of(annotation), value)[0]


@pytest.mark.parametrize("value", ["\ud800", ["a\udfff"], {"\ud83d": 1}, {"a": {"b": "\udc00"}}])
def test_half_characters_are_refused(parameter_of, value):
    assert "surrogate" in problems(parameter_of(Any), value)[0]


def test_keys_must_be_text(parameter_of):
    assert problems(parameter_of(Any), {1: 2}) == ["The keys of an object must be text."]


@pytest.mark.parametrize("value", [object(), {1, 2}, (1, 2), date(2026, 1, 1), b"x"])
def test_python_values_are_no_json(parameter_of, value):
    assert problems(parameter_of(Any), value) == ["This is not a JSON value."]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded(parameter_of):
    assert problems(parameter_of(Any), nested(MAX_DEPTH)) == []
    assert "nested" in problems(parameter_of(Any), nested(MAX_DEPTH + 1))[0]
    assert "nested" in problems(parameter_of(list), nested(200_000))[0]


def test_endless_numbers_are_refused(parameter_of):
    assert "digits" in problems(parameter_of(int), 10**5000)[0]


def test_nested_problems_name_their_place(parameter_of):
    assert problems(parameter_of(list[str]), ["a", 2]) == ["x, item 2: Enter text."]
    assert problems(parameter_of(list[Annotated[int, Field(ge=1, le=5)]]), [1, 9]) == [
        "x, item 2: Enter a whole number from 1 to 5."
    ]
    assert problems(parameter_of(Address), {"street": "s", "floor": "x"}) == [
        "x, floor: Enter a whole number."
    ]
    assert problems(parameter_of(Address), {"floor": 1}) == ["x, street: This is required."]
    assert problems(parameter_of(list[Address]), [{"street": "s"}, {"street": ""}]) == [
        "x, item 2, street: Enter at least 1 character."
    ]
    assert problems(parameter_of(dict[str, list[int]]), {"a": [1, None]}) == [
        "x, a, item 2: Enter a whole number."
    ]
    assert problems(parameter_of(list[int | Address]), [{"street": 3}]) == [
        "x, item 1: Enter a value of the type int | Address.",
        "x, item 1, street: Enter text.",
    ]


def test_a_flood_of_problems_is_cut(parameter_of):
    sentences = problems(parameter_of(list[int]), ["x"] * 5000)
    assert len(sentences) == 11
    assert sentences[-1] == "And 4990 more problems."


def odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("Only odd numbers do.")
    return value


def broken(value: int) -> int:
    raise KeyError("secret detail")


def test_the_task_authors_own_checks_speak_for_themselves(parameter_of):
    assert problems(parameter_of(Annotated[int, AfterValidator(odd)]), 2) == ["Only odd numbers do."]
    assert problems(parameter_of(Annotated[int, AfterValidator(broken)]), 2) == [
        "The check of this value failed: KeyError."
    ]


def test_messages_never_quote_the_value(info_of):
    def login(password: Annotated[str, Field(max_length=3)], code: Literal["a", "b"], key: int):
        pass

    errors = errors_of(info_of(login), [], {"password": "swordfish", "code": "swordfish", "key": "swordfish"})
    assert len(errors) == 3
    assert "swordfish" not in json.dumps(errors)


def test_a_masked_value_must_be_entered_again(info_of):
    def login(user: str, headers: dict):
        pass

    errors = errors_of(info_of(login), [], {"user": "mei", "headers": {"Authorization": "••••••"}})
    assert list(errors) == ["headers"]


def test_positional_only_may_be_given_by_name(info_of):
    def power(base: int, exponent: int = 2, /, *, modulus: int | None = None):
        pass

    info = info_of(power)
    assert validate(info, [], {"base": 3, "modulus": 5}) == Arguments([3], {"modulus": 5})
    assert validate(info, [2], {"exponent": 4}) == Arguments([2, 4], {})


def test_a_gap_before_a_positional_only_argument_takes_the_default(info_of):
    def span(start: int = 1, end: int = 9, /):
        pass

    def opaque(start: Any = OPAQUE, end: int = 9, /):
        pass

    assert validate(info_of(span), [], {"end": 5}) == Arguments([1, 5], {})
    assert list(errors_of(info_of(opaque), [], {"end": 5})) == ["start"]


def test_rest_and_extra(info_of):
    def total(first: int, *numbers: int, scale: float = 1, **labels: str):
        pass

    info = info_of(total)
    assert validate(info, [1, 2, 3], {"scale": 2, "unit": "kg"}) == Arguments(
        [1, 2, 3], {"scale": 2.0, "unit": "kg"}
    )
    assert validate(info, [], {"first": 1, "numbers": [2, 3]}) == Arguments([1, 2, 3], {})
    assert validate(info, [], {"first": 1, "labels": "x"}) == Arguments([], {"first": 1, "labels": "x"})
    assert errors_of(info, [1, 2, "3"]) == {"numbers": ["numbers, item 2: Enter a whole number."]}
    assert errors_of(info, [1], {"unit": 5}) == {"labels": ["labels, unit: Enter text."]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


FREE = read_parameters(lambda x: None, Doc())[0]


@given(json_values)
def test_free_json_is_sent_as_it_came(value):
    assert check(FREE, value) == (value, [])
