"""The entry modules of every feature: pages, API and commands, registered on the app in one place."""

from collections.abc import Sequence
from importlib import import_module

from flask import Flask

# Each module offers `init_app(app)`.
SHARED = ("app.web",)  # languages, formats and templates
ENTRIES = (
    *SHARED,
    "app.web.limits",
    "app.pages.preferences",
    "app.pages.accounts",
    "app.cli.accounts",
    "app.pages.audit",
    "app.pages.tasks",
    "app.pages.runs",
    "app.cli.recorder",
    "app.pages.schedules",
    "app.cli.schedules",
    "app.pages.queues",
    "app.pages.workers",
    "app.pages.workflows",
    "app.pages.overview",
    "app.pages.health",
    "app.cli.doctor",
    "app.cli.backup",
    "app.api.frame",
    "app.api.accounts",
    "app.api.audit",
    "app.api.tasks",
    "app.api.runs",
    "app.api.queues",
    "app.api.workers",
    "app.api.schedules",
)


def register(app: Flask, entries: Sequence[str]) -> None:
    """Register features by their entry modules; one that is missing or misspelt stops start-up."""
    for name in entries:
        import_module(name).init_app(app)
