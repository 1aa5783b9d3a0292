"""`/brokers`: the brokers of other apps, looked at, and changed where an admin allowed it."""

from collections.abc import Sequence
from typing import Any

from flask import Flask
from flask_login import current_user
from marshmallow import fields

from app import brokers, lists, queues
from app.api import frame
from app.api.fields import Flag, FullMatch, Moment, Schema, WholeListQuery, page_of
from app.api.queues import schemas
from app.broker import Message
from app.clock import utcnow
from app.web.permissions import requires

bp = frame.ApiBlueprint("brokers", __name__, description="What lies on the brokers of other apps")

UNACKED = "unacked and unacked_index of kombu"


class BrokerSchema(Schema):
    """A broker that `CELERIAC_BROKERS` names."""

    name = fields.String()
    kind = fields.String(metadata={"enum": ["redis", "rabbitmq"]})
    server = fields.String(metadata={"description": "Where it is, without user and password."})
    may_change = fields.Boolean(metadata={"description": "False: it is only looked at."})
    allowed_by = fields.String(allow_none=True, attribute="permission.by")
    allowed_at = Moment(allow_none=True, attribute="permission.at")


class ForeignQueueSchema(Schema):
    """A queue of another app, as it is seen from outside."""

    name = fields.String()
    broker = fields.String(attribute="place.name")
    waiting = fields.Integer()
    by_priority = fields.Dict(keys=fields.String(), values=fields.Integer())
    unreachable = fields.Integer(
        metadata={"description": "Messages at priority steps that the app's workers do not read."}
    )
    consumers = fields.Integer(
        allow_none=True, metadata={"description": "As RabbitMQ counts them; null on Redis: ask `/workers`."}
    )
    source = fields.String(metadata={"description": "Where the figures are from."})


class ForeignMessageSchema(Schema):
    """One message that waits, or that a worker has."""

    id = fields.String()
    task_name = fields.String(allow_none=True)
    args = fields.Raw(allow_none=True, metadata={"description": "Null: not shown, `unread` says why."})
    kwargs = fields.Raw(allow_none=True, metadata={"description": "Secrets are masked."})
    unread = fields.String(metadata={"description": "serializer: pickle and YAML are never loaded."})
    content_type = fields.String(allow_none=True)
    queue = fields.String()
    priority = fields.Integer()
    position = fields.Integer(allow_none=True)
    attempt = fields.Integer()
    eta = Moment(allow_none=True)
    origin = fields.String(allow_none=True)


class ForeignMessagesSchema(page_of(ForeignMessageSchema)):  # type: ignore[misc]  # made at run time
    total = fields.Integer()
    source = fields.String()


class TakenSchema(ForeignMessageSchema):
    taken_at = Moment(allow_none=True)


class TakenMessagesSchema(ForeignMessagesSchema):
    items = fields.List(fields.Nested(TakenSchema), required=True)


class ForeignEventsSchema(Schema):
    items = fields.List(fields.Dict(keys=fields.String()), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    source = fields.String()


class RestoreSchema(Schema):
    token = fields.String(
        required=True,
        validate=FullMatch("[0-9a-f]{32}", error="This is not the token of a purge."),
        metadata={"description": "Of the purge."},
    )


class ForeignPurgedSchema(Schema):
    removed = fields.Integer()
    token = fields.String(metadata={"description": "For `/restore`, within a minute."})


class RevokeSchema(Schema):
    terminate = Flag(load_default=False, metadata={"description": "Also stop it when it runs."})


class ModesSchema(Schema):
    """What was said of a queue, and whether the workers that take from it obey."""

    paused_by = fields.String(allow_none=True)
    paused_at = Moment(allow_none=True)
    note = fields.String(allow_none=True)
    holding_new_by = fields.String(allow_none=True)
    holding_new_since = Moment(allow_none=True)
    held = fields.Integer()
    obeying = fields.List(fields.String())
    others = fields.List(fields.String())
    refusal = fields.String(
        metadata={"description": "Why it cannot be paused or hold everything new; empty where it can."},
    )


class EventsOnSchema(Schema):
    enabled = Flag(required=True)


class RestoredSchema(Schema):
    restored = fields.Integer()


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/brokers")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(BrokerSchema))
def list_brokers(query: dict[str, Any]) -> lists.Page[brokers.Place]:
    """Every broker that the settings name"""
    return lists.page_of_all(brokers.all_places(), query["limit"], query["cursor"], lambda place: place.name)


@bp.route("/brokers/<name>")
@requires("view")
@bp.response(200, BrokerSchema)
def get_broker(name: str) -> brokers.Place:
    """One broker"""
    return brokers.find(name)


@bp.route("/brokers/<name>/allow", methods=["POST"])
@requires("administer")
@bp.response(200, BrokerSchema)
def allow_changes(name: str) -> brokers.Place:
    """Let its queues be changed from here"""
    return brokers.allow(name, current_user.name, utcnow())


@bp.route("/brokers/<name>/forbid", methods=["POST"])
@requires("administer")
@bp.response(200, BrokerSchema)
def forbid_changes(name: str) -> brokers.Place:
    """Let its queues be looked at, and no more"""
    return brokers.forbid(name, utcnow())


@bp.route("/brokers/<name>/queues")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(ForeignQueueSchema))
def list_foreign_queues(query: dict[str, Any], name: str) -> lists.Page[brokers.ForeignQueue]:
    """Its queues"""
    rows = brokers.listing(brokers.find(name))
    return lists.page_of_all(rows, query["limit"], query["cursor"], lambda queue: queue.name)


