"""What made each file: the run whose result named it, or who uploaded it. The last to write a file counts."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from stat import S_ISREG
from typing import Any, cast

from sqlalchemy import String, Table, delete, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from app.audit import origin
from app.clock import UTCDateTime
from app.errors import Invalid
from app.extensions import Base, db, insert_into, transaction
from app.files.places import allowed, named, roots
from celeriac_agent.settings import OWN_APP

PATH_MAX_BYTES = 1024
NAMED_MAX = 50  # texts of one result
NAMES_MAX = 200  # that are offered
CHECKED_AT_ONCE = 500
_SLACK_SECONDS = 2.0  # some filesystems and machines have clocks of their own


class FileMaker(Base):
    """What made one file; either the run or the user is known."""

    __tablename__ = "file_makers"

    path: Mapped[str] = mapped_column(String(1024), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    run_id: Mapped[str | None] = mapped_column(String(255))
    task_name: Mapped[str | None] = mapped_column(String(255))
    user_name: Mapped[str | None] = mapped_column(String(64))


_TABLE = cast(Table, FileMaker.__table__)


@dataclass(frozen=True)
class Maker:
    """The run, with its task's name, or the user."""

    at: datetime
    run_id: str | None
    task_name: str | None
    user_name: str | None

    @property
    def name(self) -> str:
        """The task or the user."""
        return self.task_name or self.user_name or ""


def of(paths: Collection[str]) -> dict[str, Maker]:
    """What made some files, as far as it is known."""
    rows = db.session.scalars(select(FileMaker).where(FileMaker.path.in_(paths)))
    return {row.path: Maker(row.at, row.run_id, row.task_name, row.user_name) for row in rows}


def names() -> list[str]:
    """The tasks and users that made files, by name."""
    kinds = (FileMaker.task_name, FileMaker.user_name)
    rows = [db.session.scalars(select(name).where(name.is_not(None)).distinct()) for name in kinds]
    return sorted({str(name) for row in rows for name in row})[:NAMES_MAX]


def paths_of(name: str) -> set[str]:
    """The files that a task or a user made."""
    made = or_(FileMaker.task_name == name, FileMaker.user_name == name)
    return set(db.session.scalars(select(FileMaker.path).where(made)))


def note_upload(path: str, now: datetime) -> None:
    """Note inside the caller's transaction who uploaded a file."""
    _keep([_row(path, now, user_name=origin.current().name)])


def note_results(events: Iterable[Mapping[str, Any]]) -> None:
    """Note which files the results of runs name that have just succeeded, and that changed while they ran.

    A file that a run only read is older than the run. Costs nothing for a result without a path in it.
    """
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["type"] != "succeeded" or event.get("app") not in (None, OWN_APP):  # not in our folders
            continue
        since = event["at"] - (event.get("runtime") or 0.0) - _SLACK_SECONDS
        for path in _written(event.get("result"), since):
            at = datetime.fromtimestamp(event["at"], UTC)
            rows[path] = _row(path, at, run_id=event["id"], task_name=event.get("task"))
    if rows:
        with transaction():
            _keep(sorted(rows.values(), key=lambda row: str(row["path"])))


def forget(path: str) -> None:
    """Forget what made a file that is deleted, inside the caller's transaction."""
    db.session.execute(delete(FileMaker).where(FileMaker.path == path))


def forget_gone(after: str = "") -> str:
    """Forget what made files that are not there any more; looks at a few, and returns where to go on.

    Where a root is not there, as on a machine that does not share it, nothing is forgotten.
    """
    query = select(FileMaker.path).where(FileMaker.path > after).order_by(FileMaker.path)
    paths = db.session.scalars(query.limit(CHECKED_AT_ONCE)).all()
    first = roots()[0]
    gone = [path for path in paths if all(root.is_dir() for root in roots()) and not (first / path).exists()]
    if gone:
        with transaction() as session:
            session.execute(delete(FileMaker).where(FileMaker.path.in_(gone)))
    return paths[-1] if len(paths) == CHECKED_AT_ONCE else ""


def texts(value: Any) -> Iterator[str]:
    """The texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def _written(result: Any, since: float) -> Iterable[str]:
    """The files under the roots that a result names and that changed since a moment."""
    for number, text in enumerate(texts(result)):
        if number >= NAMED_MAX:
            return
        if not 0 < len(text) <= PATH_MAX_BYTES or not ("." in text or "/" in text) or "\n" in text:
            continue
        if not any(os.path.lexists(root / text) for root in roots()):
            continue
        try:
            real = allowed(text, "path")
            status = os.lstat(real)
        except (Invalid, OSError):  # not one of these files, or gone again
            continue
        if S_ISREG(status.st_mode) and status.st_mtime >= since:
            yield named(real)


def _row(path: str, at: datetime, **by: str | None) -> dict[str, Any]:
    return {"path": path, "at": at, "run_id": None, "task_name": None, "user_name": None} | by


def _keep(rows: list[dict[str, Any]]) -> None:
    """Write rows inside the caller's transaction; what is older than what is known is left out."""
    fit = [row for row in rows if len(row["path"].encode()) <= PATH_MAX_BYTES]
    if not fit:
        return
    connection = db.session.connection()
    upsert = insert_into(connection.dialect.name, _TABLE)
    fresh = {name: upsert.excluded[name] for name in ("at", "run_id", "task_name", "user_name")}
    connection.execute(
        upsert.on_conflict_do_update(
            index_elements=["path"], set_=fresh, where=_TABLE.c.at <= upsert.excluded.at
        ),
        fit,
    )
