"""Imports our own tasks, in workers and nowhere else, and makes the catalog that they publish."""

import gc
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import celeryd_init
from flask import Flask

from app import catalog
from app.catalog import discovery, worker_setup
from app.celery import adopt_others, publishing, staying_current
from app.clock import utcnow
from app.config import Settings
from app.schedules.code_sync import told_by_code
from celeriac_agent import recording, tasks
from celeriac_agent.settings import OWN_APP
from celeriac_agent.stream import to_json

_LOADED = "own_tasks"


def load_in_workers(celery_app: Celery) -> None:
    """Let a worker of the app import the tasks when it starts; beat, which has the same app, does not."""
    flask_app = celery_app.Task.flask_app

    def load_tasks(**_: Any) -> None:
        load(flask_app)
        gc.freeze()  # the pools' processes share it with the one that forks them

    celeryd_init.connect(load_tasks, dispatch_uid="celeriac.tasks", weak=False)


def load(app: Flask) -> None:
    """Import every task that can be imported, declare the queues that they name, and tell of them."""
    if app.extensions.get(_LOADED):
        return
    celery_app, settings = app.extensions["celery"], app.config["SETTINGS"]
    with staying_current(celery_app):
        import_module("app.alerts.tasks")  # the one task that does not come with the library
        failures = catalog.load(celery_app, settings.tasks)
        adopt_others(celery_app)
    catalog.declare_queues(celery_app, settings)
    app.extensions[_LOADED] = {
        "failures": failures,
        "ignored": catalog.ignored(celery_app, settings),
    }
    _mask_here(app)
    with app.app_context():
        celery_app.celeriac_catalog = packed(document(app))
    discovery.loaded.send(app, failures=failures)


def document(app: Flask) -> dict[str, Any]:
    """The catalog of our own tasks, as workers of other apps publish theirs."""
    celery_app, settings, loaded = app.extensions["celery"], app.config["SETTINGS"], app.extensions[_LOADED]
    failed = {failure.module for failure in loaded["failures"]}
    published: dict[str, Any] = {"app": OWN_APP} | tasks.document(celery_app)
    del published["schedules"]  # these are told below, as they are taken over
    published["delivery"]["setup"] = worker_setup.told(
        modules=[name for name in [catalog.OURS, *settings.tasks] if name not in failed],
        queues=settings.queues_of_code,
        failures=loaded["failures"],
        not_taken_over=celery_app.not_taken_over,
        ignored=loaded["ignored"],
        schedules=_schedules(celery_app, settings, whole=not failed),
    )
    return published


def packed(published: Mapping[str, Any]) -> tuple[str, bytes]:
    """The digest of a catalog, and what is kept of it in Redis."""
    return tasks.digest(published), zlib.compress(to_json(published).encode("utf-8", "replace"))


def _schedules(celery_app: Celery, settings: Settings, whole: bool) -> dict[str, Any]:
    loaded = catalog.own_modules(settings.tasks)
    return told_by_code(celery_app, loaded, settings.timezone, utcnow(), whole)


def _mask_here(app: Flask) -> None:
    """What the code knows to be secret is hidden before this process tells of it."""
    rules = publishing.rules(app.config["SETTINGS"])
    celery_app = app.extensions["celery"]

    def hidden(task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        return catalog.hide_of(celery_app.tasks.get(task_name), args, kwargs)

    recording.connect(app.extensions["events"], replace(rules, mask=hidden))