@bp.route("/brokers/<name>/queues/<queue>")
@requires("view")
@bp.response(200, ForeignQueueSchema)
def get_foreign_queue(name: str, queue: str) -> brokers.ForeignQueue:
    """One of its queues"""
    return brokers.find_queue(brokers.find(name), queue)


@bp.route("/brokers/<name>/queues/<queue>/messages")
@requires("view")
@bp.arguments(schemas.PositionQuery, location="query")
@bp.response(200, ForeignMessagesSchema)
def list_foreign_messages(query: dict[str, Any], name: str, queue: str) -> dict[str, Any]:
    """What waits, in the order in which it will be taken"""
    place = brokers.find(name)
    details = brokers.find_queue(place, queue)
    begin = query["offset"] or brokers.begin_at(place, queue, query["cursor"])
    items = brokers.line(place, queue, begin, query["limit"])
    return _part(items, begin, details.waiting) | {"source": details.source}


@bp.route("/brokers/<name>/taken")
@requires("view")
@bp.arguments(schemas.PositionQuery, location="query")
@bp.response(200, TakenMessagesSchema)
def list_taken(query: dict[str, Any], name: str) -> dict[str, Any]:
    """What workers took and have not acknowledged, the longest taken first"""
    place = brokers.find(name)
    begin = query["offset"] or brokers.begin_at_taken(place, query["cursor"])
    items = brokers.in_hand(place, begin, query["limit"])
    return _part(items, begin, brokers.in_hand_count(place)) | {"source": UNACKED}


@bp.route("/brokers/<name>/events")
@requires("view")
@bp.response(200, ForeignEventsSchema)
def list_foreign_events(name: str) -> dict[str, Any]:
    """The newest events of its tasks, where workers send them"""
    items = brokers.events(brokers.find(name))
    return {"items": items, "next_cursor": None, "source": "celeryev, heard by the recorder"}


@bp.route("/brokers/<name>/events", methods=["POST"])
@requires("administer")
@bp.arguments(EventsOnSchema)
@bp.response(204)
def send_foreign_events(wanted: dict[str, Any], name: str) -> None:
    """Have its workers send events of their tasks, or no more, until they restart"""
    brokers.send_events(name, wanted["enabled"], utcnow())


@bp.route("/brokers/<name>/runs/<run_id>/revoke", methods=["POST"])
@requires("operate")
@bp.arguments(RevokeSchema, required=False)
@bp.response(204)
def revoke_foreign_run(wanted: dict[str, Any], name: str, run_id: str) -> None:
    """Tell its workers not to start a run, or to stop it; they answer nothing"""
    brokers.revoke(name, run_id, wanted["terminate"], utcnow())


@bp.route("/brokers/<name>/queues/<queue>/move", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.MoveSchema)
@bp.response(200, schemas.PlaceSchema)
def move_foreign_run(wanted: dict[str, Any], name: str, queue: str) -> Message:
    """Move a waiting run to another place of its line"""
    site = brokers.site(name)
    return queues.move(queue, wanted.pop("id"), utcnow(), site=site, **wanted).after


@bp.route("/brokers/<name>/queues/<queue>/messages/<run_id>", methods=["PATCH"])
@requires("operate")
@bp.arguments(schemas.WaitingRunSchema)
@bp.response(200, schemas.PlaceSchema)
def change_foreign_run(wanted: dict[str, Any], name: str, queue: str, run_id: str) -> Message:
    """Change the priority of a waiting run, or send it to another queue"""
    now, target, site = utcnow(), wanted.get("queue", queue), brokers.site(name)
    if "queue" in wanted:
        sent = queues.send_to(queue, run_id, target, now, site=site)
        if "priority" not in wanted:
            return sent.after
    return queues.reprioritise(target, run_id, wanted["priority"], now, site=site).after


