"""The tasks of other apps, as their workers published them: kept in SQL, so that they outlive the workers.

Of a task whose versions differ, the one of the worker that started last counts.
"""

import inspect
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any, overload

from flask import current_app
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import JSON, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.broker.priority import DEFAULT_PRIORITY
from app.catalog.docstrings import read_docstring
from app.catalog.info import TaskInfo, restricted
from app.catalog.parameters import Parameter, parameter_of, read_parameters
from app.catalog.schema_types import type_of
from app.clock import UTCDateTime
from app.extensions import Base, celery_app, db, insert_into, transaction
from app.text import storable
from celeriac_agent.tasks import TASKS_MAX, VERSION

KEPT_CATALOGS = 20  # of each app
LOOK_SECONDS = 2.0
_EXTENSION = "published_tasks"
_KINDS: dict[str, Any] = {
    name: getattr(inspect.Parameter, name)
    for name in ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD")
}
_NO_DEFAULT = object()  # there is one, which JSON cannot say


class AppCatalog(Base):
    """What one version of an app's workers knows: each task's fingerprint by name, and how to send to it."""

    __tablename__ = "app_catalogs"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    app: Mapped[str] = mapped_column(String(255))
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)  # when the last worker with it started
    tasks: Mapped[dict[str, Any]] = mapped_column(JSON)
    delivery: Mapped[dict[str, Any]] = mapped_column(JSON)
    schedules: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # its beat_schedule


class AppTask(Base):
    """One version of a task of another app."""

    __tablename__ = "app_tasks"

    app: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


class _Task(BaseModel):
    """What must hold of a task that is taken in; the rest is read with care."""

    name: str = Field(min_length=1, max_length=255)
    fingerprint: str = Field(min_length=1, max_length=64)
    doc: str = ""
    module: str = ""
    function: str = ""
    file: str = ""
    line: int | None = None
    queue: str = Field("celery", max_length=255)
    serializer: str = "json"
    priority: int | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    rate_limit: str | None = None
    retries: bool = False
    max_retries: int | None = None
    default_retry_delay: float = 0.0
    acks_late: bool = False
    ignore_result: bool = False


class _Document(BaseModel):
    v: int
    delivery: dict[str, Any] = {}
    schedules: dict[str, Any] | None = None
    tasks: list[dict[str, Any]] = Field(max_length=TASKS_MAX)


@dataclass(frozen=True)
class Published:
    """All that is known of other apps now; `catalogs` give each task's fingerprint by digest and name."""

    tasks: dict[tuple[str, str], TaskInfo] = field(default_factory=dict)
    by_name: dict[str, list[TaskInfo]] = field(default_factory=dict)
    catalogs: dict[str, Mapping[str, str]] = field(default_factory=dict)
    delivery: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    schedules: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    fingerprints: dict[tuple[str, str], str] = field(default_factory=dict)


def take_in(app: str, digest: str, document: Any, seen_at: datetime) -> list[str]:
    """Keep what a worker published, and commit; returns what could not be kept, in words.

    Raises `ValueError` for what is no catalog.
    """
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        raise ValueError(f"this is no catalog: {error.errors(include_url=False)[0]['msg']}") from error
    if read.v != VERSION:
        raise ValueError(f"it is of version {read.v}, and this Celeriac reads version {VERSION}")
    tasks, refused = {}, []
    for facts in read.tasks:
        try:
            tasks[_Task.model_validate(facts).name] = _storable(facts)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            refused.append(f"{str(facts.get('name'))[:80]}: {first['loc'][0]}: {first['msg']}")
    with transaction():
        rows = [
            {"app": app, "name": name, "fingerprint": facts["fingerprint"], "facts": facts}
            for name, facts in sorted(tasks.items())
        ]
        _insert(AppTask, rows)
        names = {name: facts["fingerprint"] for name, facts in tasks.items()}
        row = {"digest": digest, "app": app, "seen_at": seen_at, "tasks": names}
        told = {"delivery": _storable(read.delivery), "schedules": _storable(read.schedules)}
        _insert(AppCatalog, [row | told])
        _forget_old(app)
    return refused


def note_seen(digest: str, seen_at: datetime) -> bool:
    """A worker with this catalog started then; False where the catalog is not known."""
    with transaction() as session:
        known = session.get(AppCatalog, digest)
        if known is not None and known.seen_at < seen_at:
            known.seen_at = seen_at
    return known is not None


def published() -> Published:
    """What is known, looked at anew when it is two seconds old."""
    held = current_app.extensions.get(_EXTENSION)
    at = time.monotonic()
    if held and at - held[0] < LOOK_SECONDS:
        found: Published = held[2]
        return found
    columns = (AppCatalog.digest, AppCatalog.seen_at)
    version = [tuple(row) for row in db.session.execute(select(*columns).order_by(*columns))]
    found = held[2] if held and held[1] == version else _read()
    current_app.extensions[_EXTENSION] = (at, version, found)
    return found


def forget_what_was_read() -> None:
    """Look anew at once."""
    current_app.extensions.pop(_EXTENSION, None)


