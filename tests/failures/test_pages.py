"""The Failures pages: kinds in a list, what is done to them, and the page of one."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.runs.failures import FailureKind, acts, inbox
from app.runs.failures.inbox import FailureFilter
from tests.rows import make_run

SignedIn = Callable[..., FlaskClient]
NAMES = re.compile(r'class="mono task-name cut"[^>]*>([^<]+)</a>')


def fail(number: int, task: str = "t.a", error: str = "KeyError: 1", minutes: float = 5) -> None:
    at = utcnow() - timedelta(minutes=minutes)
    for one in range(number):
        at += timedelta(milliseconds=1)
        make_run(f"{task}-{minutes}-{one}", at, "FAILURE", task_name=task, error=error, ended_at=at)


def kind(task: str = "t.a") -> FailureKind:
    [row] = inbox.page(FailureFilter(state="all", task_name=task, at=utcnow())).items
    return row


def names(page: str) -> list[str]:
    return [one.strip() for one in NAMES.findall(page)]


def test_the_list_has_open_kinds_the_last_first_and_tabs_with_counts(app: Flask, signed_in: SignedIn) -> None:
    for number, task in enumerate(("t.old", "t.mid", "t.new", "t.gone")):
        fail(1 + (task == "t.mid"), task, minutes=30 - number)
    acts.act("resolve", kind("t.gone").id, "ann", utcnow(), {"note": "with 2.3"})
    acts.act("ignore", kind("t.old").id, "ann", utcnow(), {"until": utcnow() + timedelta(days=1)})
    viewer = signed_in("viewer")
    page = viewer.get("/runs/failures").text
    assert names(page) == ["t.new", "t.mid"]
    assert re.findall(r'class="count">(\d+)<', page)[-4:] == ["2", "1", "1", "4"]
    assert names(viewer.get("/runs/failures?order=failures").text) == ["t.mid", "t.new"]
    resolved = viewer.get("/runs/failures?state=resolved").text
    assert names(resolved) == ["t.gone"]
    assert "with 2.3" in resolved
    assert "until" in viewer.get("/runs/failures?state=ignored").text
    assert names(viewer.get("/runs/failures?state=all&q=t.o").text) == ["t.old"]
    assert "2y is not allowed. Choose one of: 1h, 24h, 7d, 30d." in viewer.get("/runs/failures?last=2y").text
    assert "gone is not allowed" in viewer.get("/runs/failures?state=gone").text


def test_a_list_of_many_has_pages(app: Flask, signed_in: SignedIn) -> None:
    for number in range(31):
        fail(1, f"t.task{number}", minutes=number)
    browser = signed_in("operator")
    page = browser.get("/runs/failures").text
    assert len(names(page)) == 30
    assert "all 31 that match" in page
    more = re.search(r'rel="next" href="([^"]+)"', page)
    assert more
    assert names(browser.get(more[1].replace("&amp;", "&")).text) == ["t.task30"]


def test_the_live_part_hears_of_what_is_done(app: Flask, signed_in: SignedIn) -> None:
    fail(1)
    browser = signed_in("viewer")
    [version] = re.findall(r"/runs/failures/table\?version=([\w.]+)", browser.get("/runs/failures").text)
    assert browser.get(f"/runs/failures/table?version={version}").status_code == 204
    acts.act("resolve", kind().id, "ann", utcnow(), {})
    answer = browser.get(f"/runs/failures/table?version={version}")
    assert "No failure is open" in answer.text


def test_resolving_asks_first_and_is_taken_back(app: Flask, signed_in: SignedIn, post: Any) -> None:
    fail(2)
    fail(1, "t.b")
    browser = signed_in("operator", name="mei")
    chosen = {"action": "resolve", "id": [kind().id, kind("t.b").id]}
    asked = post(browser, "/runs/failures/bulk", chosen)
    assert "Resolve 2 kinds of failures?" in asked.text
    assert kind().state == "open"
    done = post(browser, "/runs/failures/bulk", chosen | {"sure": "1", "note": "rolled back"})
    assert done.status_code == 303
    page = browser.get("/runs/failures").text
    assert "2 kinds of failures" in page
    assert (kind().state, kind("t.b").state_by, kind().note) == ("resolved", "mei", "rolled back")
    [at] = re.findall(r'name="done_at" value="([^"]+)"', page)
    post(browser, "/runs/failures/undo", {"done_at": at})
    assert sorted(names(browser.get("/runs/failures").text)) == ["t.a", "t.b"]
    assert kind().note is None


def test_all_that_match_are_ignored_for_a_time(app: Flask, signed_in: SignedIn, post: Any) -> None:
    for task in ("t.a", "t.b", "u.c"):
        fail(1, task)
    browser = signed_in("operator")
    form = {"action": "ignore", "all": "1", "q": "t.", "sure": "1", "span": "7d"}
    post(browser, "/runs/failures/bulk", form)
    assert names(browser.get("/runs/failures").text) == ["u.c"]
    until = kind().ignored_until
    assert until
    assert abs(until - utcnow() - timedelta(days=7)) < timedelta(minutes=1)
    post(browser, "/runs/failures/bulk", {"action": "ignore", "id": kind().id, "sure": "1", "span": "ever"})
    assert kind().ignored_until is None
    post(browser, "/runs/failures/bulk", {"action": "reopen", "id": kind().id})
    assert kind().state == "open"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"action": "ignore", "span": "2y"}, "Choose one of: 1d, 7d, 30d, ever."),
        ({"action": "ignore", "until": "tomorrow"}, "Give a date and a time."),
        ({"action": "ignore", "until": "2001-01-01T10:00"}, "Give a time in the next 366 days, or none."),
        ({"action": "close"}, "Choose one of: resolve, ignore, reopen, assign, note."),
        ({"action": "resolve", "id": "x"}, "Choose kinds of failures of the list."),
        ({"action": "resolve", "note": "x" * 2001}, "A note has at most 2000 characters."),
    ],
)
def test_what_is_wrong_is_said(
    app: Flask, signed_in: SignedIn, post: Any, form: dict[str, str], told: str
) -> None:
    fail(1)
    answer = post(signed_in("operator"), "/runs/failures/bulk", {"id": str(kind().id), "sure": "1"} | form)
    assert answer.status_code == 422
    assert told in answer.text


def test_a_viewer_sees_and_does_nothing(app: Flask, signed_in: SignedIn, post: Any) -> None:
    fail(1)
    viewer = signed_in("viewer")
    for path in ("/runs/failures", f"/runs/failures/{kind().id}"):
        assert "/runs/failures/bulk" not in viewer.get(path).text
    for path in ("bulk", "undo", f"{kind().id}/owner", f"{kind().id}/note"):
        assert post(viewer, f"/runs/failures/{path}", {"action": "resolve"}).status_code == 403


def test_the_page_of_a_kind_tells_who_did_what_and_what_brought_it_back(
    app: Flask, signed_in: SignedIn, post: Any
) -> None:
    fail(1, minutes=60)
    browser = signed_in("operator", name="mei")
    address = f"/runs/failures/{kind().id}"
    before = utcnow() - timedelta(minutes=30)
    acts.act("resolve", kind().id, "ann", before, {"note": "<b>fixed</b>"})
    fail(1, error="KeyError: 'again'", minutes=5)
    post(browser, f"{address}/owner", {"owner": "mei"})
    post(browser, f"{address}/note", {"note": "only with old orders"})
    page = browser.get(address).text
    assert "It came back at" in page
    assert "ann had closed it at" in page
    assert 'href="/runs/t.a-5-0"' in page
    assert "&lt;b&gt;fixed" in page
    assert "only with old orders" in page
    assert '<option value="mei" selected>' in page
    listed = browser.get("/runs/failures?owner=mei").text
    assert "Came back" in listed
    assert "after ann closed it" in listed
    assert browser.get("/runs/failures/999999").status_code == 404

    def is_silent() -> bool:
        [version] = re.findall(rf"{address}/live\?version=([\w.]+)", browser.get(address).text)
        return browser.get(f"{address}/live?version={version}").status_code == 204

    assert is_silent() or is_silent()  # what it tells of time is told anew each minute


def test_what_is_closed_leaves_the_start_page(app: Flask, signed_in: SignedIn) -> None:
    fail(3)
    fail(1, "t.b")
    browser = signed_in("viewer")
    assert "4 in 24 h, grouped by error" in browser.get("/").text
    acts.act("ignore", kind().id, "ann", utcnow(), {})
    page = browser.get("/").text
    assert "1 in 24 h, grouped by error" in page
    assert "and 3 resolved or ignored" in page
    assert ">t.a<" not in page
    acts.act("resolve", kind("t.b").id, "ann", utcnow(), {})
    page = browser.get("/").text
    assert "No open failure in 24 h" in page
    assert "open kind" not in page


def test_the_newest_failures_of_a_kind_are_retried_as_they_are_counted(
    app: Flask, signed_in: SignedIn, post: Any
) -> None:
    fail(2, "sample_tasks.plain")
    make_run("again", utcnow(), "SUCCESS", task_name="sample_tasks.plain", rerun_of="sample_tasks.plain-5-0")
    fail(1, "sample_tasks.plain", "OSError", minutes=4)
    browser = signed_in("operator")
    page = browser.get("/runs/failures").text
    assert "1 of 1 succeeded on retry" in page
    assert (
        '</span> <span class="dim again">1 of 1' in browser.get("/").text
    )  # on a line of its own: not cut off
    form = page[page.index('action="/runs/bulk"') : page.index("Retry 1")]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    shown = browser.post("/runs/bulk", data=fields, follow_redirects=True)
    assert "2 runs were looked at; nothing has been done yet" in shown.text
