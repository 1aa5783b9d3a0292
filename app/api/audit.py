"""`GET /audit`: every change, newest first."""

from typing import Any

from flask import Flask
from marshmallow import fields

from app import audit, lists
from app.api import frame
from app.api.fields import Moment, Schema, filtered, page_of
from app.audit.models import AuditEntry
from app.audit.origin import VIAS
from app.clock import utcnow
from app.web.permissions import requires

bp = frame.ApiBlueprint("audit", __name__, description="Who changed what")


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


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/audit")
@requires("view")
@bp.arguments(filtered(audit.AuditFilter), location="query")
@bp.response(200, page_of(AuditEntrySchema))
def list_audit_entries(query: dict[str, Any]) -> lists.Page[AuditEntry]:
    """Every change, newest first"""
    filters = lists.meant(audit.AuditFilter, query, utcnow())
    return audit.page(filters, query["limit"], query["cursor"])
