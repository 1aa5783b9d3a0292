"""What every page's frame does in a browser: its keys, the list of them, and the live part of the sidebar."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from redis import Redis

from app import broker, queues, runs, short_cache
from app.clock import utcnow
from app.heartbeats import RECORDERS
from app.pages import status_bar
from app.web import navigation

Visit = Callable[..., Page]
ASK = "htmx.trigger(document.getElementById('frame'), 'every', {}, false)"


@pytest.fixture
def say(app: Flask, redis: Redis) -> Callable[[int], None]:
    """A recorder says how many events it recorded."""

    def said(per_minute: int) -> None:
        word = {"at": time.time(), "recorded": 1, "pid": 1, "per_minute": per_minute, "behind_seconds": 0}
        redis.hset(RECORDERS, "r1", json.dumps(word))
        short_cache.forget(app, status_bar.CACHED_AS)

    return said


def test_keys_go_to_pages(visit: Visit) -> None:
    page = visit("/settings")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/schedules")
    page.wait_for_load_state()
    page.keyboard.press("n")
    page.wait_for_url("**/schedules/new")


def watched(page: Page) -> Page:
    """From now on `left(page)` knows whether the page began to go to another."""
    page.evaluate(
        """navigation.addEventListener("navigate", ({ destination }) => {
          if (!destination.sameDocument) window.goesTo = destination.url;
        })"""
    )
    return page


def left(page: Page) -> str | None:
    found: str | None = page.evaluate("window.goesTo ?? null")
    return found


def test_a_letter_alone_or_late_goes_nowhere(visit: Visit) -> None:
    page = visit("/settings", own=True)
    page.clock.install()
    page.reload()
    watched(page)
    page.keyboard.press("q")
    page.keyboard.press("g")
    page.keyboard.press("x")
    page.keyboard.press("q")
    page.keyboard.press("g")
    page.clock.fast_forward(1700)
    page.keyboard.press("q")
    assert left(page) is None
    assert page.url.endswith("/settings")


def test_slash_focuses_the_search_and_enter_shows_what_it_found(visit: Visit) -> None:
    page = visit("/runs")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("g s ? n / mail")  # words now, no keys
    expect(page.locator("#search")).to_have_value("g s ? n / mail")
    expect(page.locator("#keys")).to_be_hidden()
    page.fill("#search", "mail")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=mail")
    expect(page.locator("main a[href='/queues/mail']")).to_be_visible()


def test_the_list_of_keys_opens_and_gives_the_focus_back(visit: Visit) -> None:
    page = watched(visit("/runs"))
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("q")  # a dialog is open: nothing goes on behind it
    assert left(page) is None
    assert page.url.endswith("/runs")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.get_by_role("button", name="Keys and help").click()
    expect(page.locator("#keys")).to_contain_text("Move to top")
    page.locator("#keys").get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Keys and help")).to_be_focused()


def test_keys_with_a_modifier_are_the_browsers(visit: Visit) -> None:
    page = watched(visit("/runs"))
    page.evaluate("addEventListener('keydown', (event) => event.preventDefault())")  # not the browser's own
    for held in ("Control", "Alt", "Meta"):
        for key in ("n", "/", "?"):
            page.keyboard.press(f"{held}+{key}")
        page.keyboard.press("g")
        page.keyboard.press(f"{held}+q")
    assert left(page) is None
    assert page.url.endswith("/runs")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("#search")).not_to_be_focused()


def test_g_then_t_leaves_the_queue_as_it_is(visit: Visit) -> None:
    ids = [runs.submit(runs.RunRequest("sample_tasks.plain", [n]), utcnow()).id for n in range(2)]
    page = visit("/queues/default")
    page.locator(f"#wait-{ids[1]} .row-more").focus()
    page.keyboard.press("g")
    page.keyboard.press("h")  # no page has this letter, and the row is not held
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tasks")
    assert [message.id for message in broker.page("default")] == ids


def test_single_keys_can_be_turned_off_and_on(visit: Visit) -> None:
    page = visit("/settings")
    page.get_by_label("Single keys").uncheck()
    page.get_by_role("button", name="Save preferences").click()
    expect(page.locator(".toast")).to_contain_text("Saved")
    assert not page.get_by_label("Single keys").is_checked()
    page.goto("/runs")
    watched(page)
    for key in ("?", "/", "n", "g", "q"):
        page.keyboard.press(key)
    assert left(page) is None
    assert page.url.endswith("/runs")
    expect(page.locator("#keys")).to_be_hidden()
    page.get_by_role("button", name="Keys and help").click()
    expect(page.locator("#keys")).to_contain_text("Single keys are turned off")
    page.locator("#keys").get_by_role("link", name="Turn them on in Settings").click()
    page.get_by_label("Single keys").check()
    page.get_by_role("button", name="Save preferences").click()
    expect(page.locator(".toast")).to_contain_text("Saved")
    page.wait_for_load_state()  # the toast stands there before scripts run
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def test_the_sidebar_changes_and_keeps_the_focus(visit: Visit, say: Callable[[int], None]) -> None:
    say(38)
    page = visit("/settings")
    expect(page.locator(".sidebar-foot")).to_contain_text("38 / min")
    link = page.locator(".nav a[href='/queues']")
    link.focus()
    say(41)
    page.evaluate(ASK)
    expect(page.locator(".sidebar-foot")).to_contain_text("41 / min")
    expect(link).to_be_focused()
    expect(page.locator(".nav [aria-current]")).to_have_text("Settings")
    expect(page.locator(".live")).to_be_hidden()  # the page itself is not live


def test_the_sidebar_pauses_with_the_page(visit: Visit, say: Callable[[int], None], ask: Any) -> None:
    say(38)
    page = visit("/runs")
    page.locator(".live").click()
    say(41)
    ask(page, "frame")
    expect(page.locator(".sidebar-foot")).to_contain_text("38 / min")
    page.locator(".live").click()
    expect(page.locator(".sidebar-foot")).to_contain_text("41 / min")


def test_the_tab_tells_what_the_sidebar_counts_that_is_wrong(app: Flask, visit: Visit) -> None:
    page = visit("/queues")
    expect(page).to_have_title("Queues · Celeriac")
    run = runs.submit(runs.RunRequest("sample_tasks.plain", [1]), utcnow())
    queues.hold("default", run.id, "ann", "", utcnow())
    short_cache.forget(app, navigation.COUNTS)
    page.evaluate(ASK)
    expect(page).to_have_title("○ 1 held run – Queues · Celeriac")  # noqa: RUF001


def test_narrow_sidebars_show_the_signs_as_icons_with_names(visit: Visit, say: Callable[[int], None]) -> None:
    say(38)
    page = visit("/runs", width=768)
    sign = page.locator(".sign").nth(2)
    expect(sign.locator(".icon")).to_be_visible()
    assert sign.bounding_box()["width"] < 56  # type: ignore[index]  # it is shown
    expect(sign.locator(".sign-word")).to_have_css("opacity", "0")
    sign.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(sign.locator(".sign-word")).to_have_css("opacity", "1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 768


def test_a_phones_menu_ends_with_the_signs(visit: Visit, say: Callable[[int], None]) -> None:
    say(38)
    page = visit("/runs", width=380)
    expect(page.locator(".sidebar-foot")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.locator(".sidebar-foot")).to_contain_text("38 / min")
    foot, nav = (page.locator(one).bounding_box() for one in (".sidebar-foot", ".nav"))
    assert foot
    assert nav
    assert foot["y"] > nav["y"] + nav["height"]
    say(41)
    page.evaluate(ASK)
    expect(page.locator(".sidebar-foot")).to_contain_text("41 / min")
    expect(page.locator("#sidebar")).to_be_visible()  # the menu stays open


def test_the_palette_goes_anywhere_by_keyboard(visit: Visit) -> None:
    page = visit("/runs", width=380)
    page.locator("[data-opens=palette]").click()
    expect(page.locator("#palette-text")).to_be_focused()
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("Overview")
    page.keyboard.type("sample_tasks.resize")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("sample_tasks.resize")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("Run sample_tasks.resize")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks/sample_tasks.resize#run-form")
    page.keyboard.press("Control+k")
    page.keyboard.type("pause")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
