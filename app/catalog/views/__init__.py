"""The pages of tasks: the list, and one task with the form that runs it."""

from typing import Any

from celery import Celery
from flask import Blueprint, Flask, current_app, flash, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from app import catalog, runs
from app.accounts import requires
from app.catalog import wording
from app.catalog.binding import Arguments
from app.catalog.json_text import RAW
from app.catalog.run_form import FIELDS, RunForm, empty_form, read_form
from app.catalog.views import presentation
from app.config import settings
from app.errors import Invalid, NotFound
from app.web import viewer
from app.web.htmx import go_to, wants_fragment
from app.web.navigation import Count, Entry, register

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
RECENT = 6


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals.update(
        bounds_words=wording.bounds_words, how_to_write=wording.how_to_write, type_name=wording.type_name
    )
    register(app, Entry("tasks.index", _l("Tasks"), "package", 20, count=_count))


@bp.get("")
@requires("view")
def index() -> str:
    tasks, text = catalog.listing(_celery()), request.args.get("q", "").strip()
    found = catalog.matching(tasks, text)
    return render_template(
        "tasks/index.html",
        groups=presentation.groups(found),
        found=len(found),
        total=len(tasks),
        q=text,
        failures=current_app.extensions["import_failures"],
        latest=runs.latest([info.name for info in found]),
    )


@bp.get("/<path:task_name>")
@requires("view")
def show(task_name: str) -> str:
    info = catalog.find(_celery(), task_name)
    mode = RAW if request.args.get("input") == RAW else FIELDS
    rerun_of = request.args.get("rerun", "")
    values = _earlier(rerun_of or request.args.get("run", ""))
    return _drawn(empty_form(info, settings().declared_queues, mode, values, rerun_of if values else ""))


@bp.post("/<path:task_name>/run")
@requires("operate")
def run(task_name: str) -> Any:
    form = _submitted(task_name)
    try:
        new = runs.submit(_celery(), _asked(form), viewer.now())
    except Invalid as error:
        form.refuse(error)
        return _drawn(form), 422
    flash(_("Sent to the queue %(queue)s", queue=new.queue), "success")
    return go_to(url_for("runs.show", run_id=new.id))


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
    """The code that sends what stands in the form now."""
    return render_template("tasks/_same_as.html", code=_code(_submitted(task_name)))


def _celery() -> Celery:
    return current_app.extensions["celery"]


def _count() -> Count:
    number = len(catalog.listing(_celery()))
    return Count(str(number), _("%(n)s tasks", n=number))


def _submitted(task_name: str) -> RunForm:
    return read_form(catalog.find(_celery(), task_name), settings().declared_queues, request.form)


def _asked(form: RunForm) -> runs.RunRequest:
    arguments = form.arguments()
    return runs.RunRequest(
        task_name=form.info.name,
        args=arguments.args,
        kwargs=arguments.kwargs,
        requested_by=current_user.name,
        rerun_of=_known_run(form.rerun_of),
        **form.options(),
    )


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
    return catalog.as_python(form.info, arguments.args, arguments.kwargs, form.options())


def _drawn(form: RunForm) -> str:
    """The form alone for htmx, else the whole page of its task."""
    info = form.info
    shown: dict[str, Any] = {
        "info": info,
        "form": form,
        "rows": presentation.parameter_rows(info),
        "last_run": runs.last_arguments(info.name),
        "code": _code(form),
    }
    if wants_fragment():
        return render_template("tasks/_run_form.html", **shown)
    recent = runs.page(runs.Filter(task_name=info.name), limit=RECENT).items
    paragraphs, limits = presentation.paragraphs(info.doc), presentation.limits(info)
    return render_template("tasks/show.html", recent=recent, paragraphs=paragraphs, limits=limits, **shown)
