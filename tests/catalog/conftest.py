"""A Celery app of the tests' own, and tasks made from plain functions."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from celery import Celery, Task
from flask import Flask
from flask_babel import Babel

from app.catalog import TaskInfo
from app.catalog.facts import info_of as described
from app.catalog.parameters import Parameter, parameters_of
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP


@pytest.fixture
def celery_app() -> Iterator[Celery]:
    """An app that connects to nothing, and the current one."""
    app = Celery("catalog-tests", broker="memory://", set_as_current=False)
    app.conf.task_default_queue = "default"
    flask_app = Flask("catalog-tests")
    Babel(flask_app)
    flask_app.extensions["celery"] = app
    with flask_app.app_context():
        yield app


@pytest.fixture
def make_task(celery_app: Celery) -> Callable[..., Task]:
    numbers = count(1)
    celery_app.finalized = True  # else the tasks of all modules would be made for it, too

    def make(function: Callable[..., Any], **options: Any) -> Task:
        options.setdefault("name", f"tests.{function.__name__}{next(numbers)}")
        task = celery_app.task(shared=False, **options)(function)
        return celery_app.tasks[task.name]

    return make


@pytest.fixture
def info_of(celery_app: Celery, make_task: Callable[..., Task]) -> Callable[..., TaskInfo]:
    """The description of the task that a function makes, by what a worker publishes of it."""

    def make(function: Callable[..., Any], **options: Any) -> TaskInfo:
        facts = tasks.facts_of(celery_app, make_task(function, **options))
        return described(OWN_APP, json.loads(json.dumps(facts)), {}, celery_app)

    return make


@pytest.fixture
def parameter_of(make_task: Callable[..., Task]) -> Callable[[Any], Parameter]:
    """The parameter `x: annotation`, with or without a default."""

    def make(annotation: Any, *default: Any) -> Parameter:
        def one(x):
            pass

        one.__annotations__ = {"x": annotation}
        one.__defaults__ = default or None
        return parameters_of(make_task(one))[0]

    return make
