"""Finds what there is by a few words: for the field at the top of every page and for the palette."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app import broker, catalog, heartbeats, queues, runs, schedules
from app.accounts import users
from app.accounts.models import User
from app.catalog import TaskInfo
from app.config import settings
from app.errors import BrokerUnavailable, NotFound
from app.heartbeats import Worker
from app.runs import Run
from app.schedules import Schedule

SHOWN = 10


@dataclass(frozen=True)
class SearchResults:
    """What matches, a few of each kind; `run_id` when the words are the id of a run."""

    tasks: Sequence[TaskInfo] = ()
    schedules: Sequence[Schedule] = ()
    queues: Sequence[str] = ()
    runs: Sequence[Run] = ()
    workers: Sequence[Worker] = ()
    users: Sequence[User] = ()
    run_id: str = ""


def search(text: str, now: datetime, with_users: bool = False) -> SearchResults:
    """Tasks by name, meaning or queue, schedules by name, task or note, queues by name, runs by id, task,
    arguments or error, workers by name; users by name for who may see them. Every word must be found.

    Nothing for no words.
    """
    if not text:
        return SearchResults()
    try:
        return SearchResults(run_id=runs.get(text).id)
    except NotFound:
        tasks = catalog.matching(catalog.listing(), text)[:SHOWN]
        planned = schedules.page(schedules.ScheduleFilter(q=text), limit=SHOWN).items
        matching = runs.page(runs.RunFilter(q=text), limit=SHOWN).items
        names, workers = _queues_and_workers(now)
        return SearchResults(
            tasks,
            planned,
            [name for name in names if matches(text, name)][:SHOWN],
            matching,
            [worker for worker in workers if matches(text, worker.hostname)][:SHOWN],
            [user for user in users.listing() if matches(text, user.name)][:SHOWN] if with_users else [],
        )


def queue_names(now: datetime) -> list[str]:
    """All queues that are known."""
    return _queues_and_workers(now)[0]


def matches(text: str, *names: str) -> bool:
    """Whether every word of a text is in one of the names, in whatever case."""
    known = [name.casefold() for name in names]
    return all(any(word in name for name in known) for word in text.casefold().split())


def _queues_and_workers(now: datetime) -> tuple[list[str], list[Worker]]:
    """Only the declared queues are known while the broker is away, and no worker."""
    try:
        workers = heartbeats.workers(broker.client(), now)
        return queues.names(workers), workers
    except BrokerUnavailable:
        return settings().declared_queues, []
