"""The states of a run: what each means, how it is shown, what can be done in it, and which may follow it.

A run's state moves forward only.
"""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

PENDING = "PENDING"
HELD = "HELD"
SCHEDULED = "SCHEDULED"
RECEIVED = "RECEIVED"
STARTED = "STARTED"
PROGRESS = "PROGRESS"
RETRY = "RETRY"
SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
REVOKED = "REVOKED"
REJECTED = "REJECTED"
IGNORED = "IGNORED"
EXPIRED = "EXPIRED"
LOST = "LOST"
MISSED = "MISSED"
SKIPPED = "SKIPPED"
END_NOT_TOLD = "EndNotTold"  # how the error of a LOST run begins whose worker could not tell how it ended

# How far within an attempt; nothing takes the place of an end.
_NOT_TAKEN, _TAKEN, _BEGUN, _UNDER_WAY, _TO_REPEAT, _ENDED = range(6)

WAITS, RUNS, ENDED = "waiting", "running", "finished"
_PHASES = (WAITS, WAITS, RUNS, RUNS, WAITS, ENDED)

RERUN, CANCEL, TERMINATE, DELETE = "rerun", "cancel", "terminate", "delete"
_ACTIONS = {WAITS: (CANCEL,), RUNS: (TERMINATE,), ENDED: (RERUN, DELETE)}
ACTIONS = (RERUN, CANCEL, TERMINATE, DELETE)


@dataclass(frozen=True)
class State:
    """One state. `code` is stable, for programs; `meaning` and `advice` (may be empty) are sentences.

    `kind` is both the icon in the sprite and the `state-…` class of its colours.
    """

    name: str
    rank: int
    kind: str
    code: str
    word: Any
    meaning: Any
    advice: Any = ""

    @property
    def phase(self) -> str:
        """Whether a run in it waits, runs or has finished."""
        return _PHASES[self.rank]

    @property
    def actions(self) -> tuple[str, ...]:
        """What can be done with a run in it."""
        return _ACTIONS[self.phase]

    @property
    def css(self) -> str:
        return f"state-{self.kind}"

    @property
    def turning(self) -> bool:
        return self.phase == RUNS


_STATES = (
    State(
        *(PENDING, _NOT_TAKEN, "waiting", "waiting", _l("Waiting")),
        _l("It was sent and waits in its queue."),
        _l("It starts by itself when a worker has a free slot."),
    ),
    State(
        *(HELD, _NOT_TAKEN, "held", "held", _l("Held")),
        _l("A person set it aside; no worker takes it."),
        _l("Release it on the page of its queue when it may run."),
    ),
    State(
        *(SCHEDULED, _NOT_TAKEN, "waiting", "scheduled", _l("Scheduled")),
        _l("Its time has not come yet."),
    ),
    State(
        *(RECEIVED, _TAKEN, "received", "received", _l("Received")),
        _l("A worker has it and starts it when a slot is free."),
    ),
    State(
        *(STARTED, _BEGUN, "running", "running", _l("Running")),
        _l("A worker is running it."),
    ),
    State(
        *(PROGRESS, _UNDER_WAY, "running", "running", _l("Running")),
        _l("A worker is running it, and it reports how far it is."),
    ),
    State(
        *(RETRY, _TO_REPEAT, "retrying", "retry", _l("Retrying")),
        _l("The last attempt failed; it will be tried again."),
        _l("Cancel it if another attempt would not help."),
    ),
    State(
        *(SUCCESS, _ENDED, "succeeded", "success", _l("Succeeded")),
        _l("It ended and returned its result."),
    ),
    State(
        *(FAILURE, _ENDED, "failed", "failure", _l("Failed")),
        _l("The task raised an error and will not be tried again by itself."),
        _l("Read the last line of the traceback, mend the cause, then retry it."),
    ),
    State(
        *(REVOKED, _ENDED, "cancelled", "cancelled", _l("Cancelled")),
        _l("It was cancelled or terminated. If it had begun, its work may be half done."),
        _l("Retry it if it is still wanted."),
    ),
    State(
        *(REJECTED, _ENDED, "failed", "rejected", _l("Rejected")),
        _l("The task rejected its own message, so it counts as not done."),
        _l("The reason is in the code of the task; retry it when that no longer holds."),
    ),
    State(
        *(IGNORED, _ENDED, "cancelled", "ignored", _l("Ignored")),
        _l("The task asked Celery to ignore how it ended, so no result was kept."),
        _l("There is nothing to do, unless a result was expected."),
    ),
    State(
        *(EXPIRED, _ENDED, "cancelled", "expired", _l("Expired")),
        _l("It waited longer than its message was to live, so the worker dropped it without running it."),
        _l("Give it a longer time to wait, add a worker, or retry it now."),
    ),
    State(
        *(LOST, _ENDED, "failed", "lost", _l("Lost")),
        _l("Its worker died while it ran, and it will not run again by itself."),
        _l("Find out what kills the worker (often memory) before you retry it."),
    ),
    State(
        *(MISSED, _ENDED, "late", "missed", _l("Missed")),
        _l("Its time passed while nothing could start it."),
        _l("See that beat runs. Retry it if it is still wanted, or let the schedule catch up."),
    ),
    State(
        *(SKIPPED, _ENDED, "cancelled", "skipped", _l("Skipped")),
        _l("A rule of its schedule left this fire out."),
        _l("Change the rule on the page of the schedule if it should have run."),
    ),
)
_BY_NAME = {state.name: state for state in _STATES}
_RANKS = {state.name: state.rank for state in _STATES}

ALL = tuple(_BY_NAME)
FINISHED = tuple(state.name for state in _STATES if state.phase == ENDED)
UNFINISHED = tuple(state.name for state in _STATES if state.phase != ENDED)
RUNNING = tuple(state.name for state in _STATES if state.phase == RUNS)
AT_WORK = tuple(state.name for state in _STATES if _TAKEN <= state.rank <= _UNDER_WAY)
NOT_TAKEN = tuple(state.name for state in _STATES if state.rank == _NOT_TAKEN)
NOT_STARTED = tuple(state.name for state in _STATES if state.rank <= _TAKEN)
FAILED = (FAILURE, LOST)  # as they are counted
BAD = tuple(state.name for state in _STATES if state.kind == "failed")


def of(name: str) -> State:
    """The state of that name; one that nobody knows shows its own name instead of failing the page."""
    unknown = _l("Celeriac does not know this state.")
    return _BY_NAME.get(name) or State(name, _NOT_TAKEN, "waiting", "unknown", name, unknown)


def rank(state: str) -> int:
    """How far within an attempt: waiting 0, received 1, started 2, progress 3, retry 4, finished 5."""
    return _RANKS.get(state, _ENDED)


def is_finished(state: str) -> bool:
    return state in FINISHED


def may_follow(state: str, new: str) -> bool:
    """Whether `new` takes the place of `state` within one attempt; nothing takes the place of an end."""
    return rank(new) > rank(state)
