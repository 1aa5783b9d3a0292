"""Every page, menu and dialog: free of what axe-core finds, wide and narrow, light and dark; never too wide.

Each page is loaded once: one is seen light on a desk and dark on a phone, the next the other way round.
What opens on it is found on the page, so that a new question is looked at, too."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page
from redis import Redis

from app.accounts import links, users
from app.clock import utcnow
from tests.brokers.conftest import Theirs
from tests.browser import laden

Visit = Callable[..., Page]
AXE = (Path(__file__).parent / "vendor" / "axe-4.10.3.min.js").read_text()
PAIRS = (((1440, "light"), (380, "dark")), ((1440, "dark"), (380, "light")))  # of one page, and of the next
WIDTHS = (380, 320, 768, 1440)  # the last is seen next
LIVE = (".part", ".table", ".cards", ".line")  # a page that has just been loaded shows it
NO_PAGES = {
    *("accounts.ask_provider", "accounts.take_answer", "runs.compare_with_previous", "views.show"),  # lead on
    *("audit.export", "files.content", "run_export.file", "run_log.text"),  # downloads
    *("health.healthz", "health.livez", "health.metrics_page", "health.readyz"),  # for machines
    *("runs.ends", "schedules.parameters", "tasks.form_alone", "tasks.numbers"),  # parts of pages
    "brokers.ask_shutdown",  # as `workers.ask_shutdown`, of a worker that answers
}
# What is too wide, and labels of a time line or below a chart that overlap or are cut off.
FITS = """() => {
  const found = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) {
    const all = [...document.querySelectorAll("main *")];
    const over = all.filter((one) => one.getBoundingClientRect().right > innerWidth);
    found.push(`is ${wide} wide: ${over.slice(-3).map((one) => one.outerHTML.slice(0, 120)).join("; ")}`);
  }
  for (const group of document.querySelectorAll(".timeline, .hour-top, .chart-below")) {
    const labels = [...group.querySelectorAll(".step > :not(.icon), .leg > span, text")];
    const boxes = labels.filter((one) => one.checkVisibility() && one.textContent.trim()).map((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      return [one.textContent.trim(), range.getBoundingClientRect()];
    });
    const room = group.closest(".card").getBoundingClientRect();
    boxes.forEach(([text, box], place) => {
      if (box.left < room.left || box.right > room.right) found.push(`cuts off ${text}`);
      for (const [other, its] of boxes.slice(place + 1)) {
        const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
        const down = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
        if (across > 1 && down > 2) found.push(`has ${text} over ${other}`);
      }
    });
  }
  return found;
}"""

# What axe-core finds on the page, or in a part of it: what is beside that is taken away meanwhile.
CHECK = """async (scope) => {
  const part = scope ? document.querySelector(scope) : null;
  const away = [];
  for (let one = part; one && one !== document.body; one = one.parentElement) {
    for (const other of [...one.parentElement.children].filter((child) => child !== one)) {
      const place = document.createComment("");
      other.replaceWith(place);
      away.push([place, other]);
    }
  }
  const rules = {"target-size": {enabled: true}};
  const found = await axe.run(part ?? document, {resultTypes: ["violations"], rules, preload: false});
  for (const [place, other] of away) place.replaceWith(other);
  const said = (node) => node.html.slice(0, 150) + " " + node.failureSummary.slice(0, 200);
  return found.violations.map((one) => one.id + ": " + one.nodes.slice(0, 3).map(said).join("; "));
}"""

# What all pages have, which the first has shown, and what is offered by the hundred.
LEAVE_OUT = """() => {
  for (const one of document.querySelectorAll("#keys, #palette, template, datalist")) one.remove();
  for (const one of document.querySelectorAll(".sidebar, .topbar")) one.replaceChildren();
  for (const one of document.querySelectorAll("select")) one.length = Math.min(one.length, 5);
}"""

# What opens a menu or a dialog, by its kind, one of each: the menu of a run goes by its phase.
OPENERS = """const seen = (one) => one.checkVisibility() || one.dataset.opens;
const openers = (scope) => {
  const names = /row-[a-z0-9-]+|[0-9a-f-]{30,}|\\d+/g;
  const shape = (text) => (text ?? "").replace(/[?].*/, "").replace(names, "*");
  const found = new Map();
  const all = "[popovertarget], .row-more, [data-opens], [hx-target='#dialog']:not(form), [data-ask]";
  for (const one of document.querySelector(scope).querySelectorAll(all)) {
    if (one.disabled || one.closest("dialog")) continue;
    const { opens, menu, ask, action } = one.dataset;
    const state = menu && one.closest("tr").querySelector(".badge").className;
    if (state && !/waiting|running|succeeded/.test(state)) continue;
    const address = one.getAttribute("hx-get") ?? one.getAttribute("hx-post") ?? ask;
    const kind = [opens, state, shape(address), action, shape(one.getAttribute("popovertarget")), one.value];
    const key = kind.filter(Boolean).join(" ") || one.className;
    if (!found.has(key) || (seen(one) && !seen(found.get(key)))) found.set(key, one);
  }
  return found;
};"""
KINDS = f"""(scope) => {{
  {OPENERS}
  return [...openers(scope)].filter(([, one]) => seen(one)).map(([key]) => key);
}}"""

# Presses what opens something and returns a selector of what stands open then.
OPEN = f"""async ([scope, key]) => {{
  {OPENERS}
  const opener = openers(scope).get(key);
  if (!opener) throw new Error(`is gone: ${{key}}`);
  opener.click();
  for (let tries = 0; tries < 1000; tries += 1) {{
    const open = document.querySelector("dialog[open]") ?? document.querySelector(":popover-open");
    const waits = open?.id === "palette" && !open.querySelector("[role=option]");
    if (open?.innerText.trim() && !waits) return `#${{open.id}}`;
    await new Promise((done) => setTimeout(done, 10));
  }}
  throw new Error(`nothing opened: ${{key}}`);
}}"""
CLOSE = """() => {
  for (const one of document.querySelectorAll(":popover-open")) one.hidePopover();
  for (const one of document.querySelectorAll("dialog[open]")) one.close();
}"""


class Walk:
    """A walk over pages: what is wrong on them, and what was opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.asked: set[str] = set()
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).path))
        self.opened: dict[int, set[str]] = {1440: set(), 380: set()}
        self.visited = 0

    def visit(self, path: str) -> None:
        answer = self.page.goto(path)
        assert answer
        assert answer.status == (404 if path == "/nothing" else 200), path
        self.page.wait_for_function("() => !document.querySelector('.htmx-request')")  # asked for at once
        self.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        if shown := self.page.locator(".no-js:visible").count():
            self.wrong.append(f"{path} {shown} that stand in for scripts")
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.wrong += [f"{path} {width} {one}" for one in self.page.evaluate(FITS)]
        if path != "/":
            self.page.evaluate(LEAVE_OUT)
        self.page.evaluate(f"() => {{ {AXE} }}")  # within a function: what a script leaves would be sent here
        self.visited += 1
        for width, theme in PAIRS[self.visited % 2]:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.evaluate("theme => (document.documentElement.dataset.theme = theme)", theme)
            self.look(f"{path} {width} {theme}", self.opened[width])

    def look(self, where: str, known: set[str]) -> None:
        self.check(where, "")
        if (pick := self.page.locator(".pick").first).count():
            pick.dispatch_event("click")
            self.check(f"{where} chosen", "#bulk")
        self.open(where, "body", known)
        if pick.count():
            self.page.locator("[data-pick-none]").dispatch_event("click")

    def open(self, where: str, scope: str, known: set[str]) -> None:
        """Look at what opens within a part of the page, and at what opens within that."""
        for key in self.page.evaluate(KINDS, scope):
            if key in known:
                continue
            known.add(key)
            opened = self.page.evaluate(OPEN, [scope, key])
            self.check(f"{where} {key}", opened)
            if opened != "#dialog":
                self.open(where, opened, known)
            self.page.evaluate(CLOSE)

    def check(self, where: str, scope: str) -> None:
        self.wrong += [f"{where}: {one}" for one in self.page.evaluate(CHECK, scope)]


