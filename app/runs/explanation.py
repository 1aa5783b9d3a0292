"""What became of a run, and what to do about it: one table of words for every state and special end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from app.runs import states
from app.runs.models import Run


@dataclass(frozen=True)
class Explanation:
    """`code` is stable, for programs; `what` happened and `advice` (may be empty) are sentences."""

    code: str
    what: Any
    advice: Any = ""


def _error(*beginnings: str) -> Callable[[Run], bool]:
    return lambda run: run.state in states.FAILED and (run.error or "").startswith(beginnings)


# The first that fits a run holds; Celery names these ends by the class of the error alone.
_SPECIAL: tuple[tuple[Callable[[Run], bool], Explanation], ...] = (
    (
        _error("NotRegistered"),
        Explanation(
            "unregistered",
            _l("The worker that took it does not know this task, so nothing was run."),
            _l("Name the task's module in CELERIAC_TASKS, restart the worker, then run it again."),
        ),
    ),
    (
        _error("SoftTimeLimitExceeded"),
        Explanation(
            "soft-time-limit",
            _l("It ran longer than its soft time limit, and the task did not handle that."),
            _l("Raise the limit on the page of the task, or let the task do less at a time."),
        ),
    ),
    (
        _error("TimeLimitExceeded"),
        Explanation(
            "time-limit",
            _l("It ran longer than its time limit, so the worker killed its process. Work may be half done."),
            _l("Raise the limit on the page of the task, or let the task do less at a time."),
        ),
    ),
    (
        _error("WorkerLostError"),
        Explanation(
            "worker-lost",
            _l("The process that ran it died: killed from outside, out of memory, or crashed."),
            _l("Look at the memory and the log of that machine, then run it again."),
        ),
    ),
    (
        _error("DecodeError", "ContentDisallowed", "UnpicklingError"),
        Explanation(
            "undecodable",
            _l("The worker could not read its message, so nothing was run."),
            _l("Send it as JSON, with Celery's own client."),
        ),
    ),
    (
        _error("EncodeError"),
        Explanation(
            "result-not-json",
            _l("What it returned, or sent, cannot be written as JSON. Its work may be done all the same."),
            _l("Return numbers, text, lists and dictionaries only."),
        ),
    ),
    (
        lambda run: run.state == states.RETRY and run.eta_at is None,
        Explanation("retry", _l("The last attempt failed; it will be tried again.")),
    ),
)

_BY_STATE = {
    states.PENDING: Explanation(
        "waiting",
        _l("It was sent and waits in its queue."),
        _l("It starts by itself when a worker has a free slot."),
    ),
    states.HELD: Explanation(
        "held",
        _l("A person set it aside; no worker takes it."),
        _l("Release it on the page of its queue when it may run."),
    ),
    states.SCHEDULED: Explanation("scheduled", _l("Its time has not come yet.")),
    states.RECEIVED: Explanation(
        "received", _l("A worker has it and starts it when one of its slots is free.")
    ),
    states.STARTED: Explanation("running", _l("A worker is running it.")),
    states.PROGRESS: Explanation("running", _l("A worker is running it, and it reports how far it is.")),
    states.RETRY: Explanation(
        "retry",
        _l("The last attempt failed; it is tried again by itself at the time shown."),
        _l("Cancel it if another attempt would not help."),
    ),
    states.SUCCESS: Explanation("success", _l("It ended and returned its result.")),
    states.FAILURE: Explanation(
        "failure",
        _l("The task raised an error and will not be tried again by itself."),
        _l("Read the last line of the traceback, mend the cause, then run it again."),
    ),
    states.REVOKED: Explanation(
        "cancelled",
        _l("It was cancelled or terminated. If it had begun, its work may be half done."),
        _l("Run it again if it is still wanted."),
    ),
    states.REJECTED: Explanation(
        "rejected",
        _l("The task rejected its own message, so it counts as not done."),
        _l("The reason is in the code of the task; run it again when that no longer holds."),
    ),
    states.IGNORED: Explanation(
        "ignored",
        _l("The task asked Celery to ignore how it ended, so no result was kept."),
        _l("There is nothing to do, unless a result was expected."),
    ),
    states.EXPIRED: Explanation(
        "expired",
        _l("It waited longer than its message was to live, so the worker dropped it without running it."),
        _l("Give it a longer time to wait, add a worker, or run it again now."),
    ),
    states.LOST: Explanation(
        "lost",
        _l("Its worker died while it ran, and it will not run again by itself."),
        _l("Find out what kills the worker (often memory) before you run it again."),
    ),
    states.MISSED: Explanation(
        "missed",
        _l("Its time passed while nothing could start it."),
        _l("See that beat runs. Run it again if it is still wanted, or let the schedule catch up."),
    ),
    states.SKIPPED: Explanation(
        "skipped",
        _l("A rule of its schedule left this fire out."),
        _l("Change the rule on the page of the schedule if it should have run."),
    ),
}


def explain(run: Run) -> Explanation:
    """What the state of a run means and what to do about it."""
    return next((found for fits, found in _SPECIAL if fits(run)), _BY_STATE[run.state])
