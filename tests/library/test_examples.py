"""The teaching set, in this process where that shows it, and on a real worker where it does not."""

import os
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from celery.result import AsyncResult
from flask import Flask
from redis import Redis

from app.library.examples import advanced, basic, canvas
from app.library.examples.advanced import LOCK_KEY, NotYet

WAIT_SECONDS = 30


def test_arithmetic(run: Any) -> None:
    assert run(basic.add, x=2, y=-5) == -3
    assert run(basic.multiply, x=10**30, y=3) == 3 * 10**30
    assert run(canvas.square, x=-4) == 16
    assert run(canvas.total, numbers=[1, 2, 3]) == 6
    assert run(canvas.total, numbers=[]) == 0


def test_a_slow_task_reports_progress(app: Flask, run: Any, celery_app: Any) -> None:
    seen = []
    task = celery_app.tasks["examples.basic.slow"]
    update = task.update_state

    def note(*args: Any, **kwargs: Any) -> None:
        seen.append(kwargs["meta"])
        update(*args, **kwargs)

    task.update_state = note
    try:
        assert run(basic.slow, seconds=0.9, steps=3) == "Took 3 steps in 0.9 seconds"
    finally:
        del task.update_state
    assert seen == [{"current": n, "total": 3, "message": f"Step {n} of 3"} for n in (1, 2, 3)]


def test_the_failing_task_fails_with_the_message_and_a_traceback(run: Any) -> None:
    with pytest.raises(basic.AlwaysFails, match="on purpose") as caught:
        run(basic.always_fails, message="on purpose")
    names = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert names[-3:] == ["_inner", "_inner", "_inner"]
    assert "always_fails" in names


@pytest.mark.parametrize("task", [advanced.retry_fixed, advanced.retry_exponential])
def test_retries(run: Any, task: Any) -> None:
    assert run(task, fail_times=0) == "Attempt 1 succeeded"
    assert run(task, fail_times=5) == "Attempt 6 succeeded"
    with pytest.raises(NotYet, match="Attempt 6 fails"):
        run(task, fail_times=6)


def test_only_one_run_of_a_name_holds_the_lock(app: Flask, run: Any, redis: Redis) -> None:
    results: dict[str, str] = {}

    def hold() -> None:
        results["first"] = run(advanced.unique, name="a", seconds=1.0)

    first = threading.Thread(target=hold)
    first.start()
    wait_for(lambda: redis.exists(LOCK_KEY + "a"))
    started = time.monotonic()
    assert run(advanced.unique, name="a", seconds=1.0) == "Skipped: another run holds the lock a"
    assert time.monotonic() - started < 0.8
    assert run(advanced.unique, name="b", seconds=0) == "Held the lock b for 0 seconds"
    first.join()
    assert results["first"] == "Held the lock a for 1 seconds"
    assert run(advanced.unique, name="a", seconds=0) == "Held the lock a for 0 seconds"
    assert redis.keys(LOCK_KEY + "*") == []


def test_a_run_that_comes_back_after_its_worker_died_takes_its_lock_again(app: Flask, redis: Redis) -> None:
    redis.set(LOCK_KEY + "a", "the-run", px=60_000)
    result = advanced.unique.apply(kwargs={"name": "a", "seconds": 0}, task_id="the-run").get()
    assert result == "Held the lock a for 0 seconds"
    redis.set(LOCK_KEY + "a", "the-run", px=60_000)
    result = advanced.unique.apply(kwargs={"name": "a", "seconds": 0}, task_id="other").get()
    assert result == "Skipped: another run holds the lock a"
    assert 0 < redis.pttl(LOCK_KEY + "a") <= 60_000


def test_a_lock_does_not_outlive_its_run_for_long(app: Flask, run: Any, redis: Redis) -> None:
    thread = threading.Thread(target=run, args=(advanced.unique,), kwargs={"name": "a", "seconds": 0.5})
    thread.start()
    wait_for(lambda: redis.exists(LOCK_KEY + "a"))
    assert 0 < redis.pttl(LOCK_KEY + "a") <= 60_500
    thread.join()


def wait_for(condition: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sent(celery_app: Any, task: Any, **kwargs: Any) -> dict[str, Any]:
    """What a task that sends a workflow answers when a worker runs it."""
    result = celery_app.tasks[task.name].apply_async(kwargs=kwargs).get(timeout=WAIT_SECONDS)
    assert isinstance(result, dict)
    return result


def results(celery_app: Any, ids: list[str]) -> list[Any]:
    return [AsyncResult(run_id, app=celery_app).get(timeout=WAIT_SECONDS) for run_id in ids]


def test_workflows_on_a_worker(app: Flask, celery_app: Any, processes: Any) -> None:
    processes.worker("-c", "2")
    chain = sent(celery_app, canvas.send_chain)
    assert results(celery_app, chain["run_ids"]) == [5, 50, 2500]

    group = sent(celery_app, canvas.send_group, numbers=[1, 2, 3])
    assert sorted(results(celery_app, group["run_ids"])) == [1, 4, 9]

    chord = sent(celery_app, canvas.send_chord)
    assert sorted(results(celery_app, chord["run_ids"])) == [1, 4, 9, 16, 25]
    assert results(celery_app, [chord["last_run_id"]]) == [55]
    small = sent(celery_app, canvas.send_chord, numbers=[7])
    assert results(celery_app, [*small["run_ids"], small["last_run_id"]]) == [49, 49]

    mapped = sent(celery_app, canvas.map_squares, numbers=[3, 4])
    assert results(celery_app, mapped["run_ids"]) == [[9, 16]]


def test_time_limits_on_a_worker(app: Flask, celery_app: Any, processes: Any) -> None:
    processes.worker("-c", "2")
    left_before = set(Path(tempfile.gettempdir()).glob("celeriac-soft-limit-*"))
    soft = celery_app.tasks[advanced.soft_time_limit.name].delay(seconds=60)
    hard = celery_app.tasks[advanced.hard_time_limit.name].delay(seconds=60)
    assert soft.get(timeout=WAIT_SECONDS) == "Stopped after 5 seconds and cleaned up"
    assert set(Path(tempfile.gettempdir()).glob("celeriac-soft-limit-*")) <= left_before
    with pytest.raises(TimeLimitExceeded):
        hard.get(timeout=WAIT_SECONDS)
    quick = celery_app.tasks[advanced.hard_time_limit.name].delay(seconds=0)
    assert quick.get(timeout=WAIT_SECONDS) == "Finished within the limit of 10 seconds"


def test_the_soft_limit_leaves_no_file_behind(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run(advanced.soft_time_limit, seconds=0) == "Finished within the limit of 5 seconds"
    seen = []

    def raise_now(*args: Any) -> None:
        seen.extend(os.listdir(tmp_path))
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(advanced, "_wait", raise_now)
    assert run(advanced.soft_time_limit) == "Stopped after 5 seconds and cleaned up"
    assert len(seen) == 1
    assert os.listdir(tmp_path) == []
