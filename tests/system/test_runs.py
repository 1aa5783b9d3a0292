"""The whole way of a run: submitted, sent, taken by a real worker, recorded by a real recorder."""

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sample_tasks
from flask import Flask

from app import broker, runs
from app.clock import utcnow
from app.extensions import db
from app.runs import queries, states
from app.runs.explanation import explain
from app.runs.models import Run

Eventually = Callable[..., Any]


def ended(run_id: str) -> Run | None:
    run = db.session.get(Run, run_id)
    return queries.get(run_id) if run is not None and run.is_finished else None


def test_every_kind_of_run_ends_as_it_should(
    app: Flask, processes: Any, submit: Callable[..., str], eventually: Eventually
) -> None:
    processes.worker()
    processes.recorder()
    ids = {
        "resize": submit("resize", folder="in", width=100),
        "weekday": submit("weekday", day="2026-11-20"),
        "fail": submit("fail", password="hunter2"),
        "flaky": submit("flaky"),
        "parent": submit("parent"),
        "progress": submit("plain_progress"),
        "killed": submit("kill_own_child"),
        "too long": submit("too_long"),
        "nan": submit("not_json"),
        "large": submit("large_result", size=300_000),
        "delay": sample_tasks.plain.delay([1], b=None).id,
    }
    run = {name: eventually(lambda run_id=run_id: ended(run_id), 60) for name, run_id in ids.items()}
    assert {name: one.state for name, one in run.items()} == {
        **dict.fromkeys(ids, states.SUCCESS),
        **dict.fromkeys(["fail", "killed", "too long"], states.FAILURE),
    }
    assert run["resize"].result == {"folder": "in", "width": 100, "fmt": "png"}
    assert (run["resize"].progress_current, run["resize"].progress_message) == (3, "photo3.jpg")
    assert (run["progress"].progress_current, run["progress"].progress_total) == (3, 10)
    assert run["weekday"].result == "Friday"
    assert run["fail"].error == "ValueError: the region does not exist"
    assert "raise ValueError" in run["fail"].traceback
    assert run["fail"].kwargs == {"password": "••••••"}
    assert (run["flaky"].attempt, run["flaky"].result) == (2, "third time")
    assert [old["state"] for old in run["flaky"].attempts] == [states.RETRY, states.RETRY]
    assert "WorkerLost" in run["killed"].error
    assert "TimeLimitExceeded" in run["too long"].error
    assert run["nan"].result == {"nan": "NaN"}
    assert run["large"].notices == {"result": 300_002}
    assert (run["delay"].args, run["delay"].kwargs, run["delay"].requested_by) == ([[1]], {"b": None}, None)
    child = eventually(lambda: ended(run["parent"].result))
    assert (child.parent_id, child.root_id) == (ids["parent"], ids["parent"])
    assert child.kwargs == {"b": {"big": 2**70}}
    for one in run.values():
        assert one.created_at <= one.sent_at <= one.started_at <= one.finished_at
        assert one.outbox is None


UNREADABLE = {
    "pickled": ("application/x-python-serialize", b"\x80"),
    "broken": ("application/json", b"{no json"),
}


def test_every_end_is_told_in_words(
    app: Flask, celery_app: Any, processes: Any, submit: Callable[..., str], eventually: Eventually
) -> None:
    """What cannot be read, too, which stops nobody."""
    with celery_app.producer_or_acquire() as producer:
        for name, (content_type, body) in UNREADABLE.items():
            producer.publish(
                body,
                routing_key="default",
                exchange="",
                content_type=content_type,
                content_encoding="utf-8",
                headers={"id": name, "task": "sample_tasks.plain", "lang": "py"},
            )
    ids = {
        "soft-time-limit": submit("too_slow"),
        "time-limit": submit("too_long"),
        "worker-lost": submit("kill_own_child"),
        "ignored": submit("ignore"),
        "rejected": submit("reject"),
        "retry": submit("retry_later"),
        "expired": sample_tasks.plain.apply_async([1], expires=0.5).id,
        "unregistered": celery_app.send_task("no.such.task", [1]).id,
        "failure": submit("fail"),
        "success": submit("weekday", day="2026-11-20"),
    }
    time.sleep(0.6)  # so that one has expired
    processes.worker()
    processes.recorder()

    def told(run_id: str) -> str | None:
        run = db.session.get(Run, run_id)
        done = run is not None and (run.is_finished or run.state == states.RETRY)
        return explain(run).code if run is not None and done else None

    found = {name: eventually(lambda run_id=run_id: told(run_id), 60) for name, run_id in ids.items()}
    assert found == {name: name for name in ids}
    assert queries.get(ids["retry"]).eta_at - utcnow() > timedelta(minutes=50)
    for name in UNREADABLE:
        assert eventually(lambda name=name: told(name)) == "undecodable"
        assert queries.get(name).state == states.FAILURE


def test_a_waiting_run_is_cancelled_before_a_worker_takes_it(
    app: Flask, submit: Callable[..., str], processes: Any, eventually: Eventually
) -> None:
    processes.recorder()
    run_id = submit("sleep", seconds=0)
    eventually(lambda: queries.get(run_id).sent_at)
    assert runs.cancel(queries.get(run_id), terminate=False, by="mei", now=utcnow()) == "removed"
    assert broker.depth("default") == 0
    run = eventually(lambda: ended(run_id))
    assert (run.state, run.error) == (states.REVOKED, "Cancelled by mei.")


def test_a_running_run_is_terminated_and_one_that_waits_for_it_is_cancelled(
    app: Flask, submit: Callable[..., str], processes: Any, eventually: Eventually
) -> None:
    processes.worker("-c", "1")
    processes.recorder()
    busy, waiting = submit("sleep", seconds=60), submit("sleep", seconds=0)
    eventually(lambda: queries.get(busy).state == states.STARTED)
    outcome = runs.cancel(queries.get(waiting), terminate=False, by="mei", now=utcnow())
    assert outcome in ("removed", "revoked")
    assert eventually(lambda: ended(waiting)).state == states.REVOKED
    assert runs.cancel(queries.get(busy), terminate=True, by="mei", now=utcnow()) == "terminated"
    assert eventually(lambda: ended(busy)).state == states.REVOKED
    after = submit("weekday", day="2026-11-20")
    assert eventually(lambda: ended(after)).state == states.SUCCESS


def test_a_killed_workers_run_is_run_by_another(
    app: Flask, submit: Callable[..., str], processes: Any, eventually: Eventually, tmp_path: Any
) -> None:
    """The worker dies of SIGKILL, children and all; its run is back in under 45 s and ends well."""
    trace = tmp_path / "trace"
    victim = processes.worker(name="victim")
    processes.recorder()
    run_id = submit("touch_and_wait", path=str(trace), until=str(tmp_path / "killed"))
    eventually(lambda: queries.get(run_id).state == states.STARTED)
    processes.kill(victim, signal.SIGKILL)
    (tmp_path / "killed").touch()
    processes.worker(name="heir")
    run = eventually(lambda: ended(run_id), 60)
    assert (run.state, run.worker) == (states.SUCCESS, "heir@test")
    assert len(trace.read_text().splitlines()) == 2


def test_a_cold_shutdown_gives_running_work_back(
    app: Flask, submit: Callable[..., str], processes: Any, eventually: Eventually
) -> None:
    worker = processes.worker()
    processes.recorder()
    run_id = submit("sleep", seconds=60)
    eventually(lambda: queries.get(run_id).state == states.STARTED)
    worker.send_signal(signal.SIGQUIT)
    worker.wait(60)
    assert broker.depth("default") == 1
    assert not queries.get(run_id).is_finished
