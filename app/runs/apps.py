"""The Celery apps beside Celeriac's own whose runs are told here."""

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import String, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.errors import Conflict
from app.extensions import Base, db
from app.runs.models import Run


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
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(App).on_conflict_do_nothing(), rows)


def known() -> list[str]:
    """The names of all apps but Celeriac's own."""
    return list(db.session.scalars(select(App.name).order_by(App.name)))


def require_own(run: Run) -> None:
    """Raises `Conflict` (code "another-app") for a run that another app runs: nothing can be done with it."""
    if run.app is not None:
        raise Conflict(
            _(
                "The app %(name)s runs it on a broker that Celeriac does not know. Do this there.",
                name=run.app,
            ),
            code="another-app",
        )
