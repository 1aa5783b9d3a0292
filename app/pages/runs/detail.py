"""The page of one run, and what can be done with it."""

import os
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, catalog, queues, runs, workflows
from app.config import PROJECT_DIR, settings
from app.errors import BrokerUnavailable, Invalid
from app.pages.runs import presentation, subscription
from app.pages.runs.blueprint import bp
from app.runs import apps, states, tracebacks
from app.runs.cancel import SIGNALS
from app.runs.explanation import explain
from app.runs.raw_message import raw_message
from app.runs.timeline import timeline
from app.web import live, viewer
from app.web.dialogs import question
from app.web.filters import last_part, short_id
from app.web.htmx import go_to, safe_return
from app.web.permissions import requires
from app.web.titles import title
from app.web.toasts import toast


@bp.get("/<run_id>")
@requires("view")
def show(run_id: str) -> str:
    return render_template("runs/show.html", **_context(run_id))


@bp.get("/<run_id>/live")
@requires("view")
def part(run_id: str) -> str | Response:
    if request.args.get("version", "") == (settled := _settled_version(run_id)) and settled:
        return live.nothing_new()  # whatever the other runs do
    return live.fragment("runs/_run.html", _version(run_id), lambda: _context(run_id))


@bp.get("/<run_id>/message")
@requires("view")
def message(run_id: str) -> str:
    """The run's message as it lies in the broker, and the code that sends the same."""
    run = runs.get(run_id)
    raw, away = None, False
    try:
        raw = raw_message(run, _info(run))
    except BrokerUnavailable:
        away = True
    unseen = not broker.capabilities().reading and not run.is_finished
    shown = {"found": raw, "away": away, "unseen": unseen, "codes": _codes(run)}
    return render_template("runs/message.html", run=run, **shown)


@bp.get("/<run_id>/terminate")
@requires("operate")
def terminate(run_id: str) -> str:
    return _question("runs/_terminate.html", _("Terminate run"), run_id, signals=SIGNALS)


@bp.get("/<run_id>/cancel")
@requires("operate")
def ask_cancel(run_id: str) -> str:
    return _question("runs/_cancel.html", _("Cancel run"), run_id)


@bp.post("/<run_id>/cancel")
@requires("operate")
def cancel(run_id: str) -> Response:
    run = runs.get(run_id)
    signal = request.form.get("signal", SIGNALS[0])
    if signal not in SIGNALS:
        raise Invalid({"signal": [_("Choose one of %(names)s.", names=", ".join(SIGNALS))]})
    outcome = runs.cancel(
        run, bool(request.form.get("terminate")), current_user.name, viewer.now(), signal=signal
    )
    toast(str(_OUTCOMES[outcome]))
    return go_to(_back() or url_for("runs.show", run_id=run.id))


@bp.post("/<run_id>/rerun")
@requires("operate")
def rerun(run_id: str) -> Response:
    new = runs.rerun(runs.get(run_id), current_user.name, viewer.now())
    toast(_("Sent again as a new run"))
    return go_to(url_for("runs.show", run_id=new.id))


@bp.get("/<run_id>/delete")
@requires("administer")
def ask_delete(run_id: str) -> str:
    return _question("runs/_delete.html", _("Delete run"), run_id)


@bp.post("/<run_id>/delete")
@requires("administer")
def delete(run_id: str) -> Response:
    runs.delete_run(runs.get(run_id), viewer.now())
    toast(_("Deleted from the history"))
    return go_to(_back() or url_for("runs.index"))


def _question(fragment: str, title: str, run_id: str, **shown: Any) -> str:
    run = runs.get(run_id)
    above = [(url_for("runs.index"), _("Runs")), (url_for("runs.show", run_id=run.id), short_id(run.id))]
    return question(fragment, title, above, run=run, back=_back(), **shown)


def _back() -> str:
    """The list that the question was asked on, to which the answer leads back; empty for another page."""
    return safe_return(request.values.get("next"), "")


