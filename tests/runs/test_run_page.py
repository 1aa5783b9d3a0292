"""The page of one run: code and message, deleting, terminating with a signal, what is still to come."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import runs
from app.extensions import transaction
from app.runs import states
from app.runs.models import Run
from app.runs.timeline import Leg, Stage, Step, seconds_left, timeline
from tests.rows import make_run

NOW = datetime.now(UTC)
SignedIn = Callable[[str], FlaskClient]
HUGE = 2**70 + 1


def add(run_id: str, state: str = states.SUCCESS, **fields: Any) -> str:
    return make_run(run_id, NOW, state, **{"args": [1], "priority": 5} | fields)


def test_the_message_of_a_waiting_run_is_shown_and_of_an_ended_one_gone(
    app: Flask, signed_in: SignedIn
) -> None:
    run = runs.submit(runs.RunRequest("sample_tasks.plain", [HUGE]), NOW)
    page = signed_in("viewer").get(f"/runs/{run.id}/message").text
    assert "It waits in its queue." in page
    assert page.count(str(HUGE)) == 3  # as curl, as Python and in the message, to the last digit
    assert "curl " in page
    assert "apply_async(" in page
    ended = add("ended")
    assert "It is gone" in signed_in("operator").get(f"/runs/{ended}/message").text


def test_a_run_whose_task_is_not_known_has_no_code(app: Flask, signed_in: SignedIn) -> None:
    add("old", task_name="old.gone")
    assert "cannot be shown" in signed_in("viewer").get("/runs/old/message").text


def test_the_page_says_what_became_of_it_and_what_to_do(app: Flask, signed_in: SignedIn, caller: Any) -> None:
    add("bad", states.FAILURE, error="WorkerLostError: signal 9", ended_at=NOW)
    assert "Look at the memory" in signed_in("viewer").get("/runs/bad").text
    told = caller("viewer").get("/runs/bad").json["explanation"]
    assert told["code"] == "worker-lost"
    assert told["advice"].startswith("Look at the memory")


def test_what_nobody_knows_of_a_run_is_not_said(app: Flask, signed_in: SignedIn, caller: Any) -> None:
    times = {"started_at": NOW - timedelta(minutes=5), "ended_at": NOW}
    add("untold", states.LOST, error=f"{states.END_NOT_TOLD}: Its worker could not tell.", **times)
    page = signed_in("viewer").get("/runs/untold").text
    assert "Its work may be done." in page
    assert "It is not known: the worker could not tell how the run ended." in page
    assert "ran 5 min" not in page
    assert caller("viewer").get("/runs/untold").json["explanation"]["code"] == "end-not-told"


def test_deleting_asks_deletes_and_is_audited(
    app: Flask, signed_in: SignedIn, post: Any, caller: Any
) -> None:
    add("done", ended_at=NOW)
    admin = signed_in("admin")
    assert "Keep the run" in admin.get("/runs/done/delete").text
    assert post(admin, "/runs/done/delete").status_code == 303
    assert admin.get("/runs/done").status_code == 404
    entry = caller("admin").get("/audit?action=run.delete").json["items"][0]
    assert (entry["action"], entry["object_id"]) == ("run.delete", "done")


def test_a_run_that_goes_on_is_not_deleted(app: Flask, signed_in: SignedIn, post: Any) -> None:
    add("on", states.STARTED, started_at=NOW)
    assert post(signed_in("admin"), "/runs/on/delete").status_code == 409
    assert runs.get("on").state == states.STARTED


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_admin_deletes(app: Flask, signed_in: SignedIn, post: Any, role: str) -> None:
    add("done", ended_at=NOW)
    browser = signed_in(role)
    assert post(browser, "/runs/done/delete").status_code == 403
    assert browser.get("/runs/done/delete").status_code == 403
    assert "/runs/done/delete" not in browser.get("/runs/done").text


def test_a_signal_is_chosen_from_a_list(app: Flask, signed_in: SignedIn, post: Any, caller: Any) -> None:
    add("on", states.STARTED, started_at=NOW)
    browser = signed_in("operator")
    assert "SIGKILL" in browser.get("/runs/on/terminate").text
    assert post(browser, "/runs/on/cancel", {"terminate": "1", "signal": "SIGSTOP"}).status_code == 422
    refused = caller("operator").post("/runs/on/cancel", json={"terminate": True, "signal": "rm"})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["signal"])


def test_big_integers_are_exact_on_the_page_and_in_the_api(
    app: Flask, signed_in: SignedIn, caller: Any
) -> None:
    add("big", args=[HUGE], kwargs={"b": -HUGE}, result={"n": HUGE})
    assert signed_in("viewer").get("/runs/big").text.count(str(HUGE)) >= 3
    found = caller("viewer").get("/runs/big").json
    assert (found["args"], found["kwargs"], found["result"]) == ([HUGE], {"b": -HUGE}, {"n": HUGE})


def test_a_megabyte_of_traceback_has_a_page(app: Flask, signed_in: SignedIn) -> None:
    frame = '  File "/srv/jobs.py", line 7, in deep\n    deep(n + 1)\n'
    text = "Traceback (most recent call last):\n" + frame * 17_000 + "RecursionError: too deep\n"
    add("deep", states.FAILURE, error="RecursionError: too deep", traceback=text, ended_at=NOW)
    answer = signed_in("viewer").get("/runs/deep")
    assert answer.status_code == 200
    assert "RecursionError: too deep" in answer.text


def running(**fields: Any) -> Run:
    values: dict[str, Any] = {"id": "r", "state": states.STARTED, "attempt": 0, "created_at": NOW}
    return Run(**values | {"started_at": NOW - timedelta(seconds=30)} | fields)


@pytest.mark.parametrize(
    ("fields", "usual", "left"),
    [
        ({}, None, None),
        ({}, 50.0, 20.0),
        ({}, 20.0, None),
        ({"progress_at": NOW, "progress_current": 60, "progress_total": 100}, 500.0, 20.0),
        ({"progress_at": NOW, "progress_current": 1, "progress_total": 100}, 50.0, 20.0),
        ({"progress_at": NOW, "progress_current": 5, "progress_total": 0}, None, None),
        ({"started_at": None}, 50.0, None),
    ],
)
def test_what_is_left_comes_from_progress_or_from_the_usual_time(
    fields: dict[str, Any], usual: float | None, left: float | None
) -> None:
    found = seconds_left(running(**fields), NOW, usual)
    assert found == (None if left is None else pytest.approx(left))


def test_the_line_ends_where_it_is_likely_to() -> None:
    *_line, leg, step = timeline(running(), NOW, 50.0)
    assert isinstance(leg, Leg)
    assert isinstance(step, Step)
    assert (leg.seconds, step.stage, step.at) == (20.0, Stage.WILL_END, NOW + timedelta(seconds=20))


@pytest.mark.parametrize(
    ("state", "word"), [(states.SUCCESS, "Retry"), (states.FAILURE, "Retry"), (states.SKIPPED, "Retry")]
)
def test_an_ended_run_is_run_again_with_one_click(
    app: Flask, signed_in: SignedIn, state: str, word: str
) -> None:
    run_id = add("ended", state)
    page = signed_in("operator").get(f"/runs/{run_id}").text
    form = page[page.index(f'action="/runs/{run_id}/rerun"') :]
    assert f"<span>{word}</span>" in form[: form.index("</form>")]
    assert f"/runs/{run_id}/rerun" not in signed_in("viewer").get(f"/runs/{run_id}").text
    secret = add("secret", state, masked=["password"])
    assert f"/runs/{secret}/rerun" not in signed_in("operator").get(f"/runs/{secret}").text


@pytest.mark.parametrize("broken", ["not json", "{", "", "[]", '"text"'])
def test_a_message_that_was_written_broken_in_sql_stops_no_page(
    app: Flask, signed_in: SignedIn, caller: Any, broken: str
) -> None:
    add("odd", states.SCHEDULED, send_at=NOW + timedelta(hours=1))
    with transaction() as session:
        session.execute(text("UPDATE runs SET outbox = :broken WHERE id = 'odd'"), {"broken": broken})
    browser = signed_in("operator")
    for address in ("/runs/odd", "/runs/odd/message", "/runs/odd/live", "/runs"):
        answer = browser.get(address)
        assert answer.status_code == 200, address
    assert "sample_tasks.plain" in browser.get("/runs/odd").text
    assert caller("operator").get("/runs/odd").json["state"] == states.SCHEDULED


def test_a_run_whose_message_was_written_broken_is_cancelled(
    app: Flask, signed_in: SignedIn, post: Any
) -> None:
    add("odd", states.SCHEDULED, send_at=NOW + timedelta(hours=1))
    with transaction() as session:
        session.execute(text("UPDATE runs SET outbox = '{' WHERE id = 'odd'"))
    assert post(signed_in("operator"), "/runs/odd/cancel", {}).status_code == 303
    assert runs.get("odd").state == states.REVOKED


def test_in_chinese_no_space_stands_after_a_sentence(app: Flask, signed_in: SignedIn) -> None:
    make_run("bad", NOW, states.FAILURE, error="KeyError: 1")
    page = signed_in("viewer").get("/runs/bad", headers={"Accept-Language": "zh-CN"}).text
    assert "不会自动重试。请看" in page
