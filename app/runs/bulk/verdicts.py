"""What an action would do to a run as it is now: act, or leave it out and why."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app import catalog
from app.accounts import permits
from app.errors import Invalid
from app.runs import apps, rerun_families, states
from app.runs.models import Run
from app.runs.rerun_families import Families
from app.runs.states import DELETE, RERUN

ACT = "act"
CHANGED = "changed"
SECRET = "secret"  # noqa: S105 -- a verdict: secrets of its arguments were not kept
TOO_LARGE = "too-large"
UNKNOWN = "unknown"
GONE = "gone"
ROLE = "role"
ALREADY_RERUN = "already_rerun"  # that run, or a later one of the same work, succeeded or is open
SUPERSEDED = "superseded"  # by a later try of the same work in the set, which failed, too, and runs again
OTHER_APP = "another-app"
VERDICTS = (
    *(ACT, states.RUNS, states.WAITS, states.ENDED, ALREADY_RERUN, SUPERSEDED),
    *(CHANGED, SECRET, TOO_LARGE, UNKNOWN, GONE, ROLE, OTHER_APP),
)


@dataclass(frozen=True)
class Verdict:
    """`code` is one of `VERDICTS`; `detail` says what no longer fits the task's signature."""

    code: str
    detail: str | None = None


def tried_again(action: str, run_ids: Collection[str]) -> dict[str, str]:
    """Those of a set that an action leaves out because their work was tried again since, with the verdict."""
    left_out = Families(run_ids).left_out(run_ids) if action == RERUN else {}
    return {
        run_id: SUPERSEDED if how == rerun_families.SUPERSEDED else ALREADY_RERUN
        for run_id, how in left_out.items()
    }


def judge(action: str, run: Run | None, again: Mapping[str, str] = MappingProxyType({})) -> Verdict:
    """What the action would do to the run; one that is no more is None. `again`: of `tried_again`."""
    if run is None:
        return Verdict(GONE)
    state = states.of(run.state)
    if action not in state.actions:
        return Verdict(state.phase)
    if run.id in again:
        return Verdict(again[run.id])
    if action != DELETE and not apps.reachable(run.app):
        return Verdict(OTHER_APP)
    return _rerun(run) if action == RERUN else Verdict(ACT)


def _rerun(run: Run) -> Verdict:
    info = catalog.lookup(run.task_name, run.app_name)
    if info is None:
        return Verdict(UNKNOWN)
    if not permits.may_run(run.task_name, run.app):
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
