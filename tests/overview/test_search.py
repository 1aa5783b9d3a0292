"""The search for queues; tasks, schedules and runs are in test_views.py."""

import json
import time
from collections.abc import Callable

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient

from app import overview
from app.clock import utcnow

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
