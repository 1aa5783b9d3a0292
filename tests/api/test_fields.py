"""Many items are read as one by one."""

from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError

from app.api.fields import reader
from app.api.schedules.schemas import ScheduleSchema

LEAST = {"name": "A", "task_name": "t", "task_type": "interval"}


@pytest.fixture
def read(app: Flask) -> Any:
    return reader(ScheduleSchema)


@pytest.mark.parametrize(
    "item",
    [LEAST, LEAST | {"args": [1], "kwargs": {"x": None}, "run_at": "2099-01-01T00:00:00Z", "note": "n"}],
)
def test_it_reads_what_the_schema_reads(read: Any, item: dict[str, Any]) -> None:
    assert read(item) == read(item) == ScheduleSchema().load(item)


def test_defaults_are_nobody_elses(read: Any) -> None:
    read(LEAST)["kwargs"]["x"] = 1
    assert read(LEAST)["kwargs"] == {}


@pytest.mark.parametrize(
    "item",
    [{}, {"name": "A"}, LEAST | {"nmae": "B"}, LEAST | {"enabled": 1, "run_at": "soon"}, LEAST | {1: 2}],
)
def test_it_refuses_what_the_schema_refuses(read: Any, item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(item)
    with pytest.raises(ValidationError) as whole:
        ScheduleSchema().load(item)
    assert refused.value.messages == whole.value.messages
