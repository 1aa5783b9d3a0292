"""The entry modules of every feature: pages, API and commands, registered on the app in one place."""

from collections.abc import Sequence
from importlib import import_module

from flask import Flask

# Each module offers `init_app(app)`.
SHARED = ("app.web",)  # languages, formats and templates
MIGRATIONS = ("app.cli.migrations",)  # only where every feature's tables are known
COMMANDS = {  # imported when they are called
    "backup": "app.cli.backup",
    "db": "app.cli.migrations",
    "agent-url": "app.cli.agent",
    "doctor": "app.cli.doctor",
    "health": "app.cli.doctor",
    "recorder": "app.cli.recorder",
    "schedules": "app.cli.schedules",
    "tokens": "app.cli.accounts",
    "users": "app.cli.accounts",
}
PAGES = (
    "app.web.limits",
    "app.pages.preferences",
    "app.pages.accounts",
    "app.pages.audit",
    "app.pages.views",
    "app.pages.tasks",
    "app.pages.runs",
    "app.pages.failures",
    "app.pages.schedules",
    "app.pages.queues",
    "app.pages.brokers",
    "app.pages.workers",
    "app.pages.workflows",
    "app.pages.files",
    "app.pages.alerts",
    "app.pages.overview",
    "app.pages.health",
    "app.api.frame",
    "app.api.accounts",
    "app.api.users",
    "app.api.audit",
    "app.api.views",
    "app.api.tasks",
    "app.api.runs",
    "app.api.failures",
    "app.api.queues",
    "app.api.brokers",
    "app.api.broker_workers",
    "app.api.workers",
    "app.api.schedules",
    "app.api.schedulers",
    "app.api.files",
    "app.api.alerts",
)


def register(app: Flask, entries: Sequence[str]) -> None:
    """Register features by their entry modules; one that is missing or misspelt stops start-up."""
    for name in entries:
        import_module(name).init_app(app)
