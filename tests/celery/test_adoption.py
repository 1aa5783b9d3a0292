"""Tasks with a class of their own, and those of other Celery objects, are like any other, or named."""

import gc
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
import sample_tasks
from celery import Celery, Task
from flask import Flask, current_app

from app.celery import CeleriacTask, adopt_others
from app.celery.adoption import adopted
from app.clock import utcnow
from app.health import checks
from celeriac_agent.stream import STREAM


@pytest.fixture
def celery(celery_app: Any) -> Iterator[Any]:
    """The app's Celery, which forgets what a test registered."""
    before, noted = set(celery_app.tasks), list(celery_app.not_taken_over)
    yield celery_app
    for name in set(celery_app.tasks) - before:
        del celery_app.tasks[name]
    celery_app.not_taken_over[:] = noted
    gc.collect()  # other Celery objects of the test are no longer there for later apps


def told(client: redis_client.Redis, run_id: str, kind: str) -> list[dict[str, Any]]:
    events = [json.loads(fields[b"e"]) for _, fields in client.xrange(STREAM)]
    return [event for event in events if event.get("id") == run_id and event["type"] == kind]


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_in_a_worker(
    celery_app: Any, redis: redis_client.Redis, processes: Any, eventually: Any, tmp_path: Path, pool: str
) -> None:
    processes.worker("-c", "1", "-P", pool)
    notes = tmp_path / "notes"
    wanted = {"day": "2026-11-21", "path": str(notes)}
    run = celery_app.send_task("sample_tasks.with_own_base", kwargs=wanted).id
    (end,) = eventually(lambda: told(redis, run, "succeeded"), 20)
    assert end["result"] == ["date", "the team's own attribute", "app"]
    (progress,) = told(redis, run, "progress")
    assert (progress["current"], progress["message"]) == (3, "photo3.jpg")
    eventually(notes.exists, 5)
    assert notes.read_text() == "success in app\n"
    lines = [line[3] for event in told(redis, run, "log") for line in event["lines"]]
    assert lines == ["before in app", "called in app"]

    run = celery_app.send_task("sample_tasks.of_another", kwargs={"day": "2026-11-21"}).id
    assert eventually(lambda: told(redis, run, "succeeded"), 20)[0]["result"] == ["date", "app"]
    run = celery_app.send_task("sample_tasks.importing", kwargs=wanted).id
    assert eventually(lambda: told(redis, run, "succeeded"), 20)[0]["result"] == ["date", 7]


def test_what_was_taken_over_follows_our_configuration(celery_app: Any) -> None:
    for name in ("of_another", "importing", "with_own_base"):
        task = celery_app.tasks[f"sample_tasks.{name}"]
        assert isinstance(task, CeleriacTask)
        assert task.app is celery_app
        assert task.acks_late is True
        assert task.priority == celery_app.tasks["sample_tasks.plain"].priority
    assert [one for one in celery_app.not_taken_over if one.module == "sample_tasks"] == []
    assert sample_tasks.plain.app is celery_app  # what a module's own Celery object must not change


def test_a_registered_class(app: Flask, celery: Any) -> None:
    class Registered(Task):  # type: ignore[misc]
        """Be registered."""

        progress = "its own"

        def run(self, day: date) -> list[Any]:
            return [type(day).__name__, current_app.name, self.progress]

    task = celery.register_task(Registered)
    assert task.name.endswith("test_adoption.Registered")
    assert isinstance(task, Registered)
    assert task.apply(kwargs={"day": "2026-11-21"}).get() == ["date", "app", "its own"]


def test_retries_of_a_class_are_its_own(app: Flask, celery: Any) -> None:
    class Retrying(Task):  # type: ignore[misc]
        """Be tried again."""

        name = "sample_tasks.retrying"
        autoretry_for = (OSError,)
        retry_backoff = False
        default_retry_delay = 0

        def run(self) -> int:
            if self.request.retries < 2:
                raise OSError("not yet")
            return int(self.request.retries)

    other = Celery("theirs", broker="redis://127.0.0.1:1/0")
    other.register_task(Retrying())
    adopt_others(celery)
    task = celery.tasks["sample_tasks.retrying"]
    assert task.app is celery
    assert task.apply().get() == 2


class Final(Task):  # type: ignore[misc]
    """Refuse to be derived from."""

    name = "sample_tasks.final"

    def __init_subclass__(cls) -> None:
        raise TypeError("it is final")

    def run(self) -> str:
        return "ran"


def test_what_cannot_be_taken_over_is_named(
    app: Flask, celery: Any, signed_in: Any, publish_tasks: Callable[[], str]
) -> None:
    celery.register_task(Final())
    publish_tasks()
    assert celery.tasks[Final.name].run() == "ran"  # as plain Celery does it
    (missing,) = [one for one in celery.not_taken_over if one.task_name == Final.name]
    reason = "Its class Final cannot be derived from: TypeError: it is final"
    assert str(missing.reason) == reason
    page = signed_in("viewer").get("/tasks").get_data(as_text=True)
    assert "sample_tasks.final" in page
    assert reason in page
    check = checks.adoption(utcnow())
    assert not check.ok
    assert reason in check.detail


def test_of_two_tasks_of_one_name_the_one_left_out_is_named(app: Flask, celery: Any) -> None:
    other = Celery("theirs", broker="redis://127.0.0.1:1/0")

    class Clash(Task):  # type: ignore[misc]
        """Have the name of another."""

        name = "examples.basic.add"

        def run(self) -> None:
            """Do nothing."""

    other.tasks.pop("examples.basic.add")
    other.register_task(Clash())
    add = celery.tasks["examples.basic.add"]
    adopt_others(celery)
    assert celery.tasks["examples.basic.add"] is add
    (missing,) = [one for one in celery.not_taken_over if one.task_name == "examples.basic.add"]
    assert str(missing.reason) == "app.library.examples.basic.add has the same name."


def test_a_celery_object_that_refuses_is_named(app: Flask, celery: Any) -> None:
    other = Celery("theirs", broker="redis://127.0.0.1:1/0", autofinalize=False)
    adopt_others(celery)
    assert not other.finalized
    (missing,) = [one for one in celery.not_taken_over if one.task_name == "theirs.*"]
    assert "Contract breach" in str(missing.reason)


def test_a_class_that_is_ours_already_stays(celery_app: Any) -> None:
    class Ours(celery_app.Task):  # type: ignore[misc]
        """Derive from the app's base."""

    assert adopted(celery_app.Task, Ours) is Ours
