"""What an action would do to a run as it is now: act, or leave it out and why."""

from collections.abc import Collection
from dataclasses import dataclass

from app import catalog
from app.accounts import permits
from app.errors import Invalid
from app.runs import apps, states
from app.runs.making_good import Families
from app.runs.models import Run
from app.runs.states import DELETE, RERUN

ACT = "act"
CHANGED = "changed"
SECRET = "secret"  # noqa: S105 -- a verdict: secrets of its arguments were not kept
TOO_LARGE = "too-large"
UNKNOWN = "unknown"
GONE = "gone"
ROLE = "role"
ALREADY_RERUN = "already_rerun"  # that run, or a later one of the same work, succeeded or is open
OTHER_APP = "another-app"
VERDICTS = (
    *(ACT, states.RUNS, states.WAITS, states.ENDED, ALREADY_RERUN),
    *(CHANGED, SECRET, TOO_LARGE, UNKNOWN, GONE, ROLE, OTHER_APP),
)


@dataclass(frozen=True)
class Verdict:
    """`code` is one of `VERDICTS`; `detail` says what no longer fits the task's signature."""

    code: str
    detail: str | None = None


def already_rerun(action: str, run_ids: Collection[str]) -> set[str]:
    """Those of a set that an action leaves out because they ran again since, or another of the set did."""
    return Families(run_ids).left_out(run_ids) if action == RERUN else set()


def judge(action: str, run: Run | None, ran_again: Collection[str] = ()) -> Verdict:
    """What the action would do to the run; one that is no more is None. See `already_rerun`."""
    if run is None:
        return Verdict(GONE)
    state = states.of(run.state)
    if action not in state.actions:
        return Verdict(state.phase)
    if run.id in ran_again:
        return Verdict(ALREADY_RERUN)
    if action != DELETE and not apps.reachable(run.app):
        return Verdict(OTHER_APP)
    return _rerun(run) if action == RERUN else Verdict(ACT)


def _rerun(run: Run) -> Verdict:
    info = catalog.lookup(run.task_name, app=run.app)
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
        return Verdict(
            CHANGED, "; ".join(f"{name}: {' '.join(messages)}" for name, messages in error.errors.items())
        )
    return Verdict(ACT)
