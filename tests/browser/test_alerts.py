"""The Alerts page in a browser: the form follows the kind, a rule is silenced in a dialog."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.alerts import channels, rules, turns
from app.clock import utcnow
from app.extensions import transaction
from app.runs import Run


@pytest.fixture
def firing(app: Flask) -> rules.AlertRule:
    """A rule that fires, with a message that waits."""
    begin = utcnow() - timedelta(minutes=3)
    values = {"name": "Ops chat", "kind": "slack", "address": "https://hooks.chat.example/services/T0"}
    channel = channels.create(values, "ann", begin)
    rules.create({"name": "Deep queues", "kind": "queue_depth"}, "ann", begin)
    paid = {"name": "Payments", "kind": "run_failed", "channels": [channel.id]}
    rule = rules.create(paid, "ann", begin)
    at = begin + timedelta(minutes=1)
    with transaction() as session:
        for number in range(3):
            failed = {"state": "FAILURE", "error": "KeyError: 'amount'", "created_at": at, "updated_at": at}
            session.add(Run(id=str(number), task_name=f"shop.pay{number}", ended_at=at, **failed))
    turns.take(at + timedelta(seconds=5))
    return rule


def test_the_form_follows_the_kind_and_keeps_what_was_typed(visit: Callable[..., Page]) -> None:
    page = visit("/alerts/new", role="admin")
    page.get_by_label("Name", exact=True).fill("Stuck")
    expect(page.get_by_label("Task", exact=True)).to_be_visible()
    page.locator("#kind").select_option("queue_oldest")
    expect(page.get_by_label("Task", exact=True)).to_have_count(0)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Stuck")
    page.get_by_label("Waits for", exact=True).fill("soon")
    page.get_by_role("button", name="Create alert").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a whole number, such as 30.")
    page.get_by_label("Waits for", exact=True).fill("20")
    page.get_by_role("button", name="Create alert").click()
    expect(page.get_by_text("over 20 min")).to_be_visible()


def test_a_rule_is_silenced_in_a_dialog(visit: Callable[..., Page], firing: rules.AlertRule) -> None:
    page = visit("/alerts")
    page.get_by_role("link", name="Silence Payments").click()
    page.get_by_role("dialog").get_by_label("Note").fill("deploying")
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()
    row = page.locator(f"#rule-{firing.id}")
    expect(row).to_contain_text("Silenced")
    expect(row).to_contain_text("deploying")
    page.get_by_role("button", name="End the silence of Payments").click()
    expect(row).to_contain_text("Firing")
