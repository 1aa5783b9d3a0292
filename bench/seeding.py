"""Fills an empty, migrated database with a long and plausible history of runs, the quick way.

`seed` needs an app context. It takes the secondary indexes down, writes all rows in the order of their time,
counts them for the numbers of tasks as the recorder does, puts the indexes back as they were and lets the
database look at its tables (ANALYZE), as autovacuum would have.
"""

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy import Connection, Table, func, inspect, select

from app import catalog, own_tasks, schedules
from app.catalog import published
from app.clock import utcnow
from app.extensions import db, transaction
from app.runs import Run, states, statistics
from app.runs.logs import LogPiece
from celeriac_agent import tasks
from celeriac_agent.settings import OWN_APP

DAYS = 30
TASKS = 40
QUEUES = ("default", "files", "mail", "examples", "billing")
WORKERS = tuple(f"celery@worker-{number}" for number in range(1, 7))
REQUESTERS = ("ada", "grace", "mei", "omar", "lena", "raj", "sofia", "tomas")
FAILING = ("web.http_request", "mail.send_email", "billing.charge_card")
OTHER_TASKS = (
    "billing.charge_card",
    *(f"billing.{name}" for name in ("send_invoice", "refund", "close_month", "remind")),
    *(f"stock.{name}" for name in ("sync_prices", "count", "reorder", "import_supplier")),
    *(f"crm.{name}" for name in ("merge_contacts", "score_leads", "export_segment")),
)
SCHEDULED = ("examples.basic.add", "examples.basic.multiply", "examples.advanced.square")
SCHEDULES = 30
CITIES = ("Lisboa", "Kraków", "Osaka", "Tampere", "Quito", "Leeds", "Nairobi", "Ghent", "Pune", "Zadar")
ENDS = (
    "SUCCESS",
    "FAILURE",
    "REVOKED",
    "EXPIRED",
    "LOST",
    "SKIPPED",
    "IGNORED",
    "REJECTED",
    "MISSED",
    "RETRY",
)
END_SHARES = (96.0, 3.0, 0.3, 0.2, 0.1, 0.1, 0.06, 0.06, 0.06, 0.12)
NEW_SHARE = 0.0005  # of the runs, the newest ones: some have not ended yet
NEW_STATES = ("SUCCESS", "PENDING", "STARTED", "RECEIVED", "PROGRESS", "RETRY")
NEW_SHARES = (50, 25, 10, 8, 2, 5)
LOGGED_EACH = 10  # every tenth run that started has a log
WORKFLOW_SHARE = 0.002
CHUNK = 20_000
COUNTED_AT_ONCE = 1000  # as the recorder does: a short history has few runs of the same task and hour

