"""What became of a run, and what to do about it: by its state, and by the error of special ends."""

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
        lambda run: run.state == states.REVOKED and run.started_at is None and not run.attempt,
        Explanation(
            states.of(states.REVOKED).code,
            _l("It was cancelled before it began: nothing of it was done."),
            states.of(states.REVOKED).advice,
        ),
    ),
    (
        _error("NotRegistered"),
        Explanation(
            "unregistered",
            _l("The worker that took it does not know this task, so nothing was run."),
            _l("Name the task's module in CELERIAC_TASKS, restart the worker, then retry it."),
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
            _l("Look at the memory and the log of that machine, then retry it."),
        ),
    ),
    (
        _error(states.END_NOT_TOLD),
        Explanation(
            "end-not-told",
            _l(
                "Its worker no longer has it, and could not tell how it ended: Celeriac was away longer than "
                "the worker can keep events. Its work may be done."
            ),
            _l("Look at what it does, or into its worker's log, before you retry it."),
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
)


def explain(run: Run) -> Explanation:
    """What the state of a run means and what to do about it."""
    if special := next((explanation for fits, explanation in _SPECIAL if fits(run)), None):
        return special
    state = states.of(run.state)
    return Explanation(state.code, state.meaning, state.advice)
