"""Two runs side by side: chosen in the list, or a run with the previous one of its task."""

from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import catalog, runs
from app.errors import Invalid
from app.pages.runs.blueprint import bp
from app.runs import comparison, states
from app.runs.models import Run
from app.web import words
from app.web.permissions import requires
from app.web.toasts import toast


@dataclass(frozen=True)
class Fact:
    """What is known of both runs, in words."""

    label: str
    left: str
    right: str

    @property
    def same(self) -> bool:
        return self.left == self.right


@bp.get("/compare")
@requires("view")
def compare() -> str:
    ids = list(dict.fromkeys(text for text in request.args.getlist("id") if text))
    if len(ids) != 2:
        raise Invalid({"id": [_("Choose two runs to compare.")]})
    left, right = sorted(map(runs.get, ids), key=lambda run: (run.created_at, run.id))
    differences = comparison.compare(left, right, _names(left), _names(right))
    return render_template("runs/compare.html", found=differences, facts=_facts(left, right))


@bp.get("/<run_id>/compare")
@requires("view")
def compare_with_previous(run_id: str) -> Response:
    run = runs.get(run_id)
    before = comparison.previous(run)
    if before is None:
        toast(_("There is no earlier run of this task"), failed=True)
        return redirect(url_for(".show", run_id=run.id))
    return redirect(url_for(".compare", id=[before.id, run.id]))


def _facts(left: Run, right: Run) -> list[Fact]:
    readers: list[tuple[str, Any]] = [
        (_("Task"), lambda run: run.task_name),
        (_("State"), lambda run: str(states.of(run.state).word)),
        (_("Requested"), lambda run: words.full(run.created_at)),
        (_("Waited"), lambda run: _span(run.created_at, run.started_at)),
        (
            _("Duration"),
            lambda run: "" if run.runtime_seconds is None else words.duration(run.runtime_seconds),
        ),
        (_("Attempt"), lambda run: str(run.attempt + 1)),
        (_("Queue"), lambda run: run.queue or ""),
        (_("Worker"), lambda run: run.worker or ""),
        (_("Requested by"), lambda run: run.requested_by or ""),
        (_("Error"), lambda run: run.error or ""),
    ]
    facts = [Fact(label, read(left), read(right)) for label, read in readers]
    return [fact for fact in facts if fact.left or fact.right]


def _span(begun: Any, ended: Any) -> str:
    return words.duration(max(0.0, (ended - begun).total_seconds())) if begun and ended else ""


def _names(run: Run) -> list[str]:
    info = catalog.lookup(run.task_name, run.app_name)
    return info.places(len(run.args or [])) if info else []
