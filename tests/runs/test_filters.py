"""Filters of the list: alone and together, in the address and in the API; searches that stop say where."""

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from app import lists, runs
from app.extensions import db, transaction
from app.runs import filters, queries, states
from app.runs.filters import RunFilter
from app.runs.models import Run
from app.runs.queries import Budget

FIELDS = [one.name for one in dataclasses.fields(RunFilter)] + ["last"]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SignedIn = Callable[[str], FlaskClient]
Callers = Callable[[str], Any]


def add(count: int, start: int = 0, **fields: Any) -> None:
    """So many runs, a second apart; the higher the number, the newer."""
    made = []
    for number in range(start, start + count):
        at = NOW - timedelta(hours=2) + timedelta(seconds=number)
        values: dict[str, Any] = {"task_name": "t.a", "state": states.SUCCESS, "queue": "default"}
        values |= {"args": [number], "kwargs": {}, "runtime_seconds": 1.0}
        made.append(Run(id=f"r{number:05}", created_at=at, updated_at=at, attempt=0, **values | fields))
    with transaction() as session:
        session.add_all(made)


def found(wanted: RunFilter, **options: Any) -> list[str]:
    return [run.id for run in queries.page(wanted, **options).items]


@pytest.fixture
def mixed(app: Flask) -> None:
    add(20)
    add(1, 20, task_name="t.b", queue="mail", worker="w1@h", requested_by="mei", runtime_seconds=90.0)
    add(1, 21, task_name="t.b", queue="mail", worker="w2@h", schedule_id=7, state=states.FAILURE,
        error="KeyError: 'fx'", runtime_seconds=0.5)  # fmt: skip
    add(1, 22, task_name="t.b", state=states.LOST, error="KeyErrorish: no", runtime_seconds=None)
    add(1, 23, task_name="t.b", state=states.RETRY, error="KeyError: 'fx'", kwargs={"to": 'Ünal "x"'})


@pytest.mark.database
@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (RunFilter(schedule_id=7), ["r00021"]),
        (RunFilter(min_seconds=90), ["r00020"]),
        (RunFilter(max_seconds=0.5), ["r00021"]),
        (RunFilter(min_seconds=0.5, max_seconds=0.9), ["r00021"]),
        (RunFilter(error="KeyError"), ["r00021"]),
        (RunFilter(error="KeyError", task_name="t.b", state=[states.FAILURE]), ["r00021"]),
        (RunFilter(error="KeyError", task_name="t.a"), []),
        (RunFilter(task_name="t.b", state=states.FAILED), ["r00022", "r00021"]),
        (RunFilter(task_name="t.b", queue="mail", worker="w1@h", requested_by="mei"), ["r00020"]),
        (RunFilter(task_name="t.b", queue="mail", worker="w1@h", schedule_id=7), []),
        (RunFilter(state=[states.SUCCESS, states.LOST], task_name="t.b"), ["r00022", "r00020"]),
        (RunFilter(q="ünal"), []),  # as the databases do it: only ASCII letters have two cases
        (RunFilter(q="Ünal"), ["r00023"]),
        (RunFilter(q='"x"'), ["r00023"]),
        (RunFilter(q="to=Ünal"), ["r00023"]),
        (RunFilter(q="to=x"), []),
        (RunFilter(q="r00022"), ["r00022"]),
        (RunFilter(q="r00022", task_name="t.a"), []),
        (RunFilter(q="keyerror", since=NOW - timedelta(hours=2) + timedelta(seconds=23)), ["r00023"]),
    ],
)
def test_filters_alone_and_together(wanted: RunFilter, ids: list[str]) -> None:
    assert found(wanted) == ids


@pytest.mark.database
@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(),
        RunFilter(state=states.ALL),
        RunFilter(min_seconds=0),
        RunFilter(q="r000"),
        RunFilter(queue="default"),
    ],
)
def test_pages_of_every_way_hold_each_run_once(wanted: RunFilter) -> None:
    whole, ids, cursor = found(wanted, limit=200), [], None
    while True:
        page = queries.page(wanted, limit=3, cursor=cursor)
        ids += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert ids == whole
    assert len(set(ids)) == len(ids) >= 21


