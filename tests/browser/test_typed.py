"""What was typed is not lost when a session ends, a form is too old or the server is away."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Error, Page, expect
from sqlalchemy import func, select

from app.accounts import sessions, users
from app.clock import utcnow
from app.extensions import db
from app.runs.models import Run

Visit = Callable[..., Page]
TASK = "/tasks/sample_tasks.resize"
PASSWORD = "correct horse battery"


def number() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Run)) or 0


def send(page: Page) -> None:
    page.locator("form button.primary").first.click()


@pytest.fixture
def filled(visit: Visit) -> Page:
    page = visit(TASK)
    page.locator("[name=p-folder]").press_sequentially("orders 4711")
    return page


def sign_in(page: Page) -> None:
    user = users.listing()[0]
    users.set_password(user, PASSWORD, utcnow())
    page.fill("#username", user.name)
    page.fill("#password", PASSWORD)
    page.locator("form button.primary").first.click()


def test_after_signing_in_one_is_back_in_the_filled_form(app: Flask, filled: Page) -> None:
    sessions.end_all(users.listing()[0], utcnow())
    send(filled)
    toast = filled.locator(".toast a[data-sign-in]")  # one, though a preview may have been asked for, too
    toast.click()
    sign_in(filled)
    filled.wait_for_url(f"**{TASK}")
    expect(filled.locator("[name=p-folder]")).to_have_value("orders 4711")
    expect(filled.locator(".toast")).to_contain_text("What you typed is here again")
    assert number() == 0
    send(filled)
    filled.wait_for_url("**/runs/*")
    assert number() == 1


def test_a_refused_field_is_no_longer_red_once_it_is_changed(filled: Page) -> None:
    filled.locator("[name=p-width]").fill("much")
    send(filled)
    problem = filled.locator(".has-error")
    expect(problem).to_have_count(1)
    filled.locator("[name=p-width]").press_sequentially("1")
    expect(problem).to_have_count(0)
    expect(filled.locator(".field-error, .problems")).to_have_count(0)


def test_a_live_page_says_that_one_is_signed_out(visit: Visit) -> None:
    page = visit("/runs?state=failed")
    page.context.clear_cookies()
    toast = page.locator(".toast", has_text="You are signed out")
    expect(toast).to_have_count(1)
    link: Any = toast.locator("a").get_attribute("href")
    assert link == "/login?next=/runs?state%3Dfailed"


def test_a_lost_answer_is_said_and_pressing_again_makes_no_second(filled: Page) -> None:
    filled.route(f"**{TASK}/run", lambda route: (route.fetch(max_redirects=0), route.abort()))
    send(filled)
    expect(filled.locator(".toast")).to_contain_text("It is not known whether it was sent")
    assert number() == 1
    filled.unroute(f"**{TASK}/run")
    send(filled)
    filled.wait_for_url("**/runs/*")
    assert number() == 1


def test_a_form_whose_answer_never_came_is_filled_when_its_page_is_opened_again(visit: Visit) -> None:
    page = visit("/schedules/new")
    page.fill("#note", "remember")
    page.route("**/schedules/new", lambda route: route.abort())
    with pytest.raises(Error), page.expect_navigation():
        page.locator(".form-foot .primary").click()
    page.unroute("**/schedules/new")
    page.goto("/schedules/new")
    expect(page.locator("#note")).to_have_value("remember")
    expect(page.locator(".toast")).to_contain_text("It is not known whether it was sent")


def test_the_same_message_stands_once(filled: Page) -> None:
    """A preview and the form itself may fail at once."""
    failed = "document.getElementById('toasts').append(document.getElementById('{}').content.cloneNode(true))"
    for name in ("toast-failed", "toast-offline", "toast-failed"):
        filled.evaluate(failed.format(name))
    expect(filled.locator(".toast")).to_have_count(2)
    expect(filled.locator(".toast").last).to_contain_text("This did not work")
