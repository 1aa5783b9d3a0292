"""`GET /me`: whom the token belongs to."""

from typing import Any

from flask import Flask, g
from flask_login import current_user
from marshmallow import fields

from app.api import frame
from app.api.fields import Moment, Schema
from app.web import roles
from app.web.permissions import requires

bp = frame.ApiBlueprint("me", __name__, description="Whom the token belongs to")


class TokenSchema(Schema):
    id = fields.Integer()
    label = fields.String()
    created_at = Moment()


class MeSchema(Schema):
    name = fields.String()
    role = fields.String(metadata={"enum": list(roles.ROLES)})
    rights = fields.List(fields.String(metadata={"enum": sorted(roles.ALL_RIGHTS)}))
    timezone = fields.String(allow_none=True, metadata={"description": "As chosen in Settings."})
    token = fields.Nested(TokenSchema, allow_none=True, metadata={"description": "Null for a session."})


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/me")
@requires("view")
@bp.response(200, MeSchema)
def get_me() -> dict[str, Any]:
    """The caller: name, role, rights, token"""
    return {
        "name": current_user.name,
        "role": current_user.role,
        "rights": sorted(roles.RIGHTS[current_user.role]),
        "timezone": current_user.timezone,
        "token": g.get("api_token"),
    }
