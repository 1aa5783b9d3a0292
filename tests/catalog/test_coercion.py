"""When a task runs, its arguments have the annotated types."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import pytest
from celery import Celery
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from app.catalog import coerce


class Region(enum.Enum):
    EMEA = "emea"
    AMER = "amer"


class Address(BaseModel):
    street: str
    floor: Annotated[int, Field(ge=0)] = 0


@dataclass
class Point:
    x: int
    day: date


class Row(TypedDict):
    day: date


def converted(make_task, annotation: Any, value: Any) -> Any:
    def one(x):
        return x

    one.__annotations__ = {"x": annotation}
    task = make_task(one)
    args, kwargs = coerce(task, [value], {})
    assert (coerce(task, [], {"x": value})[1], kwargs) == ({"x": args[0]}, {})
    return args[0]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (date, "2026-10-19", date(2026, 10, 19)),
        (date | None, "2026-10-19", date(2026, 10, 19)),
        (date | None, None, None),
        (datetime, "2026-10-19T10:00", datetime(2026, 10, 19, 10)),  # noqa: DTZ001 -- a task may ask for one
        (timedelta, "PT90S", timedelta(seconds=90)),
        (Decimal, "1.10", Decimal("1.10")),
        (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
        (Path, "/srv", Path("/srv")),
        (Region, "emea", Region.EMEA),
        (Literal[Region.EMEA], "emea", Region.EMEA),
        (list[Path], ["/a", "/b"], [Path("/a"), Path("/b")]),
        (set[int], [1, 2], {1, 2}),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, Path], [1, "/a"], (1, Path("/a"))),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (dict[str, date], {"a": "2026-10-19"}, {"a": date(2026, 10, 19)}),
        (Iterable[date], ["2026-10-19"], [date(2026, 10, 19)]),
        (Address, {"street": "s"}, Address(street="s")),
        (Point, {"x": 1, "day": "2026-10-19"}, Point(1, date(2026, 10, 19))),
        (Row, {"day": "2026-10-19"}, {"day": date(2026, 10, 19)}),
        (date | int, 5, 5),
        (date | int, "2026-10-19", date(2026, 10, 19)),
        (bytes, "abc", b"abc"),
        (Annotated[str, AfterValidator(str.upper)], "abc", "ABC"),
    ],
)
def test_json_becomes_the_annotated_type(make_task, annotation, value, expected):
    result = converted(make_task, annotation, value)
    assert (result, type(result)) == (expected, type(expected))


def test_secret(make_task):
    assert converted(make_task, SecretStr, "swordfish").get_secret_value() == "swordfish"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (date, date(2026, 10, 19)),
        (Path, Path("/srv")),
        (Region, Region.EMEA),
        (set[int], {1, 2}),
        (tuple[int, ...], (1, 2)),
        (list[date], [date(2026, 10, 19)]),
        (Address, Address(street="s")),
        (Address, Address.model_construct(street="s", floor=-1)),
        (Row, {"day": date(2026, 10, 19)}),
        (Annotated[date, Field(ge=date(2026, 1, 1))], date(1999, 1, 1)),
    ],
)
def test_a_right_value_stays_the_same_object(make_task, annotation, value):
    assert converted(make_task, annotation, value) is value


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        str,
        float,
        bool,
        list,
        dict,
        Any,
        object,
        None,
        list[int],
        dict[str, list[str]],
        int | None,
        int | str,
        Literal["a", 1],
        Annotated[int, Field(ge=1, le=5)],
        "Nowhere",
    ],
)
def test_a_task_of_native_values_costs_nothing(make_task, annotation):
    def one(x, y=1, *rest, **others):
        pass

    one.__annotations__ = {"x": annotation}
    args, kwargs = (object(),), {"y": object()}
    same_args, same_kwargs = coerce(make_task(one), args, kwargs)
    assert same_args is args
    assert same_kwargs is kwargs


def test_bounds_of_plain_numbers_are_the_callers_business(make_task):
    def one(x: Annotated[int, Field(ge=1)], day: date):
        pass

    assert coerce(make_task(one), [-5, "2026-10-19"], {})[0] == [-5, date(2026, 10, 19)]


def test_rest_and_extra(make_task):
    def one(a: int, *days: date, mode: str = "x", **paths: Path):
        pass

    args, kwargs = coerce(make_task(one), [1, "2026-10-19", "2026-10-20"], {"mode": "y", "to": "/srv"})
    assert args == [1, date(2026, 10, 19), date(2026, 10, 20)]
    assert kwargs == {"mode": "y", "to": Path("/srv")}


def test_bound_task(make_task):
    def one(self, day: date):
        pass

    assert coerce(make_task(one, bind=True), ["2026-10-19"], {})[0] == [date(2026, 10, 19)]


def test_string_hints(make_task):
    def one(day: "date", other: "Nowhere"):  # noqa: F821 -- it is missing on purpose
        pass

    assert coerce(make_task(one), ["2026-10-19", "2026-10-19"], {})[0] == [date(2026, 10, 19), "2026-10-19"]


@pytest.mark.parametrize("value", ["soon", 5, None, ["2026-10-19"], "\ud800"])
def test_a_mismatch_names_the_parameter_and_not_the_value(make_task, value):
    with pytest.raises(ValueError, match="The argument x does not fit: Enter a date") as caught:
        converted(make_task, date, value)
    assert repr(value) not in str(caught.value)
    assert caught.value.__context__ is None  # pydantic's own error quotes the value


def test_python_values_mixed_with_json(make_task):
    assert converted(make_task, list[date], [date(2026, 1, 1), "2026-01-02"]) == [
        date(2026, 1, 1),
        date(2026, 1, 2),
    ]


def test_celery_own_pydantic_tasks_get_their_model(make_task):
    def one(address: Address):
        return address.street

    task = make_task(one, pydantic=True)
    args, kwargs = coerce(task, [], {"address": {"street": "s"}})
    assert task.run(*args, **kwargs) == "s"


def test_wrong_number_of_arguments_is_left_to_python(make_task):
    def one(day: date):
        pass

    assert coerce(make_task(one), ["2026-10-19", 2], {"zzz": 3}) == ([date(2026, 10, 19), 2], {"zzz": 3})


def test_the_cache_does_not_keep_tasks_alive():
    import gc

    from app.catalog import coercion

    app = Celery("short-lived", broker="memory://", set_as_current=False)

    @app.task(shared=False, name="tests.short")
    def short(day: date):
        pass

    task = app.tasks["tests.short"]
    coerce(task, ["2026-10-19"], {})
    before = len(coercion._cache)
    del app, short, task
    gc.collect()
    assert len(coercion._cache) < before
