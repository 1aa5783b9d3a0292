"""`/runs`: submit, list, show, cancel, rerun, delete."""

from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, jsonify, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app import catalog, lists, queues, runs, workflows
from app.api import frame
from app.api.fields import filtered
from app.api.runs import bulk, schemas, subscription, workflow
from app.clock import utcnow
from app.errors import Invalid, NotFound
from app.runs import comparison, logs, states
from app.runs.models import Run
from app.web.permissions import requires

bp = frame.ApiBlueprint("runs", __name__, description="Requested executions of tasks")
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The address of the run."}}


def init_app(app: Flask) -> None:
    frame.register(bp)
    frame.register(bulk.bp)
    frame.register(subscription.bp)


@bp.route("/runs", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.SubmitSchema)
@bp.arguments(schemas.IdempotencySchema, location="headers")
@bp.response(202, schemas.RunSchema, headers=_LOCATION)
def submit_run(body: dict[str, Any], header: dict[str, Any]) -> Any:
    """Run a task: now, later or when released"""
    now = utcnow()
    _require_task(body["task_name"], body.get("app"))
    request_values = dict(body)
    countdown = body.pop("countdown", None)
    if countdown is not None:
        body["run_at"] = now + timedelta(seconds=countdown)
    by, key = current_user.name, header["key"]
    request = runs.RunRequest(**body, requested_by=by, idempotency_key=key, requested=request_values)
    return _accepted(runs.submit(request, now))


@bp.route("/runs")
@requires("view")
@bp.arguments(filtered(runs.RunFilter), location="query")
@bp.response(200, schemas.RunsPageSchema)
def list_runs(query: dict[str, Any]) -> runs.RunPage:
    """Runs, newest first"""
    filters = lists.meant(runs.RunFilter, query, utcnow())
    return runs.page(filters, query["limit"], query["cursor"])


@bp.route("/runs/<run_id>")
@requires("view")
@bp.response(200, schemas.RunSchema)
def get_run(run_id: str) -> Run:
    """One run, with its result or error"""
    return runs.get(run_id)


@bp.route("/runs/<run_id>/diagnosis")
@requires("view")
@bp.response(200, schemas.DiagnosisSchema)
def diagnose_run(run_id: str) -> queues.Diagnosis:
    """Why a run does not run yet, and when it is likely to"""
    return queues.why(runs.get(run_id), utcnow())


@bp.route("/runs/<run_id>/comparison")
@requires("view")
@bp.arguments(schemas.ComparisonQuery, location="query")
@bp.response(200, schemas.ComparisonSchema)
def compare_run(query: dict[str, Any], run_id: str) -> comparison.Comparison:
    """A run beside another one, or beside the previous run of its task"""
    right = runs.get(run_id)
    left = runs.get(query["with"]) if query["with"] else comparison.previous(right)
    if left is None:
        raise NotFound(_("There is no earlier run of this task"))
    names = [_names(run) for run in (left, right)]
    return comparison.compare(left, right, *names)


@bp.route("/runs/<run_id>/log")
@requires("view")
@bp.arguments(schemas.LogQuery, location="query")
@bp.response(200, schemas.LogSchema)
def get_log(query: dict[str, int], run_id: str) -> logs.Log:
    """What a run logged and printed, oldest first"""
    return logs.read(runs.get(run_id).id, **query)


@bp.route("/runs/<run_id>/workflow")
@requires("view")
@bp.response(200, workflow.WorkflowSchema)
def get_workflow(run_id: str) -> dict[str, Any]:
    """The chain, group or chord that a run belongs to"""
    return workflow.document(workflows.workflow_of(runs.get(run_id)) or workflows.Workflow())


@bp.route("/runs/<run_id>/cancel", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.CancelSchema, required=False)
@bp.response(200, schemas.CancelledRunSchema)
def cancel_run(body: dict[str, Any], run_id: str) -> Response:
    """Cancel a run that has not finished"""
    outcome = runs.cancel(
        runs.get(run_id), body["terminate"], current_user.name, utcnow(), signal=body["signal"]
    )
    return jsonify(schemas.RunSchema().dump(runs.get(run_id)) | {"outcome": outcome})


@bp.route("/runs/<run_id>/rerun", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.RerunSchema, required=False)
@bp.arguments(schemas.IdempotencySchema, location="headers")
@bp.response(202, schemas.RunSchema, headers=_LOCATION)
def rerun_run(body: dict[str, Any], header: dict[str, Any], run_id: str) -> Any:
    """Run again, with the same or changed arguments"""
    old = runs.get(run_id)
    if old.app is None:
        _require_task(old.task_name)
    by, key = current_user.name, header["key"]
    values = {"rerun_of": old.id} | body
    new = runs.rerun(old, by, utcnow(), idempotency_key=key, requested=values, **body)
    return _accepted(new)


@bp.route("/runs", methods=["DELETE"])
@requires("administer")
@bp.arguments(schemas.DeletionQuery, location="body_or_query")
@bp.response(200, schemas.DeletedSchema)
def delete_runs(query: dict[str, Any]) -> dict[str, int]:
    """Delete finished runs from the history, by state and age"""
    now = utcnow()
    before: datetime = query.get("before", now)
    return {"deleted": runs.clean_up(query.get("state") or states.FINISHED, before, now)}


def _names(run: Run) -> list[str]:
    info = catalog.lookup(run.task_name, run.app_name)
    return info.places(len(run.args or [])) if info else []


def _require_task(name: str, app: str | None = None) -> None:
    """A task that does not exist is a wrong value of the field, not a wrong address."""
    try:
        catalog.meant(name, app)
    except NotFound as error:
        raise Invalid({"task_name": [error.detail]}) from None


def _accepted(run: Run) -> tuple[Run, int, dict[str, str]]:
    return runs.get(run.id), 202, {"Location": url_for(".get_run", run_id=run.id)}
