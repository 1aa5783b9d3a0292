"""Finds tasks, schedules and runs by a few words, for the field at the top of every page."""

from collections.abc import Sequence
from dataclasses import dataclass

from celery import Celery

from app import catalog, runs, schedules
from app.catalog import TaskInfo
from app.errors import NotFound
from app.runs import Run
from app.schedules import Schedule

SHOWN = 10


@dataclass(frozen=True)
class Found:
    """What matches, a few of each kind; `run_id` when the words are the id of a run."""

    tasks: Sequence[TaskInfo] = ()
    schedules: Sequence[Schedule] = ()
    runs: Sequence[Run] = ()
    run_id: str = ""


def search(celery_app: Celery, text: str) -> Found:
    """Tasks by name, meaning or queue, schedules by name, task or note, runs by id, task, arguments or error.

    Nothing for no words.
    """
    if not text:
        return Found()
    try:
        return Found(run_id=runs.get(text).id)
    except NotFound:
        tasks = catalog.matching(catalog.listing(celery_app), text)[:SHOWN]
        planned = schedules.page(schedules.Filter(q=text), limit=SHOWN).items
        return Found(tasks, planned, runs.page(runs.Filter(q=text), limit=SHOWN).items)
