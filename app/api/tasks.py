"""`/tasks`: what can be run, and with which arguments."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from marshmallow import fields, validate

from app import catalog, lists, runs, workers
from app.api import frame
from app.api.fields import OF_APP, Moment, Schema, filtered, page_of
from app.catalog.filters import TaskFilter
from app.clock import utcnow
from app.config import settings
from app.web.permissions import requires
from celeriac_agent.settings import APP_MAX

bp = frame.ApiBlueprint("tasks", __name__, description="Tasks that can be run")
_CURSOR = lists.Cursor(str, str)


class TaskQuery(Schema):
    app = fields.String(
        validate=validate.Length(1, APP_MAX),
        metadata={"description": "Whose task, where several other apps have one of this name."},
    )


class KnowledgeSchema(Schema):
    """The online workers that know a task; only of a single task."""

    same = fields.List(fields.String(), metadata={"description": "In the version that is shown."})
    other = fields.List(fields.String(), metadata={"description": "In another version."})
    none = fields.List(fields.String(), metadata={"description": "Not at all."})


class TaskSchema(Schema):
    name = fields.String()
    summary = fields.String(metadata={"description": "The docstring's first sentence, as it is in the code."})
    queue = fields.String()
    priority = fields.Integer(metadata={"minimum": 0, "maximum": 9, "description": "9 is the most urgent."})
    origin = fields.String(metadata={"enum": ["library", "own", "app"]})
    app = fields.String(metadata=OF_APP)
    known_by = fields.Nested(KnowledgeSchema, allow_none=True)
    role = fields.String(
        metadata={"enum": ["operator", "admin"], "description": "The role that running it takes, at least."}
    )
    doc = fields.String(metadata={"description": "The docstring, without what it says of each parameter."})
    parameters = fields.Raw(
        metadata={"type": "object", "description": "JSON Schema of what `kwargs` of POST /runs may hold."}
    )
    time_limit_seconds = fields.Float(
        allow_none=True,
        attribute="time_limit",
        metadata={"description": "This and the next two: what holds, from code or as it was set since."},
    )
    soft_time_limit_seconds = fields.Float(allow_none=True, attribute="soft_time_limit")
    rate_limit = fields.String(allow_none=True, metadata={"example": "10/m"})
    retries = fields.Boolean(metadata={"description": "Whether its code ever asks to be tried again."})
    max_retries = fields.Integer(
        allow_none=True, metadata={"description": "If it retries at all; null: no limit."}
    )
    retry_delay_seconds = fields.Float(attribute="default_retry_delay")
    acks_late = fields.Boolean(
        metadata={"description": "Whether a run whose worker dies runs again; false: it may not run twice."}
    )
    ignore_result = fields.Boolean()


class SecondsSchema(Schema):
    p50 = fields.Float(allow_none=True)
    p95 = fields.Float(allow_none=True)


class IntervalSchema(Schema):
    """Runs that ended in [from, until); durations are within 5 %, null when there is none."""

    from_at = Moment(data_key="from")
    until_at = Moment(data_key="until")
    runs = fields.Integer()
    succeeded = fields.Integer()
    failed = fields.Integer(metadata={"description": "Runs in the state FAILURE or LOST."})
    success_rate = fields.Float(
        allow_none=True, metadata={"description": "0 to 1, among those that succeeded or failed."}
    )
    run_seconds = fields.Nested(SecondsSchema)
    wait_seconds = fields.Nested(SecondsSchema)


class NumbersSchema(IntervalSchema):
    app = fields.String(metadata=OF_APP)
    task_name = fields.String()
    intervals = fields.List(fields.Nested(IntervalSchema), metadata={"description": "Oldest first."})


class LimitsSchema(Schema):
    """What to change; null lifts a limit, what is not given stays."""

    rate_limit = fields.String(
        allow_none=True, validate=validate.Length(max=40), metadata={"description": "10/s, 100/m, 1000/h"}
    )
    time_limit = fields.Float(allow_none=True, metadata={"description": "Seconds until a run is killed."})
    soft_time_limit = fields.Float(
        allow_none=True, metadata={"description": "Seconds until a run is asked to end."}
    )


class LimitedSchema(Schema):
    task_name = fields.String()
    rate_limit = fields.String(allow_none=True)
    time_limit = fields.Float(allow_none=True)
    soft_time_limit = fields.Float(allow_none=True)
    workers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "The online workers; empty words: it obeys, else why it does not."},
    )


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/tasks")
@requires("view")
@bp.arguments(filtered(TaskFilter), location="query")
@bp.response(200, page_of(TaskSchema))
def list_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """Every task by name: Celeriac's own, then those of other apps"""
    after = tuple(_CURSOR.read(query["cursor"])) if query["cursor"] else ("", "")
    matching = lists.meant(TaskFilter, query, utcnow()).among(catalog.listing())
    rest = [task for task in matching if (task.app or "", task.name) > after]
    page = lists.Page.of(rest, query["limit"], lambda task: _CURSOR.write(task.app or "", task.name))
    shown = [_shown(info) for info in workers.all_in_force(page.items)]
    return {"items": shown, "next_cursor": page.next_cursor}


@bp.route("/tasks/<task_name>")
@requires("view")
@bp.arguments(TaskQuery, location="query")
@bp.response(200, TaskSchema)
def get_task(query: dict[str, str], task_name: str) -> dict[str, Any]:
    """One task, with the JSON Schema of its parameters"""
    info = catalog.find(task_name, app=query.get("app"))
    return _shown(workers.in_force(info)) | {"known_by": workers.knowledge(info, utcnow())}


@bp.route("/tasks/<task_name>/numbers")
@requires("view")
@bp.arguments(lists.schema(runs.NumbersFilter, TaskQuery), location="query")
@bp.response(200, NumbersSchema)
def task_numbers(query: dict[str, Any], task_name: str) -> dict[str, Any]:
    """How its runs ended and how long they took: 24 hours by hour, 7 days by 3 hours, 30 days by day"""
    app = catalog.find(task_name, app=query.get("app")).app_name
    numbers = runs.numbers_of(app, task_name, query["last"], utcnow(), ZoneInfo(settings().timezone))
    intervals = [_interval(bucket) for bucket in numbers.intervals]
    return _interval(numbers.whole) | {"app": app, "task_name": task_name, "intervals": intervals}


def _interval(bucket: runs.Bucket) -> dict[str, Any]:
    names = ("from_at", "until_at", "runs", "succeeded", "failed", "success_rate")
    return {name: getattr(bucket, name) for name in names} | {
        "run_seconds": {"p50": bucket.run_p50, "p95": bucket.run_p95},
        "wait_seconds": {"p50": bucket.wait_p50, "p95": bucket.wait_p95},
    }


def _shown(info: catalog.TaskInfo) -> dict[str, Any]:
    doc = "\n\n".join(part for part in (info.summary, info.doc) if part)
    return vars(info) | {"doc": doc, "parameters": catalog.schema(info), "app": info.app_name}


@bp.route("/tasks/<task_name>/limits", methods=["POST"])
@requires("administer")
@bp.arguments(LimitsSchema)
@bp.response(200, LimitedSchema)
def limit_task(body: dict[str, Any], task_name: str) -> workers.Limited:
    """Change a task's rate and time limits on every worker, also on those that start later"""
    return workers.set_limits(task_name, body, utcnow())
