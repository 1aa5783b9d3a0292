"""Queues that the settings describe: where their tasks go, and with which priority."""

import json
from functools import partial
from typing import Any

import pytest
from celery import Celery

from app.celery.factory import configuration, default_priority
from app.celery.task import CeleriacTask
from app.config import ConfigError, Settings, load_settings

DETAILS = {
    "billing": {"description": "Money", "priority": 9, "tasks": ["billing.*", "reports.invoice"]},
    "slow": {"tasks": ["video.*"]},
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("CELERIAC_QUEUE_DETAILS", json.dumps(DETAILS))
    return load_settings(redis_url="redis://127.0.0.1:1/0")


def test_described_queues_are_declared(settings: Settings) -> None:
    assert settings.declared_queues[-2:] == ["billing", "slow"]
    assert settings.queue_details["billing"].description == "Money"


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("billing.capture", "billing"),
        ("reports.invoice", "billing"),
        ("video.convert", "slow"),  # a setting goes before the library's own route
        ("reports.sales_report", "files"),
        ("mine.own", "default"),
    ],
)
def test_tasks_go_to_the_queue_that_names_them(settings: Settings, task: str, queue: str) -> None:
    celery = Celery("routes", set_as_current=False)
    celery.config_from_object(configuration(settings))
    assert celery.amqp.router.route({}, task)["queue"].name == queue


@pytest.mark.parametrize(
    ("task", "priority"), [("billing.capture", 9), ("video.convert", 5), ("mine.own", 5)]
)
def test_tasks_take_the_priority_of_their_queue(settings: Settings, task: str, priority: int) -> None:
    assert default_priority(settings, task) == priority


@pytest.mark.parametrize(
    "value",
    [
        "billing",
        "[]",
        '{"billing": {"priority": 10}}',
        '{"billing": {"speed": 1}}',
        '{"no good": {}}',
        '{"b": 1}',
    ],
)
def test_a_wrong_description_stops_start_up(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    monkeypatch.setenv("CELERIAC_QUEUE_DETAILS", value)
    with pytest.raises(ConfigError, match="CELERIAC_QUEUE_DETAILS"):
        load_settings()


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")  # Celery would drop it with 6
@pytest.mark.parametrize(
    ("task", "options", "priority"),
    [("billing.capture", {}, 9), ("billing.capture", {"priority": 5}, 5), ("mine.own", {}, 5)],
)
def test_a_tasks_own_priority_wins(
    settings: Settings, task: str, options: dict[str, int], priority: int
) -> None:
    base = type(
        "Task", (CeleriacTask,), {"priority_of": partial(default_priority, settings), "abstract": True}
    )
    celery = Celery("priorities", task_cls=base, set_as_current=False)
    celery.config_from_object(configuration(settings))

    def work() -> None:
        pass

    celery.task(name=task, shared=False, **options)(work)
    assert celery.tasks[task].priority == priority
