"""Every list reads each of its filters alike on its page, in REST, for a bulk change and for export."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app import audit, lists, queues, schedules
from app.alerts.rules import MessageFilter
from app.catalog.filters import TaskFilter
from app.errors import Invalid
from app.extensions import db, transaction
from app.lists import fields
from app.runs import RunFilter
from app.runs.bulk import Bulk
from app.runs.failures.inbox import FailureFilter
from app.runs.filters import States
from app.runs.models import Run
from app.schedules import Definition, ScheduleFilter

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SignedIn = Callable[..., FlaskClient]
Post = Callable[..., TestResponse]
WRONG: dict[type, str] = {
    States: "no-such",
    fields.Text: "x" * 300,
    fields.Whole: "x",
    fields.QueryMoment: "soon",
    fields.Seconds: "-1",
    fields.Choice: "no-such",
    fields.Span: "2y",
    fields.TrueOrFalse: "maybe",
}


@dataclasses.dataclass(frozen=True)
class Listed:
    """A list, at its address of pages and of REST, and what else reads its filter."""

    address: str
    filter: type[lists.Filter]
    exports: tuple[str, ...] = ()
    bulk_form: str = ""
    bulk_call: str = ""
    call: str = ""

    @property
    def rest(self) -> str:
        return self.call or self.address

    def wrong(self) -> Iterator[tuple[str, str]]:
        """Each field with a value that it does not take, and one that no list has."""
        for name, reader in lists.schema(self.filter)().fields.items():
            yield name, WRONG[type(reader)]
        yield "colour", "red"


LISTS = (
    Listed("/runs", RunFilter, ("/runs/export.csv", "/runs/export.json"), "rerun", "rerun"),
    Listed("/schedules", ScheduleFilter, bulk_form="disable"),
    Listed("/audit", audit.AuditFilter, ("/audit/export.csv", "/audit/export.json")),
    Listed("/runs/failures", FailureFilter, call="/failures"),
    Listed("/alerts", MessageFilter, call="/alerts/messages"),
    Listed("/queues/default", queues.WaitingFilter, call="/queues/default/messages"),
    Listed("/tasks", TaskFilter),
)


@pytest.fixture
def one_of_each(app: Flask) -> None:
    with transaction() as session:
        session.add(
            Run(id="r1", task_name="t", state="SUCCESS", attempt=0, created_at=NOW, updated_at=NOW, args=[])
        )
    timing = {"task_type": "interval", "interval_seconds": 3600}
    schedules.create(Definition(name="S1", task_name="sample_tasks.plain", args=[1], **timing), "tom", NOW)


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.address)
def test_a_wrong_filter_is_said_the_same_way_everywhere(
    listed: Listed, caller: Callable[[str], Any], signed_in: SignedIn, post: Post
) -> None:
    """Its page keeps the value and goes on without it; whatever does something with the list refuses it."""
    api, browser = caller("operator"), signed_in("operator")
    for name, value in listed.wrong():
        refused = api.get(listed.rest, query_string={name: value})
        assert (refused.status_code, list(refused.json["errors"])) == (422, [name])
        said = escape(refused.json["errors"][name][0])
        page = browser.get(listed.address, query_string={name: value})
        assert page.status_code == 200, (name, page.text)
        assert "1 filter cannot be used; the others are." in page.text, name
        assert said in page.text, name
        assert value in page.text or name == "colour", name
        for export in listed.exports:
            answer = browser.get(export, query_string={name: value})
            assert (answer.status_code, said in answer.text) == (422, True), (export, name)
        if listed.bulk_form:
            form = {"action": listed.bulk_form, "all": "1", name: value}
            answer = post(browser, f"{listed.address}/bulk", form)
            assert (answer.status_code, said in answer.text) == (422, True), name
        if listed.bulk_call:
            body = {"action": listed.bulk_call, "filter": {name: value}}
            errors = api.post(f"{listed.address}/bulk", json=body).json["errors"]
            assert errors == {f"filter.{name}": refused.json["errors"][name]}
    db.session.rollback()
    assert db.session.query(Bulk).count() == 0
    assert schedules.page(ScheduleFilter(enabled=True)).items


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.address)
def test_a_filter_that_is_given_twice_or_empty(
    listed: Listed, caller: Callable[[str], Any], signed_in: SignedIn
) -> None:
    """Nothing in an address is left out without a word; the fields of a form may be empty."""
    api, browser = caller("viewer"), signed_in("viewer")
    names = [name for name, _wrong in listed.wrong() if name != "colour"]
    empty = browser.get(listed.address, query_string=dict.fromkeys(names, ""))
    assert "cannot be used" not in empty.text
    for name in names:
        assert api.get(listed.rest, query_string={name: ""}).status_code == 422, name
        if name == "state" and listed.filter is RunFilter:
            continue
        twice = MultiDict([(name, "1h"), (name, "24h")])
        assert "This is given more than once." in browser.get(listed.address, query_string=twice).text, name
        errors = api.get(listed.rest, query_string=twice).json["errors"]
        assert errors == {name: ["This is given more than once."]}


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.address)
def test_names_that_mean_something_to_the_router_are_no_filters(listed: Listed, signed_in: SignedIn) -> None:
    names = ("_external", "_scheme", "_anchor", "_method", "endpoint", "self", "filename", "x" * 200)
    page = signed_in("viewer").get(listed.address, query_string=dict.fromkeys(names, "javascript"))
    assert page.status_code == 200
    assert f"{len(names)} filters cannot be used" in page.text
    assert 'href="javascript' not in page.text


@pytest.mark.usefixtures("one_of_each")
def test_what_a_page_is_asked_for_can_be_asked_of_the_api(caller: Callable[[str], Any]) -> None:
    api = caller("viewer")
    assert [run["id"] for run in api.get("/runs?state=succeeded&state=HELD").json["items"]] == ["r1"]
    assert api.get("/runs?state=failed").json["items"] == []
    assert api.get("/runs?last=1h").json["items"] == []
    assert [row["name"] for row in api.get("/schedules?state=on&order=next").json["items"]] == ["S1"]
    assert api.get("/schedules?state=off").json["items"] == []
    assert len(api.get("/audit?last=1h&object_kind=user").json["items"]) == 1


def walked(api: Any, path: str, limit: int = 1) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = api.get(path, query_string={"limit": limit} | cursor)
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return items
        assert len(answer.json["items"]) == limit
        cursor = {"cursor": answer.json["next_cursor"]}


SHORT = "/queues /workers /users /tokens /sessions /views /alerts /alerts/channels /brokers /schedulers"


@pytest.mark.usefixtures("one_of_each")
def test_short_lists_have_pages_too(caller: Callable[[str], Any]) -> None:
    """All of it without a limit; unknown fields are refused by every list and by what is no list."""
    api = caller("admin")
    caller("viewer")
    for path in SHORT.split():
        whole = api.get(path).json["items"]
        names = [[one.get(name) for name in ("id", "name", "hostname")] for one in whole]
        assert [[one.get(name) for name in ("id", "name", "hostname")] for one in walked(api, path)] == names
        assert len(names) > 1 or path not in ("/queues", "/users", "/tokens"), path
        for name in ("cursor", "limit", "colour"):
            assert list(api.get(path, query_string={name: "x"}).json["errors"]) == [name], path
    for path in ("/me", "/users/1", "/queues/default"):
        assert list(api.get(path, query_string={"colour": "red"}).json["errors"]) == ["colour"]


@pytest.mark.usefixtures("one_of_each")
def test_several_states_stand_in_the_address(signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    page = browser.get("/runs?state=SUCCESS&state=HELD").text
    assert 'id="run-r1"' in page
    assert 'aria-label="Remove the filter State: SUCCESS, HELD"' in page
    assert page.count('type="hidden" name="state"') == 4  # of the filters' form, and of the bulk change's
    both = browser.get("/runs?state=FAILURE&state=LOST").text
    assert re.search(r'href="/runs\?state=failed"\s+aria-current="true"', both)


@given(
    moment=st.datetimes(timezones=st.just(UTC)) | st.none(),
    number=st.integers(-(2**31) + 1, 2**31 - 1),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300),
)
def test_a_cursor_comes_back_as_it_was_written(moment: datetime | None, number: int, text: str) -> None:
    cursor = lists.Cursor(datetime | None, int, str)
    assert cursor.read(cursor.write(moment, number, text)) == (moment, number, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "%%%",
        "bnVsbA",
        "WzFd",
        "WzEsMiwzXQ",
        "WyJhIiwieCJd",
        "W3RydWUsImEiXQ",
        "WzUsIlx1MDAwMCJd",
    ],
)
def test_a_cursor_of_another_kind_is_refused(app: Flask, text: str) -> None:
    with app.test_request_context(), pytest.raises(Invalid):
        lists.Cursor(int, str).read(text)


def test_bounds_leave_something_in_between(app: Flask) -> None:
    with app.test_request_context():
        asked = lists.read(
            RunFilter,
            MultiDict({"since": "2026-11-20 10:00", "until": "2026-11-20 09:00", "state": "x", "last": "7d"}),
            NOW,
            "Asia/Shanghai",
        )
    assert set(asked.errors) == {"until", "state"}  # one wrong field hides no other
    assert asked.filter == RunFilter(since=NOW - timedelta(hours=10))


def test_counts_are_capped(app: Flask) -> None:
    with app.test_request_context():
        assert lists.capped(3, 9) == "12"
        assert lists.capped(lists.COUNT_CAP, 5) == "10,005"
        assert lists.capped(lists.COUNT_CAP + 1, 5) == "10,005+"
