"""The search for queues; tasks, schedules and runs are in test_views.py."""

import json
import re
import time
from collections.abc import Callable

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient

from app import overview, queues
from app.accounts import users
from app.clock import utcnow
from app.extensions import transaction
from app.runs.models import Run

SignedIn = Callable[[str], FlaskClient]


@pytest.mark.parametrize(
    ("text", "found"),
    [("mail", ["mail"]), ("MAI", ["mail"]), ("les f", ["files"]), ("mail files", []), ("%", []), ("", [])],
)
def test_queues_are_found_by_every_word(app: Flask, text: str, found: list[str]) -> None:
    assert list(overview.search(text, utcnow()).queues) == found


def test_queues_that_only_a_worker_knows_are_found(
    app: Flask, redis: redis_client.Redis, signed_in: SignedIn
) -> None:
    entry = {"hostname": "w1@here", "state": "online", "heartbeat_at": time.time(), "pid": 1, "slots": 2}
    entry |= {"started_at": time.time(), "pool": "prefork", "autoscale": None, "queues": ["heavy-lifting"]}
    redis.hset("celeriac:workers", "w1@here", json.dumps(entry))
    page = signed_in("viewer").get("/search?q=lifting").text
    assert 'href="/queues/heavy-lifting"' in page
    assert "Nothing matches" not in page


def test_the_field_says_what_it_finds(signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/").text
    assert page.count("Search tasks, runs, schedules, queues") == 2  # its label and its placeholder


def palette(browser: FlaskClient, text: str = "") -> list[tuple[str, str]]:
    """The address and the words of each option, in order."""
    page = browser.get("/search/palette", query_string={"q": text}).text
    found = re.findall(r'role="option".*?href="([^"]+)".*?>(.*?)</a>', page, re.S)
    return [(address, " ".join(re.sub("<[^>]+>", " ", words).split())) for address, words in found]


def test_the_palette_begins_with_every_page_and_what_can_be_done(signed_in: SignedIn) -> None:
    addresses = [address for address, _words in palette(signed_in("operator"))]
    assert {"/", "/schedules", "/queues", "/settings"} <= set(addresses[:-2])
    assert addresses[-2:] == ["/tasks", "/schedules/new"]
    assert "/schedules/new" not in [address for address, _words in palette(signed_in("viewer"))]


@pytest.mark.parametrize(
    ("text", "address", "role"),
    [
        ("resize", "/tasks/sample_tasks.resize", "viewer"),
        ("run sample_tasks.resize", "/tasks/sample_tasks.resize#run-form", "operator"),
        ("pause mail", "/queues/mail/pause", "operator"),
        ("mail", "/queues/mail", "viewer"),
        ("4711", "/runs/by-order", "viewer"),
        ("by-order", "/runs/by-order", "viewer"),
        ("w1", "/workers/w1@here", "viewer"),
        ("lin", "/settings/users/LIN", "admin"),
        ("order=4712", "/runs/by-order", "viewer"),
        ('order="4712"', "/runs/by-order", "viewer"),
        ("暂停mail", "/queues/mail/pause", "operator"),
        ("settings", "/settings", "viewer"),
    ],
)
def test_the_palette_finds(
    app: Flask, redis: redis_client.Redis, signed_in: SignedIn, text: str, address: str, role: str
) -> None:
    entry = {"hostname": "w1@here", "state": "online", "heartbeat_at": time.time(), "pid": 1, "slots": 2}
    entry |= {"started_at": time.time(), "pool": "prefork", "autoscale": None, "queues": ["default"]}
    redis.hset("celeriac:workers", "w1@here", json.dumps(entry))
    lin = users.create("lin", "viewer", utcnow())
    address = address.replace("LIN", str(lin.id))
    values = {"task_name": "t.a", "state": "SUCCESS", "args": ["order 4711"], "attempt": 0}
    values["kwargs"] = {"order": 4712}
    with transaction() as session:
        session.add(Run(id="by-order", created_at=utcnow(), updated_at=utcnow(), **values))
    assert address in [found for found, _words in palette(signed_in(role), text)]
    if text.startswith(("run ", "pause ", "暂停")):
        assert palette(signed_in(role), text)[0][0] == address
        assert address not in [found for found, _words in palette(signed_in("viewer"), text)]
    if role == "admin":
        assert address not in [found for found, _words in palette(signed_in("operator"), text)]


def test_of_a_paused_queue_the_palette_offers_to_resume_it(app: Flask, signed_in: SignedIn) -> None:
    queues.pause("mail", "tom", "", utcnow())
    for text in ("pause mail", "resume mail"):  # no task that has mail in its name is offered to run
        found = palette(signed_in("operator"), text)
        assert found[0] == ("/queues/mail", "Resume the queue mail")
        assert [address for address, _words in found if "#run-form" in address] == []


def test_a_word_alone_offers_the_queues_that_it_suits(app: Flask, signed_in: SignedIn) -> None:
    queues.pause("mail", "tom", "", utcnow())
    offered = {text: dict(palette(signed_in("operator"), text)) for text in ("pause", "恢复", "Resume")}
    assert offered["pause"]["/queues/default/pause"] == "Pause the queue default"
    assert "/queues/mail" not in offered["pause"]
    assert offered["恢复"] == offered["Resume"] == {"/queues/mail": "Resume the queue mail"}
    assert palette(signed_in("viewer"), "pause") == []


def test_the_palette_says_when_nothing_matches(signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/search/palette?q=<b>none").text
    assert "Nothing matches" in page
    assert "<b>none" not in page
