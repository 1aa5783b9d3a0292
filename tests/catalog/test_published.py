"""Tasks of other apps, as their workers publish them: kept by version, with forms and checks as ours."""

import inspect
import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import celery
import pydantic
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel, Field, SecretStr

from app import catalog
from app.catalog import published, type_words
from app.catalog.schema_types import type_of
from app.errors import Invalid, NotFound
from app.extensions import celery_app, db
from celeriac_agent import schemas, tasks

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Publish = Callable[..., str]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int = 1


def charge(
    amount: Annotated[int, Field(ge=1, le=1000)],
    currency: Literal["EUR", "USD"] = "EUR",
    when: Optional[date] = None,  # noqa: UP045 -- as older projects write it
    colour: Colour = Colour.RED,
    to: Address | None = None,
    tags: list[str] = [],  # noqa: B006 -- theirs
    *,
    api_key: str = "",
    token: SecretStr | None = None,
) -> None:
    """Charge a customer.

    Args:
        amount: in cents
    """


def plain(x, *more, **rest):  # type: ignore[no-untyped-def]  # as most are
    pass


@pytest.fixture
def publish(app: Flask) -> Publish:
    """Take in the catalog of an app with these functions as tasks; returns its digest."""

    def make(*functions: Any, name: str = "shop", at: datetime = NOW, change: Any = None) -> str:
        theirs = celery.Celery(name, broker="redis://127.0.0.1:1/0", set_as_current=False)
        for function in functions:
            theirs.task(name=f"{name}.{function.__name__}", shared=False)(function)
        for other in [task for task in theirs.tasks if not task.startswith((f"{name}.", "celery."))]:
            del theirs.tasks[other]
        told = json.loads(json.dumps({"app": name} | tasks.document(theirs), default=str))
        if change:
            change(told)
        digest = tasks.digest(told)
        published.take_in(name, digest, told, at)
        published.forget_what_was_read()
        return digest

    return make


@pytest.mark.database
def test_a_signature_comes_through_whole(publish: Publish) -> None:
    publish(charge)
    info = catalog.find("shop.charge", app="shop")
    assert (info.app, info.summary, info.queue, info.origin) == (
        "shop",
        "Charge a customer.",
        "celery",
        "app",
    )
    assert [one.name for one in info.parameters] == list(inspect.signature(charge).parameters)
    kinds = {one.name: str(one.kind) for one in info.parameters}
    assert kinds == {
        "amount": "int", "currency": "choice", "when": "date", "colour": "choice", "to": "model",
        "tags": "list", "api_key": "str", "token": "str",
    }  # fmt: skip
    amount = info.parameter("amount")
    assert amount is not None
    assert (amount.required, amount.description, amount.shape.bounds.le) == (True, "in cents", 1000)
    assert [one.name for one in info.parameters if one.secret] == ["api_key", "token"]
    sent = catalog.validate(info, [5], {"when": "2026-12-01", "to": {"street": "A"}, "colour": "blue"})
    assert (sent.args, sent.kwargs["when"], sent.kwargs["to"]) == ([5], "2026-12-01", {"street": "A"})
    assert catalog.mask(info, [5], {"api_key": "sk"})[1] == {"api_key": catalog.MASK}
    assert catalog.schema(info)["required"] == ["amount"]


@pytest.mark.parametrize(
    ("kwargs", "field", "words"),
    [
        ({"amount": 0}, "amount", "1 to 1000"),
        ({"amount": "5"}, "amount", "whole number"),
        ({"amount": 5, "currency": "GBP"}, "currency", "Choose one of: EUR, USD."),
        ({"amount": 5, "when": "soon"}, "when", "date"),
        ({"amount": 5, "colour": "green"}, "colour", "red, blue"),
        ({"amount": 5, "to": {"street": 3}}, "to", "street"),
        ({"amount": 5, "amuont": 5}, "amuont", "no parameter"),
        ({}, "amount", "required"),
    ],
)
def test_errors_are_in_the_words_of_our_own_tasks(
    publish: Publish, kwargs: dict[str, Any], field: str, words: str
) -> None:
    publish(charge)
    with pytest.raises(Invalid) as error:
        catalog.validate(catalog.find("shop.charge", app="shop"), [], kwargs)
    assert words in " ".join(error.value.errors[field])


