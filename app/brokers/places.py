"""The brokers of other apps: which there are, how they are reached, and whether they may be changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app import audit, broker_urls
from app.broker import connection, foreign
from app.broker.connection import Broker
from app.catalog.published import published
from app.clock import UTCDateTime
from app.config import settings
from app.errors import Conflict, NotFound
from app.extensions import Base, db, transaction
from celeriac_agent.keys import keys_beside

_EXTENSION = "foreign_brokers"


class BrokerPermission(Base):
    """That the queues of a broker may be changed from here: only of this server."""

    __tablename__ = "broker_permissions"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    server: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UTCDateTime)


@dataclass(frozen=True)
class Permission:
    """Who allowed changes, and when."""

    by: str
    at: datetime


@dataclass(frozen=True)
class Place:
    """A broker that `CELERIAC_BROKERS` names."""

    name: str
    url: str
    kind: Literal["redis", "rabbitmq"]
    permission: Permission | None

    @property
    def server(self) -> str:
        """Where it is, without user and password."""
        return broker_urls.shown(self.url)

    @property
    def on_redis(self) -> bool:
        return self.kind == "redis"

    @property
    def may_change(self) -> bool:
        return self.permission is not None

    @property
    def options(self) -> dict[str, Any]:
        """What the app's workers told of kombu's options; empty without the agent."""
        return dict(published().delivery.get(self.name, {}).get("options") or {})


def all_places() -> list[Place]:
    """All of them, by name."""
    return [find(name) for name in sorted(settings().brokers)]


def find(name: str) -> Place:
    """One of them; raises `NotFound`."""
    url = settings().brokers.get(name)
    if url is None:
        raise NotFound(_("CELERIAC_BROKERS names no broker %(name)s.", name=name[:80]))
    row = db.session.get(BrokerPermission, name)
    here = row is not None and row.server == broker_urls.shown(url)  # else it was another server
    permission = Permission(row.by, row.at) if row and here else None
    return Place(name, url, "rabbitmq" if url.startswith("amqp") else "redis", permission)


def allow(name: str, by: str, now: datetime) -> Place:
    """Let the queues of a broker be changed from here."""
    place = find(name)
    with transaction() as session:
        session.merge(BrokerPermission(name=name, server=place.server, by=by, at=now))
        audit.record("broker.allow", now, "broker", name, name, server=place.server)
    return find(name)


def forbid(name: str, now: datetime) -> Place:
    """Let the queues of a broker be looked at, and no more."""
    place = find(name)
    with transaction() as session:
        if permission := session.get(BrokerPermission, name):
            session.delete(permission)
            audit.record("broker.forbid", now, "broker", name, name, server=place.server)
    return find(name)


def require_changes(name: str) -> None:
    """Raise `Conflict` (code "read-only") where the broker may only be looked at."""
    if not find(name).may_change:
        raise Conflict(
            _(
                "The broker of %(name)s is only looked at. An admin may allow changes on its page, or by "
                "POST /api/v1/brokers/%(name)s/allow.",
                name=name,
            ),
            "read-only",
        )


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Ask and change queues there instead of here; nothing of our own belongs inside.

    Raises `BrokerUnavailable`, and `Conflict` for a RabbitMQ, whose queues cannot be read.
    """
    with foreign.at(redis_of(place)):
        yield


@contextmanager
def modes_at(place: Place) -> Iterator[None]:
    """Where what its workers are to obey is kept: there, or for a RabbitMQ in our own Redis."""
    beside = connection.at(replace(connection.broker(), keys=keys_beside(place.name)))
    with at(place) if place.on_redis else beside:
        yield


def redis_of(place: Place) -> Broker:
    """The guarded connection to its Redis; raises `Conflict` where its queues lie in RabbitMQ."""
    if not place.on_redis:
        raise Conflict(_("What waits in RabbitMQ cannot be read without taking it."), "not-supported")
    kept = current_app.extensions.setdefault(_EXTENSION, {})
    known, made = kept.get(place.name, (None, None))
    wanted = (place.url, repr(place.options))
    if known != wanted:
        made = foreign.connect(place.url, place.options, lambda: require_changes(place.name))
        kept[place.name] = wanted, made
    there: Broker = made
    return there
