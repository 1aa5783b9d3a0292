"""The states of a run and the order in which it may take them: forward only."""

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

_RANKS = {PENDING: 0, HELD: 0, SCHEDULED: 0, RECEIVED: 1, STARTED: 2, PROGRESS: 3, RETRY: 4}
_FINISHED_RANK = 5

FINISHED = (SUCCESS, FAILURE, REVOKED, REJECTED, IGNORED, EXPIRED, LOST, MISSED, SKIPPED)
FAILED = (FAILURE, LOST)
RUNNING = (STARTED, PROGRESS)
WAITING = (PENDING, HELD, SCHEDULED, RECEIVED, RETRY)
UNFINISHED = tuple(_RANKS)
ALL = (*_RANKS, *FINISHED)


def rank(state: str) -> int:
    """How far within an attempt: waiting 0, received 1, started 2, progress 3, retry 4, finished 5."""
    return _RANKS.get(state, _FINISHED_RANK)


def is_finished(state: str) -> bool:
    return state in FINISHED


def may_follow(state: str, new: str) -> bool:
    """Whether `new` takes the place of `state` within one attempt; nothing takes the place of an end."""
    return rank(new) > rank(state)