def not_asked(app: Flask, paths: set[str]) -> set[str]:
    """The endpoints of pages and of what opens on them that none of the paths leads to."""
    routes = app.url_map.bind("localhost")
    asked = {routes.match(path)[0] for path in paths if routes.test(path)}
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/api/")]
    served = {rule.endpoint for rule in rules if "GET" in (rule.methods or set())}
    return {endpoint for endpoint in served - asked if not endpoint.endswith(LIVE)} - NO_PAGES


@pytest.fixture
def paths(
    app: Flask, redis: Redis, theirs: Theirs, sqlite: Callable[[str], str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], list[str]]:  # fmt: skip
    """Makes everything that there is to show; returns the pages that show it."""
    folder = tmp_path / "files"
    folder.mkdir()
    named = {"shop": ("django-celery-beat", sqlite("django-celery-beat"))}
    for setting, value in (("file_roots", [folder]), ("schedulers", named)):
        monkeypatch.setattr(app.config["SETTINGS"], setting, value)
    return lambda: laden.fill(redis, theirs, folder)


def test_every_page_menu_and_dialog(app: Flask, visit: Visit, paths: Callable[[], list[str]]) -> None:
    page = visit("/livez", role="admin", reduced_motion="reduce")  # colours change at once
    page.evaluate("sessionStorage.setItem('live-paused', '1')")
    walk = Walk(page)
    for path in paths():
        walk.visit(path)
    page.context.clear_cookies()
    now = utcnow()
    walk.visit(links.make(users.create("ann", "viewer", now), now))
    walk.visit("/login")
    page.fill("#username", "tom")
    page.fill("#password", laden.PASSWORD)
    page.locator("form button.primary").first.click()
    page.wait_for_url("**/login/code*")
    walk.visit("/login/code")
    assert walk.wrong == []
    assert not_asked(app, walk.asked) == set()
