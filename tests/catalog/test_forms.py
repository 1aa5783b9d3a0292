"""A task's form: its fields, what they send, and where the messages stand."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, SecretStr
from werkzeug.datastructures import MultiDict

from app.catalog import MASK, Arguments, build_form
from app.errors import Invalid
from app.pages.tasks import presentation


class Address(BaseModel):
    street: str


@pytest.fixture
def form_of(info_of):
    """The form of `one(x: annotation = default)` with something typed into its field (None: nothing sent)."""

    def make(annotation: Any, typed: str | None = None, *default: Any, values: Any = None):
        def one(x):
            pass

        one.__annotations__ = {} if annotation is None else {"x": annotation}
        one.__defaults__ = default or None
        formdata = (
            None
            if typed is None and values is not None
            else MultiDict({} if typed is None else {"p-x": typed})
        )
        return build_form(info_of(one), formdata, Arguments([values]) if values is not None else None)

    return make


def sent(form) -> Any:
    """The value that is sent, or "nothing" when the argument is left out."""
    return form.arguments().kwargs.get("x", "nothing")


def refused(form) -> list[str]:
    with pytest.raises(Invalid) as caught:
        form.arguments()
    assert caught.value.errors == form.errors
    return form["x"].errors


def html(form) -> str:
    return str(form["x"]())


@pytest.mark.parametrize(
    ("annotation", "control"),
    [
        (int, "text"),
        (float, "text"),
        (str, "text"),
        (SecretStr, "password"),
        (Annotated[str, Field(json_schema_extra={"multiline": True})], "textarea"),
        (bool, "switch"),
        (bool | None, "radio"),
        (Literal["a", "b", "c", "d"], "radio"),
        (Literal["a", "b", "c", "d", "e"], "select"),
        (Literal["a", "b", "c", "d"] | None, "select"),
        (date, "date"),
        (datetime, "datetime"),
        (AwareDatetime, "text"),
        (time, "time"),
        (timedelta, "text"),
        (list[str], "lines"),
        (list[Address], "json"),
        (dict[str, int], "json"),
        (Address, "model"),
        (None, "json"),
    ],
)
def test_control_by_type(form_of, annotation, control):
    assert form_of(annotation)["x"].control == control


def test_markup(form_of):
    assert 'inputmode="numeric"' in html(form_of(int))
    assert 'inputmode="decimal"' in html(form_of(float))
    assert "inputmode" not in html(form_of(Annotated[int, Field(ge=-5)]))
    assert 'type="date"' in html(form_of(date))
    assert 'type="datetime-local"' in html(form_of(datetime))
    assert 'placeholder="5000"' in html(form_of(int, None, 5000))
    assert 'type="checkbox"' in html(form_of(bool))
    assert "checked" in html(form_of(bool, None, values=True))
    assert html(form_of(Literal["a", "b"])).count('type="radio"') == 2
    assert html(form_of(list[str])).startswith("<textarea")
    assert 'name="p-x"' in html(form_of(int))
    assert 'aria-required="true"' in html(form_of(int))
    assert "aria-required" not in html(form_of(int, None, 1))


def test_user_text_is_escaped(form_of):
    assert "<script>" not in html(form_of(str, "<script>alert(1)</script>"))
    assert "<script>" not in html(form_of(Literal["<script>", "b"]))


def test_field_knows_its_parameter(form_of):
    assert form_of(int)["x"].parameter.name == "x"


@pytest.mark.parametrize(
    ("annotation", "typed", "value"),
    [
        (int, " 12 ", 12),
        (int, "+7", 7),
        (int, "１２", 12),  # noqa: RUF001 -- typed with a Chinese keyboard
        (float, "3", 3.0),
        (float, ".5", 0.5),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (bool, None, False),
        (bool | None, "true", True),
        (bool | None, "", None),
        (str, "  spaces stay ", "  spaces stay "),
        (str, '""', ""),
        (str, '""""', '""'),
        (str, "null", "null"),
        (date, "2026-10-19", "2026-10-19"),
        (datetime, "2026-10-19T14:30", "2026-10-19T14:30:00"),
        (timedelta, "90", "PT1M30S"),
        (timedelta, "1:30:00", "PT1H30M"),
        (list[str], "a@b\r\n\r\n  c@d \r\n", ["a@b", "c@d"]),
        (list[str], '["a", "b\\nc"]', ["a", "b\nc"]),
        (list[str], "[]", []),
        (list[str], '""', [""]),
        (list[int], "1\n2", [1, 2]),
        (list[date], "2026-10-19", ["2026-10-19"]),
        (list[Literal["a", 1]], "a\n1", ["a", 1]),
        (list[bool], "true\nFalse", [True, False]),
        (tuple[int, str], '[1, "a"]', [1, "a"]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Address, '{"street": "s"}', {"street": "s"}),
        (None, "[1, null]", [1, None]),
        (int | str, '"3"', "3"),
        (int | None, "", None),
        (str | None, "", None),
    ],
)
def test_typed_text_becomes_a_value(form_of, annotation, typed, value):
    result = sent(form_of(annotation, typed))
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("annotation", "typed", "message"),
    [
        (int, "", "This is required. Enter a whole number."),
        (int, None, "This is required. Enter a whole number."),
        (str, "", 'This is required. Enter text, or "" for an empty text.'),
        (int, "1.0", "Enter a whole number."),
        (int, "1,000", "Enter a whole number."),
        (int, "abc", "Enter a whole number."),
        (int, "9" * 5000, "Enter a whole number."),
        (Annotated[int, Field(ge=1, le=50000)], "90000", "Enter a whole number from 1 to 50000."),
        (float, "nan", "Enter a number."),
        (float, "inf", "Enter a number."),
        (float, "1e999", "NaN and Infinity are not allowed, nor numbers beyond 1.7e308."),
        (float, "1,5", "Enter a number."),
        (date, "19.10.2026", "Enter a date such as 2026-10-19."),
        (datetime, "2026-10-19", "Enter a date and time such as 2026-10-19T14:30."),
        (timedelta, "a while", "Enter a duration such as 1:30:00 or PT1H30M."),
        (Literal["a", "b"], "z", "Choose one of: a, b."),
        (Literal["a", "b"], None, "This is required. Choose one of: a, b."),
        (list[int], "1\n\nx", "Line 3: Enter a whole number."),
        (list[str], '["a" "b"]', "Line 1, column 6: put a comma between two values here."),
        (dict[str, int], "a: 1", "Line 1, column 1: a value belongs here"),
        (dict[str, int], "[1]", "Enter a JSON object."),
        (dict[str, int], '{"a": "x"}', "x, a: Enter a whole number."),
        (Address, '{"strasse": "s"}', "x, street: This is required."),
        (None, '{\n "a": NaN}', "Line 2, column 7: NaN and Infinity are not JSON."),
        (None, '{"a": 1,\n "a": 2}', "Line 2, column 2: the key a stands twice in this object."),
    ],
)
def test_bad_text_is_refused_at_its_field_and_stays(form_of, annotation, typed, message):
    form = form_of(annotation, typed)
    messages = refused(form)
    assert len(messages) == 1
    assert messages[0].startswith(message)
    assert form["x"].text == (typed or "")
    assert not form.validate()


