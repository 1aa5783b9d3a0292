"""`/queues`: what waits, its order, holding, pausing and purging."""

from typing import Any

from flask import Flask
from flask_login import current_user

from app import lists, queues
from app.api import frame
from app.api.fields import WholeListQuery, page_of
from app.api.queues import schemas
from app.broker import Message
from app.clock import utcnow
from app.queues.bulk import OPTION
from app.web.permissions import requires

bp = frame.ApiBlueprint("queues", __name__, description="What waits, and its order")


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/queues")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(schemas.QueueSchema))
def list_queues(query: dict[str, Any]) -> lists.Page[queues.Queue]:
    """Every queue, declared ones first"""
    known = queues.listing(utcnow())
    return lists.page_of_all(known, query["limit"], query["cursor"], lambda queue: queue.name)


@bp.route("/queues/<queue>")
@requires("view")
@bp.response(200, schemas.QueueSchema)
def get_queue(queue: str) -> queues.Queue:
    """One queue"""
    return queues.find(queue, utcnow())


@bp.route("/queues/<queue>/depths")
@requires("view")
@bp.response(200, page_of(schemas.DepthSchema))
def list_depths(queue: str) -> dict[str, Any]:
    """How deep it was in the last two hours, each half minute, oldest first"""
    return {"items": queues.history(queue, utcnow()), "next_cursor": None}


@bp.route("/queues/<queue>/messages")
@requires("view")
@bp.arguments(schemas.MessagesQuery, location="query")
@bp.response(200, schemas.MessagesSchema)
def list_messages(query: dict[str, Any], queue: str) -> dict[str, Any]:
    """What waits, in the order in which it will be taken; or what is held"""
    details = queues.find(queue, utcnow())
    held, total = query["held"], details.held if query["held"] else details.waiting
    criteria = lists.meant(queues.WaitingFilter, query, details.at)
    begin = query["offset"] or queues.begin_at(queue, query["cursor"], held)
    if criteria != queues.WaitingFilter():
        matching = queues.search(details, criteria, begin, query["limit"], held)
        return {
            "items": matching.items,
            "next_cursor": matching.next_cursor,
            "total": total,
            "looked": matching.looked,
            "unread": matching.unread,
            "next_offset": matching.next_offset,
        }
    items = (queues.held if held else queues.line)(details, begin, query["limit"])
    end = begin + len(items)
    cursor = lists.cursor_behind(end, items[-1].id) if items and end < total else None
    return {"items": items, "next_cursor": cursor, "total": total}


@bp.route("/queues/<queue>/move", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.MoveSchema)
@bp.response(200, schemas.PlaceSchema)
def move_run(body: dict[str, Any], queue: str) -> Message:
    """Move a waiting run to another place of its line"""
    return queues.move(queue, body.pop("id"), utcnow(), **body).after


@bp.route("/queues/<queue>/messages/<run_id>", methods=["PATCH"])
@requires("operate")
@bp.arguments(schemas.WaitingRunSchema)
@bp.response(200, schemas.PlaceSchema)
def change_run(body: dict[str, Any], queue: str, run_id: str) -> Message:
    """Change the priority of a waiting run, or send it to another queue"""
    now = utcnow()
    target = body.get("queue", queue)
    if "queue" in body:
        sent = queues.send_to(queue, run_id, target, now).after
        if "priority" not in body:
            return sent
    return queues.reprioritise(target, run_id, body["priority"], now).after


@bp.route("/queues/<queue>/messages/<run_id>", methods=["DELETE"])
@requires("operate")
@bp.response(204)
def remove_run(queue: str, run_id: str) -> None:
    """Remove a waiting or held run: it will not run"""
    queues.remove(queue, run_id, current_user.name, utcnow())


@bp.route("/queues/<queue>/bulk", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.QueueBulkSchema)
@bp.response(200, schemas.QueueOutcomesSchema)
def change_runs_of_queue(body: dict[str, Any], queue: str) -> dict[str, Any]:
    """Move, hold, release, remove, reorder or send on several runs; says what happened to each"""
    action, option = body["action"], OPTION.get(body["action"])
    values = {option: body[option]} if option else {}
    return {"outcomes": queues.apply(queue, body["ids"], action, current_user.name, utcnow(), **values)}


@bp.route("/queues/<queue>/hold", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.HoldSchema, required=False)
@bp.response(200, schemas.QueueSchema)
def hold_runs(body: dict[str, Any], queue: str) -> queues.Queue:
    """Hold a waiting run, or everything new"""
    now, by = utcnow(), current_user.name
    if "id" in body:
        queues.hold(queue, body["id"], by, body["reason"], now)
    else:
        queues.hold_new(queue, by, body["reason"], now)
    return queues.find(queue, now)


@bp.route("/queues/<queue>/release", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.ReleaseSchema, required=False)
@bp.response(200, schemas.ReleasedSchema)
def release_runs(body: dict[str, Any], queue: str) -> dict[str, Any]:
    """Release a held run; or all, and hold nothing new any more"""
    now = utcnow()
    if "id" not in body:
        queues.stop_holding_new(queue, now)
        return {"queue": queue, "released": len(queues.release_all(queue, now, body["to"]))}
    message = queues.release(queue, body["id"], now, body["to"]).after
    answer = {"id": message.id, "position": message.position, "priority": message.priority}
    return {"queue": queue, "released": 1} | answer


@bp.route("/queues/<queue>/pause", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.QueuePauseSchema, required=False)
@bp.response(200, schemas.QueueSchema)
def pause_queue(body: dict[str, Any], queue: str) -> queues.Queue:
    """Let no worker take from the queue until it is resumed"""
    now = utcnow()
    queues.pause(queue, current_user.name, body["note"], now)
    return queues.find(queue, now)


@bp.route("/queues/<queue>/resume", methods=["POST"])
@requires("operate")
@bp.response(200, schemas.QueueSchema)
def resume_queue(queue: str) -> queues.Queue:
    """Let workers take from the queue again"""
    now = utcnow()
    queues.resume(queue, now)
    return queues.find(queue, now)


@bp.route("/queues/<queue>/messages", methods=["DELETE"])
@requires("administer")
@bp.response(200, schemas.PurgedSchema)
def purge_queue(queue: str) -> Any:
    """Remove every waiting run of the queue; held ones stay"""
    return queues.purge(queue, current_user.name, utcnow())
