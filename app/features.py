"""The entry modules of every feature: pages, API and commands, registered on the app in one place."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from flask import Flask

# Each module offers `init_app(app)`.
SHARED = ("app.web",)  # languages, formats and templates
ENTRIES = (
    *SHARED,
    "app.web.limits",
    "app.accounts.views",
    "app.accounts.cli",
    "app.audit.views",
    "app.catalog.views",
    "app.runs.views",
    "app.runs.cli",
    "app.schedules.views",
    "app.schedules.cli",
    "app.queues.views",
    "app.workers.views",
    "app.workflows.views",
    "app.overview.views",
    "app.health.views",
    "app.health.cli",
    "app.tasks.maintenance.cli",
    "app.web.api",
    "app.accounts.api",
    "app.audit.api",
    "app.catalog.api",
    "app.runs.api",
    "app.queues.api",
    "app.workers.api",
    "app.schedules.api",
)


def register(app: Flask, entries: Sequence[str]) -> None:
    """Register features by their entry modules; an import that fails stops start-up."""
    for name in entries:
        if find_spec(name) is not None:
            import_module(name).init_app(app)