@pytest.mark.database
@pytest.mark.usefixtures("app")
def test_an_id_is_found_by_its_first_eight_letters_however_old() -> None:
    run_id = "7f3c91ab-0000-4000-8000-000000000001"
    with transaction() as session:
        session.add(Run(id=run_id, created_at=NOW, updated_at=NOW, task_name="t", state="SUCCESS", attempt=0))
        session.add(
            Run(id="7f3c91ac-1", created_at=NOW, updated_at=NOW, task_name="t", state="SUCCESS", attempt=0)
        )
    for text in (run_id, run_id[:8], run_id[:9].upper(), run_id[:-1]):
        assert found(RunFilter(q=text)) == [run_id]
    assert found(RunFilter(q=run_id[:8], since=NOW + timedelta(seconds=1))) == []


@pytest.mark.database
@pytest.mark.usefixtures("app")
def test_a_search_that_stops_says_how_far_it_looked_and_goes_on_from_there() -> None:
    add(600)
    add(1, 0 + 600, worker="w@h")
    wanted = RunFilter(min_seconds=50)
    with transaction() as session:
        session.get_one(Run, "r00010").runtime_seconds = 60.0
    first = queries.matching_keys(wanted, 10, budget=Budget(300, 60))
    assert first.keys == []
    assert first.looked
    assert first.looked.runs == 300
    assert first.stopped_at
    assert first.looked.back_to == first.stopped_at[0]
    second = queries.matching_keys(wanted, 10, first.stopped_at, Budget(400, 60))
    assert [key[1] for key in second.keys] == ["r00010"]
    assert second.looked is None


@pytest.mark.database
@pytest.mark.usefixtures("app")
def test_the_time_that_is_up_ends_a_search() -> None:
    add(400)
    stopped = queries.matching_keys(RunFilter(q="nowhere"), 10, budget=Budget(10_000, 0.0))
    assert stopped.looked
    assert stopped.looked.runs == 250


@pytest.mark.database
@pytest.mark.usefixtures("mixed")
def test_counts_follow_the_filter() -> None:
    assert queries.counts_of(RunFilter(task_name="t.b", state=[states.LOST])) == {
        states.SUCCESS: 1, states.FAILURE: 1, states.LOST: 1, states.RETRY: 1
    }  # fmt: skip
    assert queries.counts_of(RunFilter(until=NOW - timedelta(hours=2) + timedelta(seconds=5))) == {
        states.SUCCESS: 5
    }
    add(queries._PROBE + 1, 100, task_name="t.many")
    assert queries.counts_of(RunFilter(task_name="t.many")) is None


def read(query: str, zone: str = "UTC") -> lists.ListQuery[RunFilter]:
    return lists.read(RunFilter, MultiDict(address(query)), NOW, zone)


def address(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split("&"))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=no-such", "state"),
        ("schedule_id=x", "schedule_id"),
        ("schedule_id=0", "schedule_id"),
        ("schedule_id=99999999999", "schedule_id"),
        ("schedule_id=٣", "schedule_id"),
        ("since=yesterday", "since"),
        ("since=0001-01-01T00:00+14:00", "since"),
        ("until=2026-02-31", "until"),
        ("min_seconds=-1", "min_seconds"),
        ("min_seconds=nan", "min_seconds"),
        ("max_seconds=1e999", "max_seconds"),
        ("max_seconds=ten", "max_seconds"),
        ("last=2h", "last"),
        ("since=2026-11-20T10:00&until=2026-11-20T09:00", "until"),
        ("min_seconds=5&max_seconds=4", "max_seconds"),
    ],
)
def test_a_bad_value_is_named_and_the_rest_is_kept(app: Flask, query: str, field: str) -> None:
    with app.test_request_context():
        wanted = read(f"{query}&queue=mail")
    assert list(wanted.errors) == [field]
    assert wanted.filter.queue == "mail"
    meant = {"last": "since"}.get(field, field)
    assert getattr(wanted.filter, meant) in (None, ())
    assert wanted.texts[field] == address(query)[field]


