"""`/schedules`: make, read, change, delete; run now, switch, skip, preview."""

from typing import Any

from flask import Flask, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app import catalog, lists, schedules
from app.api import frame
from app.api.fields import filtered, page_of
from app.api.runs.schemas import RunSchema
from app.api.schedules import schemas
from app.clock import utcnow
from app.errors import Stale
from app.schedules.models import Schedule
from app.schedules.timing import Timing
from app.web.numbers import whole
from app.web.permissions import requires

bp = frame.ApiBlueprint("schedules", __name__, description="When tasks run by themselves")
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The version, in quotes."}}
_TIMING = tuple(name for name in schemas.TimingSchema().fields)


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/schedules")
@requires("view")
@bp.arguments(filtered(schedules.ScheduleFilter), location="query")
@bp.response(200, page_of(schemas.StoredScheduleSchema))
def list_schedules(query: dict[str, Any]) -> lists.Page[Schedule]:
    """Schedules, by name"""
    filters = lists.meant(schedules.ScheduleFilter, query, utcnow())
    return schedules.page(filters, query["limit"], query["cursor"])


@bp.route("/schedules", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.ScheduleSchema)
@bp.response(201, schemas.StoredScheduleSchema, headers=_ETAG)
def create_schedule(body: dict[str, Any]) -> Any:
    """Make a schedule"""
    row = schedules.create(schedules.Definition(**body), current_user.name, utcnow())
    return row, 201, _headers(row) | {"Location": url_for(".get_schedule", schedule_id=row.id)}


@bp.route("/schedules/preview", methods=["POST"])
@requires("view")
@bp.arguments(schemas.SchedulePreviewRequestSchema)
@bp.response(200, schemas.SchedulePreviewSchema)
def preview_schedule(body: dict[str, Any]) -> dict[str, Any]:
    """The next fires of a timing, and the timing in words"""
    timing = Timing(**{name: body[name] for name in _TIMING})
    shown = schedules.preview(timing, utcnow(), body["count"], body["start"])
    return {
        "words": shown.words,
        "fires": [fire.due_at for fire in shown.fires],
        "warnings": [warning.text for warning in shown.warnings],
        "details": [_detail(fire, body) for fire in shown.fires],
    }


@bp.route("/schedules/bulk", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.ScheduleBulkSchema)
@bp.response(200, schemas.ScheduleOutcomesSchema)
def change_schedules(body: dict[str, Any]) -> dict[str, Any]:
    """Run, switch, move to a queue, delete or bring back many schedules; says what happened to each"""
    by, now = current_user.name, utcnow()
    return {"outcomes": schedules.apply(body["action"], body["ids"], by, now, body)}


@bp.route("/schedules/<int:schedule_id>")
@requires("view")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def get_schedule(schedule_id: int) -> Any:
    """One schedule"""
    return _answer(schedules.get(schedule_id))


@bp.route("/schedules/<int:schedule_id>", methods=["PUT"])
@requires("operate")
@bp.arguments(schemas.ScheduleSchema)
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def replace_schedule(body: dict[str, Any], header: dict[str, Any], schedule_id: int) -> Any:
    """Change a schedule; fields that are left out take their defaults"""
    return _update(schedule_id, body, header)


@bp.route("/schedules/<int:schedule_id>", methods=["PATCH"])
@requires("operate")
@bp.arguments(schemas.ScheduleChangesSchema)
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def change_schedule(body: dict[str, Any], header: dict[str, Any], schedule_id: int) -> Any:
    """Change some fields of a schedule"""
    return _update(schedule_id, body, header)


@bp.route("/schedules/<int:schedule_id>", methods=["DELETE"])
@requires("operate")
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(204)
def delete_schedule(header: dict[str, Any], schedule_id: int) -> None:
    """Delete a schedule; its runs stay in the history"""
    schedules.delete(schedule_id, current_user.name, utcnow(), _version(header))


@bp.route("/schedules/<int:schedule_id>/run", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.RunNowSchema, required=False)
@bp.response(202, RunSchema)
def run_schedule(body: dict[str, Any], schedule_id: int) -> Any:
    """Run a schedule's task now; moves nothing of the schedule"""
    run = schedules.run_now(schedule_id, current_user.name, utcnow(), **body)
    return run, 202, {"Location": url_for("runs_api.get_run", run_id=run.id)}


@bp.route("/schedules/<int:schedule_id>/enable", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.ScheduleNoteSchema, required=False)
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def enable_schedule(body: dict[str, Any], header: dict[str, Any], schedule_id: int) -> Any:
    """Let a schedule fire again, from its next slot on"""
    by, version = current_user.name, _version(header)
    return _answer(schedules.enable(schedule_id, by, utcnow(), body["note"], version))


