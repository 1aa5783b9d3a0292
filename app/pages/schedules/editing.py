"""The form of a schedule: new and changed, with the preview of what it would do."""

from typing import Any

from babel.dates import get_day_names
from flask import render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user

from app import catalog, runs, schedules
from app.accounts import permits
from app.config import settings
from app.errors import Conflict, Invalid, Stale
from app.pages.schedules import fires, history
from app.pages.schedules.blueprint import address_of, bp, toast_done
from app.pages.schedules.form import ScheduleForm, empty_form, form_of, parameters_of, read_form
from app.schedules import timing
from app.web import viewer
from app.web.htmx import go_to
from app.web.numbers import whole
from app.web.permissions import requires

PARTS = ("minute", "hour", "day_of_month", "month", "day_of_week")


@bp.get("/new")
@requires("operate")
def new() -> str:
    return _drawn(empty_form(_queues(), viewer.zone(), request.args))


@bp.post("/new")
@requires("operate")
def create() -> Any:
    form = _submitted(None)

    try:
        values, unread = form.read()
        definition = schedules.Definition(**values)
        row = schedules.create(definition, current_user.name, viewer.now(), unread)
        return go_to(_saved(row.id))
    except (Invalid, Conflict) as error:
        return _refused(form, error)


@bp.get("/<int:schedule_id>/edit")
@requires("operate")
def edit(schedule_id: int) -> str:
    row = schedules.get(schedule_id)
    permits.require(row.task_name, row.app)
    return _drawn(form_of(row, _queues()))


@bp.post("/<int:schedule_id>/edit")
@requires("operate")
def update(schedule_id: int) -> Any:
    form = _submitted(schedules.get(schedule_id))
    by, now = current_user.name, viewer.now()

    try:
        values, unread = form.read()
        if_version = None if unread else form.version  # what is refused anyway is refused for all its faults
        schedules.update(schedule_id, values, by, now, if_version, unread)
        return go_to(_saved(schedule_id))
    except Stale:
        return _stale(form, schedule_id)
    except (Invalid, Conflict) as error:
        return _refused(form, error)


@bp.post("/form")
@requires("operate")
def redraw() -> str:
    """The form again with what was entered, for another task, or for the preview without JavaScript."""
    return _drawn(_submitted(_row()))


@bp.get("/parameters")
@requires("operate")
def parameters() -> str:
    """The parts of the form that follow the task."""
    form = parameters_of(request.args, _row(), _queues())
    return render_template("schedules/_parameters.html", form=form, follows=True)


@bp.post("/preview")
@requires("view")
def preview() -> str:
    return render_template("schedules/_preview.html", fragment=True, **_previewed(_submitted(_row())))


def _queues() -> list[str]:
    return settings().declared_queues


def _tasks() -> list[catalog.TaskInfo]:
    """Every task that the viewer may run, those that ran last first."""
    tasks = [info for info in catalog.listing() if permits.may_run(info.name, info.app)]
    latest = runs.latest([info.key for info in tasks])
    return sorted(
        tasks, key=lambda info: -latest[info.key].created_at.timestamp() if info.key in latest else 0
    )


def _row() -> schedules.Schedule | None:
    """The schedule that the form belongs to, if it is one that is stored."""
    schedule_id = whole(request.values.get("schedule_id", ""))
    return None if schedule_id is None else schedules.get(schedule_id)


def _submitted(row: schedules.Schedule | None) -> ScheduleForm:
    return read_form(request.form, _queues(), row)


def _drawn(form: ScheduleForm, **more: Any) -> str:
    return render_template(
        "schedules/form.html",
        form=form,
        tasks=_tasks(),
        zones=viewer.zone_options(),
        weekdays=_weekdays(),
        parts=[(part, timing.allowed(part)) for part in PARTS],
        **_previewed(form),
        **more,
    )


def _weekdays() -> list[tuple[str, str]]:
    """The days of the week as cron counts them and as the viewer calls them, Monday first."""
    names = get_day_names("wide", locale=get_locale())
    return [(str((number + 1) % 7), names[number]) for number in range(7)]


def _refused(form: ScheduleForm, error: Invalid | Conflict) -> Any:
    if isinstance(error, Conflict):
        if error.code != "name-taken":
            raise error
        form.refuse(Invalid({"name": [error.detail]}))
        return _drawn(form), error.status
    form.refuse(error)
    return _drawn(form), error.status


def _stale(form: ScheduleForm, schedule_id: int) -> Any:
    """Who changed what since the form was filled in, and the form on top of that, to go on with."""
    row = schedules.get(schedule_id)
    seen = form.version if form.version is not None else 0
    since = [change for change in schedules.changes_of(schedule_id) if change.version > seen]
    values, _unread = form.read()
    rebased, both = form.rebase(row, values, since[::-1], _queues())
    shown = [history.shown(change) for change in since]
    words = sorted(str(history.field_word(name)) for name in both)
    return _drawn(rebased, theirs=shown, both=words), Stale.status


def _saved(schedule_id: int) -> str:
    """To the schedule's page; with the button for it, its task runs now as well."""
    name, address = schedules.get(schedule_id).name, address_of(schedule_id)
    if request.form.get("then") != "run":
        toast_done(_("Saved"), name)
        return address
    try:
        run = schedules.run_now(schedule_id, current_user.name, viewer.now())
    except (Conflict, Invalid) as error:
        toast_done(_("Saved, but not run now"), error.detail)
        return address
    toast_done(_("Saved, and sent to the queue %(queue)s", queue=run.queue), name, run_id=run.id)
    return address


def _previewed(form: ScheduleForm) -> dict[str, Any]:
    """What the panel beside the form shows; `unknown` says why there is nothing to show yet."""
    try:
        shape = form.timing()
        now = viewer.now()
        start = max(now, shape.starts_at or now)
        preview = schedules.preview(shape, now, fires.SHOWN, start)
    except Invalid as error:
        messages = [f"{form.label_of(name)}: {' '.join(messages)}" for name, messages in error.errors.items()]
        wrong = [" ".join(messages) for name, messages in error.errors.items() if name == "cron_schedule"]
        return {"unknown": messages, "timing_errors": wrong, "fires": [], "resolved": []}
    listed = preview.fires
    arguments = _resolved(form, shape, listed)
    return {
        "unknown": [],
        "timing_errors": [],
        "form_enabled": form.fields.enabled.data,
        "resolved": _at_fields(form, arguments[0] if arguments else {}),
        "words": preview.words,
        "timing": shape,
        "fires": fires.shown(listed, shape.timezone, viewer.now(), (), arguments, form.row is not None),
        "warnings": [
            text.text for text in preview.warnings if text.due_at not in {fire.due_at for fire in listed}
        ],
    }


def _resolved(
    form: ScheduleForm, shape: timing.Timing, listed: list[timing.PreviewedFire]
) -> list[dict[str, Any]]:
    """For each fire, the arguments that refer to it as they will be then."""
    if form.parameters is None or not (referring := form.parameters.referring()):
        return []
    info, zone = form.parameters.info, shape.timezone
    return [schedules.arguments_at(info, [], referring, zone, fire.due_at)[1] for fire in listed]


def _at_fields(form: ScheduleForm, arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """For each date of the form its field's id, and what it refers to at the next fire; "" for nothing."""
    if form.parameters is None:
        return []
    return [(form.parameters.fields[name].id, str(arguments.get(name, ""))) for name in form.parameters.due]
