"""Purge and its undo."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from app import broker
from app.broker.redis import purges
from app.errors import Conflict

Send = Callable[..., str]


def test_purge_and_undo(send: Send, order: Any, now: Any) -> None:
    for n in range(20):
        send(f"r{n}", n % 3 * 3)
    send("held")
    broker.hold("default", "held", "ann", "", now)
    before = order()
    raws = [message.raw for message in broker.page("default")]
    purge = broker.purge("default", now)
    assert (purge.queue, purge.removed, purge.until) == ("default", 20, now + timedelta(seconds=60))
    assert order() == []
    assert broker.held_count("default") == 1
    assert [message.id for message in broker.purged("default", purge.token)] == before
    send("meanwhile urgent", 6)
    send("meanwhile too", 6)
    assert broker.restore("default", purge.token) == 20
    line = order()
    assert [run_id for run_id in line if not run_id.startswith("meanwhile")] == before
    assert line.index("meanwhile too") == line.index("meanwhile urgent") + 1 == 7
    assert [message.raw for message in broker.page("default") if not message.id.startswith("m")] == raws


def test_undo_works_once(send: Send, order: Any, now: Any) -> None:
    send("r")
    token = broker.purge("default", now).token
    broker.restore("default", token)
    with pytest.raises(Conflict) as error:
        broker.restore("default", token)
    assert error.value.code == "undo-expired"
    assert order() == ["r"]


def test_undo_expires(send: Send, now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(purges, "TRASH_SECONDS", 1)
    send("r")
    token = broker.purge("default", now).token
    time.sleep(1.1)
    with pytest.raises(Conflict):
        broker.restore("default", token)
    assert list(broker.purged("default", token)) == []
    assert broker.client().keys("*trash*") == []


def test_what_came_back_does_not_expire(celery_only: Celery, send: Send, now: Any) -> None:
    send("r")
    key = broker.keys().level("default", 4).key
    token = broker.purge("default", now).token
    assert broker.client().ttl(broker.keys().trash("default", token, 4)) > 10
    broker.restore("default", token)
    assert broker.client().ttl(key) == -1


def test_an_empty_queue_is_purged_of_nothing(celery_only: Celery, now: Any) -> None:
    assert broker.purge("default", now).removed == 0
    assert broker.purge("nowhere", now).removed == 0


def test_two_purges_are_undone_one_by_one(send: Send, order: Any, now: Any) -> None:
    send("first")
    first = broker.purge("default", now).token
    send("second")
    second = broker.purge("default", now).token
    assert first != second
    broker.restore("default", second)
    assert order() == ["second"]
    broker.restore("default", first)
    assert order() == ["first", "second"]
