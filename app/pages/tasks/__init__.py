"""The pages of tasks: the list, and one task with the form that runs it."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app import broker, catalog, heartbeats, lists, runs, schedules, workers
from app.accounts import permits
from app.catalog import type_words
from app.catalog.binding import Arguments
from app.catalog.filters import TaskFilter
from app.catalog.json_text import RAW
from app.config import settings
from app.errors import BrokerUnavailable, Invalid, NotFound
from app.health.checks import ignored_advice
from app.pages import marks
from app.pages.tasks import effects, presentation
from app.pages.tasks import statistics as charted
from app.pages.tasks.run_form import FIELDS, RunForm, empty_form, read_form
from app.pages.tasks.start_form import AT, NOW, Start
from app.runs import apps, checks
from app.web import form_drafts, viewer
from app.web.htmx import go_to, wants_fragment
from app.web.navigation import Count, Entry, register
from app.web.permissions import requires
from app.web.toasts import toast

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
RECENT = 6
PAGE_SIZE = 200  # more than most teams have: they see all in one list


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals.update(
        app_named=catalog.app_named,
        checked_by_code=lambda info: checks.prospect(info, viewer.now()),
        bounds_words=type_words.bounds_words,
        how_to_write=type_words.how_to_write,
        type_name=type_words.type_name,
        short=charted.short,
        share=charted.share,
    )
    register(app, Entry("tasks.index", _l("Tasks"), "package", 20, count=_count))


@bp.get("")
@requires("view")
def index() -> str:
    tasks = catalog.listing()
    asked = lists.read(TaskFilter, request.args, viewer.now(), viewer.zone())
    matching = presentation.in_groups(asked.filter.among(tasks))
    page = lists.page_of_all(matching, PAGE_SIZE, asked.cursor, lambda info: f"{info.app or ''} {info.name}")
    return render_template(
        "tasks/index.html",
        groups=presentation.groups(matching, page.items),
        page=page,
        found=len(matching),
        total=len(tasks),
        q=asked.filter.q or "",
        asked=asked,
        tags=lists.tags(asked, ("q",)),
        failures=catalog.import_failures(),
        not_taken_over=catalog.not_taken_over(),
        ignored=[ignored for ignored in catalog.ignored_configuration() if ignored.matters],
        told=catalog.told(),
        ignored_advice=ignored_advice(),
        latest=runs.latest([info.key for info in page.items]),
    )


@bp.get("/<path:task_name>")
@requires("view")
def show(task_name: str) -> str:
    info = _find(task_name)
    mode = RAW if request.args.get("input") == RAW else FIELDS
    rerun_of = request.args.get("rerun", "")
    values = _earlier(rerun_of or request.args.get("run", ""))
    return _drawn(empty_form(info, _queues(info), mode, values, rerun_of if values else ""))


@bp.get("/<path:task_name>/<any(run, form, 'same-as'):_form>")
@form_drafts.leads_on
@requires("view")
def form_alone(task_name: str, _form: str) -> AnyResponse:
    """Where a form was sent without JavaScript and came back: loaded again, it is the task's page."""
    return redirect(url_for("tasks.show", task_name=task_name, app=request.args.get("app")))


@bp.get("/<path:task_name>/numbers")
@requires("view")
def numbers(task_name: str) -> str:
    info = _find(task_name)
    return render_template("tasks/_numbers.html", info=info, **_numbers(info))


@bp.post("/<path:task_name>/run")
@requires("operate")
def run(task_name: str) -> Any:
    form = _submitted(task_name)
    try:
        return go_to(_started(form))
    except Invalid as error:
        form.refuse(error)
        return _drawn(form), 422


@bp.post("/<path:task_name>/form")
@requires("operate")
def switch(task_name: str) -> Any:
    """The other tab of the form, with what was entered so far."""
    form = _submitted(task_name)
    try:
        form = form.in_mode(RAW if form.mode == FIELDS else FIELDS)
    except Invalid as error:
        form.refuse(error)
        return _drawn(form), 422
    return _drawn(form)


@bp.post("/<path:task_name>/same-as")
@requires("view")
def same_as(task_name: str) -> str:
    """The code that sends what stands in the form now, and what that would do."""
    form = _submitted(task_name)
    return render_template("tasks/_same_as.html", **_said_beside(form)) if wants_fragment() else _drawn(form)


def _count() -> Count:
    number = len(catalog.listing())
    return Count(str(number), _("%(n)s tasks", n=number))


def _find(task_name: str) -> catalog.TaskInfo:
    """The task; the address says of which other app, where several have one of that name."""
    return catalog.find(task_name, app=request.args.get("app") or None)


def _queues(info: catalog.TaskInfo) -> list[str]:
    """Where its runs may go: of another app, where its workers listen."""
    if info.app is None:
        return settings().declared_queues
    try:
        theirs = heartbeats.app_workers(broker.client(), viewer.now(), info.app)
    except BrokerUnavailable:
        return []
    return sorted({queue for worker in theirs if worker.online for queue in worker.queues})


def _submitted(task_name: str) -> RunForm:
    info = _find(task_name)
    form = read_form(info, _queues(info), request.form)
    return replace(form, start=Start(request.form))


