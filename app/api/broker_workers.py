"""`/brokers/NAME/workers`: the workers of other apps, and changes to them where an admin allowed it."""

from typing import Any

from flask import Flask
from flask_login import current_user
from marshmallow import fields

from app import brokers
from app.api import frame
from app.api.fields import Moment, Schema, page_of
from app.api.tasks import LimitsSchema
from app.api.workers import PoolSchema, WorkerPauseSchema, WorkerQueuesSchema
from app.brokers import control
from app.clock import utcnow
from app.web.permissions import requires

bp = frame.ApiBlueprint("broker-workers", __name__, description="Their workers", tag="brokers")


class ForeignWorkerSchema(Schema):
    """A worker of another app."""

    hostname = fields.String()
    answered = fields.Boolean(metadata={"description": "To remote control, within a second."})
    queues = fields.List(fields.String())
    running = fields.Function(
        lambda worker: [{"id": run["id"], "task_name": run["task"]} for run in worker.running],
        metadata={"type": "array", "items": {"type": "object"}},
    )
    reserved = fields.List(fields.String())
    pool = fields.String()
    slots = fields.Integer(allow_none=True)
    heard_at = Moment(allow_none=True, metadata={"description": "Its last heartbeat."})
    active = fields.Integer(allow_none=True)
    processed = fields.Integer(allow_none=True)
    autoscale = fields.List(
        fields.Integer(), allow_none=True, metadata={"description": "[fewest, most] slots."}
    )
    paused_by = fields.String(allow_none=True, attribute="pause.by")
    paused_at = Moment(allow_none=True, attribute="pause.at")
    note = fields.String(allow_none=True, attribute="pause.note")
    sources = fields.List(fields.String(), metadata={"description": "inspect, worker-heartbeat"})


class ForeignWorkersSchema(page_of(ForeignWorkerSchema)):  # type: ignore[misc]  # made at run time
    asked_at = Moment()
    connections = fields.Integer(
        allow_none=True, metadata={"description": "That wait for messages, by CLIENT LIST; null: not known."}
    )


class ForeignLimitedSchema(Schema):
    task_name = fields.String()
    workers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Those that answered; empty words: it obeys, else why it does not."},
    )


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/brokers/<name>/workers")
@requires("view")
@bp.response(200, ForeignWorkersSchema)
def list_foreign_workers(name: str) -> dict[str, Any]:
    """Asks its workers by remote control what they take from and run; takes up to a second"""
    place = brokers.find(name)
    answers = brokers.ask(place, utcnow())
    connections = brokers.connections(place) if place.on_redis else None
    return {
        "items": answers.workers,
        "next_cursor": None,
        "asked_at": answers.asked_at,
        "connections": connections,
    }


@bp.route("/brokers/<name>/workers/<hostname>")
@requires("view")
@bp.response(200, ForeignWorkerSchema)
def get_foreign_worker(name: str, hostname: str) -> Any:
    """Asks one of its workers; takes up to a second"""
    return control.look(name, hostname, utcnow())


@bp.route("/brokers/<name>/workers/<hostname>/pool", methods=["POST"])
@requires("administer")
@bp.arguments(PoolSchema)
@bp.response(200, ForeignWorkerSchema)
def resize_foreign_worker(body: dict[str, Any], name: str, hostname: str) -> Any:
    """Change how many runs a prefork worker can run at once, until it restarts"""
    return control.resize(name, hostname, body["size"], utcnow())


@bp.route("/brokers/<name>/workers/<hostname>/queues", methods=["POST"])
@requires("administer")
@bp.arguments(WorkerQueuesSchema)
@bp.response(200, ForeignWorkerSchema)
def change_foreign_worker_queues(body: dict[str, Any], name: str, hostname: str) -> Any:
    """Let a worker listen to more queues, or to some no longer, until it restarts"""
    return control.change_queues(name, hostname, body["add"], body["drop"], utcnow())


@bp.route("/brokers/<name>/workers/<hostname>/pause", methods=["POST"])
@requires("administer")
@bp.arguments(WorkerPauseSchema, required=False)
@bp.response(200, ForeignWorkerSchema)
def pause_foreign_worker(body: dict[str, Any], name: str, hostname: str) -> Any:
    """Let a worker take nothing more: until it restarts, or for good where it is managed"""
    return control.pause(name, hostname, current_user.name, body["note"], utcnow())


@bp.route("/brokers/<name>/workers/<hostname>/resume", methods=["POST"])
@requires("administer")
@bp.response(200, ForeignWorkerSchema)
def resume_foreign_worker(name: str, hostname: str) -> Any:
    """Let a paused worker take from its queues again"""
    return control.resume(name, hostname, utcnow())


@bp.route("/brokers/<name>/workers/<hostname>/shutdown", methods=["POST"])
@requires("administer")
@bp.response(200, ForeignWorkerSchema)
def shut_foreign_worker_down(name: str, hostname: str) -> Any:
    """Let a worker finish what runs, which the answer names, then leave"""
    return control.shutdown(name, hostname, utcnow())


@bp.route("/brokers/<name>/tasks/<task_name>/limits", methods=["POST"])
@requires("administer")
@bp.arguments(LimitsSchema)
@bp.response(200, ForeignLimitedSchema)
def limit_foreign_task(body: dict[str, Any], name: str, task_name: str) -> dict[str, Any]:
    """Change a task's rate and time limits on the workers that run, until they restart"""
    return {"task_name": task_name, "workers": control.set_limits(name, task_name, body, utcnow())}
