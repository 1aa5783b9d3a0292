"""To be told when a run ends: asked for, withdrawn, told once each way, gone with the run."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import runs
from app.accounts import emails, users
from app.clock import utcnow
from app.extensions import db, transaction
from app.runs import Run, states, subscriptions
from app.runs.subscriptions import RunSubscription

WAIT = "sample_tasks.weekday"


@pytest.fixture
def mails(app: Flask) -> Iterator[None]:
    """Mail is set up; nothing is sent here."""
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = before.model_copy(update={"smtp_url": "smtp://127.0.0.1:9"})
    yield
    app.config["SETTINGS"] = before


def end(run_id: str, state: str = states.SUCCESS, **values: Any) -> None:
    with transaction() as session:
        run = session.get_one(Run, run_id)
        run.state, run.ended_at = state, utcnow()
        for name, value in values.items():
            setattr(run, name, value)


def noted() -> int:
    db.session.rollback()
    return int(db.session.scalar(select(func.count()).select_from(RunSubscription)) or 0)


def new_run(submit: Callable[..., str]) -> str:
    return submit("weekday", day="2026-11-20")


@pytest.mark.database
def test_each_way_is_taken_once_and_the_last_takes_the_row(
    mails: None, submit: Callable[..., str], row: Callable[[str], Run]
) -> None:
    mei, run_id = users.create("mei", "viewer", utcnow()), new_run(submit)
    emails.give(mei, "mei@shop.example", utcnow())
    for _ in range(2):  # asked twice is one
        one = subscriptions.subscribe(row(run_id), mei, utcnow(), subscriptions.WAYS, "en")
    assert one is not None
    assert one.ways == ["browser", "mail"]
    assert noted() == 1
    assert not subscriptions.take_shown(run_id, mei)  # it still runs
    assert subscriptions.waiting(mei) == subscriptions.Waiting(True, [])
    end(run_id)
    assert [run.id for run in subscriptions.waiting(mei).ended] == [run_id]
    assert [subscriptions.take_shown(run_id, mei) for _ in range(2)] == [True, False]
    assert subscriptions.waiting(mei) == subscriptions.Waiting(False, ())
    assert noted() == 1
    assert [one.run_id for one, _run, _user in subscriptions.to_mail(utcnow(), 10)] == [run_id]
    with transaction():
        assert [subscriptions.take_mail(run_id, mei.id) for _ in range(2)] == [True, False]
    assert noted() == 0


@pytest.mark.database
def test_it_goes_with_its_run(submit: Callable[..., str], row: Callable[[str], Run]) -> None:
    mei, run_id = users.create("mei", "viewer", utcnow()), new_run(submit)
    gone = row(run_id)
    subscriptions.subscribe(gone, mei, utcnow(), ["browser"], "en")
    end(run_id)
    assert runs.clean_up(states.FINISHED, utcnow(), utcnow()) == 1
    assert noted() == 0


def test_rest_asks_and_withdraws(mails: None, caller: Any, submit: Callable[..., str]) -> None:
    viewer, run_id = caller("viewer"), new_run(submit)
    path = f"/runs/{run_id}/subscription"
    assert viewer.get(path).status_code == 404
    answer = viewer.post(path)
    assert answer.status_code == 200
    assert answer.json["ways"] == ["browser"]  # there is no address
    emails.give(users.get(viewer.user.id), "v@shop.example", utcnow())
    assert viewer.post(path, json={"ways": ["mail"]}).json["ways"] == ["mail"]
    assert viewer.get(path).json["ways"] == ["mail"]
    assert caller("viewer").get(path).status_code == 404  # of another
    assert viewer.delete(path).status_code == 204
    assert viewer.get(path).status_code == 404


def test_rest_says_at_once_that_it_has_ended(caller: Any, submit: Callable[..., str]) -> None:
    run_id = new_run(submit)
    end(run_id, states.FAILURE)
    answer = caller("viewer").post(f"/runs/{run_id}/subscription").json
    assert (answer["ended"], answer["state"], answer["ways"]) == (True, "FAILURE", [])
    assert noted() == 0


@pytest.mark.parametrize(
    ("ways", "problem"),
    [
        (["pigeon"], "Must be one of: browser, mail."),
        (["mail"], "the setting SMTP_URL is empty."),
        ([], "Shorter than minimum length 1."),
    ],
)
def test_rest_names_what_is_wrong(
    caller: Any, submit: Callable[..., str], ways: list[str], problem: str
) -> None:
    answer = caller("viewer").post(f"/runs/{new_run(submit)}/subscription", json={"ways": ways})
    assert answer.status_code == 422
    assert problem in str(answer.json["errors"]["ways"])


def test_mail_needs_an_address(mails: None, caller: Any, submit: Callable[..., str]) -> None:
    answer = caller("viewer").post(f"/runs/{new_run(submit)}/subscription", json={"ways": ["mail"]})
    assert answer.json["errors"]["ways"] == ["You have no e-mail address in Settings."]


def test_nobody_waits_for_too_many(
    caller: Any, submit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 1)
    viewer = caller("viewer")
    assert viewer.post(f"/runs/{new_run(submit)}/subscription").status_code == 200
    answer = viewer.post(f"/runs/{new_run(submit)}/subscription")
    assert (answer.status_code, answer.json["code"]) == (409, "too-many")


def test_the_pages_ask_tell_and_withdraw(signed_in: Any, post: Any, submit: Callable[..., str]) -> None:
    browser, run_id = signed_in("viewer"), new_run(submit)
    page = browser.get(f"/runs/{run_id}").text
    assert "Tell me when it ends" in page
    assert 'data-live="ends"' not in page  # a page that waits for nothing asks nothing
    part = post(browser, f"/runs/{run_id}/subscription", {"wanted": "1"}, htmx=True).text
    assert "You will be told when it ends" in part
    assert "You will be told</span>" in part
    assert 'data-live="ends"' in browser.get("/tasks").text  # any page tells
    version = browser.get("/tasks").text.partition("/runs/ends?version=")[2].partition('"')[0]
    assert browser.get(f"/runs/ends?version={version}").status_code == 204
    end(run_id, runtime_seconds=3.0)
    told = browser.get(f"/runs/ends?version={version}").text
    assert 'data-title="weekday: Succeeded"' in told
    assert 'data-text="It took 3 s."' in told
    assert [post(browser, f"/runs/{run_id}/told").json for _ in range(2)] == [
        {"tells": True},
        {"tells": False},
    ]
    assert "data-ended" not in browser.get("/runs/ends").text
    assert "Tell me when it ends" not in browser.get(f"/runs/{run_id}").text


def test_a_run_that_ended_meanwhile_is_told_by_the_press(
    signed_in: Any, post: Any, submit: Callable[..., str]
) -> None:
    browser, run_id = signed_in("viewer"), new_run(submit)
    end(run_id)
    assert (
        "It has ended already: Succeeded"
        in post(browser, f"/runs/{run_id}/subscription", {"wanted": "1"}, htmx=True).text
    )


def test_a_press_takes_it_back(signed_in: Any, post: Any, submit: Callable[..., str]) -> None:
    browser, run_id = signed_in("viewer"), new_run(submit)
    post(browser, f"/runs/{run_id}/subscription", {"wanted": "1"})
    assert "You will be told</span>" in browser.get(f"/runs/{run_id}").text
    assert post(browser, f"/runs/{run_id}/subscription").status_code == 303  # without scripts
    assert "Tell me when it ends" in browser.get(f"/runs/{run_id}").text
    assert noted() == 0
