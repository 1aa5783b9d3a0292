"""Writes batches of events into the table of runs, one transaction a batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from app.extensions import db, transaction
from app.runs import apps, endings, history_gaps, logs, row_writer, states
from app.runs.creation import Row
from app.runs.folding import fold, new_row
from app.runs.models import Run
from app.runs.statistics import totals
from app.text import storable

Event = dict[str, Any]
Mask = Callable[[tuple[str | None, str], Any, Any], tuple[Any, Any, list[str]]]  # of a task by app and name

_TEXT_FIELDS = ("error", "traceback", "message", "worker", "origin", "task", "queue", "app")


def record(events: Sequence[Event], mask: Mask) -> list[str]:
    """Fold events into their runs and commit; returns the ids of the runs that were touched.

    What a worker tells of a gap is looked at when all that it told before is in the history.
    """
    touched = _record([event for event in events if event["type"] != "missed"], mask)
    for event in events:
        if event["type"] == "missed":
            history_gaps.note_told(event)
            touched += _record(history_gaps.ends_not_told(event), mask)
    return touched


def _record(events: Sequence[Event], mask: Mask) -> list[str]:
    """One transaction.

    Any number of recorders may do so at once: rows are made with ON CONFLICT DO NOTHING and locked
    (PostgreSQL) or the database is (SQLite) before they are read. Recording a batch twice changes nothing.
    """
    by_run: dict[str, list[Event]] = {}
    logged = [event for event in events if event["type"] == "log"]
    for event in events:
        if event["type"] == "log":
            continue
        by_run.setdefault(event["id"], []).append(_clean(event, mask))
    ids = sorted(by_run)  # always in the same order: two recorders cannot wait for each other
    with transaction():
        known = _locked(ids)
        fresh = {}
        for run_id in ids:
            if run_id not in known:
                fresh[run_id] = _folded(new_row(by_run[run_id][0]), by_run[run_id])
        faster = set(fresh) - row_writer.insert_new(list(fresh.values()))  # another recorder was
        known |= _locked(sorted(faster))
        open_before = {run_id for run_id, row in known.items() if not states.is_finished(row["state"])}
        before = {run_id: totals.Progress.of(row) for run_id, row in known.items()}
        for run_id, row in known.items():
            _folded(row, by_run[run_id])
        row_writer.update_all(list(known.values()))
        new = [row for run_id, row in fresh.items() if run_id not in faster]
        changed = [*new, *(known[run_id] for run_id in open_before)]
        moved = totals.Numbers()
        for row in (*new, *known.values()):
            totals.add_moved(moved, row, before.get(row["id"], totals.NONE_YET))
        endings.note((row for row in changed if states.is_finished(row["state"])), moved)
        logs.keep(logged)
        apps.note(rows_app for row in (*fresh.values(), *known.values()) if (rows_app := row["app"]))
    return list({*ids, *(event["id"] for event in logged)})


def _folded(row: Row, events: Iterable[Event]) -> Row:
    for event in events:
        fold(row, event)
    return row


def _locked(ids: Sequence[str]) -> dict[str, Row]:
    """The folded columns of the rows that exist, locked until the end of the transaction."""
    if not ids:
        return {}
    query = select(*row_writer.FOLDED).where(Run.id.in_(ids)).order_by(Run.id).with_for_update()
    return {row["id"]: dict(row) for row in db.session.connection().execute(query).mappings()}


def _clean(event: Mapping[str, Any], mask: Mask) -> Event:
    """The event with secrets masked and text that every database takes."""
    cleaned = dict(event)
    for field in _TEXT_FIELDS:
        if isinstance(cleaned.get(field), str):
            cleaned[field] = storable(cleaned[field])
    if cleaned.get("args") is not None:
        task = cleaned.get("app"), cleaned.get("task") or ""
        masked = mask(task, cleaned["args"], cleaned.get("kwargs") or {})
        cleaned["args"], cleaned["kwargs"], cleaned["masked"] = masked[0], masked[1], masked[2] or None
    return cleaned
