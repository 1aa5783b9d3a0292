"""What is asked of a history: addresses of pages and of REST, with values that vary."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from app import runs
from app.extensions import db
from app.runs import Run
from bench import flower, seeding

LIMIT_MS, TEXT_LIMIT_MS = 60.0, 300.0
SAMPLE = 60


@dataclass(frozen=True)
class Case:
    """One kind of request: `path` makes an address of it."""

    name: str
    path: Callable[[], str]
    limit_ms: float = LIMIT_MS


@dataclass(frozen=True)
class Known:
    """What is in a history, so that requests meet it: cursors by how many runs lie above them, some ids."""

    cursors: dict[int, list[str]]
    ids: list[str]
    failed: list[str]
    in_workflows: list[str]
    customers: list[str]
    seeded: seeding.Seeded
    now: datetime


def look_around(seeded: seeding.Seeded, number: int, now: datetime) -> Known:
    """Pick runs of a history of so many runs; needs an app context."""
    depths = sorted({number // 10, number // 2})
    cursors = {depth: [_cursor_at(depth + 37 * step) for step in range(8)] for depth in depths}
    some = _sample(now, Run.started_at.is_not(None))
    return Known(
        cursors,
        [run.id for run in some],
        [run.id for run in _sample(now, Run.state == "FAILURE")],
        [run.id for run in _sample(now, Run.root_id != Run.id)],
        [run.kwargs["customer"] for run in some if run.kwargs],
        seeded,
        now,
    )


def _cursor_at(depth: int) -> str:
    run = db.session.scalars(
        select(Run).order_by(Run.created_at.desc(), Run.id.desc()).offset(depth).limit(1)
    ).one()
    return runs.cursor_of(run, runs.RunFilter())


def _sample(now: datetime, condition: Any) -> list[Run]:
    """A run that meets the condition from each of many moments of the whole time."""
    found = []
    for step in range(SAMPLE):
        before = now - timedelta(days=seeding.DAYS * step / SAMPLE)
        query = select(Run).where(Run.created_at < before, condition)
        if run := db.session.scalars(query.order_by(Run.created_at.desc()).limit(1)).first():
            found.append(run)
    return found


def cases(known: Known, chance: random.Random) -> list[Case]:
    """Every kind of request, the Runs page first."""
    return [
        Case("runs: first page", lambda: "/runs"),
        *(
            Case(f"runs: page {depth:,} down", _runs(chance, cursor=cursors))
            for depth, cursors in known.cursors.items()
        ),
        *_filters(known, chance),
        *_texts(known, chance),
        *(Case(f"failures of {last}", partial("/runs/failures?last={}".format, last)) for last in LAST),
        *_others(known, chance),
        Case("REST: first page", lambda: "/api/v1/runs"),
        Case("REST: one state", _rest(chance, state=("SUCCESS", "FAILURE", "REVOKED", "LOST"))),
        *(
            Case(f"REST: page {depth:,} down", _rest(chance, cursor=cursors))
            for depth, cursors in known.cursors.items()
        ),
    ]


LAST = ("1h", "24h", "7d", "30d")


def beside_flower(number: int, chance: random.Random) -> dict[str, list[Case]]:
    """What Flower is asked, too, by its name there: of the page and of REST; needs an app context."""
    cursors = [_cursor_at(number // 2 + 10 * step) for step in range(8)]
    values: dict[str, dict[str, Sequence[str]]] = {
        flower.FIRST: {},
        flower.DEEP: {"cursor": cursors},
        flower.SOME: {"q": seeding.CITIES},
    }
    values[flower.NONE] = {"q": ("zzqxy", "nowhere to be")}
    return {
        name: [
            Case(f"ours, page: {name}", _runs(chance, "", **asked), TEXT_LIMIT_MS),
            Case(f"ours, REST: {name}", _rest(chance, **asked), TEXT_LIMIT_MS),
        ]
        for name, asked in values.items()
    }


def _filters(known: Known, chance: random.Random) -> list[Case]:
    tasks, ids = known.seeded.task_names, [str(one) for one in known.seeded.schedule_ids]
    workers, people = seeding.WORKERS, seeding.REQUESTERS
    failing = seeding.FAILING
    return [
        Case("runs: succeeded", _runs(chance, state=("succeeded",))),
        Case("runs: failed", _runs(chance, state=("failed",))),
        Case("runs: another state", _runs(chance, state=("cancelled", "expired", "skipped", "ignored"))),
        Case("runs: running, waiting, retrying", _runs(chance, state=("running", "waiting", "retrying"))),
        Case("runs: a task", _runs(chance, task_name=tasks)),
        Case("runs: a task that is not there", _runs(chance, task_name=("no.such", "gone.away"))),
        Case("runs: a queue", _runs(chance, queue=seeding.QUEUES)),
        Case("runs: a worker", _runs(chance, worker=workers)),
        Case("runs: a schedule", _runs(chance, schedule_id=ids)),
        Case("runs: a requester", _runs(chance, requested_by=people)),
        Case("runs: a time range", _in_a_range(known, chance)),
        Case("runs: a duration", _runs(chance, min_seconds=("2", "3", "4"), max_seconds=("5", "6", "9"))),
        Case("runs: a duration that is rare", _runs(chance, min_seconds=("300", "400", "500"))),
        Case("runs: failed, a task", _runs(chance, state=("failed",), task_name=tasks)),
        Case(
            "runs: failed, a failing task, 7 days", _runs(chance, "7d", state=("failed",), task_name=failing)
        ),
        Case("runs: succeeded, a task", _runs(chance, state=("succeeded",), task_name=tasks)),
        Case("runs: cancelled, a task", _runs(chance, state=("cancelled",), task_name=tasks)),
        Case("runs: expired, a queue", _runs(chance, state=("expired",), queue=seeding.QUEUES)),
        Case("runs: failed, a worker", _runs(chance, state=("failed",), worker=workers)),
        Case("runs: a task, a requester", _runs(chance, task_name=tasks, requested_by=people)),
        Case(
            "runs: a task, a worker, a duration",
            _runs(chance, task_name=tasks, worker=workers, min_seconds="9"),
        ),
        Case("runs: failed, a kind of error", _runs(chance, state=("failed",), error=KINDS)),
    ]


KINDS = [name for name, _words in seeding.ERRORS]


def _texts(known: Known, chance: random.Random) -> list[Case]:
    starts = [one[:8] for one in known.ids]
    return [
        Case("runs: text with many matches", _runs(chance, q=seeding.CITIES), TEXT_LIMIT_MS),
        Case("runs: text with few matches", _runs(chance, q=known.customers), TEXT_LIMIT_MS),
        Case(
            "runs: text in errors",
            _runs(chance, q=("insufficient_funds", "No such user", "0xe9")),
            TEXT_LIMIT_MS,
        ),
        Case(
            "runs: text without a match",
            _runs(chance, q=("zzqxy", "nowhere to be", "ünbekannt")),
            TEXT_LIMIT_MS,
        ),
        Case(
            "runs: text without a match, failed",
            _runs(chance, state=("failed",), q=("zzqxy",)),
            TEXT_LIMIT_MS,
        ),
        Case("runs: a whole id", _runs(chance, q=known.ids)),
        Case("runs: the beginning of an id", _runs(chance, q=starts)),
        Case("search: the beginning of an id", lambda: f"/search?q={chance.choice(starts)}"),
        Case("search: a word", lambda: f"/search?q={chance.choice(seeding.CITIES)}", TEXT_LIMIT_MS),
    ]


def _others(known: Known, chance: random.Random) -> list[Case]:
    registered = [name for name in known.seeded.task_names if name not in seeding.OTHER_TASKS]
    return [
        Case("run page", lambda: f"/runs/{chance.choice(known.ids)}"),
        Case("run page, failed", lambda: f"/runs/{chance.choice(known.failed)}"),
        Case("run page, in a workflow", lambda: f"/runs/{chance.choice(known.in_workflows)}"),
        Case("task page", lambda: f"/tasks/{chance.choice(registered)}"),
        Case("schedule page", lambda: f"/schedules/{chance.choice(known.seeded.schedule_ids)}"),
        Case("tasks", lambda: "/tasks"),
        Case("schedules", lambda: "/schedules"),
        Case("workflows", lambda: "/workflows"),
        Case("queues", lambda: "/queues"),
        Case("overview", lambda: "/"),
        Case("overview, 7 days", lambda: "/?last=7d"),
    ]


def _runs(chance: random.Random, last: str = "", **values: Sequence[str]) -> Callable[[], str]:
    fixed = {"last": last} if last else {}
    return lambda: "/runs?" + urlencode(_chosen(chance, values) | fixed)


def _rest(chance: random.Random, **values: Sequence[str]) -> Callable[[], str]:
    return lambda: "/api/v1/runs?" + urlencode(_chosen(chance, values))


def _chosen(chance: random.Random, values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: one if isinstance(one, str) else chance.choice(one) for name, one in values.items()}


def _in_a_range(known: Known, chance: random.Random) -> Callable[[], str]:
    def path() -> str:
        since = known.now - timedelta(hours=chance.uniform(10, 24 * (seeding.DAYS - 1)))
        until = since + timedelta(hours=chance.uniform(0.2, 9))
        return "/runs?" + urlencode({"since": since.isoformat(), "until": until.isoformat()})

    return path
