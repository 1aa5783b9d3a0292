"""Which copy of a run's message counts: claimed once, cancelled or replaced before that, given back after."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import broker
from app.broker.rabbitmq import dedup
from app.broker.rabbitmq.dedup import new_copy


def test_a_claim_is_for_one_copy_of_an_attempt(app: Flask) -> None:
    def claim(copy: str, redelivered: bool = False, **headers: Any) -> bool:
        return dedup.claim({"id": "run", dedup.HEADER: copy, **headers}, redelivered, "w1", app)

    assert claim("a")
    assert [claim("a"), claim("b"), claim("b", True)] == [False] * 3
    assert [claim("a", True), claim("a", True)] == [True, True]
    assert dedup.starts("run") == 3
    assert not claim("a", True)  # the third worker died with it
    assert not claim("a", retries=1)  # given up for good


def test_what_a_dead_worker_had_waits_again(app: Flask) -> None:
    def claim(copy: str, worker: str, redelivered: bool = False) -> bool:
        return dedup.claim({"id": "run", dedup.HEADER: copy}, redelivered, worker, app)

    assert claim("a", "w1")
    dedup.give_back("run", "w2")
    assert dedup.taken(["run"]) == {"run"}  # it was not w2 that had it
    dedup.give_back("run", "w1")
    assert dedup.taken(["run"]) == set()
    assert not claim("b", "w2")
    assert claim("a", "w2", redelivered=True)
    assert dedup.starts("run") == 2
    dedup.give_back("run", "w2")
    dedup.cancel("run")
    assert not claim("a", "w3", redelivered=True)


def test_a_claim_follows_retries_and_replaced_tasks(app: Flask) -> None:
    def claim(copy: str, **headers: Any) -> bool:
        return dedup.claim({"id": "run", dedup.HEADER: copy, **headers}, False, "w1", app)

    assert claim("a")
    assert claim("a", retries=1)  # Celery keeps a message's headers when it tries again
    assert not claim("a")
    assert claim("b", replaced_task_nesting=1)
    assert not claim("c", retries=2)


def test_cancelling_and_replacing_come_before_taking(app: Flask) -> None:
    copy = new_copy()
    dedup.replace("moved", copy)
    assert not dedup.claim({"id": "moved"}, False, "w1", app)
    assert dedup.claim({"id": "moved", dedup.HEADER: copy}, False, "w1", app)
    for change in (lambda: dedup.replace("moved", "x"), lambda: dedup.cancel("moved")):
        with pytest.raises(broker.AlreadyTaken):
            change()
    dedup.cancel("gone")
    dedup.cancel("gone")
    assert not dedup.claim({"id": "gone"}, False, "w1", app)
    with pytest.raises(broker.AlreadyTaken):
        dedup.replace("gone", "x")
    dedup.forbid("moved")
    assert not dedup.claim({"id": "moved", dedup.HEADER: copy}, True, "w1", app)
    for name in ("moved", "gone"):
        assert 0 < broker.client().ttl(broker.keys().copies(name)) <= dedup.KEPT_SECONDS


COPIES = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("claim"), COPIES, st.booleans(), st.sampled_from(["w1", "w2"])),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("replace"), COPIES),
    st.tuples(st.just("give back"), st.sampled_from(["w1", "w2"])),
)


@given(st.lists(STEPS, max_size=15))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_at_most_one_copy_is_with_a_worker(app: Flask, steps: list[tuple[Any, ...]]) -> None:
    """Against a model: who has the run, since when it is cancelled, which copies can never run any more."""
    broker.client().flushall()
    holder, only, cancelled, starts = "", "", False, 0
    dead: set[str] = set()
    for kind, *rest in steps:
        taken = bool(holder)
        if kind == "claim":
            copy, redelivered, worker = rest
            if dedup.claim({"id": "run", dedup.HEADER: copy}, redelivered, worker, app):
                assert not cancelled
                assert copy not in dead
                assert not taken or (redelivered and copy == only)
                holder, only, starts = worker, copy, starts + 1
                dead |= set("abc") - {copy}
                assert starts <= dedup.STARTS_MAX
        elif kind == "cancel":
            if _done(dedup.cancel, "run"):
                assert not taken
                cancelled = True
        elif kind == "replace":
            if _done(dedup.replace, "run", rest[0]):
                assert not cancelled
                assert not taken or rest[0] == only
                dead = set("abc") - {rest[0]}
        else:
            dedup.give_back("run", rest[0])
            holder = "" if holder == rest[0] else holder
        assert dedup.taken(["run"]) == ({"run"} if holder else set())


def _done(change: Any, *arguments: str) -> bool:
    try:
        change(*arguments)
    except broker.AlreadyTaken:
        return False
    return True
