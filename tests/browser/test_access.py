"""Every page, a dialog and a menu hold what axe-core checks: light on a desk, dark on a phone."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Page

from app import runs, schedules
from app.alerts import rules
from app.clock import utcnow
from app.extensions import transaction
from app.runs import Run

AXE = (Path(__file__).parent / "vendor" / "axe-4.10.3.min.js").read_text()
CHECK = """async () => {
  const rules = {"target-size": {enabled: true}};
  const found = await axe.run(document, {resultTypes: ["violations"], rules});
  const said = (node) => node.html.slice(0, 150) + " " + node.failureSummary.slice(0, 200);
  return found.violations.map((one) => one.id + ": " + one.nodes.slice(0, 3).map(said).join("; "));
}"""


def wrong(page: Page, where: str) -> list[str]:
    """What axe finds, light on a desk and dark on a phone."""
    found = []
    page.evaluate(f"() => {{ {AXE} }}")  # within a function: what a script leaves behind would be sent here
    for width, theme in ((1440, "light"), (380, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("theme => (document.documentElement.dataset.theme = theme)", theme)
        found += [f"{where} {width} {theme} {one}" for one in page.evaluate(CHECK)]
    return found


def test_every_page_is_free_of_violations(app: Flask, visit: Callable[..., Page]) -> None:
    now = utcnow()
    ended = {"created_at": now - timedelta(minutes=2), "updated_at": now, "ended_at": now}
    failed: dict[str, Any] = {"error": "KeyError: 'amount'", "traceback": "Traceback\n" + "  line\n" * 40}
    with transaction() as session:
        session.add(Run(id="good", task_name="sample_tasks.plain", state="SUCCESS", result="[1]", **ended))
        session.add(Run(id="bad", task_name="sample_tasks.plain", state="FAILURE", **failed, **ended))
    for number in range(2):
        runs.submit(runs.RunRequest("sample_tasks.plain", [number]), now)
    timing = {"task_type": "cron", "cron_schedule": "0 12 * * *", "timezone": "Europe/London"}
    definition = schedules.Definition(name="Daily", task_name="sample_tasks.plain", args=[1], **timing)
    daily = schedules.create(definition, "ann", now)
    rules.create({"name": "Payments", "kind": "run_failed"}, "ann", now)
    page = visit("/", role="admin", reduced_motion="reduce")  # colours change at once
    paths = [
        "/",
        "/tasks",
        "/tasks/sample_tasks.resize",
        "/runs",
        "/runs/good",
        "/runs/bad",
        "/runs/compare?id=good&id=bad",
        "/runs/failures",
        "/queues",
        "/queues/default",
        "/queues/default/pause",
        "/schedules",
        f"/schedules/{daily.id}",
        f"/schedules/{daily.id}/edit",
        "/schedules/new",
        "/schedules/others",
        "/workers",
        "/workflows",
        "/alerts",
        "/alerts/new",
        "/audit",
        "/settings",
        "/settings/users",
        "/search?q=plain",
        "/nothing",
    ]
    found = []
    for path in paths:
        answer = page.goto(path)
        assert answer, path
        assert answer.status == (404 if path == "/nothing" else 200), path
        found += wrong(page, path)
    page.goto("/runs")
    page.locator("[popovertarget=user-menu]").click()
    found += wrong(page, "menu")
    page.goto("/queues/default")
    page.locator("a[hx-get$='/purge']").first.click()
    page.locator("#dialog[open]").wait_for()
    found += wrong(page, "dialog")
    assert found == []
