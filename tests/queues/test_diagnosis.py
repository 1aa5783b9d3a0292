"""Why a run waits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import broker, queues, runs
from app.extensions import db, transaction
from app.runs import history, states
from app.runs.models import Run

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Consumer:
    hostname: str = "w1@host"
    slots: int = 2
    online: bool = True
    taking: bool = True
    queues: list[str] = field(default_factory=lambda: ["default"])
    running: list[dict[str, Any]] = field(default_factory=list)
    rates: dict[str, dict[str, Any]] = field(default_factory=dict)


def busy_with(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "task": "sample_tasks.plain", "started_at": NOW.timestamp()} for name in names]


def send() -> Run:
    return runs.submit(runs.RunRequest("sample_tasks.plain", [1]), NOW)


def test_nobody_listens(app: Flask) -> None:
    run = send()
    for consumers in ([], [Consumer(online=False)], [Consumer(queues=["mail"])]):
        assert queues.diagnose(run, consumers, NOW).reason == "no-worker"
    assert "listen to mail" in queues.diagnose(run, [Consumer(queues=["mail"])], NOW).detail
    assert "No worker is online" in queues.diagnose(run, [], NOW).detail


def test_the_workers_that_listen_are_paused(app: Flask) -> None:
    run = send()
    found = queues.diagnose(run, [Consumer(taking=False), Consumer("w2@host", queues=["mail"])], NOW)
    assert (found.reason, found.ahead) == ("workers-paused", 0)
    assert "w1@host" in found.detail
    assert queues.diagnose(run, [Consumer(taking=False), Consumer("w2@host")], NOW).reason == "next"


def test_others_go_first(app: Flask) -> None:
    send()
    send()
    last = send()
    found = queues.diagnose(last, [Consumer(running=busy_with("a", "b"))], NOW)
    assert (found.reason, found.ahead) == ("busy", 2)
    assert "All 2 slots" in found.detail
    assert "2 runs go first" in found.detail
    assert "priority" not in found.detail
    assert [(cause.title, cause.more) for cause in found.causes] == [
        ("All 2 slots are busy", ""),
        ("2 runs go first", "2 have the same priority and stand before it."),
    ]
    assert "The queue is not paused." in found.ruled_out


def test_some_go_first_because_they_are_more_urgent(app: Flask) -> None:
    send()
    runs.submit(runs.RunRequest("sample_tasks.plain", [1], priority=9), NOW)
    found = queues.diagnose(send(), [Consumer(running=busy_with("a"))], NOW)
    assert (found.reason, found.ahead) == ("behind-others", 2)
    assert "1 has a higher priority" in found.detail
    more = "1 has a higher priority. 1 has the same priority and stands before it."
    assert [(cause.title, cause.more) for cause in found.causes] == [("2 runs go first", more)]


def record_runs(count: int, seconds: float) -> None:
    with transaction() as session:
        for n in range(count):
            at = NOW - timedelta(minutes=3)
            session.add(
                Run(id=f"old-{n}", task_name="sample_tasks.plain", queue="default", state=states.SUCCESS,
                    created_at=at, updated_at=at, ended_at=at, runtime_seconds=seconds)
            )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "running", "start"),
    [
        (19, 2, None),  # too few to judge by
        (20, 2, NOW + timedelta(seconds=20)),  # two run, two are ahead, each takes ten, two slots
        (20, 0, NOW + timedelta(seconds=10)),
    ],
)
def test_the_likely_start(app: Flask, known: int, running: int, start: datetime | None) -> None:
    record_runs(known, 10)
    send()
    send()
    last = send()
    consumer = Consumer(running=busy_with(*"ab"[:running]))
    assert queues.diagnose(last, [consumer], NOW).estimated_start == start


def test_the_next_one_starts_now_when_a_slot_is_free(app: Flask) -> None:
    record_runs(30, 10)
    found = queues.diagnose(send(), [Consumer(running=busy_with("a"))], NOW)
    assert (found.reason, found.estimated_start) == ("next", NOW)


def test_it_is_next(app: Flask) -> None:
    found = queues.diagnose(send(), [Consumer(running=busy_with("a"))], NOW)
    assert (found.reason, found.ahead) == ("next", 0)


def test_the_queue_is_paused(app: Flask) -> None:
    run = send()
    broker.pause("default", "mei", "month end", NOW)
    found = queues.diagnose(run, [Consumer()], NOW)
    assert found.reason == "paused"
    assert "mei" in found.detail
    assert "month end" in found.detail


def test_it_is_held(app: Flask) -> None:
    run = send()
    broker.hold("default", run.id, "mei", "fraud check", NOW)
    found = queues.diagnose(run, [Consumer()], NOW)
    assert found.reason == "held"
    assert "fraud check" in found.detail


def test_the_queue_holds_everything_new(app: Flask) -> None:
    broker.hold_new("default", "mei", "", NOW)
    found = queues.diagnose(send(), [Consumer()], NOW)
    assert found.reason == "held"
    assert "everything new" in found.detail


def test_a_run_of_another_app_is_not_lost(app: Flask) -> None:
    """The agent told of it; its message is in a broker that nobody here sees."""
    run_id = "3f2b7c1e-0000-4000-8000-000000000001"
    event = {"type": "sent", "id": run_id, "task": "shop.note", "at": NOW.timestamp(), "queue": "celery"}
    history.record([event], lambda _name, args, kwargs: (args, kwargs, []))
    run = db.session.get(Run, run_id)
    assert run is not None
    for seconds in (1, 3600):
        found = queues.diagnose(run, [Consumer()], NOW + timedelta(seconds=seconds))
        assert found.reason == "elsewhere"
        assert "not in Celeriac's broker" in found.detail


def test_a_worker_has_it_in_its_hands_or_it_is_lost(app: Flask) -> None:
    run = send()
    broker.remove("default", run.id)
    assert queues.diagnose(run, [Consumer()], NOW).reason == "taken"
    run.outbox = None
    assert queues.diagnose(run, [Consumer()], NOW + timedelta(seconds=29)).reason == "taken"
    lost = queues.diagnose(run, [Consumer()], NOW + timedelta(seconds=31))
    assert lost.reason == "lost"
    assert "retry it" in lost.detail


def test_it_runs_before_the_history_knows(app: Flask) -> None:
    run = send()
    broker.remove("default", run.id)
    found = queues.diagnose(run, [Consumer(running=busy_with(run.id))], NOW)
    assert (found.reason, "w1@host" in found.detail) == ("running", True)


def test_it_waits_in_another_queue(app: Flask) -> None:
    run = send()
    broker.send_to("default", run.id, "mail")
    broker.pause("mail", "mei", "", NOW)
    assert queues.diagnose(run, [Consumer(queues=["mail"])], NOW).reason == "paused"


def test_the_worker_that_took_it_is_silent(app: Flask) -> None:
    run = Run(id="r", task_name="t", state=states.RECEIVED, worker="w1@host", queue="default",
              created_at=NOW, updated_at=NOW)  # fmt: skip
    found = queues.diagnose(run, [Consumer(online=False)], NOW)
    assert (found.reason, "w1@host" in found.detail) == ("worker-silent", True)


def test_a_retry_whose_time_has_come_waits_in_line(app: Flask) -> None:
    run = send()
    run.state, run.eta_at = states.RETRY, NOW - timedelta(seconds=1)
    assert queues.diagnose(run, [Consumer()], NOW).reason == "next"


def test_it_was_not_sent_yet(app: Flask) -> None:
    run = send()
    broker.remove("default", run.id)
    run.outbox, run.send_at = {"args": []}, NOW
    assert queues.diagnose(run, [Consumer()], NOW).reason == "not-sent"


@pytest.mark.parametrize(
    ("state", "fields", "reason", "start"),
    [
        (states.SUCCESS, {}, "finished", None),
        (states.PROGRESS, {}, "running", None),
        (states.SCHEDULED, {"eta_at": NOW + timedelta(seconds=9)}, "scheduled", NOW + timedelta(seconds=9)),
        (states.SCHEDULED, {}, "scheduled", None),
        (states.RETRY, {"eta_at": NOW + timedelta(seconds=9)}, "retry", NOW + timedelta(seconds=9)),
        (states.RETRY, {}, "retry", None),
        (states.RECEIVED, {"worker": "w1@host"}, "received", None),
        (states.RECEIVED, {}, "received", None),
    ],
)
def test_the_state_alone_tells(
    app: Flask, state: str, fields: dict[str, Any], reason: str, start: datetime | None
) -> None:
    found = queues.diagnose(
        Run(id="r", task_name="t", state=state, created_at=NOW, updated_at=NOW, **fields), [], NOW
    )
    assert (found.reason, found.estimated_start) == (reason, start)
    assert found.detail.endswith(".")


def limited(next_in: float | None) -> dict[str, dict[str, Any]]:
    next_at = None if next_in is None else NOW.timestamp() + next_in
    return {"sample_tasks.at_a_rate": {"limit": "2/s", "per_second": 2.0, "next_at": next_at}}


def send_limited() -> Run:
    return runs.submit(runs.RunRequest("sample_tasks.at_a_rate", [1]), NOW)


def test_a_rate_limit_holds_it_up(app: Flask) -> None:
    first, second, third = (send_limited() for _ in range(3))
    other = send()
    consumers = [Consumer(rates=limited(0.4))]
    found = queues.diagnose(first, consumers, NOW)
    assert (found.reason, found.ahead) == ("rate-limited", 0)
    assert found.estimated_start == NOW + timedelta(seconds=0.4)
    assert "2/s on each worker" in found.detail
    found = queues.diagnose(third, consumers, NOW)
    assert (found.reason, found.ahead) == ("rate-limited", 2)
    assert found.estimated_start == NOW + timedelta(seconds=1.4)
    assert "2 runs of it go first" in found.detail
    # The others are not held up, and it is not the limit when the next may start.
    found = queues.diagnose(other, consumers, NOW)
    assert (found.reason, found.ahead) == ("next", 0)
    assert "3 runs before it wait for their task's rate limit" in " ".join(found.ruled_out)
    assert queues.diagnose(first, [Consumer(rates=limited(None))], NOW).reason == "next"
    assert queues.diagnose(second, [Consumer(rates=limited(None))], NOW).reason == "rate-limited"
    # Two workers start twice as many; one without the limit is not held up.
    both = [*consumers, Consumer("w2@host", rates=limited(0.1))]
    assert queues.diagnose(third, both, NOW).estimated_start == NOW + timedelta(seconds=0.6)
    assert queues.diagnose(first, [*consumers, Consumer("w2@host")], NOW).reason == "next"
