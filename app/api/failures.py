"""`/failures`: kinds of failures, and what is done to them."""

from datetime import datetime
from typing import Any

from flask import Flask
from flask_login import current_user
from marshmallow import fields, validate

from app import lists
from app.api import frame
from app.api.fields import INTEGER_MAX, OF_APP, Moment, OutcomeSchema, Schema, filtered, page_of
from app.clock import utcnow
from app.runs.failures import FailureKind, acts, inbox
from app.runs.failures.inbox import FailureFilter
from app.runs.failures.models import STATES
from app.web.permissions import requires

bp = frame.ApiBlueprint("failures", __name__, description="Failures by task and error, as a list to work off")


class FailureKindSchema(Schema):
    """The failures of one app's task with one kind of error."""

    id = fields.Integer()
    app = fields.String(metadata=OF_APP)
    task_name = fields.String()
    kind = fields.String(metadata={"description": "The exception's class, or how the error begins."})
    error = fields.String(metadata={"description": "How the error of the last failure begins."})
    state = fields.Function(
        lambda row: row.standing(utcnow()), metadata={"type": "string", "enum": list(STATES)}
    )
    state_at = Moment(allow_none=True, metadata={"description": "When somebody brought it into a state."})
    state_by = fields.String(allow_none=True)
    ignored_until = Moment(allow_none=True, metadata={"description": "Null while ignored: for good."})
    made_good = fields.Boolean(metadata={"description": "Whether all failures were made good by reruns."})
    reopened_at = Moment(allow_none=True, metadata={"description": "When it came back after it was closed."})
    reopened_run_id = fields.String(allow_none=True, metadata={"description": "The run that did it."})
    owner = fields.String(allow_none=True)
    note = fields.String(allow_none=True, metadata={"description": "The last note."})
    failures = fields.Integer(metadata={"description": "How many runs failed so, since the first."})
    first_at = Moment()
    first_run_id = fields.String(allow_none=True)
    last_at = Moment()
    last_run_id = fields.String(allow_none=True)


class FailureCountsSchema(Schema):
    """How many kinds stand how."""

    open = fields.Integer()
    resolved = fields.Integer()
    ignored = fields.Integer()
    all = fields.Integer()


class FailureChangeSchema(Schema):
    """What was done to a kind."""

    at = Moment()
    by = fields.String(allow_none=True, metadata={"description": "Null: it came back by itself."})
    action = fields.String(metadata={"enum": [*acts.ACTIONS, "undo", "came-back"]})
    note = fields.String(allow_none=True)
    until = Moment(allow_none=True)
    owner = fields.String(allow_none=True)
    run_id = fields.String(allow_none=True)


class FailureHistorySchema(Schema):
    items = fields.List(fields.Nested(FailureChangeSchema), required=True)


_NOTE: Any = {"load_default": "", "validate": validate.Length(max=acts.NOTE_MAX)}


class FailureNoteSchema(Schema):
    note = fields.String(**_NOTE)


class FailureIgnoreSchema(FailureNoteSchema):
    until = Moment(load_default=None, allow_none=True, metadata={"description": "Null: for good."})


class FailurePatchSchema(Schema):
    owner = fields.String(allow_none=True, metadata={"description": "A user's name; null: nobody."})
    note = fields.String(allow_none=True, validate=validate.Length(max=acts.NOTE_MAX))


class FailureBulkSchema(FailureIgnoreSchema):
    action = fields.String(required=True, validate=validate.OneOf(tuple(acts.ACTIONS)))
    ids = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, INTEGER_MAX)),
        required=True,
        validate=validate.Length(1, acts.BULK_MAX),
    )
    owner = fields.String(load_default=None, allow_none=True, metadata={"description": "For `assign`."})


class FailureOutcomeSchema(OutcomeSchema):
    id = fields.Integer()


