"""Builds the Celery app that belongs to a Flask app."""

import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import celery
from celery import Celery
from celery.schedules import crontab
from flask import Flask
from kombu.entity import Queue

from app.broker import transport
from app.broker.priority import DEFAULT_PRIORITY, number_for
from app.celery import heartbeat, publishing, rabbitmq, redis
from app.celery.adoption import CeleriacApp
from app.celery.task import CeleriacTask
from app.config import Settings
from celeriac_agent import logs, recording, scrubbing
from celeriac_agent.stream import EventStream

Coerce = Callable[[celery.Task, Any, Any], tuple[Any, Any]]
Secrets = Callable[[celery.Task, Any, Any], list[scrubbing.Secret]]


def make_celery(flask_app: Flask, settings: Settings, coerce: Coerce, secrets: Secrets) -> Celery:
    """The Celery app: configured from the settings, default for `@shared_task`, recording to the stream.

    `coerce(task, args, kwargs)` turns the message's JSON into the annotated Python types; `secrets(…)` finds
    the texts in it that nobody is to see.
    """
    transport.install()
    parts = {"flask_app": flask_app, "coerce": staticmethod(coerce), "abstract": True}
    parts["priority_of"] = partial(default_priority, settings)
    base = type("Task", (CeleriacTask, *_django_task()), parts)
    app = CeleriacApp("celeriac", task_cls=base, set_as_current=False)
    app.config_from_object(configuration(settings))
    scrubbing.install(lambda task: secrets(task, task.request.args or (), task.request.kwargs or {}))
    heartbeat.install(app, settings.redis)
    _side(settings).install(app)
    flask_app.extensions["celery"] = app
    flask_app.extensions["events"] = EventStream(settings.redis, settings.stream_max_events)
    take_process(flask_app, settings)
    return app


def _django_task() -> tuple[type, ...]:
    """What Celery gives the tasks of a Django project, such as `delay_on_commit`."""
    if not os.environ.get("DJANGO_SETTINGS_MODULE") or not find_spec("django"):
        return ()
    from celery.contrib.django.task import DjangoTask

    return (DjangoTask,)


def take_process(flask_app: Flask, settings: Settings) -> None:
    """Let what a process has once, such as Celery's signals, belong to this app; the last call counts."""
    stream = flask_app.extensions["events"]
    number_for(rabbitmq=settings.uses_rabbitmq)
    flask_app.extensions["celery"].set_default()
    recording.connect(stream, publishing.rules(settings))
    logs.install(stream, settings.log_max_bytes, scrubs_own_log=True)


def routes(settings: Settings) -> list[tuple[str, dict[str, str]]]:
    """Celery's routes by name or pattern, as the settings describe the queues."""
    details = settings.queue_details.items()
    return [(pattern, {"queue": queue}) for queue, detail in details for pattern in detail.tasks]


def default_priority(settings: Settings, task_name: str) -> int:
    """The priority of a task that names none: what the settings give to the tasks of its queue, or 5."""
    for detail in settings.queue_details.values():
        if detail.priority is not None and any(fnmatchcase(task_name, pattern) for pattern in detail.tasks):
            return detail.priority
    return DEFAULT_PRIORITY


def queue_arguments(settings: Settings) -> dict[str, Any] | None:
    """How RabbitMQ is to declare the queues that the settings name; None on Redis."""
    arguments: dict[str, Any] | None = _side(settings).QUEUE_ARGUMENTS
    return arguments


def _behind_sentinels(settings: Settings) -> dict[str, Any]:
    """What Celery is told beside the URL where Sentinels say which Redis is the master."""
    options = settings.celery_redis_options
    if not options:
        return {}
    broker = _side(settings).CONFIGURATION.get("broker_transport_options", {})
    told = {} if settings.uses_rabbitmq else {"broker_transport_options": {**broker, **options}}
    return told | {"result_backend_transport_options": options}


def _side(settings: Settings) -> ModuleType:
    """What the broker makes different for Celery."""
    return rabbitmq if settings.uses_rabbitmq else redis


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's configuration. Where it differs from Celery's defaults, the reason stands beside it."""
    return {
        "broker_url": settings.celery_broker_url,
        "result_backend": settings.celery_redis_url,
        "result_expires": settings.result_expires_seconds,
        # A run that is done while Redis is away waits with its result: without that it would have failed.
        "result_backend_always_retry": True,
        "result_backend_base_sleep_between_retries_ms": 200,
        "result_backend_max_sleep_between_retries_ms": 2000,
        "result_extended": False,  # history keeps names and arguments; Redis need not
        "timezone": "UTC",
        "enable_utc": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "default",
        "task_queues": [
            Queue(name, routing_key=name, queue_arguments=queue_arguments(settings))
            for name in settings.declared_queues
        ],
        "task_create_missing_queues": True,
        # The library's router is imported when the first task is sent.
        "task_routes": (routes(settings), "app.library.routes.route"),
        # One message a free slot, so that everything that is not running can still be moved.
        "worker_prefetch_multiplier": 1,
        "task_acks_late": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # an outage may be long
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # they go on, see `celeriac_agent.qos`
        # QUIT: running tasks get five seconds, then go back to their queue (TERM waits for them without end).
        "worker_soft_shutdown_timeout": 5.0,
        **_side(settings).CONFIGURATION,
        **_behind_sentinels(settings),
        "worker_send_task_events": False,  # signals record runs: lossless, and a third cheaper
        "worker_redirect_stdouts_level": "INFO",
        "beat_scheduler": "app.beat.scheduler:BeatScheduler",
        # Celeriac's own upkeep, on the page like every schedule; the times are in the deployment's zone.
        "beat_schedule": {
            "Clean up the history": {"task": "maintenance.clean_history", "schedule": crontab(30, 3)},
            "Back up the database": {"task": "maintenance.backup_database", "schedule": crontab(0, 4)},
        },
    }
