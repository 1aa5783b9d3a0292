"""Paused queues are remembered."""

from datetime import timedelta
from typing import Any

from celery import Celery

from app import broker


def test_pause_and_resume(celery_only: Celery, now: Any) -> None:
    assert broker.paused() == {}
    pause = broker.pause("default", "ann", "printer on fire — 火", now)
    assert (pause.queue, pause.by, pause.at, pause.note) == ("default", "ann", now, "printer on fire — 火")
    assert broker.paused() == broker.paused(["default", "mail"]) == {"default": pause}
    assert broker.paused(["mail"]) == broker.paused([]) == {}
    assert broker.resume("default")
    assert not broker.resume("default")
    assert broker.paused() == {}


def test_a_second_pause_keeps_the_first(celery_only: Celery, now: Any) -> None:
    first = broker.pause("default", "ann", "one", now)
    assert broker.pause("default", "ben", "two", now + timedelta(hours=1)) == first
