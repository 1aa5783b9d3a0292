"""All tasks, as workers published them: kept in SQL, so that they outlive the workers.

Of a task whose versions differ, the one of the worker that started last counts.
"""

import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import JSON, Connection, String, delete, inspect, select
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.facts import KNOWN, TaskFacts, info_of
from app.catalog.info import TaskInfo, restrictions
from app.clock import UTCDateTime
from app.extensions import Base, celery_app, db, insert_into, transaction
from app.text import storable
from celeriac_agent.settings import OWN_APP
from celeriac_agent.tasks import TASKS_MAX, VERSION

KEPT_CATALOGS = 20  # of each app
LOOK_SECONDS = 0.5
_EXTENSION = "published_tasks"
_looking = threading.RLock()


def _after_fork() -> None:
    """A thread that looked is not in the child, and would hold it forever."""
    global _looking
    _looking = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


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
    """One version of a task."""

    __tablename__ = "app_tasks"

    app: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


class _Document(BaseModel):
    v: int
    delivery: dict[str, Any] = {}
    schedules: dict[str, Any] | None = None
    tasks: list[dict[str, Any]] = Field(max_length=TASKS_MAX)


_TOLD = {*_Document.model_fields, "app", "left_out"}


@dataclass(frozen=True)
class Published:
    """All that is known now: our own tasks by name, those of other apps by app and name.

    `catalogs` give each task's fingerprint by digest and name, `newest` the digest by app. `setup` is what
    our own workers say beside their tasks: of queues, schedules and modules in code, and what is wrong.
    """

    own: dict[str, TaskInfo] = field(default_factory=dict)
    tasks: dict[tuple[str, str], TaskInfo] = field(default_factory=dict)
    by_name: dict[str, list[TaskInfo]] = field(default_factory=dict)
    catalogs: dict[str, Mapping[str, str]] = field(default_factory=dict)
    delivery: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    schedules: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    fingerprints: dict[tuple[str, str], str] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    made: dict[tuple[Any, ...], TaskInfo] = field(default_factory=dict)

    @property
    def setup(self) -> Mapping[str, Any]:
        document = self.delivery.get(OWN_APP, {}).get("setup")
        return document if isinstance(document, Mapping) else {}

    @property
    def told(self) -> bool:
        """Whether a worker of ours ever told of its tasks."""
        return OWN_APP in self.delivery


def take_in(app: str, digest: str, document: Any, seen_at: datetime) -> list[str]:
    """Keep what a worker published, and commit; returns what could not be kept, in words.

    Raises `ValueError` for what is no catalog.
    """
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        raise ValueError(f"this is no catalog: {error.errors(include_url=False)[0]['msg']}") from error
    if read.v != VERSION:
        raise ValueError(
            f"it is of version {read.v}, and this Celeriac reads version {VERSION}: update Celeriac"
        )
    tasks, refused = {}, []
    for facts in read.tasks:
        facts = {name: value for name, value in facts.items() if name in KNOWN}
        try:
            tasks[TaskFacts.model_validate(facts).name] = _storable(facts)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            refused.append(f"{str(facts.get('name'))[:80]}: {first['loc'][0]}: {first['msg']}")
    with transaction():
        rows = [
            {"app": app, "name": name, "fingerprint": facts["fingerprint"], "facts": facts}
            for name, facts in sorted(tasks.items())
        ]
        _insert(AppTask, rows, "facts")  # the line moves
        names = {name: facts["fingerprint"] for name, facts in tasks.items()}
        row = {"digest": digest, "app": app, "seen_at": seen_at, "tasks": names}
        beside = {"delivery": _storable(read.delivery), "schedules": _storable(read.schedules)}
        _insert(AppCatalog, [row | beside], "seen_at")
        _forget_old(app)
    return refused


def unknown_facts(document: Mapping[str, Any]) -> set[str]:
    """The names of what a catalog tells, of itself or of its tasks, and nobody here reads: it is left out."""
    return (document.keys() - _TOLD) | {name for facts in document["tasks"] for name in facts} - KNOWN


def note_seen(digest: str, seen_at: datetime) -> bool:
    """A worker with this catalog started then; False where the catalog is not known."""
    with transaction() as session:
        known = session.get(AppCatalog, digest)
        if known is not None and known.seen_at < seen_at:
            known.seen_at = seen_at
    return known is not None


def published() -> Published:
    """What is known, looked at anew when it is half a second old."""
    return _fresh() or _look()


def _fresh() -> Published | None:
    held = current_app.extensions.get(_EXTENSION)
    if held and time.monotonic() - held[0] < LOOK_SECONDS:
        catalog: Published = held[2]
        return catalog
    return None


def _look() -> Published:
    """One thread looks, the others wait for what it finds: thousands of new tasks take seconds to read."""
    with _looking:
        return _fresh() or _looked()


