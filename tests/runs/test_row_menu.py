"""The menu of a row: what the run's state and the viewer's role allow, and where a change leads back to."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import runs
from app.runs import states
from tests.rows import make_run

NOW = datetime.now(UTC)
SignedIn = Callable[[str], FlaskClient]
ALWAYS = ["Open", "Code and message", "Copy id"]


def add(run_id: str = "run-0001", state: str = states.SUCCESS, **fields: Any) -> str:
    return make_run(run_id, NOW, state, **{"args": [1]} | fields)


def entries(fragment: str) -> list[str]:
    return re.findall(r"</svg><span>([^<]+)</span>", fragment)


@pytest.mark.parametrize(
    ("role", "state", "offered"),
    [
        ("viewer", states.SUCCESS, ALWAYS),
        ("viewer", states.STARTED, ALWAYS),
        (
            "operator",
            states.SUCCESS,
            ["Open", "Retry with the same arguments", "Retry with changes", *ALWAYS[1:]],
        ),
        ("operator", states.STARTED, ["Open", "Retry with changes", *ALWAYS[1:], "Terminate"]),
        ("operator", states.PENDING, ["Open", "Retry with changes", *ALWAYS[1:], "Cancel"]),
        ("operator", states.RETRY, ["Open", "Retry with changes", *ALWAYS[1:], "Cancel"]),
        (
            "admin",
            states.FAILURE,
            ["Open", "Retry with the same arguments", "Retry with changes", *ALWAYS[1:], "Delete"],
        ),
        ("admin", states.STARTED, ["Open", "Retry with changes", *ALWAYS[1:], "Terminate"]),
    ],
)
def test_it_offers_what_state_and_role_allow(
    app: Flask, signed_in: SignedIn, role: str, state: str, offered: list[str]
) -> None:
    add(state=state)
    assert entries(signed_in(role).get("/runs/run-0001/menu").text) == offered


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"task_name": "old.gone"}, False),
        ({"masked": ["a"]}, True),
        ({"args": None, "kwargs": None}, True),
        ({"kwargs": {"no_such_parameter": 1}}, True),
    ],
)
def test_a_run_that_cannot_be_repeated_as_it_was_is_not_offered(
    app: Flask, signed_in: SignedIn, fields: dict[str, Any], changes: bool
) -> None:
    add(**fields)
    offered = entries(signed_in("operator").get("/runs/run-0001/menu").text)
    assert "Retry with the same arguments" not in offered
    assert ("Retry with changes" in offered) is changes


def test_a_run_that_is_gone_has_no_menu(app: Flask, signed_in: SignedIn) -> None:
    assert signed_in("viewer").get("/runs/none/menu").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_each_row_has_a_button_that_is_a_link_to_its_run(app: Flask, signed_in: SignedIn, role: str) -> None:
    add()
    page = signed_in(role).get("/runs").text
    button = re.search(r'<a class="[^"]*row-more"[^>]*>', page)
    assert button
    assert 'href="/runs/run-0001" data-menu="/runs/run-0001/menu"' in button[0]
    assert page.count("<col class") == page.count("<th scope") == page.count("<td class")
    spans = re.search(r'id="newer-runs".*?colspan="(\d+)"', page)
    assert spans
    assert int(spans[1]) == page.count("<col class")


def test_a_change_leads_back_to_the_list(app: Flask, signed_in: SignedIn) -> None:
    add("run-0001", states.PENDING, queue=None)
    add("run-0002", ended_at=NOW)
    add("run-0003", states.STARTED)
    browser = signed_in("admin")
    back = "/runs?state=failed&q=a"
    for run_id in ("run-0001", "run-0002", "run-0003"):
        menu = browser.get(f"/runs/{run_id}/menu", query_string={"next": back}).text
        asked = re.search(r'hx-get="([^"]+)"', menu)
        assert asked
        question = browser.get(asked[1].replace("&amp;", "&")).text
        assert 'name="next" value="/runs?state=failed&amp;q=a"' in question
        assert 'href="/runs?state=failed&amp;q=a" data-close' in question
    for address in ("/runs/run-0001/cancel", "/runs/run-0002/delete"):
        answer = browser.post(address, data={"next": back, "csrf_token": token(browser)})
        assert (answer.status_code, answer.headers["Location"]) == (303, back)


@pytest.mark.parametrize(
    "address", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "x"]
)
def test_a_change_leads_to_no_other_site(app: Flask, signed_in: SignedIn, address: str) -> None:
    add("run-0001", states.PENDING, queue=None)
    browser = signed_in("operator")
    assert "elsewhere" not in browser.get("/runs/run-0001/menu", query_string={"next": address}).text
    answer = browser.post("/runs/run-0001/cancel", data={"next": address, "csrf_token": token(browser)})
    assert answer.headers["Location"] == "/runs/run-0001"


def token(browser: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/runs").text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", ""),
        ("last=24h", "2 in the last 24 hours"),
        ("last=1h", "1 in the last hour"),
        ("last=7d&state=failed", "1 in the last 7 days"),
        ("last=30d&queue=none", "0 in the last 30 days"),
        ("since=2020-01-01", "3 in the time chosen"),
        ("since=2020-01-01&last=24h", "2 in the time chosen"),
        ("last=9h", ""),
    ],
)
def test_the_head_has_the_number_of_a_time(app: Flask, signed_in: SignedIn, query: str, said: str) -> None:
    add("run-0001", states.FAILURE)
    add("run-0002", created_at=NOW - timedelta(hours=2))
    add("run-0003", created_at=NOW - timedelta(days=40))
    page = signed_in("viewer").get(f"/runs?{query}").text
    found = re.search(r'id="runs-number"[^>]*>([^<]*)<', page)
    assert found
    assert found[1] == said


def test_the_foot_says_what_is_shown(app: Flask, signed_in: SignedIn) -> None:
    for number in range(53):
        add(f"run-{number:04}", created_at=NOW - timedelta(minutes=53 - number))
    browser = signed_in("viewer")
    page = browser.get("/runs").text
    assert "1 to 50 of 53" in page
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    second = re.sub(r"\s+", " ", browser.get(older[1].replace("&amp;", "&")).text)
    assert "3 runs, requested " in second
    assert "1 to " not in second


def test_the_foot_does_not_invent_a_number(
    app: Flask, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("run-0001")
    monkeypatch.setattr(runs, "counts_of", lambda wanted: None)
    page = signed_in("viewer").get("/runs?last=24h").text
    assert "The newest run" in page
    assert " of " not in page[page.index("list-foot") : page.index("run-menu")]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": states.PENDING}, "its place there is lost"),
        ({"state": states.RETRY}, "What its attempts did so far stays done"),
        ({"state": states.SCHEDULED}, "It will not start when its time comes"),
        (
            {"state": states.PENDING, "masked": ["token"]},
            "Its secret arguments (token) are kept",
        ),
    ],
)
def test_cancelling_asks_and_names_what_is_lost(
    app: Flask, signed_in: SignedIn, fields: dict[str, Any], words: str
) -> None:
    add("waits", **fields)
    page = signed_in("operator").get("/runs/waits/cancel").text
    assert words in page
    assert 'action="/runs/waits/cancel"' in page
    assert signed_in("viewer").get("/runs/waits/cancel").status_code == 403
