"""The same with real workers: they take what the line says, once, whatever people do to it meanwhile."""

import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from celery import Celery
from flask import Flask

from app import broker
from app.broker.transport import publishing_held
from app.errors import Conflict, Invalid, NotFound

Send = Callable[..., str]


@pytest.fixture
def note(send: Send) -> Send:
    """Send a run whose start the tests can see."""
    return lambda run_id, priority=5, queue="default", **options: send(
        run_id, priority, queue, task="demo.note", **options
    )


@pytest.fixture
def note_foreign(send_foreign: Send) -> Send:
    """The same from a producer that knows nothing of Celeriac."""
    return lambda run_id, **options: send_foreign(run_id, task="demo.note", **options)


@pytest.mark.parametrize("transport", ["kombu", "ours"])
def test_a_worker_runs_the_line_as_it_was_left(
    note: Send, order: Any, worker: Any, executed: Any, until: Any, transport: str, now: Any
) -> None:
    rng = random.Random(11)
    ids = [note(f"r{n}", rng.randrange(10)) for n in range(40)]
    for _ in range(60):
        one, other = rng.sample(ids, 2)
        broker.move("default", one, after=other)
        broker.move("default", other, position=rng.randrange(1, 41))
    broker.reprioritise("default", ids[3], 9)
    broker.hold("default", ids[4], "ann", "", now)
    broker.release("default", ids[4], "front")
    line = order()
    assert len(line) == 40
    worker("-P", "solo", transport=transport)
    until(lambda: len(executed()) == 40, 60)
    assert executed() == line
    until(lambda: not broker.unacked())


@pytest.mark.parametrize(
    ("pool", "transport"),
    [(("solo",), "ours"), (("threads", "-c", "4"), "kombu"), (("prefork", "-c", "2"), "ours")],
)
def test_nothing_is_lost_or_run_twice_while_workers_draw(
    celery_only: Celery,
    note: Send,
    worker: Any,
    executed: Any,
    until: Any,
    now: Any,
    pool: tuple[str, ...],
    transport: str,
) -> None:
    worker("-P", *pool, queues="default,mail", transport=transport)
    note("warm up")
    until(executed, 60)
    rng = random.Random(5)
    ids: list[str] = []

    def some() -> str:
        return rng.choice(ids[-40:])

    changes: list[Callable[[], Any]] = [
        lambda: broker.move("default", some(), before=some()),
        lambda: broker.move("default", some(), after=some()),
        lambda: broker.move("default", some(), to=rng.choice(["front", "back"])),
        lambda: broker.move("default", some(), position=rng.randrange(1, 4)),
        lambda: broker.reprioritise("default", some(), rng.randrange(10)),
        lambda: broker.send_to("default", some(), "mail"),
        lambda: broker.hold("default", some(), "ann", "", now),
        lambda: broker.release_all("default", rng.choice(["front", "back", None])),
    ]
    changed = 0
    for n in range(20):  # bursts, so that something always waits
        with celery_only.producer_or_acquire() as producer, producer.batch(max_size=200):
            ids += [note(f"r{n}-{m}", rng.randrange(4, 7), producer=producer) for m in range(15)]
        for _ in range(10):
            with suppress(Conflict, NotFound, Invalid):  # a worker was faster
                rng.choice(changes)()
                changed += 1
    broker.release_all("default")
    until(lambda: len(executed()) > len(ids), 60)
    until(lambda: not broker.unacked() and not broker.depth("default") and not broker.depth("mail"))
    assert Counter(executed()) == Counter([*ids, "warm up"])
    assert changed > 20


def test_held_from_the_start_is_never_seen_by_a_worker(
    celery_only: Celery, note: Send, worker: Any, executed: Any, until: Any, now: Any
) -> None:
    worker("-P", "solo")
    note("first")
    until(executed, 60)
    with publishing_held("ann", "look at it first", now):
        for n in range(20):
            note(f"h{n}")
        with celery_only.producer_or_acquire() as producer, producer.batch(max_size=7):
            for n in range(20, 40):
                note(f"h{n}", producer=producer)
    note("last")
    until(lambda: "last" in executed())
    assert executed() == ["first", "last"]
    held = broker.held("default", 0, 100)
    assert [one.message.id for one in held] == [f"h{n}" for n in range(40)]
    assert {(one.by, one.at, one.reason, one.by_mode) for one in held} == {
        ("ann", now, "look at it first", False)
    }
    broker.release("default", "h7")
    until(lambda: "h7" in executed())