@bp.route("/brokers/<name>/queues/<queue>/messages/<run_id>", methods=["DELETE"])
@requires("operate")
@bp.response(204)
def remove_foreign_run(name: str, queue: str, run_id: str) -> None:
    """Remove a waiting run: it will not run"""
    queues.remove(queue, run_id, current_user.name, utcnow(), site=brokers.site(name))


@bp.route("/brokers/<name>/queues/<queue>/messages", methods=["DELETE"])
@requires("administer")
@bp.response(200, ForeignPurgedSchema)
def purge_foreign_queue(name: str, queue: str) -> Any:
    """Remove everything that waits in the queue"""
    return queues.purge(queue, current_user.name, utcnow(), brokers.site(name))


@bp.route("/brokers/<name>/queues/<queue>/restore", methods=["POST"])
@requires("administer")
@bp.arguments(RestoreSchema)
@bp.response(200, RestoredSchema)
def restore_foreign_queue(wanted: dict[str, Any], name: str, queue: str) -> dict[str, Any]:
    """Undo a purge of the last minute"""
    return {"restored": queues.restore(queue, wanted["token"], utcnow(), brokers.site(name))}


@bp.route("/brokers/<name>/queues/<queue>/modes")
@requires("view")
@bp.response(200, ModesSchema)
def foreign_modes(name: str, queue: str) -> dict[str, Any]:
    """Whether the queue is paused or holds everything new, and who obeys; takes up to a second"""
    return _modes(name, queue)


@bp.route("/brokers/<name>/queues/<queue>/pause", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.QueuePauseSchema, required=False)
@bp.response(200, ModesSchema)
def pause_foreign_queue(body: dict[str, Any], name: str, queue: str) -> dict[str, Any]:
    """Let no worker take from the queue, where all that do obey"""
    queues.pause(queue, current_user.name, body["note"], utcnow(), brokers.site(name))
    return _modes(name, queue)


@bp.route("/brokers/<name>/queues/<queue>/resume", methods=["POST"])
@requires("operate")
@bp.response(200, ModesSchema)
def resume_foreign_queue(name: str, queue: str) -> dict[str, Any]:
    """Let workers take from it again"""
    queues.resume(queue, utcnow(), brokers.site(name))
    return _modes(name, queue)


@bp.route("/brokers/<name>/queues/<queue>/hold", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.HoldSchema, required=False)
@bp.response(200, ModesSchema)
def hold_foreign_runs(body: dict[str, Any], name: str, queue: str) -> dict[str, Any]:
    """Hold a waiting run; or everything new, where all workers of the queue obey"""
    by, now, site = current_user.name, utcnow(), brokers.site(name)
    if "id" not in body:
        queues.hold_new(queue, by, body["reason"], now, site)
    else:
        queues.hold(queue, body["id"], by, body["reason"], now, site=site)
    return _modes(name, queue)


@bp.route("/brokers/<name>/queues/<queue>/release", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.ReleaseSchema, required=False)
@bp.response(200, ModesSchema)
def release_foreign_runs(body: dict[str, Any], name: str, queue: str) -> dict[str, Any]:
    """Release a held run; or all, and hold nothing new any more"""
    now, site = utcnow(), brokers.site(name)
    if "id" not in body:
        queues.stop_holding_new(queue, now, site)
        queues.release_all(queue, now, site=site)
    else:
        queues.release(queue, body["id"], now, body["to"], site=site)
    return _modes(name, queue)


def _part(items: Sequence[brokers.ForeignRun], begin: int, total: int) -> dict[str, Any]:
    end = begin + len(items)
    cursor = lists.cursor_behind(end, items[-1].id) if items and end < total else None
    return {"items": items, "next_cursor": cursor, "total": total}


def _modes(name: str, queue: str) -> dict[str, Any]:
    place = brokers.find(name)
    pause, mode = brokers.modes(place, queue)
    count, _longest = brokers.held(place, queue)
    obedience = brokers.management(place, queue, utcnow())
    return {
        "paused_by": pause and pause.by,
        "paused_at": pause and pause.at,
        "note": pause and pause.note,
        "holding_new_by": mode and mode.by,
        "holding_new_since": mode and mode.since,
        "held": count,
        "obeying": obedience.obeying,
        "others": obedience.others,
        "refusal": obedience.refusal,
    }
