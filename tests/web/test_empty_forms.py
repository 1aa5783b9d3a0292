"""A form from which every field is missing, hidden ones too, is refused in words: never a server error."""

from collections.abc import Callable
from typing import Any

import pytest
import sample_tasks
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import schedules, views
from app.accounts import sessions, tokens, users
from app.alerts import channels, rules
from app.clock import utcnow
from app.runs import bulk


def posts(app: Flask) -> list[tuple[str, set[str]]]:
    """Every address of the pages that takes a form, with the names of its places."""
    routes = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    return [(rule.rule, set(rule.arguments)) for rule in routes if not rule.rule.startswith("/api/")]


@pytest.fixture
def place(app: Flask) -> Callable[[str, str], Any]:
    """`place("run_id", "run 7")`: the value for a place of an address, of something made for it."""

    def make(name: str, text: str) -> Any:
        now = utcnow()
        match name:
            case "schedule_id":
                definition = schedules.Definition(
                    name=text,
                    task_name="sample_tasks.resize",
                    task_type="interval",
                    interval_seconds=60,
                    kwargs={"folder": "photos"},
                )
                return schedules.create(definition, "mei", now).id
            case "run_id":
                return sample_tasks.plain.delay(text).id
            case "bulk_id":
                return bulk.freeze("cancel", [make("run_id", text)], "mei", now).id
            case "user_id":
                return users.create(text, "operator", now).id
            case "channel_id":
                hook = {"name": text, "kind": "webhook", "address": "https://chat.example/hook"}
                return channels.create(hook, "mei", now).id
            case "rule_id":
                return rules.create({"name": text, "kind": "disk"}, "mei", now).id
            case "session_id":
                sessions.begin(users.create(text, "operator", now), sessions.LINK, now)
                return sessions.listing(now)[0].id
            case "view_id":
                owner = users.create(text, "operator", now)
                return views.create(owner, "runs", text, {}, now).id
            case "token_id":
                return tokens.create(users.create(text, "operator", now), "laptop", now)[0].id
        known = {"task_name": "sample_tasks.resize", "queue": "default", "hostname": "w1@nowhere"}
        known |= {"name": "shop", "kind_id": "1"}  # neither is there: a broker, a kind of failure
        return (known | {"secret": "unknown", "token": "unknown"})[name]

    return make


def test_an_empty_form_is_no_server_error(
    app: Flask,
    signed_in: Callable[..., FlaskClient],
    post: Callable[..., TestResponse],
    place: Callable[[str, str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    found = posts(app)
    assert len(found) > 60
    failed = []
    for number, (rule, names) in enumerate(found):
        address = rule
        for name in names:
            value = str(place(name, f"thing-{number}"))  # anew: the form before may have deleted it
            for kind in ("", "int:", "path:"):
                address = address.replace(f"<{kind}{name}>", value)
        assert "<" not in address, rule
        status = post(signed_in("admin"), address, {}).status_code
        failed += [(rule, status)] if status >= 500 else []
    assert failed == []