def _started(form: RunForm) -> str:
    """Send the run, or keep it for its time; returns the page that shows it. Raises `Invalid`."""
    arguments, options, run_at = _read(form)
    by, now = current_user.name, viewer.now()
    if form.start.choice == AT:
        row = schedules.run_once_at(
            form.info.name, arguments.args, arguments.kwargs, run_at, by, now,
            app=form.info.app_name, rerun_of=_known_run(form.rerun_of), timezone=viewer.zone(),
            **options)  # fmt: skip
        toast(_("It runs once, at the time you gave"))
        return url_for("schedules.show", schedule_id=row.id)
    request = runs.RunRequest(
        task_name=form.info.name,
        app=form.info.app_name,
        args=arguments.args,
        kwargs=arguments.kwargs,
        run_at=run_at,
        requested_by=by,
        rerun_of=_known_run(form.rerun_of),
        **options,
    )
    run = runs.submit(request, now)
    sent = _("Sent to the queue %(queue)s", queue=run.queue)
    toast(_("It is sent when its time has come") if run_at else sent)
    return url_for("runs.show", run_id=run.id)


def _read(form: RunForm) -> tuple[Arguments, dict[str, Any], Any]:
    """Arguments, options and start; raises `Invalid` with what is wrong in any of them."""
    errors: dict[str, list[str]] = {}
    parts: list[Any] = []
    for part in (form.arguments, form.options, lambda: form.start.moment(_place(), viewer.now())):
        try:
            parts.append(part())
        except Invalid as error:
            errors |= error.errors
    if errors:
        raise Invalid(errors)
    return parts[0], parts[1], parts[2]


def _place() -> ZoneInfo:
    return ZoneInfo(viewer.zone())


def _known_run(run_id: str) -> str | None:
    return runs.get(run_id).id if run_id else None


def _earlier(run_id: str) -> Arguments | None:
    """The arguments of an earlier run, to be changed; None when they are not known."""
    if not run_id:
        return None
    try:
        old = runs.get(run_id)
    except NotFound:
        return None
    return Arguments(list(old.args or []), dict(old.kwargs or {}))


def _code(form: RunForm) -> str | None:
    """The code that sends the same; None while what stands in the form cannot be sent."""
    arguments = form.peek()
    if arguments is None or not form.destination.validate():
        return None
    options = form.options()
    if form.start is not None and form.start.choice != NOW:
        try:
            options["run_at"] = form.start.moment(_place(), viewer.now())
        except Invalid:
            return None
    return catalog.as_python(form.info, arguments.args, arguments.kwargs, options)


def _said_beside(form: RunForm) -> dict[str, Any]:
    """What is said of the form as it stands: the code that sends the same, and what its run would do."""
    effect, arguments = "", form.peek() if effects.has_effect(form.info) else None
    if arguments is not None and permits.may_run(form.info.name, form.info.app):
        effect = effects.effect(form.info, arguments, viewer.now())
    return {
        "info": form.info,
        "code": _code(form),
        "taken": presentation.taken(form.parameters) if form.mode == FIELDS else [],
        "effect": effect,
        "effect_told": effects.has_effect(form.info),
    }


def _drawn(form: RunForm) -> str:
    """The form alone for htmx, else the whole page of its task."""
    info = form.info
    form.start = form.start or Start()
    shown: dict[str, Any] = {
        "info": info,
        "form": form,
        "rows": presentation.parameter_rows(info),
        "last_run": runs.last_arguments(*info.key),
        "reachable": apps.reachable(info.app),
    } | _said_beside(form)
    if wants_fragment():
        return render_template("tasks/_run_form.html", **shown)
    shown |= _numbers(info)
    recent = runs.page(runs.RunFilter(task_name=info.name, app=info.app_name), limit=RECENT).items
    also_in = [name for name in catalog.apps_with(info.name) if name != info.app_name]
    shown |= {"knowledge": _knowledge(info), "also_in": also_in}
    shown |= {"paragraphs": presentation.paragraphs(info), "recent": recent} | _limits(info)
    return render_template("tasks/show.html", **shown)


def _knowledge(info: catalog.TaskInfo) -> workers.Knowledge | None:
    try:
        return workers.knowledge(info, viewer.now())
    except BrokerUnavailable:
        return None


def _limits(info: catalog.TaskInfo) -> dict[str, Any]:
    """What holds for its runs; while Redis is away, what is in code."""
    try:
        in_force, known = workers.in_force(info), True
    except BrokerUnavailable:
        in_force, known = info, False
    return {"limits": presentation.limits(info, in_force), "limits_known": known}


def _numbers(info: catalog.TaskInfo) -> dict[str, Any]:
    """What the numbers show; of a time that is wrong, the usual one, and that it is wrong."""
    sent = MultiDict([("last", request.args.get("last", ""))])
    query = lists.read(runs.NumbersFilter, sent, viewer.now(), viewer.zone())
    numbers = runs.numbers_of(*info.key, query.filter.last, viewer.now(), _place())
    whole, between = numbers.whole, (numbers.whole.from_at, numbers.whole.until_at)
    happened = marks.happened(*between, *info.key) if whole.runs else []
    return {
        "numbers": numbers,
        "tags": [replace(tag, query=tag.query | {"app": info.app}) for tag in lists.tags(query, ("last",))],
        "spans": charted.SPAN_WORDS,
        "chart": charted.chart(numbers) if numbers.whole.runs else None,
        "marks": marks.marks(happened, *between),
        "usual": runs.typical_seconds([info.key], viewer.now()).get(info.key),
    }