def test_what_was_typed_wrongly_stays_visible(form_of):
    """A browser's date picker would show nothing for a text that is no date."""
    form = form_of(date, "19.10.2026")
    refused(form)
    assert 'type="text"' in html(form)
    assert 'value="19.10.2026"' in html(form)
    assert 'type="text"' in html(form_of(datetime, None, values="2026-10-19T14:30:00+02:00"))


@pytest.mark.parametrize(
    ("annotation", "default", "typed"),
    [
        (int, 5000, ""),
        (str, "x", ""),
        (str | None, None, ""),
        (str | None, "x", None),
        (int | None, 800, "800"),
        (date, None, ""),
        (list[str], (), " \r\n "),
        (dict, {}, ""),
        (None, 1, ""),
        (bool, True, "true"),
        (bool, False, None),
        (Literal["a", "b"], "a", "a"),
        (Literal["a", "b"], None, ""),
        (Literal["a", "b"] | None, None, ""),
        (bool | None, None, ""),
        (bool, None, ""),
        (int, 5, None),
    ],
)
def test_what_is_left_alone_is_not_sent(form_of, annotation, default, typed):
    assert sent(form_of(annotation, typed, default)) == "nothing"


@pytest.mark.parametrize(
    ("annotation", "default", "typed", "value"),
    [
        (int, 5000, "5000", 5000),
        (bool, True, None, False),
        (bool, False, "true", True),
        (Literal["a", "b"], "a", "b", "b"),
        (Literal["a", "b"] | None, "a", "", None),
        (str, "x", '""', ""),
        (str | None, "x", '""', ""),
        (str | None, "x", "", None),
        (int | None, 800, "", None),
        (int | None, 800, "801", 801),
    ],
)
def test_what_differs_from_the_default_is_sent(form_of, annotation, default, typed, value):
    assert sent(form_of(annotation, typed, default)) == value


def test_default_stands_chosen(form_of):
    form = form_of(Literal["a", "b"], None, "b", values=None)
    fresh = build_form(form.info)
    assert [choice.selected for choice in fresh["x"].iter_choices()] == [False, True]
    assert "checked" in str(build_form(form_of(bool, None, True).info)["x"]())


def test_a_default_that_may_be_taken_away_stands_in_the_field(form_of):
    assert build_form(form_of(int | None, None, 800).info)["x"].text == "800"
    assert build_form(form_of(int, None, 800).info)["x"].text == ""
    assert form_of(int | None, None, 800, values=5)["x"].text == "5"


def test_an_untouched_form_has_nothing_to_send(info_of):
    def report(
        a: Literal["a", "b"] = "b", c: bool = True, d: int | None = 5, e: str = "x", f: bool | None = False
    ):
        pass

    form = build_form(info_of(report))
    assert form.arguments() == Arguments([], {})
    assert [field.text for field in form] == ["b", "", "5", "", "false"]
    assert form["c"].checked


