"""`/me`, `/tokens` and `/sessions`: who calls, by which token, and where people are signed in."""

from typing import Any

from flask import Flask, g
from flask_login import current_user
from marshmallow import fields, validate

from app import lists
from app.accounts import sessions, tokens, users
from app.accounts.models import ApiToken, User, UserSession
from app.api import frame
from app.api.fields import INTEGER_MAX, Moment, Schema, Whole, WholeListQuery, page_of
from app.clock import utcnow
from app.errors import Forbidden
from app.web import roles
from app.web.permissions import requires

me_bp = frame.ApiBlueprint("me", __name__, description="Whom the token belongs to")
tokens_bp = frame.ApiBlueprint("tokens", __name__, description="By what programs act as their users")
sessions_bp = frame.ApiBlueprint("sessions", __name__, description="Where people are signed in")
_ROLE = {"enum": list(roles.ROLES)}


class TokenSchema(Schema):
    id = fields.Integer()
    label = fields.String()
    created_at = Moment()
    expires_at = Moment(allow_none=True)


class MeSchema(Schema):
    name = fields.String()
    role = fields.String(metadata=_ROLE | {"description": "In which the caller acts: a token may have less."})
    rights = fields.List(fields.String(metadata={"enum": sorted(roles.ALL_RIGHTS)}))
    timezone = fields.String(allow_none=True, metadata={"description": "As chosen in Settings."})
    email = fields.String(
        allow_none=True, metadata={"description": "Where the caller gets mail of their own."}
    )
    unconfirmed_email = fields.String(
        allow_none=True, metadata={"description": "Entered in Settings; no link has confirmed it yet."}
    )
    token = fields.Nested(TokenSchema, allow_none=True, metadata={"description": "Null for a session."})


class NewTokenSchema(Schema):
    user_id = Whole(
        *(1, INTEGER_MAX),
        load_default=None,
        allow_none=True,
        metadata={"description": "Whose; left out: the caller's. Somebody else's takes the role admin."},
    )
    label = fields.String(load_default="", validate=validate.Length(max=tokens.LABEL_MAX))
    role = fields.String(
        load_default=None,
        allow_none=True,
        metadata=_ROLE | {"description": "Not above the user's; left out: always the user's."},
    )
    expires_at = Moment(load_default=None, allow_none=True, metadata={"description": "Left out: no end."})


class ListedTokenSchema(TokenSchema):
    user = fields.String(attribute="user.name")
    user_id = fields.Integer()
    start = fields.String(metadata={"description": "How it begins."})
    role = fields.String(attribute="may", metadata=_ROLE)
    last_used_at = Moment(allow_none=True)


class MadeTokenSchema(ListedTokenSchema):
    secret = fields.String(metadata={"description": "What programs send. It is not shown again."})


class SessionSchema(Schema):
    id = fields.Integer()
    user = fields.String(attribute="user.name")
    user_id = fields.Integer()
    way = fields.String(metadata={"enum": [sessions.PASSWORD, sessions.LINK, sessions.PROXY, sessions.OIDC]})
    remembered = fields.Boolean(metadata={"description": "It does not end for not being used."})
    created_at = Moment()
    seen_at = Moment(metadata={"description": "When somebody last did something in it."})
    ends_at = Moment()
    address = fields.String(allow_none=True)
    agent = fields.String(metadata={"description": "What the browser calls itself."})


class OfUserSchema(Schema):
    user_id = Whole(
        *(1, INTEGER_MAX),
        load_default=None,
        metadata={"description": "Whose; left out: all that one may see."},
    )


class OfUserQuery(WholeListQuery, OfUserSchema):
    """Which part of whose."""


class EndedSchema(Schema):
    ended = fields.Integer()


def init_app(app: Flask) -> None:
    for blueprint in (me_bp, tokens_bp, sessions_bp):
        frame.register(blueprint)


@me_bp.route("/me")
@requires("view")
@me_bp.response(200, MeSchema)
def get_me() -> dict[str, Any]:
    """The caller: name, role, rights, token"""
    return {
        "name": current_user.name,
        "role": current_user.acting_role,
        "rights": sorted(roles.RIGHTS[current_user.acting_role]),
        "timezone": current_user.timezone,
        "email": current_user.email,
        "unconfirmed_email": current_user.unconfirmed_email,
        "token": g.get("api_token"),
    }


@tokens_bp.route("/tokens")
@requires("view")
@tokens_bp.arguments(OfUserQuery, location="query")
@tokens_bp.response(200, page_of(ListedTokenSchema))
def list_tokens(query: dict[str, Any]) -> lists.Page[ApiToken]:
    """The caller's tokens that are not revoked; everybody's for an admin"""
    rows = tokens.listing(_whose(query["user_id"]))
    return lists.page_of_all(rows, query["limit"], query["cursor"], lambda token: token.id)


@tokens_bp.route("/tokens", methods=["POST"])
@requires("view")
@tokens_bp.arguments(NewTokenSchema)
@tokens_bp.response(201, MadeTokenSchema)
def create_token(given: dict[str, Any]) -> dict[str, Any]:
    """Make a token; the answer alone holds its secret"""
    made_by = _me()
    owner = made_by if given["user_id"] in (None, made_by.id) else users.get(given["user_id"])
    token, secret = tokens.create(
        owner,
        given["label"],
        utcnow(),
        role=given["role"],
        expires_at=given["expires_at"],
        by=made_by,
        within=g.get("api_token"),
    )
    return _described(token) | {"secret": secret}


@tokens_bp.route("/tokens/<int:token_id>", methods=["DELETE"])
@requires("view")
@tokens_bp.response(204)
def revoke_token(token_id: int) -> None:
    """End a token for good"""
    tokens.revoke(token_id, utcnow(), by=_me())


@sessions_bp.route("/sessions")
@requires("view")
@sessions_bp.arguments(OfUserQuery, location="query")
@sessions_bp.response(200, page_of(SessionSchema))
def list_sessions(query: dict[str, Any]) -> lists.Page[UserSession]:
    """Where the caller is signed in; where everybody is for an admin"""
    rows = sessions.listing(utcnow(), _whose(query["user_id"]))
    return lists.page_of_all(rows, query["limit"], query["cursor"], lambda session: session.id)


@sessions_bp.route("/sessions/<int:session_id>", methods=["DELETE"])
@requires("view")
@sessions_bp.response(204)
def end_session(session_id: int) -> None:
    """Sign a user out in one place"""
    sessions.end(session_id, utcnow(), by=_me())


@sessions_bp.route("/sessions", methods=["DELETE"])
@requires("view")
@sessions_bp.arguments(OfUserSchema, location="query")
@sessions_bp.response(200, EndedSchema)
def end_sessions(query: dict[str, Any]) -> dict[str, int]:
    """Sign a user (the caller, unless `user_id` says another) out everywhere"""
    return {"ended": sessions.end_all(_whose(query["user_id"] or current_user.id) or _me(), utcnow())}


def _me() -> User:
    user: User = current_user._get_current_object()
    return user


def _whose(user_id: int | None) -> User | None:
    """The user that is meant; None, for an admin, for everybody. Raises `Forbidden` for somebody else."""
    if user_id is None:
        return None if current_user.can(roles.ADMINISTER) else _me()
    if user_id != current_user.id and not current_user.can(roles.ADMINISTER):
        raise Forbidden
    return users.get(user_id)


def _described(token: ApiToken) -> dict[str, Any]:
    names = ("id", "label", "created_at", "expires_at", "user", "user_id", "start", "may", "last_used_at")
    return {name: getattr(token, name) for name in names}
