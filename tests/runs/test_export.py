"""The runs of a filter as a file: CSV for spreadsheets, JSON for programs."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app.extensions import db
from app.lists import export
from app.runs import queries, states
from app.runs.export import TABLE
from app.runs.filters import RunFilter
from app.runs.queries import Budget
from tests.rows import make_run

NOW = datetime.now(UTC)
SignedIn = Callable[[str], FlaskClient]


def add(number: int, state: str = states.SUCCESS, **fields: Any) -> str:
    """A run of the history; the higher the number, the newer."""
    at = NOW - timedelta(hours=1) + timedelta(milliseconds=number)
    values: dict[str, Any] = {"task_name": "t.a", "args": [number], "priority": 5}
    return make_run(f"run-{number:04}", at, state, **values | fields)


def as_table(answer: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.decode("utf-8-sig"), newline="")))


@pytest.mark.database
def test_csv_has_the_runs_newest_first_with_their_fields(app: Flask, signed_in: SignedIn) -> None:
    add(1)
    add(
        2,
        states.FAILURE,
        kwargs={"name": "Ünal, „x“", "token": "*****"},
        attempt=2,
        error="KeyError: 'a'\nmore",
        started_at=NOW,
        ended_at=NOW,
        runtime_seconds=1.25,
        requested_by="ana",
        worker="w@h",
    )
    answer = signed_in("viewer").get("/runs/export.csv")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(
        r'attachment; filename="runs-\d{8}-\d{6}\.csv"', answer.headers["Content-Disposition"]
    )
    assert answer.data.startswith(b"\xef\xbb\xbfid,task_name,state,")
    newer, older = as_table(answer.data)
    assert list(newer) == list(TABLE.columns)
    assert (newer["id"], older["id"]) == ("run-0002", "run-0001")
    assert newer["attempt"] == "3"
    assert newer["runtime_seconds"] == "1.25"
    assert newer["error"] == "KeyError: 'a'\nmore"
    assert json.loads(newer["kwargs"]) == {"name": "Ünal, „x“", "token": "*****"}
    assert "Ünal" in newer["kwargs"]
    assert newer["finished_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert (older["worker"], older["finished_at"], older["schedule_id"]) == ("", "", "")


def test_json_is_what_the_api_says_of_a_run(app: Flask, signed_in: SignedIn, caller: Any) -> None:
    add(1, states.FAILURE, kwargs={"b": [None, 1.5, "x"]}, error="boom", ended_at=NOW, runtime_seconds=2.0)
    answer = signed_in("viewer").get("/runs/export.json")
    assert answer.content_type == "application/json"
    document = json.loads(answer.data)
    assert (document["complete"], document["note"]) == (True, None)
    told = caller("viewer").get("/runs").json["items"]
    assert document["runs"] == [{name: one[name] for name in TABLE.columns} for one in told]


def test_without_runs_both_are_whole_files(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    assert as_table(browser.get("/runs/export.csv").data) == []
    assert browser.get("/runs/export.json").json == {"runs": [], "complete": True, "note": None}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=failed", ["run-0003", "run-0002"]),
        ("queue=mail", ["run-0004"]),
        ("q=fx_rate", ["run-0002"]),
        ("q=nowhere", []),
        ("last=24h&task_name=t.b", ["run-0001"]),
        ("cursor=!!&state=failed", ["run-0003", "run-0002"]),  # all pages, wherever the list stands
    ],
)
def test_the_filter_is_that_of_the_address(
    app: Flask, signed_in: SignedIn, query: str, found: list[str]
) -> None:
    add(1, task_name="t.b")
    add(2, states.FAILURE, error="KeyError: 'fx_rate'")
    add(3, states.LOST, error="WorkerLostError")
    add(4, queue="mail")
    browser = signed_in("viewer")
    assert [one["id"] for one in browser.get(f"/runs/export.json?{query}").json["runs"]] == found
    assert [one["id"] for one in as_table(browser.get(f"/runs/export.csv?{query}").data)] == found


@pytest.mark.parametrize(
    "query",
    [
        "state=no-such",
        "last=9h",
        "min_seconds=x",
        "since=soon",
        "schedule_id=0",
        "min_seconds=5&max_seconds=1",
    ],
)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_filter_that_cannot_be_used_exports_nothing(
    app: Flask, signed_in: SignedIn, query: str, kind: str
) -> None:
    add(1)
    answer = signed_in("viewer").get(f"/runs/export.{kind}?{query}")
    assert answer.status_code == 422
    assert "run-0001" not in answer.text
    assert "Content-Disposition" not in answer.headers


def test_only_csv_and_json_and_only_for_those_who_may_look(
    app: Flask, client: FlaskClient, signed_in: SignedIn
) -> None:
    add(1)
    assert signed_in("viewer").get("/runs/export.xml").status_code == 404
    refused = client.get("/runs/export.csv")
    assert refused.status_code == 302
    assert "/login" in refused.headers["Location"]


@pytest.mark.database
@pytest.mark.parametrize("number", [6, 7, 8])
def test_pages_are_joined_and_the_cap_is_said(
    app: Flask, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(export, "_PAGE", 3)
    ids = [add(one) for one in range(number)][::-1]
    document = json.loads(b"".join(TABLE.as_json(app, RunFilter(), most=7)))
    assert [one["id"] for one in document["runs"]] == ids[:7]
    assert document["complete"] is (number <= 7)
    assert document["note"] == (None if number <= 7 else "More runs match. These are the newest 7.")
    assert [one["id"] for one in as_table(b"".join(TABLE.as_csv(app, RunFilter(), most=7)))] == ids[:7]


@pytest.mark.database
def test_a_search_that_stops_for_its_budget_goes_on_to_the_end(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "FILTER_BUDGET", Budget(250, 60))
    for number in range(0, 600):
        add(number, runtime_seconds=90.0 if number in (1, 590) else 1.0)
    wanted = RunFilter(min_seconds=60.0)
    assert queries.page(wanted).looked is not None
    document = json.loads(b"".join(TABLE.as_json(app, wanted)))
    assert [one["id"] for one in document["runs"]] == ["run-0590", "run-0001"]
    assert document["complete"] is True
    assert [one["id"] for one in as_table(b"".join(TABLE.as_csv(app, wanted)))] == ["run-0590", "run-0001"]


@pytest.mark.database
def test_between_pages_no_transaction_is_open(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_PAGE", 2)
    for number in range(6):
        add(number)
    rows = TABLE.rows(app, RunFilter(), 10)
    assert next(rows)["id"] == "run-0005"
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of the pools that are used here
    add(9)  # a writer writes meanwhile; what came later is not in the file
    assert [row["id"] for row in rows] == ["run-0004", "run-0003", "run-0002", "run-0001", "run-0000"]


def test_the_heading_comes_before_the_search(app: Flask) -> None:
    assert next(TABLE.as_csv(app, RunFilter())).startswith(b"\xef\xbb\xbfid,")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_cell_that_would_be_a_formula_is_text(app: Flask, signed_in: SignedIn, first: str) -> None:
    text = f"{first}HYPERLINK(1)"
    add(1, states.FAILURE, task_name=text, requested_by=text, error=text, ended_at=NOW)
    browser = signed_in("viewer")
    (row,) = as_table(browser.get("/runs/export.csv").data)
    assert [row[name] for name in ("task_name", "requested_by", "error")] == [f"'{text}"] * 3
    (run,) = browser.get("/runs/export.json").json["runs"]
    assert run["error"] == text


@given(text=st.text(st.characters(codec="utf-8"), max_size=30))
def test_no_text_begins_like_a_formula(text: str) -> None:
    cell = TABLE._cell("error", text)
    assert not cell.startswith(export._FORMULA)
    assert cell.removeprefix("'") == text.removeprefix("'")


def test_text_that_utf8_has_not_breaks_no_file(app: Flask) -> None:
    add(1, args=["\ud800", "\u0000", "\u2028"])
    document = json.loads(b"".join(TABLE.as_json(app, RunFilter())))
    assert document["runs"][0]["args"] == ["?", "\u0000", "\u2028"]
    assert json.loads(as_table(b"".join(TABLE.as_csv(app, RunFilter())))[0]["args"])[0] == "?"


def test_the_menu_has_the_filter_and_the_most(app: Flask, signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/runs?state=failed&q=a%26b").text
    for kind in ("csv", "json"):
        assert f'href="/runs/export.{kind}?state=failed&amp;q=a%26b"' in page
    assert "50,000 at most" in page
    wrong = signed_in("viewer").get("/runs?last=9h").text
    assert "/runs/export." not in wrong
    assert "Put it right or remove it, then export." in wrong