class FailureOutcomesSchema(Schema):
    outcomes = fields.List(fields.Nested(FailureOutcomeSchema))


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/failures")
@requires("view")
@bp.arguments(filtered(FailureFilter), location="query")
@bp.response(200, page_of(FailureKindSchema))
def list_failures(query: dict[str, Any]) -> lists.Page[FailureKind]:
    """Kinds of failures, the open ones where no state is given, the last that failed first"""
    return inbox.page(_meant(query), query["limit"], query["cursor"])


@bp.route("/failures/counts")
@requires("view")
@bp.arguments(lists.schema(FailureFilter), location="query")
@bp.response(200, FailureCountsSchema)
def count_failures(query: dict[str, Any]) -> dict[str, int]:
    """How many kinds of failures stand how; the filter's state says nothing here"""
    return inbox.counts(_meant(query))


@bp.route("/failures/bulk", methods=["POST"])
@requires("operate")
@bp.arguments(FailureBulkSchema)
@bp.response(200, FailureOutcomesSchema)
def change_failures(wanted: dict[str, Any]) -> dict[str, Any]:
    """Resolve, ignore, open again, assign or note many kinds; says what happened to each"""
    outcomes = acts.apply(wanted["action"], wanted["ids"], current_user.name, utcnow(), wanted)
    return {"outcomes": outcomes}


@bp.route("/failures/<int:kind_id>")
@requires("view")
@bp.response(200, FailureKindSchema)
def get_failure(kind_id: int) -> FailureKind:
    """One kind of failures"""
    return inbox.get(kind_id)


@bp.route("/failures/<int:kind_id>", methods=["PATCH"])
@requires("operate")
@bp.arguments(FailurePatchSchema)
@bp.response(200, FailureKindSchema)
def change_failure(wanted: dict[str, Any], kind_id: int) -> FailureKind:
    """Give a kind of failures an owner or a note"""
    row, now = inbox.get(kind_id), utcnow()
    if "owner" in wanted:
        row = acts.act("assign", kind_id, current_user.name, now, wanted)
    elif "note" in wanted:
        row = acts.act("note", kind_id, current_user.name, now, wanted)
    return row


@bp.route("/failures/<int:kind_id>/resolve", methods=["POST"])
@requires("operate")
@bp.arguments(FailureNoteSchema, required=False)
@bp.response(200, FailureKindSchema)
def resolve_failure(wanted: dict[str, Any], kind_id: int) -> FailureKind:
    """Resolve a kind: a failure after that opens it again"""
    return acts.act("resolve", kind_id, current_user.name, utcnow(), wanted)


@bp.route("/failures/<int:kind_id>/ignore", methods=["POST"])
@requires("operate")
@bp.arguments(FailureIgnoreSchema, required=False)
@bp.response(200, FailureKindSchema)
def ignore_failure(wanted: dict[str, Any], kind_id: int) -> FailureKind:
    """Ignore a kind until a moment, at most 366 days ahead, or for good"""
    return acts.act("ignore", kind_id, current_user.name, utcnow(), wanted)


@bp.route("/failures/<int:kind_id>/reopen", methods=["POST"])
@requires("operate")
@bp.arguments(FailureNoteSchema, required=False)
@bp.response(200, FailureKindSchema)
def reopen_failure(wanted: dict[str, Any], kind_id: int) -> FailureKind:
    """Open a kind again that is resolved or ignored"""
    return acts.act("reopen", kind_id, current_user.name, utcnow(), wanted)


@bp.route("/failures/<int:kind_id>/changes")
@requires("view")
@bp.response(200, FailureHistorySchema)
def list_failure_changes(kind_id: int) -> dict[str, Any]:
    """What was done to a kind of failures, its notes among it, and when it came back"""
    return {"items": inbox.changes_of(inbox.get(kind_id).id)}


def _meant(query: dict[str, Any]) -> FailureFilter:
    now: datetime = utcnow()
    return lists.meant(FailureFilter, query, now)
