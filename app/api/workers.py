"""`/workers`: who is alive and what each is doing, and changes to them."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_login import current_user
from marshmallow import fields, validate

from app import broker, heartbeats, lists, workers
from app.api import frame
from app.api.fields import OF_APP, Moment, QueueName, Schema, WholeListQuery, page_of
from app.clock import utcnow
from app.heartbeats import Worker
from app.web.permissions import requires
from celeriac_agent.settings import APP_MAX

bp = frame.ApiBlueprint("workers", __name__, description="Who runs tasks")


class RunningSchema(Schema):
    id = fields.String()
    task_name = fields.String(attribute="task")
    started_at = fields.Function(
        lambda run: (
            None if run["started_at"] is None else datetime.fromtimestamp(run["started_at"], UTC).isoformat()
        ),
        metadata={"type": "string", "format": "date-time", "nullable": True},
    )


class WorkerSchema(Schema):
    """One worker, as it last told of itself."""

    hostname = fields.String()
    app = fields.String(attribute="app_name", metadata=OF_APP)
    state = fields.String(metadata={"enum": ["online", "paused", "offline"]})
    stopping = fields.Boolean(metadata={"description": "It finishes what runs, then leaves."})
    pool = fields.String(metadata={"example": "prefork"})
    slots = fields.Integer()
    autoscale = fields.List(
        fields.Integer(), allow_none=True, metadata={"description": "[fewest, most] slots."}
    )
    running = fields.List(fields.Nested(RunningSchema))
    queues = fields.List(fields.String())
    heartbeat_at = Moment()
    started_at = Moment()
    pid = fields.Integer()
    finished = fields.Integer(metadata={"description": "Runs it has taken since it started."})
    memory_bytes = fields.Integer()
    load_average = fields.Float(attribute="load", data_key="load")
    versions = fields.Dict(keys=fields.String(), values=fields.String())
    paused_by = fields.String(allow_none=True, attribute="pause.by")
    paused_at = Moment(allow_none=True, attribute="pause.at")
    note = fields.String(allow_none=True, attribute="pause.note")


class WorkerQuery(Schema):
    app = fields.String(
        validate=validate.Length(1, APP_MAX),
        metadata={"description": "Of this app; else of any, ours first."},
    )


class WorkerPauseSchema(Schema):
    note = fields.String(load_default="", validate=validate.Length(max=500))


class PoolSchema(Schema):
    size = fields.Integer(
        strict=True,
        required=True,
        validate=validate.Range(1, 256, error="Give a number from {min} to {max}."),
    )


class WorkerQueuesSchema(Schema):
    add = fields.List(fields.String(validate=QueueName()), load_default=list)
    drop = fields.List(fields.String(validate=validate.Length(min=1, max=255)), load_default=list)


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/workers")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(WorkerSchema))
def list_workers(query: dict[str, Any]) -> lists.Page[Worker]:
    """Every worker that was heard of, by app and name"""
    client, now = broker.client(), utcnow()
    known = [*heartbeats.workers(client, now), *heartbeats.app_workers(client, now)]
    return lists.page_of_all(
        known, query["limit"], query["cursor"], lambda worker: f"{worker.app or ''} {worker.hostname}"
    )


@bp.route("/workers/<hostname>")
@requires("view")
@bp.arguments(WorkerQuery, location="query")
@bp.response(200, WorkerSchema)
def get_worker(query: dict[str, str], hostname: str) -> Worker:
    """One worker"""
    return heartbeats.find_worker(broker.client(), hostname, utcnow(), query.get("app"))


@bp.route("/workers/<hostname>/pause", methods=["POST"])
@requires("administer")
@bp.arguments(WorkerPauseSchema, required=False)
@bp.response(200, WorkerSchema)
def pause_worker(body: dict[str, Any], hostname: str) -> Worker:
    """Let a worker take nothing more, also after a restart, until it is resumed"""
    return workers.pause(hostname, current_user.name, body["note"], utcnow())


@bp.route("/workers/<hostname>/resume", methods=["POST"])
@requires("administer")
@bp.response(200, WorkerSchema)
def resume_worker(hostname: str) -> Worker:
    """Let a paused worker take runs again"""
    return workers.resume(hostname, utcnow())


@bp.route("/workers/<hostname>/shutdown", methods=["POST"])
@requires("administer")
@bp.response(200, WorkerSchema)
def shut_worker_down(hostname: str) -> Worker:
    """Let a worker finish what runs, which the answer names, then leave"""
    return workers.shutdown(hostname, utcnow())


@bp.route("/workers/<hostname>/pool", methods=["POST"])
@requires("administer")
@bp.arguments(PoolSchema)
@bp.response(200, WorkerSchema)
def resize_worker(body: dict[str, Any], hostname: str) -> Worker:
    """Change how many runs a worker can run at once"""
    return workers.resize(hostname, body["size"], utcnow())


@bp.route("/workers/<hostname>/queues", methods=["POST"])
@requires("administer")
@bp.arguments(WorkerQueuesSchema)
@bp.response(200, WorkerSchema)
def change_worker_queues(body: dict[str, Any], hostname: str) -> Worker:
    """Let a worker listen to more queues, or to some no longer, until it restarts"""
    return workers.change_queues(hostname, body["add"], body["drop"], utcnow())


@bp.route("/workers/<hostname>", methods=["DELETE"])
@requires("administer")
@bp.arguments(WorkerQuery, location="query")
@bp.response(204)
def clear_worker(query: dict[str, str], hostname: str) -> None:
    """Forget a worker that is offline"""
    workers.clear(hostname, utcnow(), query.get("app"))
