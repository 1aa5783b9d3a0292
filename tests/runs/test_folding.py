"""Folding events is idempotent, order-proof, and never takes a finished run back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs import states
from app.runs.folding import fold, new_row

Event = dict[str, Any]


def event(kind: str, at: float, attempt: int = 0, **fields: Any) -> Event:
    return {"type": kind, "id": "r1", "task": "t", "at": at, "attempt": attempt, "worker": "w@h"} | fields


def folded(events: list[Event]) -> dict[str, Any]:
    row = new_row(events[0])
    for one in events:
        fold(row, one)
    return row


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What a run's processes report: up to three retries, then an end or none."""
    at, events = 1_700_000_000.0, [event("sent", 1_700_000_000.0, queue="q", priority=5, args=[1], kwargs={})]
    retries = draw(st.integers(0, 3))
    for attempt in range(retries + 1):
        eta = {"eta": "2030-01-01T00:00:00+00:00"} if attempt else {}
        if attempt:
            events.append(event("sent", at, attempt, **eta))
        events.append(event("received", at + 1, attempt, **eta))
        events.append(event("started", at + 2, attempt))
        for step in range(draw(st.integers(0, 3))):
            events.append(event("progress", at + 3 + step / 10, attempt, current=step, total=3, message="m"))
        if attempt < retries:
            events.append(
                event("retried", at + 4, attempt, error=f"E{attempt}", traceback="tb", next_at=at + 9)
            )
        at += 10
    end = draw(st.sampled_from([None, "succeeded", "failed", "rejected", "ignored", "revoked", "expired"]))
    if end == "succeeded":
        events.append(event("succeeded", at, retries, result={"n": 1}, runtime=1.5))
    elif end == "expired":
        events.append(event("revoked", at, retries, expired=True))
    elif end:
        events.append(event(end, at, retries, error="E: x"))
    return events


@given(histories(), st.data())
def test_any_order_and_any_repetition_gives_the_same_run(events: list[Event], data: st.DataObject) -> None:
    """`sent` and `received` make the first row differ only in what later events settle."""
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations(repeated))
    expected, got = folded(events), folded(shuffled)
    for volatile in (
        "created_at",
        "eta_at",
    ):  # the first event heard of, and the next try of a run that retries
        expected.pop(volatile), got.pop(volatile)
    if states.is_finished(expected["state"]):
        expected.pop("updated_at"), got.pop("updated_at")
    assert got == expected


@given(histories(), st.data())
def test_a_finished_run_never_goes_back(events: list[Event], data: st.DataObject) -> None:
    row = folded(events)
    if not states.is_finished(row["state"]):
        return
    kept = {name: row[name] for name in ("state", "result", "error", "ended_at", "attempt", "started_at")}
    for late in data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=5)):
        fold(row, late)
        fold(row, event("failed", 2e9, late["attempt"], error="late"))
    assert {name: row[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([event("sent", 1)], states.PENDING),
        ([event("sent", 1, eta="2030-01-01T00:00:00+00:00")], states.SCHEDULED),
        ([event("sent", 1), event("received", 2)], states.RECEIVED),
        ([event("started", 2), event("sent", 1)], states.STARTED),
        ([event("started", 2), event("progress", 3, current=1, total=2, message="")], states.PROGRESS),
        ([event("started", 2), event("retried", 3, next_at=9.0, error="E")], states.RETRY),
        (
            [event("retried", 3, error="E"), event("sent", 3, 1), event("received", 4, 1, eta="2030-01-01")],
            states.RETRY,
        ),
        ([event("received", 4, 1, eta="2030-01-01"), event("retried", 3, error="E")], states.RETRY),
        ([event("retried", 3, error="E"), event("started", 5, 1)], states.STARTED),
        ([event("revoked", 3, expired=True)], states.EXPIRED),
        ([event("revoked", 3, terminated=True)], states.REVOKED),
        ([event("failed", 3, error="E"), event("succeeded", 4, result=1)], states.FAILURE),
    ],
)
def test_state(events: list[Event], state: str) -> None:
    assert folded(events)["state"] == state


def test_a_retry_that_went_back_to_its_queue_is_one_again_when_it_was_taken() -> None:
    row = folded([event("retried", 3, error="E", worker="w1")])
    row |= {"state": states.PENDING, "worker": None}  # w1 died
    fold(row, event("received", 4, 1, eta="2030-01-01", worker="w2"))
    assert (row["state"], row["worker"], row["error"]) == (states.RETRY, "w2", "E")


def test_each_attempt_keeps_its_own_times_and_error() -> None:
    row = folded(
        [
            event("started", 10.0),
            event("retried", 12.0, error="ValueError: no", next_at=20.0, runtime=2.0),
            event("started", 20.0, 1),
            event("succeeded", 25.0, 1, result=7, runtime=5.0),
        ]
    )
    (first,) = row["attempts"]
    assert (first["attempt"], first["state"], first["error"]) == (0, states.RETRY, "ValueError: no")
    assert (row["attempt"], row["state"], row["result"], row["error"]) == (1, states.SUCCESS, 7, None)
    assert row["started_at"].timestamp() == 20.0
    assert row["runtime_seconds"] == 5.0


def test_the_last_earlier_attempt_keeps_its_traceback() -> None:
    events = [event("retried", float(n), n, error=f"E{n}", traceback=f"T{n}") for n in range(3)]
    row = folded([*events, event("started", 4.0, 3)])
    assert [old["traceback"] for old in row["attempts"]] == [None, None, "T2"]
    assert row["traceback"] is None
    assert folded([event("started", 4.0, 3), *reversed(events)])["attempts"] == row["attempts"]


def test_a_retry_is_not_its_own_parent() -> None:
    assert folded([event("started", 1.0, 1, parent_id="r1")])["parent_id"] is None
    assert folded([event("started", 1.0, parent_id="r0")])["parent_id"] == "r0"


def test_what_was_cut_is_noted() -> None:
    row = folded([event("succeeded", 1.0, result='"aaa', result_cut=5000)])
    assert row["notices"] == {"result": 5000}