def _read() -> Published:
    found = Published()
    # Columns, no objects: nothing of what the caller's session holds is touched.
    columns = (AppCatalog.digest, AppCatalog.app, AppCatalog.tasks, AppCatalog.delivery, AppCatalog.schedules)
    for one in db.session.execute(select(*columns).order_by(AppCatalog.seen_at)):
        found.catalogs[one.digest] = one.tasks
        found.delivery[one.app] = one.delivery
        found.schedules[one.app] = one.schedules or {}
        found.fingerprints.update({(one.app, name): print_ for name, print_ in one.tasks.items()})
    wanted = {(app, name, print_) for (app, name), print_ in found.fingerprints.items()}
    parts = (AppTask.app, AppTask.name, AppTask.fingerprint, AppTask.facts)
    for row in db.session.execute(select(*parts).order_by(AppTask.app, AppTask.name)):
        if (row.app, row.name, row.fingerprint) in wanted:
            info = _info(row.app, row.facts, found.delivery[row.app])
            found.tasks[row.app, row.name] = info
            found.by_name.setdefault(row.name, []).append(info)
    return found


def _info(app: str, facts: Mapping[str, Any], delivery: Mapping[str, Any]) -> TaskInfo:
    task, doc = _Task.model_validate(facts), read_docstring(facts.get("doc"))
    unsaid = delivery.get("priority") if task.priority is None else task.priority
    return TaskInfo(
        name=task.name,
        function=task.function,
        module=task.module,
        file=_below_top(task.file, task.module),
        line=task.line,
        summary=doc.summary,
        doc=doc.body,
        parameters=_Parameters(facts.get("parameters"), doc.parameters),
        queue=task.queue,
        priority=_ours(unsaid, delivery),
        time_limit=task.time_limit,
        soft_time_limit=task.soft_time_limit,
        rate_limit=task.rate_limit,
        retries=task.retries,
        max_retries=task.max_retries,
        default_retry_delay=task.default_retry_delay,
        acks_late=task.acks_late,
        ignore_result=task.ignore_result,
        origin="app",
        role="admin" if restricted(celery_app, task.name) else "operator",
        app=app,
        serializer=task.serializer,
        prioritised=unsaid is not None,
    )


def _ours(number: Any, delivery: Mapping[str, Any]) -> int:
    """A priority of theirs as it counts here; they say none where nothing is said."""
    if not isinstance(number, int):
        return DEFAULT_PRIORITY
    known = min(max(number, 0), 9)
    return 9 - known if delivery.get("broker") == "redis" else known


def _below_top(file: str, module: str) -> str:
    path = PurePath(file)
    depth = len(module.split(".")) + (path.name == "__init__.py")
    return "/".join(path.parts[-depth:])


class _Parameters(Sequence[Parameter]):
    """The parameters of a task, made when somebody asks: an app may have thousands of tasks."""

    def __init__(self, told: Any, meanings: Mapping[str, str]) -> None:
        self._told, self._meanings = told, meanings
        self._made: tuple[Parameter, ...] | None = None

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Parameter]: ...
    def __getitem__(self, index: int | slice) -> Parameter | Sequence[Parameter]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._all())

    def _all(self) -> tuple[Parameter, ...]:
        if self._made is None:
            self._made = _parameters(self._told, self._meanings)
        return self._made


def _parameters(told: Any, meanings: Mapping[str, str]) -> tuple[Parameter, ...]:
    """Those that were told; what cannot be read takes anything."""
    try:
        signature = inspect.Signature([_item(one) for one in told])
        return tuple(
            parameter_of(item, type_of(one.get("schema")), meanings.get(item.name, ""))
            for item, one in zip(signature.parameters.values(), told, strict=True)
        )
    except (TypeError, ValueError, AttributeError, KeyError):
        return read_parameters(lambda *args, **kwargs: None, read_docstring(""))


def _item(one: Mapping[str, Any]) -> inspect.Parameter:
    default = one.get("default", _NO_DEFAULT) if one.get("optional") else inspect.Parameter.empty
    return inspect.Parameter(one["name"], _KINDS[one["kind"]], default=default)


def _insert(table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection = db.session.connection()
        into = insert_into(connection.dialect.name, table)
        connection.execute(into.on_conflict_do_nothing(), list(rows))


def _forget_old(app: str) -> None:
    """Keep the newest versions of an app, and what they know."""
    kept = db.session.scalars(
        select(AppCatalog).where(AppCatalog.app == app).order_by(AppCatalog.seen_at.desc())
    ).all()
    for old in kept[KEPT_CATALOGS:]:
        db.session.delete(old)
    if len(kept) > KEPT_CATALOGS:
        prints: Collection[str] = {one for catalog in kept[:KEPT_CATALOGS] for one in catalog.tasks.values()}
        gone = delete(AppTask).where(AppTask.app == app, AppTask.fingerprint.not_in(prints))
        db.session.execute(gone.execution_options(synchronize_session=False))


def _storable(value: Any) -> Any:
    """The same with text that every database takes."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value
