"""A real Chromium on the app, served from a thread of the tests."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright
from werkzeug.serving import make_server

from app.extensions import db
from tests.brokers.conftest import theirs as theirs
from tests.schedules.foreign.conftest import sqlite as sqlite

expect.set_options(timeout=30_000)  # a busy machine may take its time; nobody waits longer than it takes
CALM: dict[str, Any] = {"reduced_motion": "reduce"}  # what spins keeps the processor busy
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; tests are skipped without one, unless CI says that it must be there."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CELERIAC_BROWSER_REQUIRED"):
            pytest.fail("no Chromium found, and CELERIAC_BROWSER_REQUIRED is set")
        pytest.skip("no Chromium found")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", *os.environ.get("XARGS", "").split()]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(flask_app: Flask) -> Iterator[str]:
    """Where the app is served."""
    server = make_server("127.0.0.1", 0, flask_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def tabs() -> dict[str, list[Page]]:
    """Tabs that earlier tests used, by their context's options: they keep styles, scripts and a process."""
    return {}


@pytest.fixture
def visit(
    app: Flask, chromium: Browser, address: str, signed_in: Any, tabs: dict[str, list[Page]]
) -> Iterator[Callable[..., Page]]:
    """Opens a page, signed in: `visit("/runs", role="viewer", width=380)`. No page may report an error.

    Its tab may have been another test's, which left nothing in it. `own`: it is new, in a context of its own,
    for tests that stop the clock or the network.
    """
    used: list[tuple[str, Page]] = []
    complaints: list[str] = []

    def failed(error: Error) -> None:
        complaints.append(str(error))

    def said(message: ConsoleMessage) -> None:
        if _is_complaint(message):
            complaints.append(message.text)

    def open_page(
        path: str, role: str = "operator", width: int = 1440, own: bool = False, **options: Any
    ) -> Page:
        kind = "" if own else f"{address} {options}"
        page = tabs[kind].pop() if tabs.get(kind) else None
        page = page or chromium.new_context(base_url=address, **CALM | options).new_page()
        used.append((kind, page))
        session = signed_in(role).get_cookie(app.config["SESSION_COOKIE_NAME"])
        db.session.rollback()  # what is read from now on is what the page has done
        page.context.add_cookies([{"name": session.key, "value": session.value, "url": address}])
        page.set_viewport_size({"width": width, "height": 900})
        page.on("pageerror", failed)
        page.on("console", said)
        page.goto(path)
        return page

    yield open_page
    for kind, page in used:
        if not kind:
            page.context.close()
            continue
        for other in page.context.pages:
            if other is not page:
                other.close()
        page.goto("/livez")
        page.evaluate("sessionStorage.clear(); localStorage.clear()")
        page.mouse.move(0, 0)
        page.remove_listener("pageerror", failed)
        page.remove_listener("console", said)
        page.context.clear_cookies()
        tabs.setdefault(kind, []).append(page)
    assert complaints == []


# Resolves when the answer is in its place, or when the page refused to ask.
ASK = """(id) => new Promise((done) => {
  const settled = () => requestAnimationFrame(() => requestAnimationFrame(done));
  const watch = (event) => {
    if (event.detail.ctx.sourceElement.id !== id) return;
    document.removeEventListener("htmx:before:request", watch);
    queueMicrotask(() => {
      if (event.defaultPrevented) settled();
      else document.addEventListener("htmx:after:request", settled, { once: true });
    });
  };
  document.addEventListener("htmx:before:request", watch);
  htmx.trigger(document.getElementById(id), "every", {}, false);
})"""


@pytest.fixture
def ask() -> Callable[[Page, str], None]:
    """`ask(page, "runs")`: the page asks for a live part of it now, as it does every two seconds."""
    return lambda page, part: page.evaluate(ASK, part)


def _is_complaint(message: ConsoleMessage) -> bool:
    """Broken scripts and violations of the content policy; not the answers that a test provokes."""
    provoked = ("Failed to load resource", "Failed to fetch", "htmx:error: timeout")
    return message.type == "error" and not any(words in message.text for words in provoked)