def _looked() -> Published:
    held, at = current_app.extensions.get(_EXTENSION), time.monotonic()
    with db.engine.connect() as connection:  # not the caller's session, which may be about to write
        columns = (AppCatalog.digest, AppCatalog.seen_at)
        rows = [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]
        version = (rows, restrictions(celery_app))
        if not held or held[1] != version:
            catalog = _read(connection, held[2].made if held and held[1][1] == version[1] else {})
        else:
            catalog = held[2]
    current_app.extensions[_EXTENSION] = (at, version, catalog)
    read: Published = catalog
    return read


def forget_what_was_read() -> None:
    """Look anew at once."""
    if held := current_app.extensions.get(_EXTENSION):
        current_app.extensions[_EXTENSION] = (float("-inf"), *held[1:])


def _read(connection: Connection, made: Mapping[tuple[Any, ...], TaskInfo]) -> Published:
    """`made` are descriptions of what was known before; those of the same facts are taken over."""
    catalog, among = Published(), celery_app._get_current_object()
    columns = (AppCatalog.digest, AppCatalog.app, AppCatalog.tasks, AppCatalog.delivery, AppCatalog.schedules)
    catalogs = connection.execute(select(*columns).order_by(AppCatalog.seen_at)).all()
    for document in catalogs:
        catalog.catalogs[document.digest] = document.tasks
        catalog.delivery[document.app], catalog.newest[document.app] = document.delivery, document.digest
        catalog.schedules[document.app] = document.schedules or {}
        catalog.fingerprints.update({(document.app, name): print_ for name, print_ in document.tasks.items()})
    wanted = {(app, name, print_) for (app, name), print_ in catalog.fingerprints.items()}
    parts = (AppTask.app, AppTask.name, AppTask.fingerprint, AppTask.facts)
    rows = connection.execute(select(*parts).order_by(AppTask.app, AppTask.name)).all()
    facts = {(row.app, row.name): row for row in rows if (row.app, row.name, row.fingerprint) in wanted}
    for app, name in _dropped(catalogs, {key: str(row.facts.get("module")) for key, row in facts.items()}):
        del catalog.fingerprints[app, name], facts[app, name]
    for (app, name), row in facts.items():
        delivery = catalog.delivery[app]
        sent = (delivery.get("broker"), delivery.get("priority"))
        key = (app, name, row.fingerprint, row.facts.get("line"), *sent)
        info = made.get(key) or info_of(app, row.facts, delivery, among)
        catalog.made[key] = info
        if app == OWN_APP:
            catalog.own[name] = info
        else:
            catalog.tasks[app, name] = info
            catalog.by_name.setdefault(name, []).append(info)
    return catalog


def _dropped(catalogs: Sequence[Any], modules: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    """Tasks that only older versions know, of modules that a newer one has loaded: they are gone from there.

    Workers with other modules than the newest are asked for their tasks as before.
    """
    loaded: dict[str, set[str]] = {}
    seen: dict[tuple[str, str], bool] = {}
    for document in reversed(catalogs):
        newer = loaded.setdefault(document.app, set())
        for name in document.tasks:
            module = modules.get((document.app, name), "")
            seen.setdefault((document.app, name), any(_is_in(module, other) for other in newer))
        setup = document.delivery.get("setup")
        newer |= {modules.get((document.app, name), "") for name in document.tasks}
        named = setup.get("modules", ()) if isinstance(setup, Mapping) else ()
        newer |= {f"{module}.*" for module in named}
    return [key for key, gone in seen.items() if gone and key in modules]


def _is_in(module: str, loaded: str) -> bool:
    """Whether it is the module, or in the package, that was loaded."""
    package = loaded.removesuffix(".*")
    return module == package or (package != loaded and module.startswith(f"{package}."))


def _insert(table: type[Base], rows: Sequence[Mapping[str, Any]], moves: str) -> None:
    """Insert rows; of those that are there already the column that `moves` is written again."""
    if rows:
        connection = db.session.connection()
        keys = [column.name for column in inspect(table).primary_key]
        into = insert_into(connection.dialect.name, table)
        update = into.on_conflict_do_update(index_elements=keys, set_={moves: into.excluded[moves]})
        connection.execute(update, list(rows))


def _forget_old(app: str) -> None:
    """Keep the newest versions of an app, and what they know."""
    kept = db.session.scalars(
        select(AppCatalog).where(AppCatalog.app == app).order_by(AppCatalog.seen_at.desc())
    ).all()
    for old in kept[KEPT_CATALOGS:]:
        db.session.delete(old)
    if len(kept) > KEPT_CATALOGS:
        prints: Collection[str] = {
            fingerprint for catalog in kept[:KEPT_CATALOGS] for fingerprint in catalog.tasks.values()
        }
        gone = delete(AppTask).where(AppTask.app == app, AppTask.fingerprint.not_in(prints))
        db.session.execute(gone.execution_options(synchronize_session=False))


def _storable(value: Any) -> Any:
    """The same with text that every database takes."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value
