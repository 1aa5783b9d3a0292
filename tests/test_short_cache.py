"""Many probes cost what one does."""

import threading
from collections.abc import Callable
from contextvars import Context
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import ServiceUnavailable

from app import queues, short_cache
from app.health import checks, metrics


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_many_probes_of_a_second_ask_once(
    client: FlaskClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counting(real: Callable[[datetime], Any]) -> Callable[[datetime], Any]:
        return lambda now: asked.append(now) or real(now)  # type: ignore[func-returns-value]

    monkeypatch.setattr(checks, "database", counting(checks.database))
    monkeypatch.setattr(metrics, "registry", counting(metrics.registry))
    monkeypatch.setattr(short_cache, "CACHED_SECONDS", 30.0)
    texts = {client.get(path).text for _ in range(20)}
    assert (len(texts), len(asked)) == (1, 1)
    monkeypatch.setattr(short_cache, "CACHED_SECONDS", 0.0)
    short_cache.forget(client.application)
    client.get(path)
    client.get(path)
    assert len(asked) == 3


def test_it_is_good_for_a_second() -> None:
    assert short_cache.CACHED_SECONDS == 1.0


def ask_in(app: Flask, ask: Callable[[], str], found: list[str]) -> threading.Thread:
    def run() -> None:
        with app.app_context():
            try:
                found.append(short_cache.cached("test", ask))
            except ServiceUnavailable:
                found.append("unavailable")

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Slow:
    """Answers when it may."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked, self.may_answer = answer, threading.Event(), threading.Event()

    def ask(self) -> str:
        self.asked.set()
        return self.answer if self.may_answer.wait(20) else "never"


def test_while_one_asks_the_others_take_the_last_answer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_cache, "CACHED_SECONDS", 0.0)
    assert short_cache.cached("test", lambda: "first") == "first"
    going, found, others = Slow("second"), [], []  # type: ignore[var-annotated]
    slow = ask_in(app, going.ask, found)
    assert going.asked.wait(20)
    for thread in [ask_in(app, lambda: "another", others) for _ in range(5)]:
        thread.join(5)
    assert others == ["first"] * 5
    going.may_answer.set()
    slow.join(5)
    assert found == ["second"]


def test_when_nothing_is_known_yet_they_wait_and_then_say_so(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_cache, "PATIENCE_SECONDS", 0.3)
    going, found, others = Slow("first"), [], []  # type: ignore[var-annotated]
    slow = ask_in(app, going.ask, found)
    assert going.asked.wait(20)
    ask_in(app, lambda: "another", others).join(5)
    assert others == ["unavailable"]
    assert short_cache.cached("test", lambda: "another", instead="nothing yet") == "nothing yet"
    going.may_answer.set()
    slow.join(5)
    ask_in(app, lambda: "another", others).join(5)
    assert (found, others[1]) == (["first"], "first")


def test_pages_of_a_second_count_once_and_who_did_something_sees_it_at_once(
    app: Flask, signed_in: Callable[[str], FlaskClient], post: Any, submit: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(short_cache, "CACHED_SECONDS", 30.0)
    counted = []
    real = queues.held_in_all
    monkeypatch.setattr(queues, "held_in_all", lambda: counted.append(1) or real())
    browser = signed_in("operator")
    run_id = submit("weekday", day="2026-11-20")

    def look(path: str) -> str:
        return Context().run(FlaskClient.open, browser, path).text

    look("/audit")
    look("/frame")
    assert len(counted) == 1
    post(browser, "/queues/default/hold", {"id": run_id})
    assert "1 held run" in look("/frame")
    browser.set_cookie("locale", "zh_Hans_CN")
    assert "1 held run" not in look("/frame")