def test_times_are_in_the_viewers_zone(app: Flask) -> None:
    with app.test_request_context():
        wanted = read("since=2026-11-20T10:00&last=24h", "Asia/Shanghai")
        early = read("since=2026-11-01T10:00Z&last=1h", "Asia/Shanghai")
    assert wanted.filter.since == datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert early.filter.since == NOW - timedelta(hours=1)


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=400)))
def test_no_address_breaks_the_page(arguments: dict[str, str]) -> None:
    asked = lists.read(RunFilter, MultiDict(arguments), NOW, "UTC")
    for name, text in asked.texts.items():
        meant = {"last": "since"}.get(name, name)
        assert name in asked.errors or getattr(asked.filter, meant) not in (None, ()), (name, text)


@given(st.text(max_size=300))
def test_the_kind_of_an_error_is_how_it_begins(error: str) -> None:
    kind = filters.kind_of(error)
    assert error.strip().startswith(kind)
    assert len(kind) <= 100


@pytest.mark.database
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "error", ["KeyError: 'x'", "KeyError", "Timeout(10,)", "the disk is full: 3 %", "no order 5\nat all"]
)
def test_every_failure_is_found_by_its_kind(error: str) -> None:
    add(1, state=states.FAILURE, error=error)
    add(1, 1, state=states.FAILURE, error="Other: 1")
    assert found(RunFilter(error=filters.kind_of(error), task_name="t.a")) == ["r00000"]


@pytest.mark.usefixtures("mixed")
def test_the_page_shows_the_filters_and_takes_each_away(signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    page = browser.get("/runs?task_name=t.b&queue=mail&min_seconds=x&last=30d").text
    assert re.findall(r'<tr id="run-([^"]+)"', page) == ["r00021", "r00020"]
    assert "Give a number of seconds from 0 to" in page
    assert 'aria-label="Remove the filter Task: t.b"' in page
    hrefs = re.findall(r'class="chip tag[^"]*" href="([^"]+)"', page)
    assert hrefs[0].replace("&amp;", "&") == "/runs?queue=mail&min_seconds=x&last=30d"
    assert "min_seconds" not in [link for link in hrefs if "last=30d" in link and "task_name" in link][-1]


def test_a_page_without_a_match_offers_to_look_further(
    app: Flask, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(300)
    monkeypatch.setattr(queries, "TEXT_BUDGET", Budget(250, 60))
    page = signed_in("viewer").get("/runs?q=nowhere").text
    assert "No match among the 250 runs looked at" in page
    further = re.search(r'rel="next" href="([^"]+)">Look further back', page)
    assert further
    again = signed_in("viewer").get(further[1].replace("&amp;", "&")).text
    assert "No runs match" in again


@pytest.mark.database
@pytest.mark.usefixtures("mixed")
def test_the_api_takes_the_same_filters(caller: Callers) -> None:
    viewer = caller("viewer")
    answer = viewer.get("/runs?error=KeyError&max_seconds=1&task_name=t.b").json
    assert [run["id"] for run in answer["items"]] == ["r00021"]
    assert answer["looked_until"] is None
    for query, field in (
        ("min_seconds=-1", "min_seconds"),
        ("max_seconds=x", "max_seconds"),
        ("min_seconds=nan", "min_seconds"),
        ("min_seconds=2&max_seconds=1", "max_seconds"),
        ("no_such=1", "no_such"),
        ("error=" + "x" * 300, "error"),
        ("since=2026-11-20T10:00:00Z&until=2026-11-20T10:00:00Z", "until"),
    ):
        refused = viewer.get(f"/runs?{query}")
        assert (refused.status_code, list(refused.json["errors"])) == (422, [field])
    assert viewer.get("/runs?q=%00").status_code == 400
    for name in ("q", "worker", "error"):
        body = {"action": "rerun", "filter": {name: "\x00\ud800"}}
        assert caller("operator").post("/runs/bulk", json=body).status_code in (400, 422)


@pytest.mark.database
@pytest.mark.usefixtures("app")
def test_very_many_failures_are_counted_so_far_only() -> None:
    add(12, state=states.FAILURE, error="KeyError: 'x'")
    whole = runs.grouped_failures(NOW - timedelta(days=1), NOW)
    assert (whole.count, whole.back_to) == (12, None)
    assert whole.groups[0].first_at == NOW - timedelta(hours=2)
    capped = runs.grouped_failures(NOW - timedelta(days=1), NOW, limit=5)
    assert (capped.count, capped.back_to) == (5, NOW - timedelta(hours=2) + timedelta(seconds=7))
    db.session.rollback()
