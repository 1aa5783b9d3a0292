"""What an action would do to a run as it is now: act, or leave it out and why."""

from dataclasses import dataclass

from app import catalog
from app.accounts import permits
from app.errors import Invalid
from app.runs import states
from app.runs.models import Run
from app.runs.states import RERUN

ACT = "act"
CHANGED = "changed"
SECRET = "secret"  # noqa: S105 -- a verdict: secrets of its arguments were not kept
TOO_LARGE = "too-large"
UNKNOWN = "unknown"
GONE = "gone"
ROLE = "role"
VERDICTS = (ACT, states.RUNS, states.WAITS, states.ENDED, CHANGED, SECRET, TOO_LARGE, UNKNOWN, GONE, ROLE)


@dataclass(frozen=True)
class Verdict:
    """`code` is one of `VERDICTS`; `detail` says what no longer fits the task's signature."""

    code: str
    detail: str | None = None


def judge(action: str, run: Run | None) -> Verdict:
    """What the action would do to the run; a run that is no more is None."""
    if run is None:
        return Verdict(GONE)
    state = states.of(run.state)
    if action not in state.actions:
        return Verdict(state.phase)
    return _rerun(run) if action == RERUN else Verdict(ACT)


def _rerun(run: Run) -> Verdict:
    info = catalog.lookup(run.task_name)
    if info is None:
        return Verdict(UNKNOWN)
    if not permits.may_run(run.task_name):
        return Verdict(ROLE)
    if run.args is None or run.kwargs is None:
        return Verdict(TOO_LARGE)
    if run.masked or catalog.is_masked([run.args, run.kwargs]):
        return Verdict(SECRET)
    try:
        catalog.validate(info, list(run.args), dict(run.kwargs))
    except Invalid as error:
        return Verdict(CHANGED, "; ".join(f"{name}: {' '.join(said)}" for name, said in error.errors.items()))
    return Verdict(ACT)
