"""The Celery apps beside Celeriac's own whose runs are told here."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from app import catalog
from app.catalog.published import published
from app.celery import elsewhere
from app.celery.elsewhere import NotSendable
from app.config import settings
from app.errors import Conflict
from app.extensions import Base, db, insert_into


class App(Base):
    """One app, from the first run on that was told of it."""

    __tablename__ = "apps"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)


def note(names: Iterable[str]) -> None:
    """Remember apps, inside the caller's transaction."""
    rows = [{"name": name} for name in sorted(set(names))]
    if not rows:
        return
    connection = db.session.connection()
    connection.execute(insert_into(connection.dialect.name, App).on_conflict_do_nothing(), rows)


def known() -> list[str]:
    """The names of all apps but Celeriac's own."""
    return list(db.session.scalars(select(App.name).order_by(App.name)))


def reachable(app: str | None) -> bool:
    """Whether Celeriac may send to the app's workers and tell them what to do."""
    return app is None or (app in settings().brokers and app in published().delivery)


def require_reachable(app: str | None) -> None:
    """Raises `Conflict` (code "another-app") for an app whose broker is not known."""
    if not reachable(app):
        raise Conflict(
            _(
                "The app %(name)s runs it on a broker that Celeriac does not know. Do this there, or name "
                "that broker in CELERIAC_BROKERS.",
                name=app,
            ),
            code="another-app",
        )


def delivery(app: str) -> Mapping[str, Any]:
    """How a message must be for the app's workers to read it."""
    return published().delivery.get(app, {})


def send(app: str, task_name: str, queue: str | None, **message: Any) -> None:
    """Publish a message to the app's workers. Raises `NotSendable` and kombu's `OperationalError`."""
    info = catalog.lookup(task_name, app=app)
    if app not in settings().brokers:
        raise NotSendable(_("CELERIAC_BROKERS does not name the broker of the app %(name)s.", name=app))
    if info is None and queue is None:
        raise NotSendable(_("There is no task named %(name)s.", name=task_name))
    where = queue or (info.queue if info else "")
    serializer = info.serializer if info else "json"
    elsewhere.publish(app, delivery(app), task_name=task_name, queue=where, serializer=serializer, **message)
