"""The Celery objects that the team's own modules make: what of their configuration does not count here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from celery import Celery, _state

from app.catalog.discovery import own_modules
from app.config import Settings


@dataclass(frozen=True)
class Ignored:
    """A Celery object by its name, and the settings that it has and that count for nothing here."""

    name: str
    settings: tuple[str, ...]

    @property
    def matters(self) -> bool:
        """Whether something is missing here for it; a broker of its own is only not used."""
        return any(not setting.startswith("broker_url") for setting in self.settings)


def ignored(celery_app: Celery, settings: Settings) -> list[Ignored]:
    """The other Celery objects of the process, each with what does not count; call it when all are loaded."""
    read = set(map(id, _of_own_modules(settings)))  # whose routes are taken over
    apps = []
    others = [app for app in _state._get_active_apps() if not isinstance(app, type(celery_app))]
    for other in sorted(others, key=lambda app: str(app.main)):
        try:
            reasons = tuple(_ignored(celery_app, other, id(other) in read))
        except Exception as error:  # it may be read only now, and is anybody's code
            reasons = (f"{type(error).__name__}: {error}",)
        if reasons:
            apps.append(Ignored(str(other.main or "celery"), reasons))
    return apps


def _of_own_modules(settings: Settings) -> Iterator[Any]:
    for module in own_modules(settings.tasks):
        yield from (value for value in list(vars(module).values()) if isinstance(value, Celery))


def _ignored(celery_app: Celery, other: Celery, routes_count: bool) -> Iterator[str]:
    if entries := sorted(map(str, other.conf.beat_schedule or {})):
        yield f"beat_schedule ({', '.join(entries)})"
    if other.conf.task_routes and not routes_count:
        yield "task_routes"
    if other.conf.broker_url and other.conf.broker_url != celery_app.conf.broker_url:
        yield "broker_url"
