"""Kinds of failures: counted as they are written, resolved, ignored, and opened again when they come back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from app import runs
from app.accounts import users
from app.audit.models import AuditEntry
from app.errors import Invalid, NotFound
from app.extensions import db, transaction
from app.runs import history, outbox, states
from app.runs.failures import FailureChange, FailureKind, acts, inbox, recording
from app.runs.failures.inbox import FailureFilter

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def fail(*minutes: float, task: str = "t.a", error: str = "KeyError: 1") -> None:
    """Runs that failed so many minutes after NOW, recorded in one batch."""
    events = []
    for number in minutes:
        at = (NOW + number * MINUTE).timestamp()
        run_id = f"{task}{number}"
        events.append(
            {"type": "failed", "id": run_id, "task": task, "at": at, "worker": "w1", "error": error}
        )
    history.record(events, lambda name, args, kwargs: (args, kwargs, []))


def kind() -> FailureKind:
    db.session.rollback()
    return db.session.scalars(select(FailureKind)).one()


def do(action: str, minute: float = 5, **given: Any) -> FailureKind:
    return acts.act(action, kind().id, "ann", NOW + minute * MINUTE, given)


def listed(state: str = "open", minute: float = 60, **more: Any) -> list[str]:
    wanted = FailureFilter(state=state, at=NOW + minute * MINUTE, **more)
    return [row.kind for row in inbox.page(wanted).items]


@pytest.mark.database
def test_failures_are_counted_into_their_kind(app: Flask) -> None:
    fail(2, 1, 3)
    fail(0)
    fail(4, error="OSError")
    first = db.session.scalars(select(FailureKind).where(FailureKind.kind == "KeyError")).one()
    assert (first.failures, first.first_at, first.last_at) == (4, NOW, NOW + 3 * MINUTE)
    assert (first.first_run_id, first.last_run_id, first.error) == ("t.a0", "t.a3", "KeyError: 1")
    assert listed() == ["OSError", "KeyError"]
    assert listed(order="failures") == ["KeyError", "OSError"]


@pytest.mark.database
def test_a_resolved_kind_that_fails_again_is_open_and_says_which_run_did_it(app: Flask) -> None:
    fail(1)
    do("resolve", note="fixed in 2.3")
    fail(3)  # it failed before it was resolved, and was recorded late
    assert (listed(), listed("resolved")) == ([], ["KeyError"])
    fail(4, 6, 7)
    row = kind()
    assert (row.state, row.reopened_at, row.reopened_run_id) == ("open", NOW + 6 * MINUTE, "t.a6")
    assert (row.state_by, row.note, row.failures) == ("ann", "fixed in 2.3", 5)
    back, done = inbox.changes_of(row.id)
    assert (back.action, back.by, back.run_id, back.at) == ("came-back", None, "t.a6", NOW + 6 * MINUTE)
    assert (done.action, done.by, done.note) == ("resolve", "ann", "fixed in 2.3")
    fail(8)
    assert (kind().reopened_at, len(inbox.changes_of(row.id))) == (NOW + 6 * MINUTE, 2)
    assert do("resolve", 9).reopened_at is None


@pytest.mark.database
def test_an_ignored_kind_stays_away_until_its_time_has_passed(app: Flask) -> None:
    fail(1)
    do("ignore", until=NOW + 30 * MINUTE)
    fail(10)
    assert listed("ignored", 29) == ["KeyError"]
    assert (listed("ignored", 31), listed("open", 31), kind().reopened_at) == ([], ["KeyError"], None)
    fail(40)
    assert (kind().state, kind().reopened_at) == ("open", NOW + 40 * MINUTE)
    do("ignore", 41)
    fail(50)
    assert listed("ignored", 400 * 1440) == ["KeyError"]
    assert inbox.counts(FailureFilter(at=NOW + DAY)) == {"open": 0, "resolved": 0, "ignored": 1, "all": 1}


def test_a_lost_run_and_one_that_was_never_sent_count_too(app: Flask) -> None:
    values = {"task_name": "t.a", "state": states.PENDING, "created_at": NOW, "updated_at": NOW}
    with transaction() as session:
        session.add(runs.Run(id="r1", **values))
    outbox.fail({"r1": "ValueError: no such queue"}, NOW)
    assert (kind().kind, kind().failures, kind().last_at) == ("ValueError", 1, NOW)


def test_the_history_goes_and_what_was_done_stays(app: Flask) -> None:
    fail(1)
    do("ignore")
    runs.delete_finished(runs.Rule(states=states.FAILED), NOW + DAY, 100)
    inbox.forget_before(NOW + 1000 * DAY)
    assert db.session.scalar(select(runs.Run.id)) is None
    assert (listed("ignored"), kind().last_run_id) == (["KeyError"], "t.a1")
    do("reopen")
    assert inbox.forget_before(NOW + 300 * DAY) == 0
    assert inbox.forget_before(NOW + 402 * DAY) == 1  # nobody has a use for it any more


def test_an_owner_and_notes(app: Flask) -> None:
    users.create("Bob", "viewer", NOW)
    gone = users.create("carl", "viewer", NOW)
    users.deactivate(gone, NOW)
    fail(1)
    assert do("assign", owner="bob").owner == "Bob"
    assert listed(owner="Bob") == ["KeyError"]
    do("note", 6, note="seen at the supplier too")
    do("note", 7, note="they mend it tonight")
    assert listed(q="tonight") == ["KeyError"]
    assert [one.note for one in inbox.changes_of(kind().id)][:2] == [
        "they mend it tonight",
        "seen at the supplier too",
    ]
    assert do("assign", 8, owner=None).owner is None
    told = db.session.scalars(select(AuditEntry).where(AuditEntry.object_kind == "failure")).all()
    assert [one.action for one in told] == [
        *("failure.assign", "failure.note", "failure.note", "failure.assign"),
    ]
    assert told[0].object_name == "t.a: KeyError"
    with pytest.raises(Invalid) as wrong:
        do("assign", owner="carl")
    assert wrong.value.errors == {"owner": ["carl is shut out."]}


@pytest.mark.parametrize(
    ("action", "given", "field"),
    [
        ("close", {}, "action"),
        ("ignore", {"until": NOW}, "until"),
        ("ignore", {"until": NOW + 400 * DAY}, "until"),
        ("resolve", {"note": "x" * 2001}, "note"),
        ("assign", {"owner": "nobody"}, "owner"),
    ],
)
def test_what_cannot_be_done_is_said_by_field(app: Flask, action: str, given: Any, field: str) -> None:
    fail(1)
    with pytest.raises(Invalid) as wrong:
        do(action, **given)
    assert list(wrong.value.errors) == [field]
    assert inbox.changes_of(kind().id) == []


def test_many_at_once_and_taken_back(app: Flask) -> None:
    for error in ("KeyError", "OSError", "ValueError"):
        fail(1, task=f"t.{error}", error=error)
    at = NOW + 5 * MINUTE
    chosen = inbox.ids(FailureFilter(at=at), 100)
    results = acts.apply("resolve", [*chosen, 999], "ann", at, {"note": "with 2.3"})
    assert [one.done for one in results] == [True, True, True, False]
    assert results[-1].problem == "There is no such kind of failure."
    fail(6, task="t.OSError", error="OSError")
    undone = acts.undo(at, "ann", at + MINUTE)
    assert sorted(one.problem for one in undone) == ["", "", "It was changed since."]
    assert (sorted(listed()), listed("resolved")) == (["KeyError", "OSError", "ValueError"], [])
    notes = {row.kind: row.note for row in inbox.page(FailureFilter(at=at)).items}
    assert notes == {"KeyError": None, "OSError": "with 2.3", "ValueError": None}
    for at_all in (at + timedelta(hours=1), at):
        with pytest.raises(NotFound):
            acts.undo(at, "ann" if at_all > at else "bob", at_all)


def test_doing_the_same_again_changes_nothing(app: Flask) -> None:
    fail(1)
    do("resolve")
    assert do("resolve", 9).state_at == NOW + 5 * MINUTE
    assert len(inbox.changes_of(kind().id)) == 1


@pytest.mark.database
def test_what_was_made_good_leaves_the_list_until_it_fails_anew(app: Flask) -> None:
    fail(1, 2)
    for number in (1, 2):
        assert inbox.settle(NOW + 9 * MINUTE) == 0
        again = {"task_name": "t.a", "state": states.SUCCESS, "rerun_of": f"t.a{number}"}
        at = NOW + 3 * MINUTE
        with transaction() as session:
            session.add(runs.Run(id=f"again{number}", created_at=at, updated_at=at, **again))
    assert inbox.settle(NOW + 9 * MINUTE) == 1
    assert inbox.settle(NOW + 9 * MINUTE) == 0
    assert (listed(), listed("resolved"), inbox.open_count(NOW, NOW + DAY)) == ([], ["KeyError"], 0)
    fail(10)
    assert (listed(), kind().reopened_at) == (["KeyError"], None)
    assert do("reopen", 11).made_good_at == NOW + 2 * MINUTE  # it is open: nothing was changed


def test_pages_of_kinds_hang_together(app: Flask) -> None:
    for number in range(5):
        fail(number, task=f"t.{number}", error="OSError")
    fail(2, task="t.x", error="OSError")
    for order in ("last", "failures"):
        wanted, seen, cursor = FailureFilter(at=NOW + DAY, order=order), [], None
        while True:
            page = inbox.page(wanted, 2, cursor)
            seen += [row.id for row in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert len(seen) == len(set(seen)) == 6


def test_the_newest_open_kinds_are_found_by_an_index(app: Flask) -> None:
    query = inbox.matching(FailureFilter(at=NOW)).order_by(FailureKind.last_at.desc(), FailureKind.id.desc())
    plain = query.limit(31).compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = str(db.session.execute(text(f"EXPLAIN QUERY PLAN {plain}")).all())
    assert "ix_failure_kinds_last_at" in plan
    assert "TEMP B-TREE" not in plan


def test_a_batch_writes_its_kinds_in_one_statement(app: Flask) -> None:
    failed = {"app": None, "state": "FAILURE", "error": "E", "ended_at": NOW}
    rows = [{"id": f"r{n}", "task_name": f"t.{n % 3}"} | failed for n in range(30)]
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with transaction():
        event.listen(db.engine, "before_cursor_execute", note)
        recording.note([*rows, {"id": "s", "task_name": "t.s", "state": "SUCCESS"}])
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(seen) == 1
    assert db.session.query(FailureChange).count() == 0
    assert db.session.query(FailureKind).count() == 3
