"""The audit log: written with the change, read by everybody who is signed in."""

import ast
import csv
import io
import json
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
from app.pages.audit import details, words

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
    assert found(via="api") == []
    assert found(via="page") == found()
    assert found(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4)) == ["3", "2"]
    first = audit.page(audit.AuditFilter(), 3)
    rest = audit.page(audit.AuditFilter(), 3, first.next_cursor)
    assert [entry.object_id for entry in [*first.items, *rest.items]] == found()
    assert rest.next_cursor is None


@pytest.mark.database
def test_text_is_looked_for_in_the_name_and_is_the_whole_id(app: Flask) -> None:
    record(kind="schedule", id="12", name="Nightly 100% report")
    record(kind="queue", id="mail", name="mail")

    def found(text: str) -> list[str | None]:
        return [entry.object_id for entry in audit.page(audit.AuditFilter(q=text)).items]

    assert found("REPORT nightly") == ["12"]
    assert found("100%") == ["12"]
    assert found("12") == ["12"]
    assert found("1") == ["12"]  # it stands in the name
    assert found("2") == []
    assert found("mail report") == []


def told(action: str, kind: str, **given: Any) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    with transaction():
        audit.record(action, NOW, kind, 1, "it", **given)
    found = details.of(audit.page(audit.AuditFilter(), 1).items[0])
    return (
        [(str(one.label), one.before, one.after) for one in found.differences],
        [(str(label), text) for label, text in found.facts],
    )


def test_what_was_changed_is_told_field_by_field(app: Flask) -> None:
    kwargs = {"kwargs": [{"rows": 5, "kept": 1}, {"rows": 6, "kept": 1, "new": "x"}]}
    diff = kwargs | {"enabled": [False, True], "grace_seconds": [None, 90]}
    assert told("schedule.update", "schedule", diff=diff, note="as asked") == (
        [
            ("rows", "5", "6"),
            ("new", "", '"x"'),
            ("Enabled", "no", "yes"),
            ("Grace", "", "1 min 30 s"),
        ],
        [("Note", "as asked")],
    )
    assert told("task.limits", "task", diff={"time_limit": [None, 90], "rate_limit": ["1/s", None]}) == (
        [("Time limit", "", "1 min 30 s"), ("Rate limit", "1/s", "")],
        [],
    )
    assert told("user.role", "user", before="viewer", after="admin") == ([("Role", "viewer", "admin")], [])
    assert told("worker.pool", "worker", before=2, size=4) == ([("Slots", "2", "4")], [])
    assert told("worker.queues", "worker", drop=["mail"], add=["a", "b"])[0] == [("Queues", "mail", "a, b")]
    assert told("queue.send", "run", queue="mail", to="files")[0] == [("Queue", "mail", "files")]
    assert told("queue.priority", "run", queue="mail", before=5, priority=9) == (
        [("Priority", "5", "9")],
        [("Queue", "mail")],
    )
    assert told("run.submit", "run", args=[1], kwargs={"a": "b"})[1] == [("Arguments", '1, a="b"')]
    filters = {"state": "failed", "queue": ["a", "b"]}
    shared = told("view.share", "view", list="runs", filters=filters)[1]
    assert shared == [("List", "runs"), ("Filters", "State failed, Queue a, b")]
    assert told("run.cancel", "run", outcome="removed")[1] == [("Outcome", "removed before a worker took it")]
    assert told("alert.create", "alert", rule_kind="run_failed")[1] == [
        ("Condition", "A run failed for good")
    ]
    assert told("later.verb", "thing", odd={"a": 1}, diff="no pairs") == ([], [("odd", '{"a": 1}')])


def test_the_file_has_what_the_filter_lets_through(signed_in: Callable[..., FlaskClient]) -> None:
    browser = signed_in("viewer", "mei")
    record("run.submit", kind="run", id="7f3c91ab", name="=mail.send", queue="mail")
    table = browser.get("/audit/export.csv?action=run").data.decode("utf-8-sig")
    heading, row = list(csv.reader(io.StringIO(table, newline="")))
    found = dict(zip(heading, row, strict=True))
    assert (found["object_id"], found["object_name"]) == ("7f3c91ab", "'=mail.send")
    assert json.loads(found["details"]) == {"queue": "mail"}
    document = browser.get("/audit/export.json?action=run").json
    assert [one["action"] for one in document["changes"]] == ["run.submit"]
    assert (document["complete"], document["note"]) == (True, None)
    refused = browser.get("/audit/export.csv?via=mail")
    assert refused.status_code == 422
    assert "Choose one of: page, api, cli, system." in refused.text


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
    assert viewer.get("/audit?via=post").status_code == 422
    assert [one["action"] for one in viewer.get(f"/audit?q={viewer.user.name}").json["items"]] == [
        "user.create"
    ]
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


def test_every_action_and_each_of_its_details_has_words(app: Flask) -> None:
    calls = [
        node
        for path in Path(app.root_path, "app").rglob("*.py")
        if "audit.record(" in (source := path.read_text())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "record"
        and getattr(node.func.value, "id", "") == "audit"
    ]
    used = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert len(used) > 8
    assert used <= set(words.ACTIONS)
    named = {keyword.arg for call in calls for keyword in call.keywords} - {None, "actor", "after"}
    assert {name for name in named - {"diff"} if str(details._word(name)) == name} == set()
