"""A stranger's Redis: its queues in their true order, what is in hand, and nothing written."""

import threading
from typing import Any

import pytest

from app import brokers
from app.clock import utcnow
from app.errors import BrokerUnavailable, NotFound
from tests.brokers.conftest import DATABASE, Theirs
from tests.conftest import wait_until

READING = {
    *("LLEN", "HGETALL", "LRANGE", "TYPE", "SCAN", "SMEMBERS", "HLEN", "HMGET", "ZRANGE", "MULTI", "EXEC"),
    *("CLIENT", "AUTH", "HELLO", "SELECT", "PING", "INFO"),
}


@pytest.fixture
def line(theirs: Theirs) -> list[str]:
    """The ids of six messages at different priorities, in the order in which kombu hands them out."""
    plain, second = theirs.send(1, password="x"), theirs.send(2)
    low, high = theirs.send(3, priority=9), theirs.send(4, priority=0)
    middle, deep = theirs.send(5, priority=4), theirs.send(6, priority=6)
    return [plain, second, high, middle, deep, low]


def test_the_line_stands_as_it_is_taken_with_arguments(theirs: Theirs, line: list[str]) -> None:
    place = brokers.find("shop")
    (queue,) = brokers.listing(place)
    assert (queue.name, queue.waiting, queue.by_priority) == ("celery", 6, {9: 3, 6: 1, 3: 1, 0: 1})
    assert "LLEN of p:celery, p:celery:3" in queue.source
    found = brokers.line(place, "celery", 0, 50)
    assert [run.id for run in found] == line
    assert [run.position for run in found] == [1, 2, 3, 4, 5, 6]
    assert [run.args for run in found] == [[1], [2], [4], [5], [6], [3]]
    assert [run.id for run in brokers.line(place, "celery", 2, 2)] == line[2:4]
    taken = []
    with theirs.connection() as connection:
        queue_there = connection.SimpleQueue("celery")
        for _ in line:
            message = queue_there.get(timeout=5)
            taken.append(message.headers["id"])
            message.ack()
    assert taken == line  # as kombu itself hands them out


def test_looking_writes_nothing(theirs: Theirs, line: list[str]) -> None:
    theirs.redis.hset("p:unacked", "tag", "no JSON")
    before, seen = theirs.contents(), []
    ready = threading.Event()

    def watch() -> None:
        with theirs.redis.monitor() as monitor:
            ready.set()
            for command in monitor.listen():
                if command["db"] == DATABASE:
                    seen.append(command["command"].split()[0].upper())
                if "the end" in command["command"]:
                    return

    watching = threading.Thread(target=watch)
    watching.start()
    ready.wait(10)
    place = brokers.find("shop")
    brokers.listing(place)
    brokers.find_queue(place, "celery")
    brokers.line(place, "celery", 0, 50)
    assert brokers.in_hand_count(place) == 1
    brokers.in_hand(place, 0, 50)
    assert brokers.connections(place) == 0
    theirs.redis.echo("the end")
    watching.join(10)
    assert set(seen) - READING == {"ECHO"}
    assert theirs.contents() == before


def test_what_is_in_hand_is_listed_the_oldest_first(theirs: Theirs, line: list[str]) -> None:
    with theirs.connection() as connection:
        queue = connection.SimpleQueue("celery")
        held = [queue.get(timeout=5), queue.get(timeout=5)]
        place = brokers.find("shop")
        assert brokers.in_hand_count(place) == 2
        found = brokers.in_hand(place, 0, 50)
        assert [run.id for run in found] == line[:2]
        assert found[0].queue == "celery"
        assert abs((utcnow() - found[0].taken_at).total_seconds()) < 30
        for message in held:
            message.requeue()


def test_what_is_no_json_is_never_loaded(theirs: Theirs) -> None:
    theirs.sender.conf.accept_content = ["json", "pickle"]
    theirs.send({"token": "geheim"}, serializer="pickle")
    (run,) = brokers.line(brokers.find("shop"), "celery", 0, 5)
    assert (run.args, run.kwargs, run.unread) == (None, None, "serializer")
    assert run.content_type == "application/x-python-serialize"


def test_secrets_are_masked_without_a_catalog(theirs: Theirs) -> None:
    theirs.send({"api_key": "geheim"}, password="geheim", n=1)
    (run,) = brokers.line(brokers.find("shop"), "celery", 0, 5)
    assert "geheim" not in repr((run.args, run.kwargs))
    assert run.kwargs["n"] == 1


def test_messages_at_steps_that_nobody_reads_are_told(theirs: Theirs) -> None:
    theirs.redis.lpush("p:celery\x06\x164", b"{}")
    queue = brokers.find_queue(brokers.find("shop"), "celery")
    assert (queue.waiting, queue.unreachable) == (0, 1)


def test_a_long_line_is_paged(theirs: Theirs) -> None:
    theirs.send(0)
    raw: Any = theirs.redis.lindex("p:celery", 0)
    theirs.redis.lpush("p:celery", *[raw.replace(b'"retries": 0', b'"retries": %d' % n) for n in range(5000)])
    found = brokers.line(brokers.find("shop"), "celery", 4000, 2)
    assert [(run.position, run.attempt) for run in found] == [(4001, 3999), (4002, 4000)]


def test_what_is_not_there(theirs: Theirs) -> None:
    with pytest.raises(NotFound, match="no queue nothing"):
        brokers.find_queue(brokers.find("shop"), "nothing")
    with pytest.raises(NotFound, match="names no broker"):
        brokers.find("nobody")
    with pytest.raises(BrokerUnavailable):
        brokers.listing(brokers.find("away"))


def test_a_url_without_rights_says_so(theirs: Theirs, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs.send(1)
    rules = ("on", ">pw", "~p:celery*", "+llen", "+select")
    theirs.redis.execute_command("ACL", "SETUSER", "eye", *rules)
    url = app.config["SETTINGS"].brokers["shop"]
    assert "socket://:" in url
    user, _, rest = url.partition("socket://:")[2].partition("@")
    assert user
    monkeypatch.setitem(app.config["SETTINGS"].brokers, "shop", f"redis+socket://eye:pw@{rest}")
    try:
        with pytest.raises(BrokerUnavailable, match="has no right"):
            brokers.line(brokers.find("shop"), "celery", 0, 5)
    finally:
        theirs.redis.execute_command("ACL", "DELUSER", "eye")


def test_workers_are_listed_once_they_answer(theirs: Theirs) -> None:
    answers = brokers.ask(brokers.find("shop"), utcnow())
    assert answers.workers == ()
    wait_until(lambda: not theirs.redis.keys("*answers*"))
