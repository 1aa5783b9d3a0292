"""The queues lie in a real RabbitMQ, and real workers take from them."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app import broker, heartbeats, queues, runs, workers
from app.broker.rabbitmq import dedup
from app.clock import utcnow
from app.errors import Conflict, NotFound
from app.runs import Run, RunRequest, outbox, states

Submit = Callable[..., str]
Row = Callable[[str], Run]


def started(folder: Path) -> list[str]:
    """The files that tasks have written to, in the order in which they were first."""
    return [path.name for path in sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime_ns)]


def test_a_run_goes_its_whole_way(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row
) -> None:
    processes.worker()
    processes.recorder()
    weekday, flaky, parent = submit("weekday", day="2026-11-20"), submit("flaky"), submit("parent")
    for run_id in (weekday, flaky, parent):
        eventually(lambda run_id=run_id: row(run_id).state == states.SUCCESS)
    assert row(weekday).result == "Friday"
    assert (row(weekday).queue, row(weekday).priority, row(weekday).outbox) == ("default", 5, None)
    assert (row(flaky).attempt, row(flaky).result) == (2, "third time")
    eventually(lambda: row(row(parent).result).state == states.SUCCESS)


def test_the_most_urgent_start_first(
    app: Flask, processes: Any, submit: Submit, eventually: Any, tmp_path: Path
) -> None:
    for priority in (0, 5, 9, 3, 9):  # in a queue that no setting names: it is made for the first of them
        submit("touch_and_sleep", "elsewhere", priority, path=str(tmp_path / f"{priority}"), seconds=0.05)
    assert broker.depth("elsewhere") == 5
    (tmp_path / "logs").mkdir()
    processes.logs = tmp_path / "logs"
    processes.worker("-c", "1", "-Q", "elsewhere")
    eventually(lambda: (tmp_path / "0").exists())
    first = [path.name for path in sorted(tmp_path.glob("[0-9]"), key=lambda one: one.stat().st_ctime_ns)]
    assert first == ["9", "5", "3", "0"]
    assert len((tmp_path / "9").read_text().splitlines()) == 2


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_paused_queue_waits_even_for_workers_that_start_later(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path, pool: str
) -> None:
    queues.pause("default", "mei", "printing", utcnow())
    first = submit("touch_and_sleep", path=str(tmp_path / "first"), seconds=0)
    processes.recorder()  # which notes that it was sent
    worker = processes.worker("-P", pool, "-c", "1")
    other = submit("touch_and_sleep", queue="files", path=str(tmp_path / "other"), seconds=0)
    eventually(lambda: (tmp_path / "other").exists())
    processes.goes_on()
    eventually(lambda: row(first).outbox is None)
    assert broker.depth("default") == 1
    found = queues.find("default", utcnow())
    assert (found.workers, found.taking, found.paused) == (["w1@test"], [], True)
    assert (
        queues.diagnose(row(first), heartbeats.workers(broker.client(), utcnow()), utcnow()).reason
        == "paused"
    )
    queues.resume("default", utcnow())
    eventually(lambda: (tmp_path / "first").exists())
    queues.pause("default", "mei", "", utcnow())
    processes.goes_on()  # it hears of it before its next heartbeats
    submit("touch_and_sleep", path=str(tmp_path / "second"), seconds=0)
    processes.goes_on()
    assert not (tmp_path / "second").exists()
    queues.resume("default", utcnow())
    eventually(lambda: (tmp_path / "second").exists())
    processes.kill(worker, signal.SIGTERM)
    assert {row(first).id, row(other).id} == {first, other}


def test_a_paused_worker_takes_nothing_even_after_a_restart(
    app: Flask, processes: Any, submit: Submit, eventually: Any, tmp_path: Path
) -> None:
    worker = processes.worker()
    told = workers.pause("w1@test", "mei", "", utcnow())
    assert (told.state, "default" in told.queues) == ("paused", True)
    submit("touch_and_sleep", path=str(tmp_path / "one"), seconds=0)
    processes.kill(worker, signal.SIGKILL)
    processes.worker()
    processes.goes_on()
    assert broker.depth("default") == 1
    assert not (tmp_path / "one").exists()
    workers.resume("w1@test", utcnow())
    eventually(lambda: (tmp_path / "one").exists())


def test_a_cancelled_run_is_thrown_away_in_its_turn(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path
) -> None:
    gone = submit("touch_and_sleep", path=str(tmp_path / "gone"), seconds=0)
    removed = submit("touch_and_sleep", path=str(tmp_path / "removed"), seconds=0)
    kept = submit("touch_and_sleep", path=str(tmp_path / "kept"), seconds=0)
    assert runs.cancel(row(gone), False, "mei", utcnow()) == "removed"
    queues.remove("default", removed, "mei", utcnow())
    processes.worker("-c", "1")
    processes.recorder()
    eventually(lambda: row(kept).state == states.SUCCESS)
    assert [row(run_id).state for run_id in (gone, removed)] == [states.REVOKED] * 2
    assert [path.name for path in tmp_path.glob("[gkr]*d")] == []
    assert not (tmp_path / "gone").exists()
    assert not (tmp_path / "removed").exists()
    assert broker.depth("default") == 0
    with pytest.raises(Conflict) as refused:
        runs.cancel(row(kept), False, "mei", utcnow())
    assert refused.value.code == "finished"


def test_another_priority_and_another_queue_run_once(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path
) -> None:
    urgent = submit("touch_and_sleep", priority=1, path=str(tmp_path / "urgent"), seconds=0.1)
    usual = submit("touch_and_sleep", path=str(tmp_path / "usual"), seconds=0.1)
    moved = submit("touch_and_sleep", path=str(tmp_path / "moved"), seconds=0)
    change = queues.reprioritise("default", urgent, 9, utcnow())
    assert (change.before, change.after.priority, change.after.queue) == (None, 9, "default")
    queues.send_to("default", moved, "mail", utcnow())
    assert (row(moved).queue, row(urgent).priority) == ("mail", 9)
    assert [broker.depth(name) for name in ("default", "mail")] == [4, 1]
    processes.worker("-c", "1", "-Q", "default")
    processes.recorder()
    eventually(lambda: row(usual).state == states.SUCCESS and broker.depth("default") == 0)
    assert not (tmp_path / "moved").exists()
    processes.worker("-c", "1", "-Q", "mail", name="w2")
    eventually(lambda: row(moved).state == states.SUCCESS)
    assert row(urgent).started_at < row(usual).started_at  # type: ignore[operator]  # both have run
    for name in ("urgent", "usual", "moved"):
        assert len((tmp_path / name).read_text().splitlines()) == 1
    assert (row(moved).queue, row(urgent).priority) == ("mail", 9)
    with pytest.raises(NotFound):
        queues.reprioritise("default", urgent, 1, utcnow())


def test_what_is_sent_twice_runs_once(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path
) -> None:
    run_id = submit("touch_and_sleep", path=str(tmp_path / "twice"), seconds=0)
    again = runs.get(run_id)
    outbox.send(again)  # as a recorder does that finds the row of a sender that died
    assert broker.depth("default") == 2
    processes.worker("-c", "2")
    eventually(lambda: broker.depth("default") == 0 and (tmp_path / "twice").exists())
    processes.goes_on()
    assert len((tmp_path / "twice").read_text().splitlines()) == 1
    assert dedup.taken([run_id, "other"]) == {run_id}
    assert broker.out([run_id, "other"], ["default"]) == {run_id}


def test_the_run_of_a_killed_worker_comes_back(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path
) -> None:
    processes.recorder()
    worker = processes.worker("-c", "1")
    run_id = submit("touch_and_wait", path=str(tmp_path / "killed"), until=str(tmp_path / "go on"))
    eventually(lambda: row(run_id).state == states.STARTED)
    processes.kill(worker, signal.SIGKILL)
    (tmp_path / "go on").touch()
    eventually(lambda: broker.depth("default") == 1)
    processes.worker("-c", "1", name="w2")
    eventually(lambda: row(run_id).state == states.SUCCESS)
    assert len((tmp_path / "killed").read_text().splitlines()) == 2


def test_a_purge_ends_what_waited(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, tmp_path: Path, redis: Redis
) -> None:
    gone = [submit("touch_and_sleep", path=str(tmp_path / "gone"), seconds=0) for _ in range(3)]
    elsewhere = submit("weekday", queue="mail", day="2026-11-20")
    purged = queues.purge("default", "mei", utcnow())
    assert (purged.removed, purged.token) == (3, "")
    assert broker.depth("default") == 0
    assert [row(run_id).state for run_id in gone] == [states.REVOKED] * 3
    assert row(elsewhere).state == states.PENDING
    outbox.send(row(elsewhere))
    with pytest.raises(Conflict) as refused:
        queues.restore("default", "0" * 32, utcnow())
    assert refused.value.code == "not-supported"


def test_an_old_copy_that_expires_says_nothing_of_the_run(
    app: Flask, processes: Any, submit: Submit, eventually: Any, row: Row, celery_app: Any, tmp_path: Path
) -> None:
    queues.pause("default", "mei", "", utcnow())
    processes.recorder()
    processes.worker("-c", "1")
    request = RunRequest(
        "sample_tasks.touch_and_sleep",
        kwargs={"path": str(tmp_path / "long"), "seconds": 6},
        requested_by="mei",
        priority=1,
        message_ttl_seconds=4,
    )
    run_id = runs.submit(request, utcnow()).id
    queues.reprioritise("default", run_id, 9, utcnow())
    assert queues.reprioritise("default", run_id, 9, utcnow()).after.priority == 9  # nothing to do
    assert broker.depth("default") == 2
    queues.resume("default", utcnow())
    eventually(lambda: row(run_id).state == states.SUCCESS)
    eventually(lambda: broker.depth("default") == 0)
    processes.goes_on()
    assert row(run_id).state == states.SUCCESS
    assert len((tmp_path / "long").read_text().splitlines()) == 1
    assert celery_app.AsyncResult(run_id).state == states.SUCCESS