def test_choices_that_look_alike_are_told_apart(form_of):
    for key, value in (('"1"', "1"), ("1", 1), ("true", True)):
        assert sent(form_of(Literal["1", 1, True], key)) is value
    assert sent(form_of(Literal["", "a"], '""')) == ""


def test_parameter_names_meet_no_attribute_of_the_form(info_of):
    def odd(
        data: int,
        errors: str,
        validate: int,
        process: int = 1,
        arguments: int = 2,
        meta: int = 3,
        info: int = 4,
    ):
        pass

    form = build_form(
        info_of(odd), MultiDict({"p-data": "1", "p-errors": "e", "p-validate": "2", "p-info": "9"})
    )
    assert form.arguments() == Arguments([], {"data": 1, "errors": "e", "validate": 2, "info": 9})
    assert "errors" not in form.errors


def test_parameters_of_every_way_of_passing(info_of):
    def total(a: int, /, b: int = 0, *numbers: int, c: bool = False, **labels: str):
        pass

    info = info_of(total)
    typed = MultiDict({"p-a": "1", "p-numbers": "2\n3", "p-c": "true", "p-labels": '{"unit": "kg"}'})
    assert build_form(info, typed).arguments() == Arguments([1, 0, 2, 3], {"c": True, "unit": "kg"})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("[1]", "Enter a JSON object."),
        ('{"b": 1}', "b: these have fields of their own."),
        ('{"unit": 5}', "labels, unit: Enter text."),
    ],
)
def test_extra_arguments_are_checked(info_of, labels, message):
    def total(b: int = 0, **labels: str):
        pass

    form = build_form(info_of(total), MultiDict({"p-labels": labels}))
    assert not form.validate()
    assert form["labels"].errors == [message]


def test_earlier_arguments_fill_the_form(info_of):
    def report(
        day: date, region: Literal["emea", "amer"], rows: int = 5, to: list[str] = (), fast: bool = False
    ):
        pass

    form = build_form(
        info_of(report), None, Arguments(["2026-10-19", "amer"], {"to": ["a", "b"], "fast": True})
    )
    assert {field.parameter.name: field.text for field in form} == {
        "day": "2026-10-19",
        "region": "amer",
        "rows": "",
        "to": "a\nb",
        "fast": "true",
    }
    assert form["fast"].checked


def test_earlier_arguments_that_do_not_fit_any_more(info_of):
    def report(day: date, rows: int = 5):
        pass

    form = build_form(info_of(report), None, Arguments([{"a": 1}, "many", 3], {"gone": 1}))
    assert form["rows"].text == "many"
    assert 'type="text"' in str(form["day"]())


def test_secrets_are_asked_for_again(info_of):
    def login(user: str, password: str, pin: SecretStr, headers: dict):
        pass

    form = build_form(
        info_of(login), None, Arguments(["mei", MASK], {"pin": MASK, "headers": {"Cookie": MASK}})
    )
    assert (form["user"].text, form["password"].text, form["pin"].text) == ("mei", "", "")
    typed = {"p-user": "mei", "p-password": "p", "p-pin": "1", "p-headers": form["headers"].text}
    again = build_form(form.info, MultiDict(typed))
    assert not again.validate()
    assert again["headers"].errors == ["Enter the secret value again: it was not kept."]


def test_a_password_is_never_written_into_the_page(info_of):
    def login(password: str, token: int = 0):
        pass

    form = build_form(info_of(login), MultiDict({"p-password": "swordfish", "p-token": "x"}))
    assert not form.validate()
    page = "".join(str(field()) for field in form)
    assert page.count('type="password"') == 2
    assert "swordfish" not in page


def test_asking_twice_gives_the_same(form_of):
    form = form_of(int, "x")
    assert refused(form) == refused(form) == ["Enter a whole number."]


def test_what_was_entered_can_be_carried_to_the_other_tab(info_of):
    def total(a: int, b: int = 0, *numbers: int, **labels: str):
        pass

    typed = MultiDict({"p-a": "one", "p-b": "2", "p-numbers": "3", "p-labels": '{"unit": "kg", "a": "x"}'})
    assert build_form(info_of(total), typed).entered() == {"b": 2, "numbers": [3], "unit": "kg"}


@pytest.mark.parametrize(
    ("typed", "value", "words"),
    [
        ("hello", "hello", "is taken as text"),
        ('{"a": 1', '{"a": 1', "is taken as text"),
        ("NaN", "NaN", "is taken as text"),
        ("2026-11-21", "2026-11-21", "is taken as text"),
        ('"12"', "12", "is taken as JSON text"),
        ("12", 12, "is taken as a JSON number"),
        ("true", True, "is taken as JSON true or false"),
        ("null", None, "is taken as JSON null"),
        ("[1]", [1], "is taken as a JSON list"),
        ('{"a": 1}', {"a": 1}, "is taken as a JSON object"),
    ],
)
@pytest.mark.parametrize("annotation", [None, Any])
def test_where_anything_goes_text_that_is_no_json_is_text(form_of, annotation, typed, value, words):
    form = form_of(annotation, typed)
    assert form.arguments().kwargs == {"x": value}
    assert presentation.taken(form) == [("x", words)]
