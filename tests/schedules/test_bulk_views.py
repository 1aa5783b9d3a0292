"""What is done to many schedules at once, from the list."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from app import runs, schedules
from app.extensions import db, transaction
from app.pages.schedules import listing
from app.schedules.models import Schedule

SignedIn = Callable[..., FlaskClient]
Post = Callable[..., TestResponse]
Make = Callable[..., Schedule]


@pytest.fixture
def three(make: Make) -> list[int]:
    """The ids of three schedules; the last one is off."""
    now = datetime.now(UTC)
    return [make(f"schedule-{n}", now, cron_schedule="0 1 * * *", enabled=n < 2).id for n in range(3)]


def enabled() -> list[bool]:
    db.session.rollback()
    return [row.enabled for row in schedules.page(schedules.ScheduleFilter()).items]


def act(post: Post, browser: FlaskClient, action: str, ids: Sequence[int], **more: Any) -> TestResponse:
    return post(browser, "/schedules/bulk", {"action": action, "id": [str(one) for one in ids]} | more)


def after(browser: FlaskClient, answer: TestResponse) -> str:
    """The page that follows, with what it tells."""
    assert answer.status_code == 303, answer.text
    return browser.get(answer.location).text


def undo_moment(page: str) -> dict[str, str]:
    found = re.search(r'name="done_at" value="([^"]+)"', page)
    assert found, "no undo is offered"
    return {"done_at": found[1]}


def test_many_are_switched_and_that_is_undone(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    browser = signed_in("operator")
    page = after(browser, act(post, browser, "disable", three))
    assert "Turned off" in page
    assert enabled() == [False, False, False]
    post(browser, "/schedules/undo", undo_moment(page))
    assert enabled() == [True, True, False]  # the last one had been off before
    after(browser, act(post, browser, "enable", three))
    assert enabled() == [True, True, True]


def test_many_run_now(app: Flask, signed_in: SignedIn, post: Post, three: list[int]) -> None:
    browser = signed_in("operator")
    page = after(browser, act(post, browser, "run", three))
    assert "Sent to their queues" in page
    assert "done_at" not in page  # what is sent is not taken back
    assert len(runs.page(runs.RunFilter()).items) == 3
    page = after(browser, act(post, browser, "run", three))
    assert "3 were not done" in page
    assert "An earlier run of this schedule has not finished." in page
    assert len(runs.page(runs.RunFilter()).items) == 3


@pytest.mark.database
def test_many_change_their_queue_and_that_is_undone(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    browser = signed_in("operator")
    asked = act(post, browser, "queue", three)
    assert asked.status_code == 200
    assert "Send 3 schedules to another queue" in asked.text
    page = after(browser, act(post, browser, "queue", three, new_queue="files"))
    db.session.rollback()
    assert {row.queue for row in schedules.of_ids(three)} == {"files"}
    post(browser, "/schedules/undo", undo_moment(page))
    db.session.rollback()
    assert {row.queue for row in schedules.of_ids(three)} == {None}
    page = after(browser, act(post, browser, "queue", three, new_queue="not a queue"))
    assert "3 were not done" in page


def test_a_list_of_one_queue_asks_for_the_new_one_too(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    """The filter's queue, which the form carries along, is not the answer."""
    browser = signed_in("operator")
    asked = act(post, browser, "queue", three, queue="mail")
    assert "Send 3 schedules to another queue" in asked.text
    assert 'type="hidden" name="queue" value="mail"' in asked.text
    answer = act(post, browser, "queue", three, queue="mail", new_queue="files")
    assert answer.location == "/schedules?queue=mail"
    db.session.rollback()
    assert {row.queue for row in schedules.of_ids(three)} == {"files"}


def test_deleting_many_names_them_first(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    browser = signed_in("operator")
    asked = act(post, browser, "delete", three[:2])
    assert asked.status_code == 200
    for text in ("Delete 2 schedules?", "schedule-0", "schedule-1", "Their runs stay in the history"):
        assert text in asked.text
    assert "schedule-2" not in asked.text
    assert len(enabled()) == 3
    dialog = post(
        browser, "/schedules/bulk", {"action": "delete", "id": [str(one) for one in three]}, htmx=True
    )
    assert "<html" not in dialog.text
    page = after(browser, act(post, browser, "delete", three[:2], sure="1"))
    assert len(enabled()) == 1
    post(browser, "/schedules/undo", undo_moment(page))
    assert enabled() == [True, True, False]


def test_deleting_very_many_asks_for_the_number(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "TYPE_TO_DELETE", 2)
    browser = signed_in("operator")
    assert "Type 3 to confirm" in act(post, browser, "delete", three).text
    for typed in ("", "2", "three"):
        assert act(post, browser, "delete", three, sure="1", typed=typed).status_code == 200
        assert len(enabled()) == 3
    act(post, browser, "delete", three, sure="1", typed="3")
    assert enabled() == []


def test_what_code_defines_stays_and_is_told(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    with transaction() as session:
        session.execute(update(Schedule).where(Schedule.id == three[0]).values(origin="code", code_key="s0"))
    browser = signed_in("operator")
    page = after(browser, act(post, browser, "delete", three, sure="1"))
    assert "2 of 3 done" in page
    assert "defined in code" in page
    assert len(enabled()) == 1


def test_all_that_match_are_frozen_by_the_filter(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    browser = signed_in("operator")
    answer = post(browser, "/schedules/bulk", {"action": "disable", "all": "1", "q": "schedule-0"})
    assert answer.location == "/schedules?q=schedule-0"
    assert enabled() == [False, True, False]
    asked = post(browser, "/schedules/bulk", {"action": "delete", "all": "1", "state": "off"})
    assert re.findall(r'name="id" value="(\d+)"', asked.text) == [str(three[0]), str(three[2])]


def test_one_that_is_gone_meanwhile_does_not_stop_the_others(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    schedules.delete(three[0], "tom", datetime.now(UTC))
    browser = signed_in("operator")
    page = after(browser, act(post, browser, "disable", three))
    assert "1 was not done" in page
    assert enabled() == [False, False]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"action": "disable"}, 303),
        ({"action": "explode", "id": ["1"]}, 422),
        ({"id": ["1"]}, 422),
        ({"action": "disable", "id": ["1; DROP TABLE schedules"]}, 422),
        ({"action": "disable", "id": ["9" * 30]}, 422),
        ({"action": "disable", "id": ["٣"]}, 422),
        ({"action": "disable", "id": [str(n) for n in range(1000, 1501)]}, 422),
    ],
)
def test_nonsense_changes_nothing(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int], data: dict[str, Any], status: int
) -> None:
    assert post(signed_in("operator"), "/schedules/bulk", data).status_code == status
    assert enabled() == [True, True, False]


def test_many_different_problems_fit_into_the_session(
    app: Flask, signed_in: SignedIn, post: Post, three: list[int]
) -> None:
    browser = signed_in("operator")
    page = after(browser, act(post, browser, "enable", range(1000, 1400)))
    assert "There is no schedule" in page
