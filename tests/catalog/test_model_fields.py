"""A model as fields of its own: what is typed there, what it becomes, and where each message stands."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel, Field, SecretStr, model_validator
from werkzeug.datastructures import MultiDict

from app.catalog import MASK, Arguments, build_form
from app.catalog.facts import in_code
from app.errors import Invalid


class Place(BaseModel):
    city: str
    floor: Annotated[int, Field(ge=0, le=90)] = 0


class Order(BaseModel):
    number: int = Field(gt=0, description="As on the bill.")
    tags: list[str] = []
    kind: Literal["new", "old"] = "new"
    urgent: bool = False
    place: Place | None = None
    token: SecretStr | None = None

    @model_validator(mode="after")
    def old_ones_are_not_urgent(self) -> "Order":
        if self.kind == "old" and self.urgent:
            raise ValueError("An old order is not urgent.")
        return self


@dataclass
class Size:
    width: int
    unit: str = "px"
    marks: list[int] = field(default_factory=list)


class Part(TypedDict):
    name: str
    note: NotRequired[str]


@pytest.fixture
def form_of(celery_app, make_task):
    """The form of `one(x: annotation = default)` with what was typed by name, or with an earlier value."""

    def make(annotation: Any, typed: dict[str, str] | None = None, *default: Any, value: Any = None):
        def one(x):
            pass

        one.__annotations__ = {"x": annotation}
        one.__defaults__ = default or None
        sent = None if typed is None else MultiDict({f"p-x.{name}": text for name, text in typed.items()})
        info = in_code(celery_app, make_task(one))
        return build_form(info, sent, Arguments([], {"x": value}) if value is not None else None)

    return make


def sent(form) -> Any:
    return form.arguments().kwargs.get("x", "nothing")


def texts(form) -> dict[str, str]:
    return {part.parameter.name: part.text for part in form["x"].parts}


@pytest.mark.parametrize(
    ("annotation", "typed", "value"),
    [
        (Order, {"number": "7"}, {"number": 7}),
        (
            Order,
            {"number": "7", "tags": "a\r\nb", "kind": "old", "urgent": "", "token": "s3cret"},
            {"number": 7, "tags": ["a", "b"], "kind": "old", "token": "s3cret"},
        ),
        (Order, {"number": "7", "urgent": "true"}, {"number": 7, "urgent": True}),
        (
            Order,
            {"number": "7", "place.city": "Ulm", "place.floor": "3"},
            {"number": 7, "place": {"city": "Ulm", "floor": 3}},
        ),
        (Size, {"width": "3", "marks": "1\n2"}, {"width": 3, "unit": "px", "marks": [1, 2]}),
        (Part, {"name": "n", "note": ""}, {"name": "n"}),
    ],
)
def test_fields_become_the_model(form_of, annotation, typed, value):
    assert sent(form_of(annotation, typed)) == value


@pytest.mark.parametrize(
    ("annotation", "default", "typed", "value"),
    [
        (Place | None, None, {"city": "", "floor": ""}, "nothing"),
        (Place | None, None, {"city": "Ulm"}, {"city": "Ulm"}),
        (Place, Place(city="Ulm", floor=2), {"city": "Ulm", "floor": "2"}, "nothing"),
        (Place, Place(city="Ulm", floor=2), {"city": "Ulm", "floor": "3"}, {"city": "Ulm", "floor": 3}),
        (Place | None, Place(city="Ulm"), {"city": "", "floor": ""}, None),
    ],
)
def test_a_model_that_may_be_left_out(form_of, annotation, default, typed, value):
    assert sent(form_of(annotation, typed, default)) == value


def test_a_default_stands_in_the_fields(form_of):
    assert texts(form_of(Place, None, Place(city="Ulm", floor=2))) == {"city": "Ulm", "floor": "2"}
    assert texts(form_of(Place | None, None, None)) == {"city": "", "floor": ""}


def test_what_is_wrong_is_said_at_the_field(form_of):
    form = form_of(Order, {"number": "0", "place.floor": "99", "kind": "red"})
    with pytest.raises(Invalid) as caught:
        form.arguments()
    assert list(caught.value.errors) == ["x"]
    model = form["x"]
    found = {part.parameter.name: list(part.errors) for part in model.parts if part.errors}
    assert found["number"] == ["Enter a whole number: more than 0."]
    assert found["kind"] == ["Choose one of: new, old."]
    place = model.parts["place"]
    assert [list(part.errors) for part in place.parts] == [
        ['This is required. Enter text, or "" for an empty text.'],
        ["Enter a whole number from 0 to 90."],
    ]
    assert model.said_by_parts
    assert place.said_by_parts


def test_errors_that_are_taken_away_leave_the_fields_too(form_of):
    form = form_of(Order, {"number": "0"})
    form.validate()
    form["x"].errors = []
    assert not any(part.errors for part in form["x"].parts)


def test_what_is_wrong_with_the_whole_is_said_at_the_whole(form_of):
    form = form_of(Order, {"number": "1", "kind": "old", "urgent": "true"})
    with pytest.raises(Invalid):
        form.arguments()
    assert form["x"].errors == ["An old order is not urgent."]
    assert not form["x"].said_by_parts


def test_earlier_arguments_stand_in_the_fields(form_of):
    value = {"number": 7, "tags": ["a"], "place": {"city": "Ulm"}, "urgent": True}
    form = form_of(Order, None, value=value)
    assert form["x"].control == "model"
    assert texts(form) | {"kind": ""} == {
        "number": "7", "tags": "a", "kind": "", "urgent": "true",
        "place": '{\n  "city": "Ulm"\n}', "token": "",
    }  # fmt: skip
    assert form["x"].parts["urgent"].checked
    assert form["x"].parts["place"].parts["city"].text == "Ulm"
    assert sent(form) == value


@pytest.mark.parametrize(
    "value",
    [
        {"number": 7, "colour": "red"},
        {"number": {"$due": "P1D"}},
        {"number": 7, "place": {"city": "Ulm", "more": 1}},
        "text",
    ],
)
def test_what_the_fields_cannot_hold_stays_json(form_of, value):
    """Nothing of an argument is lost by opening it in a form."""
    form = form_of(Order, None, value=value)
    assert form["x"].control == "json"
    assert form.entered()["x"] == value


def test_a_secret_that_was_masked_stays_so(form_of):
    form = form_of(Order, None, value={"number": 7, "token": MASK})
    assert f'value="{MASK}"' in str(form["x"].parts["token"]())
    again = form_of(Order, {"number": "8", "token": MASK})
    assert again.entered()["x"] == {"number": 8, "token": MASK}
    with pytest.raises(Invalid) as caught:
        again.arguments()
    assert caught.value.errors == {"x": ["Enter the secret value again: it was not kept."]}
    assert "s3cret" not in str(form_of(Order, {"number": "x", "token": "s3cret"})["x"].parts["token"]())


def test_models_that_hold_themselves_end(form_of):
    class Node(BaseModel):
        name: str
        child: "Node | None" = None

    Node.model_rebuild()
    form = form_of(Node, {"name": "a", "child.name": "b", "child.child": '{"name": "c"}'})
    assert sent(form) == {"name": "a", "child": {"name": "b", "child": {"name": "c"}}}


def test_the_page_draws_them_and_keeps_what_was_wrong(app: Flask, signed_in: Any, post: Any) -> None:
    browser: FlaskClient = signed_in("operator")
    page = browser.get("/tasks/sample_tasks.ship").text
    assert 'name="p-order.number"' in page
    assert 'name="p-order.place.city"' in page
    assert "As on the bill." in page
    assert "field-error" not in page  # nothing is wrong before anything was entered
    refused = post(browser, "/tasks/sample_tasks.ship/run", {"p-order.number": "x", "start": "now"})
    assert refused.status_code == 422
    assert 'id="p-order.number-error"' in refused.text
    assert refused.text.count("Enter a whole number") >= 1
