"""Deploys: starts of workers with other code, or another Celery or Python, than what was known.

Of each worker only the first start with a version is kept.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import BigInteger, Index, Integer, String, Table, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import UTCDateTime
from app.extensions import Base, db, insert_into, transaction

KEPT = timedelta(days=365)
READ_MOST = 100


class WorkerStart(Base):
    """A worker of an app that started with a version for the first time; `is_deploy` when that was news."""

    __tablename__ = "worker_starts"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    app: Mapped[str] = mapped_column(String(255))
    hostname: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[str] = mapped_column(String(64))
    is_deploy: Mapped[bool]

    __table_args__ = (
        Index(None, "app", "hostname", "at", unique=True),
        Index(None, "app", "version"),
        Index(None, "at"),
    )


def note(app: str, hostname: str, versions: Mapping[str, str], at: datetime) -> bool:
    """Keep that a worker started with these versions; whether that was a deploy.

    A worker that had another version before was deployed. One that was never heard of was, if its app is
    known and its version is not. Any number of recorders may note the same.
    """
    version = hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:16]
    last = _last(app, hostname)
    if last is not None and (last.version == version or last.at >= at):
        return False
    with transaction() as session:
        of_app = select(WorkerStart.id).where(WorkerStart.app == app).limit(1)
        known = session.scalar(of_app.where(WorkerStart.version == version)) is not None
        is_deploy = last is not None or (not known and session.scalar(of_app) is not None)
        connection = session.connection()
        into = insert_into(connection.dialect.name, cast(Table, WorkerStart.__table__))
        row = into.values(app=app, hostname=hostname, at=at, version=version, is_deploy=is_deploy)
        connection.execute(row.on_conflict_do_nothing())
        session.execute(delete(WorkerStart).where(WorkerStart.at < at - KEPT))
    return is_deploy


def between(since: datetime, until: datetime, app: str | None = None) -> Sequence[WorkerStart]:
    """The deploys of a time, of one app or of all, oldest first: the newest hundred."""
    query = select(WorkerStart).where(WorkerStart.is_deploy, WorkerStart.at >= since, WorkerStart.at < until)
    if app is not None:
        query = query.where(WorkerStart.app == app)
    return db.session.scalars(query.order_by(WorkerStart.at.desc()).limit(READ_MOST)).all()[::-1]


def _last(app: str, hostname: str) -> WorkerStart | None:
    mine = select(WorkerStart).where(WorkerStart.app == app, WorkerStart.hostname == hostname)
    return db.session.scalar(mine.order_by(WorkerStart.at.desc()).limit(1))
