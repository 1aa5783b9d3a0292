"""Fires what is due: claimed in one transaction for a whole batch, then sent.

A claim is the change of the schedule's row together with the row of the run, whose id derives from schedule
and due moment. Rows are locked while they are decided on (PostgreSQL: FOR UPDATE SKIP LOCKED; SQLite: the
database's one write transaction), so any number of beats fire each of them once. A message that does not get
out after the commit is sent by a recorder (see `app.runs.outbox`).
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, exists, func, literal, select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from app import broker
from app.broker import topics
from app.extensions import db, transaction
from app.runs import Run, creation, outbox, row_writer, states
from app.runs.statistics import totals
from app.schedules.decisions import Decision, Unfinished, decide
from app.schedules.definition import FIELDS
from app.schedules.models import Schedule, columns
from app.text import storable

BATCH = 250  # small enough that its messages are out well within their patience
BACK_OFF_SECONDS = 5.0
LONGEST_BACK_OFF_SECONDS = 3600.0

logger = logging.getLogger(__name__)

# Plain columns, never objects: what was read must not be read again behind the decision's back. JSON comes
# as text, so that one row with a broken value fails alone.
_COLUMNS = columns(
    *("id", *(name for name in FIELDS if name not in ("enabled", "note"))),
    *("next_due_at", "last_run_at", "run_count", "rerun_of", "failures", "skips"),
    json_as_text=True,
)


class Agenda(NamedTuple):
    """When the next schedule is due and when the next run for later; whether fires are buffered.

    `unplaced`: a schedule was written in SQL, and has to be looked at.
    """

    fire_at: datetime | None
    send_at: datetime | None
    buffered: bool
    unplaced: bool = False

    def next_at(self) -> datetime | None:
        """The earlier of the two moments."""
        return min((at for at in (self.fire_at, self.send_at) if at), default=None)


@dataclass
class Fired:
    """How many due rows were looked at, and how many messages were sent."""

    rows: int = 0
    sent: int = 0


@dataclass
class _Claim:
    rows: int = 0
    messages: list[outbox.Message] = field(default_factory=list)


_NEW_ROWS = Schedule.enabled & Schedule.next_run_at.is_(None) & Schedule.retired_at.is_(None)


def _agenda() -> Any:
    for_later = (Run.state == states.SCHEDULED, Run.outbox.is_not(None))
    fire_at = select(Schedule.next_run_at).where(Schedule.enabled, Schedule.next_run_at.is_not(None))
    # A row that was written in SQL: nothing else leaves an enabled one without its next look.
    unplaced = select(literal(True)).where(_NEW_ROWS).limit(1)
    send_at = select(Run.send_at).where(*for_later, Run.send_at.is_not(None))
    return select(
        fire_at.order_by(Schedule.next_run_at).limit(1).scalar_subquery(),
        send_at.order_by(Run.send_at).limit(1).scalar_subquery(),
        exists().where(*for_later, Run.send_at.is_(None)),
        unplaced.exists(),
    )


_AGENDA = _agenda()  # built once: that takes as long as to execute it


def agenda() -> Agenda:
    """What comes next: one statement that looks at the first entry of three indexes."""
    return Agenda(*db.session.execute(_AGENDA).one())


def fire_due(now: datetime, limit: int = BATCH) -> Fired:
    """Claim and send up to `limit` due schedules, the longest due first.

    Raises what the database raises when it is away; then nothing is claimed. When Redis goes away after the
    commit, the messages are sent later.
    """
    claimed = time.monotonic()
    try:
        claim = _claim(now, limit)
    except OperationalError:
        raise
    except (DBAPIError, ValueError, TypeError, KeyError, OverflowError):
        claim = _claim_singly(now, limit)
    if not claim.rows:
        return Fired()
    sent = outbox.send_many(claim.messages, claimed)
    _note_unsendable(sent.failed, now)
    topics.touch(broker.client(), ["schedules", "runs"])
    return Fired(claim.rows, sent.count)


def unfinished(schedule_ids: Sequence[int]) -> dict[int, Unfinished]:
    """The runs of schedules that are not finished; a schedule without any is left out."""
    if not schedule_ids:
        return {}
    buffered = case((Run.send_at.is_(None) & Run.outbox.is_not(None), 1), else_=0)
    query = (
        select(Run.schedule_id, func.count(), func.sum(buffered))
        .where(Run.schedule_id.in_(schedule_ids), is_unfinished(Run))
        .group_by(Run.schedule_id)
    )
    counted = db.session.execute(query)
    return {schedule_id: Unfinished(total - waits, waits) for schedule_id, total, waits in counted}


def is_unfinished(run: Any) -> Any:
    """The condition of the partial index over unfinished runs: the states must stand in the statement."""
    literal: Any = bindparam(None, states.UNFINISHED, expanding=True, literal_execute=True)
    return run.state.in_(literal)


def _claim(now: datetime, limit: int, only: int | None = None) -> _Claim:
    """Decide on due rows, write their runs and move them on, in one transaction."""
    with transaction():
        rows = _due_rows(now, limit, only)
        if not rows:
            return _Claim()
        open_runs = unfinished([row.id for row in rows if row.overlap != "allow"])
        decisions: list[Decision] = []
        for row in rows:
            try:
                decisions.append(decide(row, open_runs.get(row.id, Unfinished()), now))
            except Exception as error:  # whatever is wrong with one row must not delay the others
                logger.exception("schedule %s cannot be evaluated", row.id)
                _back_off(row.id, row.failures, error, now)
        made = [run for decision in decisions for run in decision.runs]
        new = row_writer.insert_new(made, creation.COLUMNS)
        _move_on(decisions, new, now)
        totals.add_made(run for run in made if run["id"] in new)
    return _Claim(len(rows), [outbox.message(run) for run in made if run["id"] in new and run["send_at"]])


def make_new_rows_due(now: datetime) -> None:
    """Schedules that were written in SQL are due for a look."""
    with transaction() as session:
        session.execute(
            update(Schedule)
            .where(_NEW_ROWS)
            .values(next_run_at=now)
            .execution_options(synchronize_session=False)
        )


def _due_rows(now: datetime, limit: int, only: int | None) -> Sequence[Any]:
    query = select(*_COLUMNS).where(Schedule.enabled, Schedule.next_run_at <= now)
    if only is not None:
        query = query.where(Schedule.id == only)
    query = query.order_by(Schedule.next_run_at, Schedule.id).limit(limit)
    query = query.with_for_update(skip_locked=True)
    return db.session.execute(query).all()


def _claim_singly(now: datetime, limit: int) -> _Claim:
    """Each due row in a transaction of its own: the one that the batch failed on is set aside."""
    query = select(Schedule.id, Schedule.failures).where(Schedule.enabled, Schedule.next_run_at <= now)
    rows = db.session.execute(query.order_by(Schedule.next_run_at).limit(limit)).all()
    whole = _Claim()
    for row in rows:
        try:
            claim = _claim(now, 1, only=row.id)
        except OperationalError:
            raise
        except (DBAPIError, ValueError, TypeError, KeyError, OverflowError) as error:
            logger.exception("schedule %s cannot be fired", row.id)
            with transaction():
                _back_off(row.id, row.failures, error, now)
            claim = _Claim(1)
        whole.rows += claim.rows
        whole.messages += claim.messages
    return whole


def _move_on(decisions: Sequence[Decision], new: set[str], now: datetime) -> None:
    """Write where the schedules go on; those that are exhausted disable themselves."""
    connection = db.session.connection()
    table = Schedule.__table__
    if decisions:
        connection.execute(
            update(Schedule)
            .where(table.c.id == bindparam("key"))
            .values({name: bindparam(f"new_{name}") for name in _MOVED}),
            [_moved(decision, new, now) for decision in decisions],
        )
    if anchored := [decision.id for decision in decisions if decision.anchored]:
        connection.execute(
            update(Schedule)
            .where(Schedule.id.in_(anchored))
            .values(anchor_at=now, version=Schedule.version + 1)
            .execution_options(synchronize_session=False)
        )
    for decision in decisions:
        if decision.app:
            connection.execute(
                update(Schedule)
                .where(Schedule.id == decision.id)
                .values(app=decision.app, version=Schedule.version + 1)
            )
    if exhausted := [decision.id for decision in decisions if decision.exhausted]:
        connection.execute(
            update(Schedule)
            .where(Schedule.id.in_(exhausted))
            .values(enabled=False, disabled_at=now, disabled_by=None, disabled_note=None)
            .values(version=Schedule.version + 1)
        )


_MOVED = (
    *("next_due_at", "next_run_at", "last_run_at", "run_count", "skips"),
    *("failures", "last_error", "last_error_at"),
)


def _moved(decision: Decision, new: set[str], now: datetime) -> dict[str, Any]:
    known = sum(1 for run in decision.runs if run["outbox"] and run["id"] not in new)  # counted before
    return {
        "key": decision.id,
        "new_next_due_at": decision.next_due_at,
        "new_next_run_at": decision.next_run_at,
        "new_last_run_at": decision.last_run_at,
        "new_run_count": decision.run_count - known,
        "new_skips": decision.skips,
        "new_failures": 0,
        "new_last_error": decision.error,
        "new_last_error_at": now if decision.error else None,
    }


def _back_off(schedule_id: int, failures: int, error: Exception, now: datetime) -> None:
    """Note on the row why it could not fire, and look at it again later, ever more rarely."""
    wait = min(BACK_OFF_SECONDS * 2 ** min(failures, 20), LONGEST_BACK_OFF_SECONDS)
    db.session.execute(
        update(Schedule)
        .where(Schedule.id == schedule_id)
        .values(
            next_run_at=now + timedelta(seconds=wait),
            failures=failures + 1,
            last_error=storable(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"),
            last_error_at=now,
        )
        .execution_options(synchronize_session=False)
    )


def _note_unsendable(failed: dict[str, str], now: datetime) -> None:
    """Runs whose message can never be sent have failed, and their schedules say why."""
    if not failed:
        return
    outbox.fail(failed, now)
    with transaction() as session:
        for run_id, error in failed.items():
            of_run = select(Run.schedule_id).where(Run.id == run_id).scalar_subquery()
            session.execute(
                update(Schedule)
                .where(Schedule.id == of_run)
                .values(last_error=storable(error), last_error_at=now)
                .execution_options(synchronize_session=False)
            )