@pytest.mark.parametrize(
    ("broker", "said", "counts"),
    [
        ("redis", None, 9),
        ("redis", 0, 9),
        ("redis", 7, 2),
        ("amqp", None, 0),
        ("amqp", 7, 7),
        ("redis", 400, 0),
    ],
)
def test_a_priority_is_the_one_that_its_messages_have_here(
    publish: Publish, broker: str, said: int | None, counts: int
) -> None:
    def change(told: dict[str, Any]) -> None:
        told["delivery"] |= {"broker": broker, "priority": said}

    publish(plain, change=change)
    info = catalog.find("shop.plain", app="shop")
    assert (info.priority, info.prioritised) == (counts, said is not None)


def test_the_schema_without_pydantic_says_the_same_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    with_pydantic = schemas.schema_of(date | None)
    monkeypatch.delitem(schemas.sys.modules, "pydantic")
    assert schemas.schema_of(date | None) == with_pydantic
    assert schemas.schema_of(Colour) == {"enum": ["red", "blue"], "x-names": ["RED", "BLUE"]}
    assert schemas.schema_of(dict[str, int]) == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
    assert schemas.schema_of(tuple[int, str]) == {"type": "array"}
    assert schemas.schema_of("nonsense") == {}


def test_a_type_that_cannot_be_told_is_said_to_be_so(
    publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    class Torn:
        @classmethod
        def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
            raise RuntimeError("torn apart")

    def take(one: Torn, many: Literal[tuple(map(str, range(9000)))], rest: Any) -> None:  # type: ignore[valid-type]
        pass

    with caplog.at_level("DEBUG", "celeriac_agent"):
        publish(take)
    assert "Torn cannot be told as a schema: torn apart" in caplog.text
    assert "it takes" in caplog.text
    one, many, rest = catalog.find("shop.take", app="shop").parameters
    assert "the type hint test_a_type_" in type_words.how_to_write(one.shape)
    assert "the type hint typing.Literal['0', '1'" in type_words.how_to_write(many.shape)
    assert "cannot be read" not in type_words.how_to_write(rest.shape)


@pytest.mark.database
def test_the_version_of_the_worker_that_started_last_counts(publish: Publish) -> None:
    def change(told: dict[str, Any]) -> None:
        told["tasks"][0]["queue"] = "late"
        told["tasks"][0]["fingerprint"] = "other"

    first = publish(plain)
    second = publish(plain, at=NOW + timedelta(minutes=1), change=change)
    assert catalog.find("shop.plain", app="shop").queue == "late"
    found = published.published()
    assert found.catalogs[first]["shop.plain"] != found.catalogs[second]["shop.plain"] == "other"
    assert published.note_seen(first, NOW + timedelta(minutes=2))  # rolled back
    published.forget_what_was_read()
    assert catalog.find("shop.plain", app="shop").queue == "celery"
    assert not published.note_seen("never heard of", NOW)


@pytest.mark.database
def test_old_versions_are_forgotten(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "KEPT_CATALOGS", 2)
    for number in range(4):
        publish(
            plain,
            at=NOW + timedelta(minutes=number),
            change=lambda told, n=number: told["tasks"][0].update(fingerprint=f"f{n}", queue=f"q{n}"),
        )
    assert db.session.query(published.AppCatalog).filter_by(app="shop").count() == 2
    kept = db.session.query(published.AppTask).filter_by(app="shop")
    assert {row.fingerprint for row in kept} == {"f2", "f3"}
    assert catalog.find("shop.plain", app="shop").queue == "q3"


def test_two_apps_with_the_same_task_name(publish: Publish, signed_in: Callable[[str], FlaskClient]) -> None:
    def renamed(told: dict[str, Any]) -> None:
        told["tasks"][0]["name"] = "both.do"
        told["tasks"][0]["queue"] = told["app"]

    publish(plain, name="shop", change=renamed)
    publish(plain, name="mail", change=renamed)
    assert catalog.namesakes("both.do") == ["mail", "shop"]
    assert catalog.find("both.do", app="shop").queue == "shop"
    assert catalog.find("both.do", app="mail").queue == "mail"
    with pytest.raises(NotFound):
        catalog.find("both.do", app="none")
    page = signed_in("viewer").get("/tasks/both.do?app=shop").text
    assert "App shop" in page
    assert 'href="/tasks/both.do?app=mail"' in page.split("Other apps have a task of this name")[1]


def test_ours_goes_first(publish: Publish) -> None:
    publish(plain, change=lambda told: told["tasks"][0].update(name="sample_tasks.plain"))
    assert catalog.find("sample_tasks.plain").app is None
    assert catalog.find("sample_tasks.plain", app="shop").app == "shop"


@pytest.mark.parametrize(
    "schema",
    [
        None, 7, "x", [], {"type": 5}, {"type": "nonsense"}, {"$ref": "#/nowhere"}, {"enum": []},
        {"enum": [1.5, {}]}, {"anyOf": "x"}, {"type": "string", "pattern": "("},
        {"type": "integer", "minimum": "a"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, {"type": []},
    ],
)  # fmt: skip
def test_a_schema_that_is_none_takes_anything(publish: Publish, schema: Any) -> None:
    type_of(schema)
    publish(plain, change=lambda told: told["tasks"][0]["parameters"][0].update(schema=schema))
    info = catalog.find("shop.plain", app="shop")
    assert [one.name for one in info.parameters] == ["x", "more", "rest"]
    assert catalog.validate(info, ["anything"], {}).args == ["anything"] or schema == {
        "type": "integer",
        "minimum": "a",
    }
    catalog.build_form(info)
    catalog.schema(info)


@pytest.mark.parametrize("told", [None, "x", [{"name": 3}], [{"name": "a b", "kind": "KEYWORD_ONLY"}],
                                  [{"name": "a", "kind": "?"}]])  # fmt: skip
def test_a_signature_that_cannot_be_read_takes_anything(publish: Publish, told: Any) -> None:
    publish(plain, change=lambda one: one["tasks"][0].update(parameters=told))
    assert catalog.validate(catalog.find("shop.plain", app="shop"), [1, 2], {"y": 3}).args == [1, 2]


@pytest.mark.database
def test_a_task_that_is_none_is_left_out_and_said(app: Flask) -> None:
    good = {"name": "a", "fingerprint": "f"}
    document = {"v": 1, "tasks": [good, {"name": ""}, {"name": "b", "fingerprint": "g", "line": "x"}]}
    refused = published.take_in("shop", "d", document, NOW)
    assert len(refused) == 2
    assert "b: line" in refused[1]
    published.forget_what_was_read()
    assert [info.name for info in catalog.listing() if info.app] == ["a"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "this is no catalog"),
        ({"v": 1}, "this is no catalog"),
        ({"v": 1, "tasks": "x"}, "this is no catalog"),
        ({"v": 2, "tasks": []}, "of version 2, and this Celeriac reads version 1: update Celeriac"),
        ({"v": 1, "tasks": [{}] * 20_001}, "this is no catalog"),
    ],
)
def test_a_document_that_is_none(app: Flask, document: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        published.take_in("shop", "d", document, NOW)


@pytest.mark.database
def test_five_thousand_tasks(app: Flask) -> None:
    parameters = [{"name": "x", "kind": "POSITIONAL_OR_KEYWORD", "schema": {"type": "integer"}}]
    told = [{"name": f"big.t{n:04}", "fingerprint": f"f{n}", "parameters": parameters} for n in range(5000)]
    assert published.take_in("big", "d", {"v": 1, "tasks": told}, NOW) == []
    published.forget_what_was_read()
    assert len([info for info in catalog.listing() if info.app == "big"]) == 5000
    with pytest.raises(Invalid):
        catalog.validate(catalog.find("big.t4999"), ["x"], {})


def test_what_most_parameters_are_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for kept in (schemas._adapter_of_plain, schemas._schema_of_plain):
        kept.cache_clear()
    made, adapter = [], pydantic.TypeAdapter
    monkeypatch.setattr(pydantic, "TypeAdapter", lambda hint: made.append(hint) or adapter(hint))
    told = [schemas.schema_of(hint) for hint in (int, str, int, list[int], str)]
    told[0]["title"] = "changed"  # who gets one may change it
    assert [schemas.schema_of(int), told[2]] == [{"type": "integer"}] * 2
    assert made == [int, str, list[int]]


def test_one_thread_reads_for_all(app: Flask, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    published.published()
    publish(plain)
    several, reads, read = threading.Event(), [], published._read

    def slow(*args: Any) -> Any:
        reads.append(1)
        if len(reads) == 1:
            several.wait(0.3)  # which another that reads too would end
        several.set()
        return read(*args)

    monkeypatch.setattr(published, "_read", slow)
    published.forget_what_was_read()

    def look() -> None:
        with app.app_context():
            published.published()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(reads) == 1


def test_a_task_that_the_settings_restrict_needs_admin(
    publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_app, "celeriac_admin_tasks", ("shop.*",), raising=False)
    publish(plain)
    assert catalog.find("shop.plain", app="shop").role == "admin"
