"""What a person types becomes JSON, passes the check, and reaches the task as the value that was meant."""

import contextlib
import enum
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from werkzeug.datastructures import MultiDict

from app.catalog import Arguments, TaskInfo, build_form, coerce
from app.catalog.facts import info_of as described
from app.catalog.parameters import parameters_of
from app.catalog.value_text import text_of, value_of
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP

celery = Celery("round-trip", broker="memory://", set_as_current=False)


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2
    EMPTY = ""


class Item(BaseModel):
    name: str
    day: date | None = None
    tags: list[str] = []


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))
line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])).map(str.strip).filter(bool)
paths = st.lists(st.text("abc .-_é", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=3)
numbers = st.floats(allow_nan=False, allow_infinity=False)

TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (int, st.integers(min_value=10**300, max_value=10**310)),
    (Annotated[int, Field(ge=-5, le=5)], st.integers(-5, 5)),
    (float, numbers),
    (bool, st.booleans()),
    (bool | None, st.booleans() | st.none()),
    (str, text),
    (Literal["a", "b", ""], st.sampled_from(["a", "b", ""])),
    (Literal["1", 1, "x", 2, 3, True], st.sampled_from(["1", 1, "x", 2, 3, True])),
    (Literal["a", "b"] | None, st.sampled_from(["a", "b", None])),
    (Colour, st.sampled_from(Colour)),
    (date, st.dates()),
    (datetime, st.datetimes()),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-999999), timedelta(days=999999))),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=4)),
    (UUID, st.uuids()),
    (Path, paths.map(lambda parts: Path("/").joinpath(*parts))),
    (int | None, st.integers() | st.none()),
    (list[str], st.lists(text)),
    (list[str], st.lists(line)),
    (list[int], st.lists(st.integers())),
    (list[date], st.lists(st.dates())),
    (list[Colour], st.lists(st.sampled_from(Colour))),
    (list[int | None], st.lists(st.integers() | st.none())),
    (set[int], st.sets(st.integers())),
    (tuple[int, str], st.tuples(st.integers(), text)),
    (dict[str, int], st.dictionaries(text, st.integers())),
    (dict[int, str], st.dictionaries(st.integers(-(10**9), 10**9), text)),
    (Item, st.builds(Item, name=text, day=st.dates() | st.none(), tags=st.lists(text, max_size=3))),
    (list[Item], st.lists(st.builds(Item, name=text), max_size=3)),
    (int | str, st.integers() | text),
]
DEFAULTS: list[tuple[Any, st.SearchStrategy[Any], Any]] = [
    (int | None, st.integers(-3, 3) | st.none(), 1),
    (int | None, st.integers(-3, 3) | st.none(), None),
    (str | None, st.sampled_from(["", '""', "a", None]), "a"),
    (str, st.sampled_from(["", '""', "a"]), "a"),
    (bool, st.booleans(), True),
    (bool | None, st.booleans() | st.none(), False),
    (Literal["a", "b"] | None, st.sampled_from(["a", "b", None]), "b"),
    (Literal["a", 1, 2, 3, 4], st.sampled_from(["a", 1, 2, 3, 4]), 2),
    (list[int], st.lists(st.integers(), min_size=1), [7]),
    (list[int] | None, st.lists(st.integers()) | st.none(), [7]),
]


def task_for(annotation: Any, *default: Any) -> tuple[Any, TaskInfo]:
    def one(x):
        return x

    one.__annotations__ = {"x": annotation}
    one.__defaults__ = default or None
    name = f"tests.round_trip_{next(numbering)}"
    celery.task(name=name, shared=False)(one)
    facts = json.loads(json.dumps(tasks.facts_of(celery, celery.tasks[name])))
    return celery.tasks[name], described(OWN_APP, facts, {}, celery)


numbering = count()
CASES = [(*task_for(annotation), values) for annotation, values in TYPES]
CASES += [(*task_for(annotation, default), values) for annotation, values, default in DEFAULTS]
NAMES = [str(annotation) for annotation, _ in TYPES] + [
    f"{kind} = {default}" for kind, _, default in DEFAULTS
]


def browser(form: Any) -> MultiDict[str, str]:
    """What a browser sends of a form that it was given: shown values, with its own line ends."""
    sent: MultiDict[str, str] = MultiDict()
    for field in form:
        if field.control == "switch":
            if field.checked:
                sent[field.name] = field._value()
        elif field.control in ("radio", "select"):
            chosen = [choice.value for choice in field.iter_choices() if choice.selected]
            if chosen or field.control == "select":
                sent[field.name] = chosen[0] if chosen else next(field.iter_choices()).value
        else:
            sent[field.name] = field._value().replace("\n", "\r\n")
    return sent


@pytest.mark.parametrize(("task", "info", "values"), CASES, ids=NAMES)
def test_from_the_form_to_the_task_and_back(task, info, values):
    @given(values)
    def walk(meant):
        value = parameters_of(task)[0].adapter.dump_python(meant, mode="json")
        shown = build_form(info, None, Arguments([value]))
        arguments = build_form(info, browser(shown)).arguments()
        message = json.loads(json.dumps([arguments.args, arguments.kwargs], allow_nan=False))
        args, kwargs = coerce(task, *message)
        assert type(task.run(*args, **kwargs)) is type(meant)
        assert task.run(*args, **kwargs) == meant

    walk()


@pytest.mark.parametrize(("task", "info", "values"), CASES[:1], ids=["int"])
def test_text_of_any_json_never_fails(task, info, values):
    """Earlier arguments may be of any type: the signature may have changed since."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    )

    @given(st.sampled_from([info.parameters[0].shape for _, info, _ in CASES]), anything)
    def walk(shape, value):
        shown = text_of(shape, value)
        assert isinstance(shown, str)
        if shown:
            with contextlib.suppress(ValueError):  # any other error is a fault
                value_of(shape, shown)

    walk()