_OUTCOMES = {
    "removed": _l("Cancelled before a worker took it: it will not run"),
    "revoked": _l("A worker already has it: it will not start if it has not yet"),
    "terminated": _l("The worker is stopping it; its state here follows in a moment"),
}


def _context(run_id: str) -> dict[str, Any]:
    version, settled_version = _version(run_id), _settled_version(run_id)
    run = runs.get(run_id)
    info = _info(run)
    workflow, face, reruns = workflows.workflow_of(run), states.of(run.state), runs.reruns(run.id)
    settled = run.is_finished and workflow is None and all(rerun.is_finished for rerun in reruns)
    raised = presentation.raised(run)
    folders = [str(PROJECT_DIR), os.getcwd()]
    return {
        "version": settled_version if settled else version,
        "drawn_open": not run.is_finished or "open" in request.args,
        "tab_title": title(
            f"{last_part(run.task_name)} {short_id(run.id)}", face.word, face.kind, face.turning
        ),
        "run": run,
        "subscription": None if run.is_finished else subscription.of(run.id),
        "known_task": info is not None,
        "reachable": apps.reachable(run.app),
        "line": timeline(run, viewer.now(), _typical_seconds(run)),
        "why": _why(run),
        "explanation": explain(run),
        "raised": raised,
        "errors": tracebacks.around(tracebacks.parse(raised.traceback if raised else "", folders), folders),
        "most_attempts": info.max_retries + 1 if info and info.max_retries is not None else None,
        "given": presentation.named_arguments(run, info.places(len(run.args or [])) if info else []),
        "defaults": presentation.defaults_used(run, info),
        "workflow": workflow,
        "labels": workflows.labels(workflow, run.id) if workflow else {},
        "reruns": reruns,
        "other_queues": _other_queues(run),
    }


def _other_queues(run: runs.Run) -> list[str] | None:
    """Where a run may go whose message can only be sent once more; None where it cannot, or need not."""
    waits = run.state == states.PENDING and run.queue and current_user.can("operate")
    if broker.capabilities().order or not waits:
        return None
    return [name for name in settings().declared_queues if name != run.queue]


def _why(run: runs.Run) -> str:
    """Why it does not run yet; empty when it does, has ended, or nobody can tell."""
    if run.is_finished or (run.state in runs.RUNNING and run.app is None):
        return ""
    diagnosis = queues.why(run, viewer.now())
    return diagnosis.detail if run.state not in runs.RUNNING or diagnosis.reason == "worker-silent" else ""


def _typical_seconds(run: runs.Run) -> float | None:
    """How long runs of this task usually take, while this one runs; None when too few did."""
    if run.state not in runs.RUNNING:
        return None
    task = run.app_name, run.task_name
    return runs.typical_seconds([task], viewer.now()).get(task)


def _codes(run: runs.Run) -> list[tuple[Any, str, str]]:
    """The run as code to be copied: (title, id, text); none when its arguments or task are not known."""
    info = _info(run)
    if info is None or run.args is None:
        return []
    arguments = run.args, run.kwargs or {}
    options = {"queue": run.queue, "priority": run.priority}
    base = settings().base_url or request.host_url
    return [
        (_("As curl"), "as-curl", catalog.as_curl(base, info, *arguments, options)),
        (_("As Python"), "as-python", catalog.as_python(info, *arguments, options)),
    ]


def _info(run: runs.Run) -> catalog.TaskInfo | None:
    return catalog.lookup(run.task_name, run.app_name)


def _settled_version(run_id: str) -> str:
    """Moves with the run alone: when it and its retries have ended, no other run changes its page."""
    version = runs.version(run_id)
    return f"settled.{version}" if version else ""


def _version(run_id: str) -> str:
    """Moves with the run, and with the others, on which it may wait; empty while nobody can tell."""
    return live.joined(runs.version(run_id), runs.version())
