"""Redis is killed and comes back: what was submitted meanwhile is sent once, and only once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import broker, create_app, runs
from app.clock import utcnow
from app.config import Settings
from app.extensions import db
from app.recorder.recorder import Recorder
from app.runs import Run, RunRequest, queries, states

PATIENCE_SECONDS = 0.6


@pytest.fixture
def own_app(
    own_redis: Any, monkeypatch: pytest.MonkeyPatch, make_ready: Callable[[Flask], None]
) -> Iterator[Flask]:
    """An app whose recorder looks again at what it sent much sooner."""
    monkeypatch.setattr("app.runs.outbox.PATIENCE_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("app.runs.outbox.FRESH_SECONDS", PATIENCE_SECONDS / 2)
    monkeypatch.setattr("app.recorder.recorder.LAG_SECONDS", PATIENCE_SECONDS / 3)
    monkeypatch.setattr("app.recorder.recorder.BLOCK_MS", 100)
    app = create_app(Settings(data_dir=own_redis.folder, base_url="http://localhost", tasks=["sample_tasks"]))
    make_ready(app)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
        broker.reset()


def submit(app: Flask) -> str:
    request = RunRequest("sample_tasks.plain", kwargs={"a": 1}, requested_by="mei")
    return runs.submit(request, utcnow()).id


def work(recorder: Recorder, seconds: float, until: Callable[[], Any] = lambda: False) -> None:
    """Let the recorder work as its process does, waiting out what fails."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not until():
        time.sleep(recorder.turn(utcnow()))
        db.session.rollback()


def work_until_nothing_could_come(recorder: Recorder) -> None:
    """All is sent, and whatever would be sent again has been."""
    unsent = select(func.count()).where(Run.outbox.is_not(None))
    work(recorder, 60, until=lambda: not db.session.scalar(unsent))
    work(recorder, 3 * PATIENCE_SECONDS + 1)


def waiting() -> list[str]:
    return sorted(message.id for message in broker.page("default", limit=200))


def test_what_is_submitted_while_redis_is_away_is_sent_once(own_app: Flask, own_redis: Any) -> None:
    before = [submit(own_app) for _ in range(3)]
    recorder = Recorder(own_app, broker.client(), "test")
    work(recorder, 3, until=lambda: queries.get(before[-1]).sent_at)
    own_redis.kill()
    during = [submit(own_app) for _ in range(3)]
    work(recorder, 1)
    assert {queries.get(run_id).state for run_id in during} == {states.PENDING}
    own_redis.start()
    after = [submit(own_app) for _ in range(3)]
    work_until_nothing_could_come(recorder)
    assert waiting() == sorted(before + during + after)
    assert all(queries.get(run_id).outbox is None for run_id in before + during + after)


def test_redis_restarting_again_and_again_doubles_nothing(own_app: Flask, own_redis: Any) -> None:
    recorder = Recorder(own_app, broker.client(), "test")
    ids = []
    for _ in range(3):
        ids.append(submit(own_app))
        own_redis.kill()
        ids.append(submit(own_app))
        work(recorder, 0.5)
        own_redis.start()
        work(recorder, 1)
    work_until_nothing_could_come(recorder)
    found = waiting()
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(ids)


def test_what_workers_run_during_an_outage_ends_once(
    processes: Any, own_app: Flask, own_redis: Any, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    """Nobody hears of a worker meanwhile, and it needs a while to come back: nobody takes it for dead."""
    own = {"CELERIAC_DATA_DIR": str(own_redis.folder), "CELERIAC_REDIS_URL": own_redis.url}
    processes.environment |= own | {"CELERIAC_DATABASE_URL": ""}
    processes.recorder()
    worker = processes.worker("-c", "2")
    ids = {}
    for end in ("meanwhile", "later"):
        kwargs = {"path": str(tmp_path / end), "until": str(tmp_path / f"{end} ends")}
        request = RunRequest("sample_tasks.touch_and_wait", kwargs=kwargs, requested_by="mei")
        ids[end] = runs.submit(request, utcnow()).id
    eventually(lambda: {queries.get(run_id).state for run_id in ids.values()} == {states.STARTED})
    own_redis.kill()
    (tmp_path / "meanwhile ends").touch()
    time.sleep(processes.constants["app.workers.deaths.DEAD_SECONDS"] + 1)  # nobody may be silent for longer
    own_redis.start()
    ids["after"] = submit(own_app)
    (tmp_path / "later ends").touch()
    eventually(lambda: {queries.get(run_id).state for run_id in ids.values()} == {states.SUCCESS})
    eventually(lambda: not broker.unacked())
    for end in ("meanwhile", "later"):
        assert len((tmp_path / end).read_text().splitlines()) == 1
    assert worker.poll() is None


def test_a_run_whose_end_a_worker_of_ours_could_not_tell_is_lost(
    processes: Any, own_app: Flask, own_redis: Any, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    own = {"CELERIAC_DATA_DIR": str(own_redis.folder), "CELERIAC_REDIS_URL": own_redis.url}
    processes.environment |= own | {"CELERIAC_DATABASE_URL": ""}
    processes.constants |= {
        "celeriac_agent.stream.BACKLOG_MAX": 1,
        "celeriac_agent.recording.QUIET_SECONDS": 3.0,
    }
    processes.recorder()
    worker = processes.worker("-c", "1")
    kwargs = {"until": str(tmp_path / "until")}
    request = RunRequest("sample_tasks.wait_and_talk", kwargs=kwargs, requested_by="mei")
    run_id = runs.submit(request, utcnow()).id
    eventually(lambda: queries.get(run_id).state == states.STARTED)
    own_redis.kill()
    (tmp_path / "until").touch()
    eventually(lambda: " succeeded in " in worker.log.read_text())
    own_redis.start()
    after = submit(own_app)
    eventually(lambda: queries.get(after).state == states.SUCCESS)
    eventually(lambda: queries.get(run_id).state == states.LOST)
    assert str(queries.get(run_id).error).startswith("EndNotTold: Its worker w1@test ")