@bp.route("/schedules/<int:schedule_id>/disable", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.ScheduleNoteSchema, required=False)
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def disable_schedule(body: dict[str, Any], header: dict[str, Any], schedule_id: int) -> Any:
    """Stop a schedule from firing"""
    by, version = current_user.name, _version(header)
    return _answer(schedules.disable(schedule_id, by, utcnow(), body["note"], version))


@bp.route("/schedules/<int:schedule_id>/skip", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.SkippedFireSchema, required=False)
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def skip_fire(body: dict[str, Any], header: dict[str, Any], schedule_id: int) -> Any:
    """Leave out one fire"""
    by, version = current_user.name, _version(header)
    return _answer(schedules.skip(schedule_id, by, utcnow(), body.get("due_at"), version))


@bp.route("/schedules/<int:schedule_id>/restore", methods=["POST"])
@requires("operate")
@bp.arguments(schemas.RestoredFireSchema)
@bp.arguments(schemas.IfMatchSchema, location="headers")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def restore_fire(body: dict[str, Any], header: dict[str, Any], schedule_id: int) -> Any:
    """Let a fire happen that was to be left out"""
    by, version = current_user.name, _version(header)
    return _answer(schedules.restore(schedule_id, body["due_at"], by, utcnow(), version))


@bp.route("/schedules/<int:schedule_id>/duplicate", methods=["POST"])
@requires("operate")
@bp.response(201, schemas.StoredScheduleSchema, headers=_ETAG)
def duplicate_schedule(schedule_id: int) -> Any:
    """Copy a schedule; the copy is disabled"""
    row = schedules.duplicate(schedule_id, current_user.name, utcnow())
    return row, 201, _headers(row) | {"Location": url_for(".get_schedule", schedule_id=row.id)}


@bp.route("/schedules/<int:schedule_id>/undelete", methods=["POST"])
@requires("operate")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def undelete_schedule(schedule_id: int) -> Any:
    """Bring a deleted schedule back"""
    return _answer(schedules.undelete(schedule_id, current_user.name, utcnow()))


@bp.route("/schedules/<int:schedule_id>/reset", methods=["POST"])
@requires("operate")
@bp.response(200, schemas.StoredScheduleSchema, headers=_ETAG)
def reset_schedule(schedule_id: int) -> Any:
    """Put a schedule from code back to what the code says"""
    return _answer(schedules.reset_to_code(schedule_id, current_user.name, utcnow()))


@bp.route("/schedules/<int:schedule_id>/changes")
@requires("view")
@bp.response(200, schemas.ScheduleHistorySchema)
def list_schedule_changes(schedule_id: int) -> dict[str, Any]:
    """Who changed a schedule, and what; also of one that was deleted"""
    changes = schedules.changes_of(schedule_id)
    if not changes:
        schedules.get(schedule_id)
    return {"items": changes}


def _update(schedule_id: int, body: dict[str, Any], header: dict[str, Any]) -> Any:
    version = _version(header)
    row = schedules.update(schedule_id, body, current_user.name, utcnow(), version)
    return _answer(row)


def _answer(row: Schedule) -> tuple[Schedule, int, dict[str, str]]:
    return row, 200, _headers(row)


def _headers(row: Schedule) -> dict[str, str]:
    return {"ETag": f'"{row.version}"'}


def _version(header: dict[str, Any]) -> int | None:
    """The version in If-Match, or None for none; anything that is no version matches nothing.

    An ETag that came with a compressed answer has how it was compressed behind the version: "7:gzip".
    """
    text = header["if_match"]
    if text is None or text.strip() == "*":
        return None
    version = whole(text.strip().removeprefix("W/").strip('"').partition(":")[0])
    if version is None:
        raise Stale(_("If-Match takes the version of the schedule. Nothing was changed."))
    return version


def _detail(fire: Any, body: dict[str, Any]) -> dict[str, Any]:
    info = catalog.lookup(body["task_name"], body["app"]) if body["task_name"] else None
    args, kwargs = schedules.arguments_at(info, body["args"], body["kwargs"], body["timezone"], fire.due_at)
    return {
        "due_at": fire.due_at,
        "actual_at": fire.actual_at,
        "local_at": fire.local_at,
        "zone_name": fire.zone_name,
        "warning": fire.warning.text if fire.warning else None,
        "args": args,
        "kwargs": kwargs,
    }
