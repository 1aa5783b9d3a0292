"""`/runs/{id}/subscription`: to be told when a run ends."""

from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from marshmallow import fields, validate

from app import runs
from app.api import frame
from app.api.fields import Moment, Schema
from app.clock import utcnow
from app.errors import NotFound
from app.runs import states, subscriptions
from app.runs.models import Run
from app.web.permissions import requires

bp = frame.ApiBlueprint("subscriptions", __name__, description="To be told when a run ends", tag="runs")
_WAYS = "browser: on a page of Celeriac that is open; mail: to the caller's own address of Settings."


class WishSchema(Schema):
    ways = fields.List(
        fields.String(validate=validate.OneOf(subscriptions.WAYS)),
        load_default=None,
        validate=validate.Length(min=1),
        metadata={"description": f"{_WAYS} Left out: all that there are for the caller."},
    )


class SubscriptionSchema(Schema):
    """How the caller is told. Of a run that has ended nothing is kept: the answer says it."""

    run_id = fields.String()
    state = fields.String(metadata={"enum": list(states.ALL), "description": "Of the run."})
    ended = fields.Boolean(metadata={"description": "The run has ended, and nothing more is told."})
    ways = fields.List(
        fields.String(metadata={"enum": list(subscriptions.WAYS)}),
        metadata={"description": f"What is still to be told. {_WAYS}"},
    )
    created_at = Moment(allow_none=True)


@bp.route("/runs/<run_id>/subscription")
@requires("view")
@bp.response(200, SubscriptionSchema)
def get_subscription(run_id: str) -> dict[str, Any]:
    """How the caller is told when a run ends"""
    run = runs.get(run_id)
    subscription = subscriptions.of(run.id, current_user)
    if subscription is None:
        raise NotFound(_("You did not ask to be told of this run, or were told."))
    return _described(run, subscription)


@bp.route("/runs/<run_id>/subscription", methods=["POST"])
@requires("view")
@bp.arguments(WishSchema, required=False)
@bp.response(200, SubscriptionSchema)
def subscribe(body: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Ask to be told when a run ends"""
    run = runs.get(run_id)
    ways = body["ways"] or subscriptions.ways_of(current_user)
    noted = subscriptions.subscribe(run, current_user, utcnow(), ways, str(get_locale()))
    return _described(runs.get(run_id), noted)


@bp.route("/runs/<run_id>/subscription", methods=["DELETE"])
@requires("view")
@bp.response(204)
def unsubscribe(run_id: str) -> None:
    """Withdraw it; nothing happens when there is none"""
    subscriptions.unsubscribe(runs.get(run_id).id, current_user)


def _described(run: Run, subscription: subscriptions.RunSubscription | None) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "state": run.state,
        "ended": run.is_finished,
        "ways": subscription.ways if subscription else [],
        "created_at": subscription.created_at if subscription else None,
    }
