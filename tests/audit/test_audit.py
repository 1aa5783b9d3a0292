"""The audit log: written with the change, read by everybody who is signed in."""

import ast
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import audit
from app.extensions import transaction
from app.pages.audit import words

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def record(action: str = "user.role", at: datetime = NOW, **fields: Any) -> None:
    with transaction():
        audit.record(action, at, **fields)


@pytest.mark.database
def test_an_entry_is_committed_with_the_change_or_not_at_all(app: Flask) -> None:
    def change_that_fails() -> None:
        with transaction():
            audit.record("user.role", NOW, "user", 1, "mei")
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        change_that_fails()
    assert audit.page(audit.AuditFilter()).items == []


@pytest.mark.database
def test_what_an_entry_holds(app: Flask) -> None:
    with audit.acting(audit.Origin("mei", "cli")):
        record("run.submit", kind="run", id="abc", name="mail.send", queue="mail", nothing=None)
    record("run.submit")
    second, first = audit.page(audit.AuditFilter()).items
    assert (first.at, first.actor, first.via, first.address) == (NOW, "mei", "cli", None)
    assert (first.object_kind, first.object_id, first.object_name) == ("run", "abc", "mail.send")
    assert first.details == {"queue": "mail"}
    assert (second.actor, second.via, second.object_id, second.details) == ("", "system", None, None)


@pytest.mark.database
def test_secrets_and_odd_text_in_details(app: Flask) -> None:
    record(name="nul\x00 half\ud800" + "x" * 300, id="\x00" * 300, smtp_password="hunter22", note="\x00")
    entry = audit.page(audit.AuditFilter()).items[0]
    assert "hunter22" not in str(entry.details)
    assert entry.details
    assert entry.details["note"] == "\x00"
    assert len(entry.object_name or "") == 255
    assert "\x00" not in (entry.object_name or "") + (entry.object_id or "")


@pytest.mark.database
def test_filters_and_pages(app: Flask) -> None:
    for number in range(5):
        with audit.acting(audit.Origin("mei" if number % 2 else "tom", "page", "192.0.2.7")):
            record(
                "run.submit" if number < 3 else "user.role",
                NOW + timedelta(minutes=number),
                kind="run",
                id=number,
            )

    def found(**wanted: Any) -> list[str | None]:
        return [entry.object_id for entry in audit.page(audit.AuditFilter(**wanted)).items]

    assert found() == ["4", "3", "2", "1", "0"]
    assert found(actor="mei") == ["3", "1"]
    assert found(action="run.submit") == ["2", "1", "0"]
    assert found(action="user") == ["4", "3"]
    assert found(action="us") == []
    assert found(action="%") == []
    assert found(object_kind="run", object_id="2") == ["2"]
    assert found(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4)) == ["3", "2"]
    first = audit.page(audit.AuditFilter(), 3)
    rest = audit.page(audit.AuditFilter(), 3, first.next_cursor)
    assert [entry.object_id for entry in [*first.items, *rest.items]] == found()
    assert rest.next_cursor is None


def test_the_api(caller: Callable[[str], Any]) -> None:
    viewer = caller("viewer")
    page = viewer.get("/audit", query_string={"object_kind": "user"}).json
    entry = page["items"][0]
    assert (entry["action"], entry["object_name"]) == ("user.create", viewer.user.name)
    assert (entry["actor"], entry["via"], entry["details"]) == ("", "system", {"role": "viewer"})
    assert entry["at"].endswith("Z")
    assert viewer.get("/audit?limit=1").json["next_cursor"]
    assert viewer.get("/audit?since=2199-01-01T00:00:00Z").json["items"] == []
    assert viewer.get("/audit?since=now").status_code == 422
    assert viewer.post("/audit").status_code == 405


def test_the_page(client: FlaskClient, signed_in: Callable[..., FlaskClient]) -> None:
    assert client.get("/audit").status_code == 302
    browser = signed_in("viewer", "mei")
    record("run.submit", kind="run", id="7f3c91ab", name="<b>mail.send</b>", queue="mail")
    page = browser.get("/audit").text
    assert 'href="/runs/7f3c91ab"' in page
    assert "<b>mail" not in page
    assert "Ran a task" in page
    assert "Signed in" in page
    assert "Ran a task" not in browser.get("/audit?action=user").text
    assert browser.get("/audit?cursor=nonsense").status_code == 422
    assert browser.post("/audit").status_code == 405


def test_pages_of_the_page(signed_in: Callable[..., FlaskClient]) -> None:
    browser = signed_in("viewer")
    for number in range(60):
        record("run.submit", kind="run", id=f"run-{number:02}")
    first = browser.get("/audit?action=run").text
    assert "run-59" in first
    assert "run-09" not in first
    found = re.search(r'href="([^"]+)"[^>]*>Older changes', first)
    assert found
    second = browser.get(unescape(found[1])).text
    assert "run-09" in second
    assert "run-00" in second
    assert "Newest changes" in second


def test_every_action_has_words(app: Flask) -> None:
    used = {
        node.args[0].value
        for path in Path(app.root_path, "app").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "record"
        and getattr(node.func.value, "id", "") == "audit"
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(used) > 8
    assert used <= set(words.ACTIONS)
