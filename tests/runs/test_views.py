"""The pages of runs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import broker, runs
from app.broker import topics
from app.extensions import db
from app.lists import COUNT_CAP
from app.pages.runs import presentation
from app.runs import states
from tests.rows import make_run

NOW = datetime.now(UTC)
TRACEBACK = """Traceback (most recent call last):
  File "/srv/jobs/reports/rates.py", line 88, in convert
    row.total = row.amount * rate['fx_rate']
KeyError: 'fx_rate'
"""

SignedIn = Callable[[str], FlaskClient]
Post = Callable[..., TestResponse]


def add(number: int, state: str = states.SUCCESS, **fields: Any) -> str:
    """A run of the history; the higher the number, the newer."""
    at = NOW - timedelta(hours=1) + timedelta(seconds=number)
    make_run(f"run-{number:04}", at, state, **{"args": [number]} | fields)
    topics.touch(broker.client(), ["runs"])
    return f"run-{number:04}"


def shown(page: str) -> list[str]:
    return re.findall(r'<tr id="run-([^"]+)"', page)


def test_the_list_is_empty_at_first(signed_in: SignedIn) -> None:
    assert "No runs yet" in signed_in("viewer").get("/runs").text


def test_the_list_is_newest_first_and_leads_to_older_runs(app: Flask, signed_in: SignedIn) -> None:
    ids = [add(number) for number in range(55)]
    browser = signed_in("viewer")
    first = browser.get("/runs").text
    assert shown(first) == ids[:4:-1]
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = browser.get(older[1].replace("&amp;", "&")).text
    assert shown(second) == ids[4::-1]
    assert "Newest runs" in second


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=failed", ["run-0003", "run-0002"]),
        ("state=FAILURE", ["run-0002"]),
        ("state=no-such", ["run-0004", "run-0003", "run-0002", "run-0001"]),
        ("queue=mail", ["run-0004"]),
        ("task_name=t.other", ["run-0001"]),
        ("q=fx_rate", ["run-0002"]),
        ("q=nowhere", []),
        ("state=failed&queue=mail", []),
    ],
)
def test_filters_stand_in_the_address(app: Flask, signed_in: SignedIn, query: str, found: list[str]) -> None:
    add(1, task_name="t.other")
    add(2, states.FAILURE, error="KeyError: 'fx_rate'")
    add(3, states.LOST, error="WorkerLostError")
    add(4, queue="mail")
    page = signed_in("viewer").get(f"/runs?{query}").text
    assert shown(page) == found
    if not found:
        assert "No runs match" in page


def test_a_cursor_that_no_list_gave_is_refused(signed_in: SignedIn) -> None:
    assert signed_in("viewer").get("/runs?cursor=!!").status_code == 422


def test_the_table_is_a_fragment_and_silent_while_nothing_changes(app: Flask, signed_in: SignedIn) -> None:
    add(1)
    browser = signed_in("viewer")
    version = runs.version()
    assert browser.get(f"/runs/table?version={version}").status_code == 204
    add(2)
    answer = browser.get(f"/runs/table?version={version}")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert shown(answer.text) == ["run-0002", "run-0001"]


def test_the_fragment_is_what_the_page_holds(app: Flask, signed_in: SignedIn) -> None:
    add(1)
    browser = signed_in("viewer")
    # Each form has a key of its own, and its token tells the second.
    passing = re.compile(r'[\da-z ]+ ago|name="(form_key|csrf_token)" value="[^"]+"')
    fragment = browser.get("/runs/table").text
    assert passing.sub("", fragment.strip()) in passing.sub("", browser.get("/runs").text)


def test_newer_runs_are_counted_for_a_list_that_is_held_back(app: Flask, signed_in: SignedIn) -> None:
    add(1)
    browser = signed_in("viewer")
    top = re.search(r'data-top="([^"]+)"', browser.get("/runs").text)
    assert top
    add(2)
    add(3, states.FAILURE)
    assert "2 newer runs" in browser.get(f"/runs/table?top={top[1]}").text
    assert "1 newer run<" in browser.get(f"/runs/table?top={top[1]}&state=failed").text


def test_a_run_shows_what_went_in_and_came_out(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(
        1, args=[2**70], kwargs={"b": "Ünal <b>"}, result={"rows": 3}, runtime_seconds=1.25, ended_at=NOW
    )
    page = signed_in("viewer").get(f"/runs/{run_id}").text
    assert str(2**70) in page
    assert "<dt>a</dt>" in page  # the positional argument has the name that the signature gives it
    assert "&#34;Ünal &lt;b&gt;&#34;" in page
    assert re.search(r"<dt>rows</dt>\s*<dd>3</dd>", page)
    assert "Succeeded" in page


def test_defaults_that_were_used_are_marked(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(1, task_name="sample_tasks.resize", args=["photos"], kwargs={})
    page = signed_in("viewer").get(f"/runs/{run_id}").text
    assert re.search(r"<dt>folder</dt>\s*<dd>\s*&#34;photos&#34;\s*</dd>", page)
    assert re.search(r"<dt>width</dt>\s*<dd>\s*800\s+<span[^>]*>default</span>\s*</dd>", page)


def test_a_failed_run_points_at_the_line_that_raised(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(1, states.FAILURE, error="KeyError: 'fx_rate'", traceback=TRACEBACK, ended_at=NOW)
    page = signed_in("viewer").get(f"/runs/{run_id}").text
    assert "raised here" in page
    assert page.count("KeyError: &#39;fx_rate&#39;") == 2  # in the card, and in the text to be copied


@pytest.mark.parametrize(("state", "shown"), [(states.STARTED, True), (states.SUCCESS, False)])
def test_while_it_is_tried_again_the_last_traceback_shows(
    app: Flask, signed_in: SignedIn, state: str, shown: bool
) -> None:
    earlier = {"attempt": 0, "state": states.RETRY, "error": "KeyError: 'fx_rate'", "traceback": TRACEBACK}
    times = {"ended_at": NOW.isoformat(), "started_at": None, "runtime_seconds": 2.0}
    run_id = add(1, state, attempt=1, attempts=[earlier | times], started_at=NOW)
    page = signed_in("viewer").get(f"/runs/{run_id}").text
    assert ("raised here" in page, "attempt 1, " in page) == (shown, shown)
    assert "KeyError: &#39;fx_rate&#39;" in page  # among the attempts, at least


@pytest.mark.parametrize("state", states.ALL)
def test_every_state_has_a_page(app: Flask, signed_in: SignedIn, state: str) -> None:
    ended = {"ended_at": NOW} if state in (*states.FINISHED, states.RETRY) else {}
    run_id = add(1, state, traceback="no traceback of Python's", error="it broke", attempt=1, **ended)
    browser = signed_in("operator")
    for page in (browser.get(f"/runs/{run_id}").text, browser.get("/runs").text):
        assert f"{state}: " in page
        assert ">None<" not in page


def test_secrets_and_cuts_are_told(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(1, kwargs={"key": "••••••"}, masked=["key"], result="x", notices={"result": 2_500_000})
    page = signed_in("viewer").get(f"/runs/{run_id}").text
    assert "Kept secret, not stored: key." in page
    assert "the whole result took 2.5 MB" in page


def test_a_run_of_a_task_that_is_gone_still_has_a_page(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(1, states.FAILURE, task_name="old.gone", args=None, kwargs=None, ended_at=NOW)
    page = signed_in("operator").get(f"/runs/{run_id}").text
    assert "old.gone" in page
    assert "Retry with changes" not in page


def test_the_live_part_of_a_run(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(1, states.STARTED, started_at=NOW)
    browser = signed_in("viewer")
    version = re.search(
        rf'hx-get="/runs/{run_id}/live\?version=([^"]+)"', browser.get(f"/runs/{run_id}").text
    )
    assert version
    assert browser.get(f"/runs/{run_id}/live?version={version[1]}").status_code == 204
    topics.touch(broker.client(), [f"run:{run_id}"])
    answer = browser.get(f"/runs/{run_id}/live?version={version[1]}")
    assert answer.status_code == 200
    assert "<html" not in answer.text


def test_a_finished_run_is_not_sent_again_when_others_change(app: Flask, signed_in: SignedIn) -> None:
    run_id, waiting = add(1), add(2, states.PENDING)
    browser = signed_in("operator")

    def status(of: str, moved: list[str]) -> int:
        page = browser.get(f"/runs/{of}").text
        found = re.search(rf'hx-get="(/runs/{of}/live\?[^"]+)"', page)
        assert found
        topics.touch(broker.client(), moved)
        return browser.get(found[1].replace("&amp;", "&")).status_code

    assert status(run_id, ["runs", f"run:{waiting}"]) == 204
    assert status(run_id, [f"run:{run_id}"]) == 200
    assert status(waiting, ["runs"]) == 200  # what is ahead of it counts
    before = broker.client().get(f"{topics.PREFIX}run:{run_id}")
    runs.rerun(runs.get(run_id), "ann", NOW)
    assert broker.client().get(f"{topics.PREFIX}run:{run_id}") != before
    assert status(run_id, ["runs"]) == 200  # its retry has not ended


def test_a_waiting_run_says_why(app: Flask, signed_in: SignedIn) -> None:
    run = runs.submit(runs.RunRequest("sample_tasks.plain", [1]), NOW)
    page = signed_in("viewer").get(f"/runs/{run.id}").text
    assert "No worker is online, so nothing takes runs from the queue default." in page


def test_cancelling_takes_the_message_away(app: Flask, signed_in: SignedIn, post: Post) -> None:
    run = runs.submit(runs.RunRequest("sample_tasks.plain", [1]), NOW)
    browser = signed_in("operator")
    answer = post(browser, f"/runs/{run.id}/cancel")
    assert (answer.status_code, answer.location) == (303, f"/runs/{run.id}")
    assert "it will not run" in browser.get(answer.location).text
    assert broker.depth("default") == 0
    again = post(browser, f"/runs/{run.id}/cancel")
    assert again.status_code == 409


def test_terminating_asks_first(app: Flask, signed_in: SignedIn) -> None:
    run_id = add(1, states.STARTED, started_at=NOW)
    browser = signed_in("operator")
    page = browser.get(f"/runs/{run_id}/terminate").text
    assert "<html" in page
    dialog = browser.get(f"/runs/{run_id}/terminate", headers={"HX-Request": "true"}).text
    assert "<html" not in dialog
    assert "Keep running" in dialog
    db.session.expire_all()
    assert runs.get(run_id).state == states.STARTED


def test_retry_makes_a_new_run(app: Flask, signed_in: SignedIn, post: Post) -> None:
    old = add(1, states.FAILURE, ended_at=NOW)
    answer = post(signed_in("operator"), f"/runs/{old}/rerun", htmx=True)
    assert answer.status_code == 204
    new = runs.get(answer.headers["HX-Redirect"].rsplit("/", 1)[1])
    assert (new.rerun_of, new.args, new.state) == (old, [1], states.PENDING)


@pytest.mark.parametrize("role", ["viewer"])
@pytest.mark.parametrize(("method", "action"), [("POST", "cancel"), ("POST", "rerun"), ("GET", "terminate")])
def test_a_viewer_may_only_look(
    app: Flask, signed_in: SignedIn, post: Post, role: str, method: str, action: str
) -> None:
    run_id = add(1, states.STARTED, started_at=NOW)
    browser = signed_in(role)
    path = f"/runs/{run_id}/{action}"
    assert (post(browser, path) if method == "POST" else browser.get(path)).status_code == 403
    assert "Terminate" not in browser.get(f"/runs/{run_id}").text


@pytest.mark.parametrize(("action", "status"), [("cancel", 200), ("rerun", 405)])
def test_changes_are_forms(app: Flask, signed_in: SignedIn, action: str, status: int) -> None:
    run_id = add(1, states.PENDING)
    before = runs.get(run_id).state
    assert signed_in("operator").get(f"/runs/{run_id}/{action}").status_code == status  # 200: a question
    db.session.expire_all()
    assert (runs.get(run_id).state, runs.counts()) == (before, {before: 1})


def test_counts_that_were_not_counted_to_the_end_say_so(app: Flask) -> None:
    with app.test_request_context():
        assert presentation.number_of({states.SUCCESS: COUNT_CAP + 1, states.FAILURE: 5}, ()) == "10,005+"
        assert presentation.number_of({states.SUCCESS: 12}, ()) == "12"


def test_every_state_belongs_to_one_chip() -> None:
    members = [state for group in presentation.GROUPS.values() for state in group]
    assert sorted(members) == sorted(states.ALL)
