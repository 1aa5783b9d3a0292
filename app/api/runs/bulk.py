"""`/runs/bulk`: freeze a set of runs, look at what would become of them, do it, follow it."""

from typing import Any

from flask import current_app, url_for
from flask_login import current_user
from marshmallow import ValidationError, fields, validate, validates_schema

from app import lists
from app.api import frame
from app.api.fields import Flag, Moment, Schema, filtered, page_of
from app.clock import utcnow
from app.errors import Forbidden
from app.runs import RunFilter, states
from app.runs import bulk as run_bulk
from app.runs.bulk import background, verdicts
from app.web.permissions import requires

bp = frame.ApiBlueprint("bulk", __name__, description="Many runs at once", tag="runs")
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The address of the change."}}
_DRY = "Only freeze the set and say what would become of each run; `confirm` then does it."


class BulkRequestSchema(Schema):
    """What to do, with which runs: give `ids` or `filter`."""

    action = fields.String(
        required=True, validate=validate.OneOf(run_bulk.ACTIONS, error="Choose one of: {choices}.")
    )
    ids = fields.List(
        fields.String(validate=validate.Length(1, 255)),
        validate=validate.Length(1, run_bulk.MOST, error="Give from {min} to {max} ids."),
    )
    filter = fields.Nested(
        lists.schema(RunFilter), metadata={"description": "The newest 10,000 that match, at most."}
    )
    dry_run = Flag(load_default=True, metadata={"description": _DRY})

    @validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if ("ids" in data) == ("filter" in data):
            raise ValidationError("Give either ids or filter.", "ids")


class BulkSchema(Schema):
    """A change of many runs."""

    id = fields.String()
    action = fields.String(metadata={"enum": list(run_bulk.ACTIONS)})
    state = fields.String(
        metadata={"enum": ["frozen", "working", "finished"], "description": "frozen: nothing is done yet."}
    )
    total = fields.Integer(metadata={"description": "How many runs the set has."})
    to_do = fields.Integer(metadata={"description": "How many of them the action fits."})
    done = fields.Integer(metadata={"description": "How many of those have their outcome."})
    verdicts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": f"Runs by what was found of them: {', '.join(verdicts.VERDICTS)}."},
    )
    outcomes = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "Runs by what became of them: done, failed, or a verdict that came later."},
    )
    new_runs = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "The runs that a rerun made, by their states now."},
    )
    capped = fields.Boolean(metadata={"description": "More runs match than one change takes."})
    looked_until = Moment(
        allow_none=True, metadata={"description": "Where the search for runs stopped; null: it saw all."}
    )
    asked_by = fields.String()
    created_at = Moment()
    confirmed_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class BulkItemSchema(Schema):
    """One run of the set."""

    position = fields.Integer()
    run_id = fields.String()
    task_name = fields.String()
    verdict = fields.String(metadata={"enum": list(verdicts.VERDICTS)})
    outcome = fields.String(allow_none=True, metadata={"description": "Null until it was its turn."})
    detail = fields.String(allow_none=True)
    new_id = fields.String(allow_none=True, metadata={"description": "The run that a rerun made."})
    new_state = fields.String(allow_none=True, metadata={"description": "The state of that run now."})


@bp.route("/runs/bulk", methods=["POST"])
@requires("operate")
@bp.arguments(BulkRequestSchema)
@bp.response(202, BulkSchema, headers=_LOCATION)
def change_runs(body: dict[str, Any]) -> Any:
    """Rerun, cancel, terminate or delete many runs; a dry run first, unless told otherwise"""
    now, by = utcnow(), current_user.name
    _require_right(body["action"])
    if "ids" in body:
        bulk = run_bulk.freeze(body["action"], body["ids"], by, now)
    else:
        meant = lists.meant(RunFilter, body["filter"], now)
        bulk = run_bulk.freeze_matching(body["action"], meant, by, now)
    return _described(bulk if body["dry_run"] else _confirmed(bulk.id)), 202, _location(bulk.id)


@bp.route("/runs/bulk/<bulk_id>")
@requires("view")
@bp.response(200, BulkSchema)
def get_change(bulk_id: str) -> dict[str, Any]:
    """How far a change of many runs is"""
    return _described(run_bulk.get(bulk_id))


@bp.route("/runs/bulk/<bulk_id>/items")
@requires("view")
@bp.arguments(filtered(run_bulk.BulkItemFilter), location="query")
@bp.response(200, page_of(BulkItemSchema))
def list_change_items(query: dict[str, Any], bulk_id: str) -> dict[str, Any]:
    """What was found of each run, and what became of it"""
    filters = lists.meant(run_bulk.BulkItemFilter, query, utcnow())
    page = run_bulk.items(run_bulk.get(bulk_id), filters, query["limit"], query["cursor"])
    new = run_bulk.new_states(page.items)
    names = ("position", "run_id", "task_name", "verdict", "outcome", "detail", "new_id")
    items = [
        {name: getattr(item, name) for name in names} | {"new_state": new.get(item.new_id or "")}
        for item in page.items
    ]
    return {"items": items, "next_cursor": page.next_cursor}


@bp.route("/runs/bulk/<bulk_id>/confirm", methods=["POST"])
@requires("operate")
@bp.response(202, BulkSchema, headers=_LOCATION)
def confirm_change(bulk_id: str) -> Any:
    """Do what a dry run showed, with exactly its runs"""
    _require_right(run_bulk.get(bulk_id).action)
    return _described(_confirmed(bulk_id)), 202, _location(bulk_id)


def _confirmed(bulk_id: str) -> run_bulk.Bulk:
    bulk = run_bulk.confirm(bulk_id, current_user.name, utcnow())
    background.start(current_app._get_current_object(), bulk_id)  # type: ignore[attr-defined]  # werkzeug's proxy
    return bulk


def _require_right(action: str) -> None:
    """Deleting takes what `DELETE /runs` takes."""
    if action == states.DELETE and not current_user.can("administer"):
        raise Forbidden


def _location(bulk_id: str) -> dict[str, str]:
    return {"Location": url_for(".get_change", bulk_id=bulk_id)}


def _described(bulk: run_bulk.Bulk) -> dict[str, Any]:
    progress = run_bulk.progress(bulk)
    names = (
        "id",
        "action",
        "state",
        "total",
        "capped",
        "asked_by",
        "created_at",
        "confirmed_at",
        "finished_at",
    )
    return {name: getattr(bulk, name) for name in names} | {
        "looked_until": bulk.looked_back_to,
        "verdicts": progress.verdicts,
        "outcomes": progress.outcomes,
        "new_runs": progress.new_runs,
        "to_do": progress.to_do,
        "done": progress.done,
    }