ERRORS = (
    ("ConnectionError", "HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded"),
    ("ReadTimeout", "HTTPSConnectionPool(host='api.example.com'): Read timed out. (read timeout={n})"),
    ("HTTPError", "503 Server Error: Service Unavailable for url: https://api.example.com/v2/items/{n}"),
    ("HTTPError", "404 Client Error: Not Found for url: https://api.example.com/v2/items/{n}"),
    ("SMTPServerDisconnected", "Connection unexpectedly closed"),
    ("SMTPRecipientsRefused", "{{'user{n}@example.com': (550, b'No such user here')}}"),
    ("KeyError", "'customer_{n}'"),
    ("KeyError", "'amount'"),
    ("ValueError", "invalid literal for int() with base 10: 'n/a {n}'"),
    ("ValueError", "time data '31/02/2026' does not match format '%Y-%m-%d'"),
    ("TypeError", "unsupported operand type(s) for +: 'int' and 'NoneType'"),
    ("FileNotFoundError", "[Errno 2] No such file or directory: 'import/batch-{n}.csv'"),
    ("PermissionError", "[Errno 13] Permission denied: 'reports/{n}.xlsx'"),
    ("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xe9 in position {n}: invalid continuation byte"),
    ("ZeroDivisionError", "division by zero"),
    ("IndexError", "list index out of range"),
    ("AttributeError", "'NoneType' object has no attribute 'text'"),
    ("JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    ("IntegrityError", "UNIQUE constraint failed: invoices.number"),
    ("OperationalError", "could not connect to server: Connection refused"),
    ("CardDeclined", "card of customer {n} was declined: insufficient_funds"),
    ("RateLimited", "429 from payments.example.com, retry after {n} s"),
    ("SoftTimeLimitExceeded", "SoftTimeLimitExceeded()"),
    ("TimeLimitExceeded", "TimeLimitExceeded(300.0,)"),
    ("MemoryError", ""),
)

Cells = tuple[Any, ...]

_RUNS = cast(Table, Run.__table__)
_LOGS = cast(Table, LogPiece.__table__)
# The columns that are written; the others stay empty.
COLUMNS = (
    *("id", "created_at", "updated_at", "task_name", "state", "queue", "priority", "attempt", "worker"),
    *("requested_by", "origin", "schedule_id", "due_at", "root_id", "parent_id", "group_id", "sent_at"),
    *("received_at", "started_at", "ended_at", "runtime_seconds", "error", "args", "kwargs", "result"),
    "traceback",
)
LOG_COLUMNS = ("run_id", "started_at", "piece", "last", "lines")


@dataclass(frozen=True)
class Seeded:
    """What a history was made of."""

    task_names: Sequence[str]
    schedule_ids: Sequence[int]


@dataclass
class _Link:
    """A run's place in its workflow."""

    root_id: str
    parent_id: str | None = None
    group_id: str | None = None


def seed(number: int, now: datetime, seed_of_chance: int = 1) -> Seeded:
    """Write so many runs of the 30 days before `now`, with schedules and logs; the same ones each time.

    Raises ValueError when the database has runs already.
    """
    if db.session.scalar(select(func.count()).select_from(_RUNS.select().limit(1).subquery())):
        raise ValueError("this database has runs already; a history is made in an empty one")
    publish_tasks()
    task_names = _task_names()
    schedule_ids = _make_schedules(now)
    with transaction() as session:
        connection = session.connection()
        put_back = _take_indexes_down(connection)
        history = _History(random.Random(seed_of_chance), number, now, task_names, schedule_ids)
        rows = history.rows()
        while chunk := list(islice(rows, CHUNK)):
            _write(connection, _RUNS.name, COLUMNS, chunk)
            _write(connection, _LOGS.name, LOG_COLUMNS, history.logs)
            for at in range(0, len(history.ended), COUNTED_AT_ONCE):
                statistics.count(history.ended[at : at + COUNTED_AT_ONCE])
            history.forget()
        for statement in put_back:
            connection.exec_driver_sql(statement)
    statistics.forget_before(now)  # the counts of five minutes, of which a month was written
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE")
    return Seeded(task_names, schedule_ids)


def publish_tasks() -> None:
    """Have the tasks in the catalog, as after a worker has started."""
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    own_tasks.load(app)
    told = json.loads(json.dumps(own_tasks.document(app)))
    published.take_in(OWN_APP, tasks.digest(told), told, utcnow())
    published.forget_what_was_read()


def _task_names() -> list[str]:
    known = [info.name for info in catalog.listing()]
    names = [*FAILING, *(name for name in (*known, *OTHER_TASKS) if name not in FAILING)]
    return names[:TASKS]


def _make_schedules(now: datetime) -> list[int]:
    """Schedules of harmless tasks: an application that is started on this history lets them fire."""
    made = []
    for number in range(SCHEDULES):
        name = SCHEDULED[number % len(SCHEDULED)]
        definition = schedules.Definition(
            name=f"{CITIES[number % len(CITIES)]} books {number + 1}",
            task_name=name,
            task_type="cron",
            cron_schedule=f"{number * 2 % 60} {number % 24} * * *",
            kwargs={"x": number} if name == SCHEDULED[2] else {"x": number, "y": 2},
        )
        made.append(schedules.create(definition, REQUESTERS[0], now).id)
    return made


@dataclass
class _History:
    """Makes the rows of runs, oldest first, as the cells of `COLUMNS` in text that both databases take."""

    chance: random.Random
    number: int
    now: datetime
    task_names: Sequence[str]
    schedule_ids: Sequence[int]
    logs: list[Cells] = field(default_factory=list)
    ended: list[dict[str, Any]] = field(default_factory=list)  # what `numbers.count` asks of a run

    def __post_init__(self) -> None:
        self._shares = list(accumulate(1 / (place + 3) for place in range(len(self.task_names))))
        self._ahead: list[_Link] = []  # workflow places that the next runs take
        self._payload = _payloads(self.chance)

    def rows(self) -> Iterator[Cells]:
        span = DAYS * 86_400
        new = int(self.number * (1 - NEW_SHARE))
        start = self.now.timestamp() - span
        for place in range(self.number):
            # Even, but for a jitter of less than a step: the order of time is that of the rows.
            at = start + (place + self.chance.random()) * span / self.number
            if place < new:
                state = self.chance.choices(ENDS, END_SHARES)[0]
            else:
                state = self.chance.choices(NEW_STATES, NEW_SHARES)[0]
            yield self._row(place, at, state)

    def forget(self) -> None:
        """Let go of the logs and ends of the rows so far."""
        self.logs, self.ended = [], []

    def _row(self, place: int, at: float, state: str) -> Cells:
        chance = self.chance
        run_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        link = self._link(run_id)
        schedule_id, requester = self._asked_by(link)
        task_name = self._task(state, schedule_id)
        waited, seconds = chance.expovariate(2), chance.lognormvariate(-0.5, 1.3)
        started = state in ("SUCCESS", "FAILURE", "LOST", "IGNORED", "STARTED", "PROGRESS", "RETRY")
        received = started or state in ("RECEIVED", "REJECTED")
        ended = state not in ("PENDING", "STARTED", "RECEIVED", "PROGRESS")
        started_at = min(at + waited + 0.01, self.now.timestamp())
        ended_at = min(started_at + seconds if started else at + waited, self.now.timestamp())
        error, traceback = self._error(state, task_name)
        args, kwargs, result = self._payload[place % len(self._payload)]
        if started and place % LOGGED_EACH == 0:
            self.logs.append(_log(run_id, started_at, task_name))
        queue = QUEUES[hash_of(task_name) % len(QUEUES)]
        runtime = round(seconds, 4) if started and ended and state != "LOST" else None
        if states.is_finished(state):
            about = {"app": None, "task_name": task_name, "state": state, "queue": queue}
            about["runtime_seconds"] = runtime
            self.ended.append(about | _times(at, started_at if started else None, ended_at))
        return (
            run_id,
            _moment(at),
            _moment(ended_at if ended else started_at),
            task_name,
            state,
            queue,
            chance.randrange(10) if place % 5 == 0 else 5,
            1 if state == "RETRY" else 0,
            WORKERS[chance.randrange(len(WORKERS))] if received else None,
            requester,
            None if schedule_id or requester else "gen1@host",
            schedule_id,
            _moment(at - at % 60) if schedule_id else None,
            link.root_id,
            link.parent_id,
            link.group_id,
            _moment(at),
            _moment(started_at - 0.01) if received else None,
            _moment(started_at) if started else None,
            _moment(ended_at) if ended else None,
            runtime,
            error,
            args,
            kwargs,
            result if state == "SUCCESS" else None,
            traceback,
        )

    def _link(self, run_id: str) -> _Link:
        """The run's place in a workflow; most stand alone. A new one lays out the places of the next runs."""
        if self._ahead:
            return self._ahead.pop(0)
        if self.chance.random() < WORKFLOW_SHARE:
            group_id = f"group-{run_id}" if self.chance.random() < 0.5 else None
            members = self.chance.randrange(2, 9)
            self._ahead = [_Link(run_id, run_id, group_id) for _ in range(members)]
        return _Link(run_id)

    def _asked_by(self, link: _Link) -> tuple[int | None, str | None]:
        """A quarter of the runs comes from schedules, a third from people, the rest from code."""
        if link.parent_id:
            return None, None
        which = self.chance.random()
        if which < 0.25:
            return self.chance.choice(self.schedule_ids), None
        return None, self.chance.choice(REQUESTERS) if which < 0.6 else None

    def _task(self, state: str, schedule_id: int | None) -> str:
        if schedule_id:
            return SCHEDULED[self.schedule_ids.index(schedule_id) % len(SCHEDULED)]
        if state in ("FAILURE", "RETRY") and self.chance.random() < 0.8:
            return self.chance.choice(FAILING)
        return self.chance.choices(self.task_names, cum_weights=self._shares)[0]

    def _error(self, state: str, task_name: str) -> tuple[str | None, str | None]:
        if state in ("FAILURE", "RETRY"):
            name, words = self.chance.choice(_errors_of(task_name))
            message = f"{name}: {words.format(n=self.chance.randrange(100_000))}".removesuffix(": ")
            return message, _traceback(task_name, message)
        if state == "LOST":
            return "WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL) Job: 17.", None
        if state == "REVOKED":
            return f"Cancelled by {self.chance.choice(REQUESTERS)}.", None
        return None, None


def hash_of(name: str) -> int:
    """A number from a name, the same in every process."""
    return sum(name.encode())


def _errors_of(task_name: str) -> Sequence[tuple[str, str]]:
    """A task fails in ways of its own: most in 4, the failing ones in 10."""
    first, number = hash_of(task_name) * 7, 10 if task_name in FAILING else 4
    return [ERRORS[(first + step) % len(ERRORS)] for step in range(number)]


def _payloads(chance: random.Random) -> list[tuple[str, str, str]]:
    """Arguments and results of about 80 bytes; a prime number of them, so that they mix with all else."""
    made = []
    for number in range(9973):
        kwargs = {
            "customer": f"{chance.choice(CITIES)}-{chance.randrange(10**6):06}",
            "invoice": chance.randrange(10**9),
            "dry_run": number % 7 == 0,
        }
        args = [number, f"batch-{number % 500}"]
        result = {"rows": chance.randrange(10_000), "file": f"reports/{number}.xlsx"}
        made.append((json.dumps(args), json.dumps(kwargs), json.dumps(result)))
    return made


def _traceback(task_name: str, message: str) -> str:
    module, _dot, function = task_name.rpartition(".")
    path = f"/srv/team/{module.replace('.', '/')}.py"
    frames = [
        (
            '/srv/venv/lib/python3.11/site-packages/celery/app/trace.py", line 585, in trace_task',
            "R = retval",
        ),
        ('/srv/venv/lib/python3.11/site-packages/celery/app/trace.py", line 858, in __call__', "return self"),
        (f'{path}", line 41, in {function}', "rows = [convert(row) for row in read(source)]"),
        (f'{path}", line 87, in convert', "return load(row, timeout=settings.timeout, strict=True)"),
    ]
    lines = [f'  File "{where}\n    {source}' for where, source in frames]
    return "\n".join(["Traceback (most recent call last):", *lines, message])


def _times(sent_at: float, started_at: float | None, ended_at: float) -> dict[str, Any]:
    """When a run that ended at its first attempt was sent, started and over."""
    started = None if started_at is None else _datetime(started_at)
    return {
        "attempt": 0, "eta_at": None, "sent_at": _datetime(sent_at), "started_at": started,
        "ended_at": _datetime(ended_at),
    }  # fmt: skip


def _log(run_id: str, started_at: float, task_name: str) -> Cells:
    words = (f"{task_name} begins", "read 512 rows", "wrote 512 rows")
    lines = [[place, started_at + place / 10, "INFO", line] for place, line in enumerate(words, 1)]
    return run_id, started_at, 0, len(lines), json.dumps(lines)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _datetime(at: float) -> datetime:
    return _EPOCH + timedelta(seconds=at)


def _moment(at: float) -> str:
    """UTC without its zone, as SQLite keeps it; for PostgreSQL the session's zone is UTC."""
    return _datetime(at).strftime("%Y-%m-%d %H:%M:%S.%f")


def _write(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Cells]) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        cursor: Any = connection.connection.cursor()
        cursor.execute("SET LOCAL timezone TO 'UTC'")
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    places = ", ".join("?" * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", list(rows))


def _take_indexes_down(connection: Connection) -> list[str]:
    """Drop the secondary indexes of the runs; returns the statements that make them again as they were."""
    if connection.dialect.name == "postgresql":
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'runs'"
    else:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'runs' AND sql <> ''"
    unique = {str(one["name"]) for one in inspect(connection).get_unique_constraints("runs")} | {"pk_runs"}
    found = [(name, made_by) for name, made_by in connection.exec_driver_sql(query) if name not in unique]
    for name, _made_by in found:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    return [made_by for _name, made_by in found]
