"""`GET /audit`: every change, newest first."""

from typing import Any

from flask import Flask
from marshmallow import fields, validate

from app import audit
from app.api import frame
from app.api.fields import Moment, PageQuery, QueryMoment, Schema, page_of
from app.audit.origin import VIAS
from app.web.permissions import requires

bp = frame.ApiBlueprint("audit", __name__, description="Who changed what")
_text = validate.Length(max=255)


class AuditEntrySchema(Schema):
    id = fields.Integer()
    at = Moment()
    actor = fields.String(metadata={"description": "The user's name; empty for the system itself."})
    via = fields.String(metadata={"enum": list(VIAS)})
    action = fields.String(metadata={"example": "run.submit"})
    object_kind = fields.String(allow_none=True, metadata={"example": "run"})
    object_id = fields.String(allow_none=True)
    object_name = fields.String(allow_none=True)
    details = fields.Dict(keys=fields.String(), allow_none=True)
    address = fields.String(allow_none=True, metadata={"description": "Where the request came from."})


class AuditQuery(PageQuery):
    actor = fields.String(validate=_text)
    action = fields.String(
        validate=_text, metadata={"description": "One action (run.submit) or a group of them (run)."}
    )
    object_kind = fields.String(validate=_text)
    object_id = fields.String(validate=_text)
    since = QueryMoment()
    until = QueryMoment()


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/audit")
@requires("view")
@bp.arguments(AuditQuery, location="query")
@bp.response(200, page_of(AuditEntrySchema))
def list_audit_entries(query: dict[str, Any]) -> audit.Page:
    """Every change, newest first"""
    limit, cursor = query.pop("limit"), query.pop("cursor")
    return audit.page(audit.Filter(**query), limit, cursor)
