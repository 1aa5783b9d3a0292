"""Finds tasks, schedules, queues and runs by a few words, for the field at the top of every page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app import broker, catalog, heartbeats, queues, runs, schedules
from app.catalog import TaskInfo
from app.config import settings
from app.errors import BrokerUnavailable, NotFound
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
    run_id: str = ""


def search(text: str, now: datetime) -> SearchResults:
    """Tasks by name, meaning or queue, schedules by name, task or note, queues by name, runs by id, task,
    arguments or error. Every word must be found.

    Nothing for no words.
    """
    if not text:
        return SearchResults()
    try:
        return SearchResults(run_id=runs.get(text).id)
    except NotFound:
        tasks = catalog.matching(catalog.listing(), text)[:SHOWN]
        planned = schedules.page(schedules.ScheduleFilter(q=text), limit=SHOWN).items
        found = runs.page(runs.RunFilter(q=text), limit=SHOWN).items
        return SearchResults(tasks, planned, _queues(text, now), found)


def _queues(text: str, now: datetime) -> list[str]:
    """Queues whose name holds every word; only the declared ones are known while the broker is away."""
    try:
        names = queues.names(heartbeats.workers(broker.client(), now))
    except BrokerUnavailable:
        names = settings().declared_queues
    wanted = text.casefold().split()
    return [name for name in names if all(word in name.casefold() for word in wanted)][:SHOWN]
