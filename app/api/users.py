"""`/users`: who may sign in, and with which role. For admins."""

from typing import Any

from flask import Flask, url_for
from flask_login import current_user
from marshmallow import fields

from app import lists
from app.accounts import emails, links, second_step, users
from app.accounts.models import User
from app.api import frame
from app.api.fields import Flag, Moment, Schema, WholeListQuery, page_of
from app.clock import utcnow
from app.config import settings
from app.web import roles
from app.web.permissions import requires

bp = frame.ApiBlueprint("users", __name__, description="Who may sign in")
_ROLE = {"enum": list(roles.ROLES)}


class NewUserSchema(Schema):
    name = fields.String(required=True, metadata={"example": "mei"})
    role = fields.String(required=True, metadata=_ROLE)
    password = fields.String(
        load_default=None,
        allow_none=True,
        load_only=True,
        metadata={"description": "Left out: the first sign-in is by a one-time link."},
    )


class UserChangesSchema(Schema):
    role = fields.String(metadata=_ROLE)
    email = fields.String(
        allow_none=True, metadata={"description": "Where the user gets mail of their own; counts at once."}
    )
    active = Flag(metadata={"description": "false signs the user out everywhere and ends their tokens."})


class UserSchema(Schema):
    id = fields.Integer()
    name = fields.String()
    role = fields.String(metadata=_ROLE)
    active = fields.Boolean()
    has_password = fields.Function(lambda user: user.password_hash is not None, metadata={"type": "boolean"})
    email = fields.String(allow_none=True)
    unconfirmed_email = fields.String(
        allow_none=True, metadata={"description": "Entered by the user; no link has confirmed it yet."}
    )
    two_step = fields.Boolean(
        attribute="has_second_step", metadata={"description": "A code is asked for after the password."}
    )
    created_at = Moment()
    last_seen_at = Moment(allow_none=True)


class LinkSchema(Schema):
    url = fields.String(metadata={"description": "Signs in once, within a day. It is not shown again."})


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/users")
@requires("administer")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(UserSchema))
def list_users(query: dict[str, Any]) -> lists.Page[User]:
    """Every user, by name"""
    return lists.page_of_all(users.listing(), query["limit"], query["cursor"], lambda user: user.id)


@bp.route("/users", methods=["POST"])
@requires("administer")
@bp.arguments(NewUserSchema)
@bp.response(201, UserSchema, headers={"Location": {"schema": {"type": "string"}}})
def create_user(given: dict[str, Any]) -> Any:
    """Make a user"""
    user = users.create(given["name"], given["role"], utcnow(), given["password"])
    return user, 201, {"Location": url_for(".get_user", user_id=user.id)}


@bp.route("/users/<int:user_id>")
@requires("administer")
@bp.response(200, UserSchema)
def get_user(user_id: int) -> User:
    """One user"""
    return users.get(user_id)


@bp.route("/users/<int:user_id>", methods=["PATCH"])
@requires("administer")
@bp.arguments(UserChangesSchema)
@bp.response(200, UserSchema)
def change_user(given: dict[str, Any], user_id: int) -> User:
    """Give a user another role or e-mail address, shut them out or let them in"""
    user, now = users.get(user_id), utcnow()
    if "role" in given and given["role"] != user.role:
        users.set_role(user, given["role"], now)
    if "email" in given:
        emails.give(user, given["email"] or "", now)
    if given.get("active", user.active) != user.active:
        (users.activate if given["active"] else users.deactivate)(user, now)
    return user


@bp.route("/users/<int:user_id>/second-step", methods=["DELETE"])
@requires("administer")
@bp.response(204)
def reset_second_step(user_id: int) -> None:
    """Turn off the two-step sign-in of somebody who lost their codes"""
    second_step.reset(users.get(user_id), utcnow(), by=current_user._get_current_object())


@bp.route("/users/<int:user_id>/link", methods=["POST"])
@requires("administer")
@bp.response(201, LinkSchema)
def make_link(user_id: int) -> dict[str, str]:
    """Make a one-time sign-in link"""
    return {"url": settings().base_url.rstrip("/") + links.make(users.get(user_id), utcnow())}
