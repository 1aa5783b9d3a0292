"""`/tasks`: what can be run, and with which arguments."""

from typing import Any

from celery import Celery
from flask import Flask, current_app
from marshmallow import fields

from app import catalog
from app.accounts import requires
from app.web import api
from app.web.fields import PageQuery, Schema, page_of

bp = api.ApiBlueprint("tasks", __name__, description="Tasks that can be run")


class TaskSummarySchema(Schema):
    name = fields.String()
    summary = fields.String(metadata={"description": "The first sentence of the docstring."})
    queue = fields.String()
    priority = fields.Integer(metadata={"minimum": 0, "maximum": 9, "description": "9 is the most urgent."})
    origin = fields.String(metadata={"enum": ["library", "own"]})


class TaskSchema(TaskSummarySchema):
    doc = fields.String(metadata={"description": "The rest of the docstring."})
    parameters = fields.Raw(
        metadata={"type": "object", "description": "JSON Schema of what `kwargs` of POST /runs may hold."}
    )
    time_limit_seconds = fields.Float(allow_none=True, attribute="time_limit")
    soft_time_limit_seconds = fields.Float(allow_none=True, attribute="soft_time_limit")
    rate_limit = fields.String(allow_none=True, metadata={"example": "10/m"})
    max_retries = fields.Integer(allow_none=True, metadata={"description": "Null: no limit."})
    retry_delay_seconds = fields.Float(attribute="default_retry_delay")
    acks_late = fields.Boolean(
        metadata={"description": "Whether a run whose worker dies runs again; false: it may not run twice."}
    )
    ignore_result = fields.Boolean()


def init_app(app: Flask) -> None:
    api.register(bp)


@bp.route("/tasks")
@requires("view")
@bp.arguments(PageQuery, location="query")
@bp.response(200, page_of(TaskSummarySchema))
def list_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """Every task, by name"""
    rest = [task for task in catalog.listing(_celery()) if task.name > (query["cursor"] or "")]
    items = rest[: query["limit"]]
    return {"items": items, "next_cursor": items[-1].name if len(rest) > len(items) else None}


@bp.route("/tasks/<task_name>")
@requires("view")
@bp.response(200, TaskSchema)
def get_task(task_name: str) -> dict[str, Any]:
    """One task, with the JSON Schema of its parameters"""
    info = catalog.find(_celery(), task_name)
    return vars(info) | {"parameters": catalog.schema(info)}


def _celery() -> Celery:
    return current_app.extensions["celery"]