def test_holding_new_stops_ours_and_foreign_producers_at_an_idle_worker(
    note: Send, note_foreign: Send, worker: Any, executed: Any, until: Any, now: Any
) -> None:
    worker("-P", "threads", "-c", "2")
    note("before")
    until(executed, 60)
    broker.hold_new("default", "ann", "month end", now)
    for n in range(20):
        note_foreign(f"foreign{n}")
        note(f"ours{n}")
    until(lambda: broker.held_count("default") == 40)
    assert executed() == ["before"]
    assert all(one.by_mode and one.by == "ann" and one.at for one in broker.held("default", 0, 40))
    assert broker.unacked() == {}
    for run_id in ("foreign3", "ours4"):
        broker.release("default", run_id)
    until(lambda: len(executed()) == 3)
    assert set(executed()) == {"before", "foreign3", "ours4"}
    broker.stop_holding_new("default")
    note("after")
    until(lambda: "after" in executed())
    broker.release_all("default")
    until(lambda: len(executed()) == 42)
    assert max(Counter(executed()).values()) == 1


def test_what_is_let_in_may_be_taken_and_given_back(
    note: Send, worker: Any, executed: Any, until: Any, now: Any
) -> None:
    """What waited when the mode began runs, with the mode on."""
    ids = [note(f"r{n}") for n in range(30)]
    broker.hold_new("default", "ann", "", now)
    worker("-P", "prefork", "-c", "2")
    until(lambda: len(executed()) == 30, 60)
    assert sorted(executed()) == sorted(ids)
    assert broker.held_count("default") == 0


@pytest.mark.parametrize("pool", [("solo",), ("threads", "-c", "2"), ("prefork", "-c", "2")])
def test_a_paused_queue_is_not_taken_from(
    note: Send, order: Any, worker: Any, executed: Any, until: Any, now: Any, pool: tuple[str, ...]
) -> None:
    worker("-P", *pool, queues="default,mail")
    note("before")
    until(executed, 60)
    broker.pause("default", "ann", "printer", now)
    ids = [note(f"r{n}", n % 10) for n in range(20)]  # no pause for breath: it holds from the next message on
    until(lambda: len(order()) == 20)  # one may have been in a worker's hands, which gives it back
    line = order()
    assert set(line) == set(ids)
    others = [note(f"other {n}", queue="mail") for n in range(5)]
    until(lambda: len(executed()) == 6)
    assert set(executed()) == {"before", *others}
    assert order() == line
    broker.resume("default")
    until(lambda: len(executed()) == 26)
    if pool == ("solo",):
        assert executed()[6:] == line


def test_a_pause_outlives_workers(note: Send, worker: Any, executed: Any, until: Any, now: Any) -> None:
    broker.pause("default", "ann", "", now)
    broker.pause("mail", "ann", "", now)
    note("waits")
    note("waits too", queue="mail")
    worker("-P", "solo", queues="default,mail")
    worker("-P", "threads", "-c", "1", queues="mail,files")
    note("runs", queue="files")
    until(lambda: executed() == ["runs"], 60)
    for n in range(3):
        note(f"runs {n}", queue="files")
        until(lambda n=n: len(executed()) == n + 2)
    assert set(executed()) == {"runs", "runs 0", "runs 1", "runs 2"}
    broker.resume("mail")
    until(lambda: len(executed()) == 5)
    broker.resume("default")
    until(lambda: len(executed()) == 6)


@pytest.mark.parametrize("pool", [("threads", "-c", "2"), ("prefork", "-c", "2")])
def test_workers_go_on_when_redis_is_back(
    make_app: Callable[..., Flask],
    own_redis: Any,
    worker: Any,
    executed: Any,
    until: Any,
    now: Any,
    pool: tuple[str, ...],
) -> None:
    app = make_app(own_redis.url, own_redis.folder)
    celery_app = app.extensions["celery"]
    with app.app_context():
        broker.pause("mail", "ann", "", now)
        process = worker("-P", *pool, queues="default,mail", url=own_redis.url)
        celery_app.send_task("demo.note", task_id="before", queue="default", priority=4)
        until(lambda: executed() and not broker.unacked(), 60)
        celery_app.send_task("demo.note", task_id="waits", queue="mail", priority=4)
        own_redis.kill()
        until(lambda: "onnection to broker lost" in process.log.read_text())
        own_redis.start()
        celery_app.send_task("demo.note", task_id="after", queue="default", priority=4)
        until(lambda: "after" in executed(), 60)
        assert executed() == ["before", "after"]
        broker.resume("mail")
        until(lambda: executed() == ["before", "after", "waits"])
        broker.reset()
    celery_app.close()


@pytest.mark.parametrize("pool", [("threads", "-c", "3"), ("prefork", "-c", "2")])
def test_a_worker_that_shuts_down_leaves_the_rest_in_line(
    note: Send, order: Any, worker: Any, executed: Any, until: Any, pool: tuple[str, ...]
) -> None:
    ids = [note(f"r{n:02}", args=[0.03]) for n in range(60)]
    first = worker("-P", *pool)
    until(lambda: len(executed()) >= 10, 60)
    first.send_signal(signal.SIGTERM)
    first.wait(60)
    begun = executed()
    assert broker.unacked() == {}
    assert sorted([*begun, *order()]) == ids
    worker("-P", *pool)
    until(lambda: len(executed()) == 60, 60)
    assert sorted(executed()) == ids
