"""Where schedules of other schedulers are: what `CELERIAC_SCHEDULERS` names, and apps that have the agent."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from flask_babel import gettext as _

from app import catalog
from app.config import settings
from app.errors import Invalid, NotFound
from app.schedules.foreign import beat_tables, published, redbeat
from app.schedules.foreign.entries import Reading
from app.setting_values import redbeat_parts, scheduler_url

BEAT_SCHEDULE = "beat-schedule"
_READERS: dict[str, Callable[[str], Reading]] = {
    "django-celery-beat": beat_tables.read_django,
    "sqlalchemy-celery-beat": beat_tables.read_sqlalchemy,
    "redbeat": redbeat.read,
    BEAT_SCHEDULE: published.read,
}
KINDS = tuple(_READERS)
_PORTS = {"postgresql": 5432, "redis": 6379, "rediss": 6379}


@dataclass(frozen=True)
class Source:
    """One scheduler. `url` is where it keeps its schedules, of an app with the agent its name.

    `place` says the same without user and password, in one spelling: with the kind it is what schedules
    that were taken over remember.
    """

    kind: str
    name: str
    url: str
    place: str

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.name}"

    def app_of(self, task_name: str) -> str | None:
        """The app that is called as it is, where that has such a task: then its schedules mean that."""
        return self.name if catalog.lookup(task_name, self.name) else None

    @property
    def taken_from(self) -> str:
        return f"{self.kind} {self.place}"[:500]


def sources() -> list[Source]:
    """All that are known here, by name."""
    named = [_source(kind, name, url) for name, (kind, url) in settings().schedulers.items()]
    published_sources = [_source(BEAT_SCHEDULE, app, app) for app in published.apps()]
    return sorted([*named, *published_sources], key=lambda source: (source.name, source.kind))


def by_id(source_id: str) -> Source:
    """The source; raises `NotFound`."""
    known = next((source for source in sources() if source.id == source_id), None)
    if known is None:
        raise NotFound(_("There is no scheduler %(id)s.", id=source_id[:100]))
    return known


def of_url(kind: str, url: str) -> Source:
    """A source that somebody names by its URL, or as it is called here; raises `Invalid`."""
    if kind not in KINDS:
        raise Invalid({"kind": [_("Choose one of: %(choices)s.", choices=", ".join(KINDS))]})
    for source in sources():
        if source.kind == kind and source.name == url:
            return source
    if kind == BEAT_SCHEDULE:
        return _source(kind, url, url)
    try:
        return _source(kind, "", scheduler_url(kind, url))
    except ValueError as error:
        raise Invalid({"url": [str(error)]}) from None


def read(source: Source) -> Reading:
    """What it says now; raises `Unreadable`."""
    return _READERS[source.kind](source.url)


def _source(kind: str, name: str, url: str) -> Source:
    place = url if kind == BEAT_SCHEDULE else _place(kind, url)
    return Source(kind, name or place, url, place)


def _place(kind: str, url: str) -> str:
    """The same for every spelling of a URL, without user and password."""
    url, prefix, _zone = redbeat_parts(url) if kind == "redbeat" else (url, "", "")
    parts = urlsplit(url)
    scheme = re.sub(r"^postgres$", "postgresql", parts.scheme.split("+")[0])
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    host = "127.0.0.1" if host == "localhost" else host
    port = parts.port or _PORTS.get(scheme)
    path = parts.path.rstrip("/") or ("/0" if scheme.startswith("redis") else "")
    at = f"{host}:{port}" if host and port and not host.startswith("/") else host
    return re.sub(r"\s", "", f"{scheme}://{at}{path}") + (f" {prefix}" if prefix else "")
