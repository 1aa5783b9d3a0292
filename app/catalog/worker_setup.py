"""What our own workers say beside their tasks: of modules, queues and schedules in code, and what is wrong.

A worker tells it with its catalog, where it is kept; every other process reads it from there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app, has_app_context
from flask_babel import gettext as _
from flask_babel.speaklater import LazyString
from kombu.entity import Queue
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.catalog.celery_objects import Ignored
from app.catalog.discovery import ImportFailure
from app.catalog.published import published
from app.celery.adoption import NotTakenOver
from app.celery.factory import queue_arguments
from app.config import Settings


class Said(BaseModel):
    """A sentence that is put into the words of whoever reads it."""

    text: str = ""
    values: dict[str, "str | Said"] = {}

    def __str__(self) -> str:
        return _(self.text, **self.values) if self.text else ""

    def __bool__(self) -> bool:
        return bool(self.text)

    @classmethod
    def of(cls, sentence: Any) -> "Said":
        """A lazy sentence by its message; any other as it is."""
        if isinstance(sentence, Said):
            return sentence
        if isinstance(sentence, LazyString) and sentence._args:
            values = {
                name: cls.of(value) if isinstance(value, LazyString) else str(value)
                for name, value in sentence._kwargs.items()
            }
            return cls(text=str(sentence._args[0]), values=values)
        text = str(sentence)
        return cls(text="%(text)s", values={"text": text}) if text else cls()


class _Failure(BaseModel):
    module: str
    error: str
    traceback: str = ""
    advice: Said = Said()


class _Missing(BaseModel):
    task_name: str
    module: str
    reason: Said


class _Ignored(BaseModel):
    name: str
    settings: list[str]


class Setup(BaseModel):
    """As it is told; what a worker of another version tells is left out where it cannot be read."""

    modules: list[str] = []
    queues: list[str] = []
    failures: list[_Failure] = []
    not_taken_over: list[_Missing] = []
    ignored: list[_Ignored] = []
    schedules: dict[str, Any] = {}


def told(
    modules: Iterable[str],
    queues: Iterable[str],
    failures: Iterable[ImportFailure],
    not_taken_over: Iterable[NotTakenOver],
    ignored: Iterable[Ignored],
    schedules: Mapping[str, Any],
) -> dict[str, Any]:
    """What a worker tells, as JSON."""
    return Setup(
        modules=list(modules),
        queues=list(queues),
        failures=[
            _Failure(
                module=failure.module,
                error=failure.error,
                traceback=failure.traceback,
                advice=Said.of(failure.advice),
            )
            for failure in failures
        ],
        not_taken_over=[
            _Missing(task_name=task.task_name, module=task.module, reason=Said.of(task.reason))
            for task in not_taken_over
        ],
        ignored=[_Ignored(name=app.name, settings=list(app.settings)) for app in ignored],
        schedules=dict(schedules),
    ).model_dump(mode="json")


def setup() -> Setup:
    """What the worker that started last said; empty before one did."""
    try:
        return Setup.model_validate(published().setup)
    except ValidationError:
        return Setup()


def not_taken_over() -> list[NotTakenOver]:
    """The tasks that are none of ours, each with the reason."""
    return [NotTakenOver(task.task_name, task.module, task.reason) for task in setup().not_taken_over]


def ignored_configuration() -> list[Ignored]:
    """The Celery objects of own modules whose configuration does not count."""
    return [Ignored(app.name, tuple(app.settings)) for app in setup().ignored]


def name_queues(settings: Settings) -> None:
    """Let the settings know the queues that code names, which workers tell."""
    settings.queues_by(lambda: _queues(settings))


def _queues(settings: Settings) -> list[str]:
    """Also declared for sending, as workers declare them; while the database is away, as last known."""
    if not has_app_context() or current_app.config["SETTINGS"] is not settings:
        return []
    try:
        names = setup().queues
    except SQLAlchemyError:
        return list(current_app.extensions.get(_KNOWN, ()))
    current_app.extensions[_KNOWN] = names
    known = current_app.extensions["celery"].amqp.queues
    for name in names:
        if name not in known:
            known.add(Queue(name, routing_key=name, queue_arguments=queue_arguments(settings)))
    return names


_KNOWN = "celeriac_queues_of_code"
