"""The pages of workers: who is alive, what each is doing, and what can be done about it."""

from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, heartbeats, runs, workers
from app.config import settings
from app.errors import BrokerUnavailable, Invalid
from app.heartbeats import Worker
from app.web import live, viewer
from app.web.dialogs import question
from app.web.filters import last_part
from app.web.htmx import go_to
from app.web.navigation import Count, Entry, register
from app.web.numbers import whole
from app.web.permissions import requires
from app.web.toasts import toast

bp = Blueprint("workers", __name__, url_prefix="/workers")


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("workers.index", _l("Workers"), "server", 60, count=_count))


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("workers/index.html", **_all())


@bp.get("/-/cards")
@requires("view")
def cards() -> str | Response:
    shown = _all()
    return live.fragment("workers/_cards.html", shown["version"], lambda: shown)


@bp.get("/<hostname>")
@requires("view")
def show(hostname: str) -> str:
    return render_template("workers/show.html", **_context(hostname))


@bp.get("/<hostname>/live")
@requires("view")
def part(hostname: str) -> str | Response:
    shown = _context(hostname)
    return live.fragment("workers/_worker.html", shown["version"], lambda: shown)


@bp.get("/<hostname>/pause")
@requires("administer")
def ask_pause(hostname: str) -> str:
    return _question("workers/_pause.html", _("Pause"), hostname)


@bp.post("/<hostname>/pause")
@requires("administer")
def pause(hostname: str) -> Response:
    note = request.form.get("note", "").strip()[:500]
    worker = workers.pause(hostname, current_user.name, note, viewer.now())
    words = _("What it runs goes on.") if worker.running else ""
    toast(_("%(name)s is paused", name=hostname), words, undo=url_for("workers.resume", hostname=hostname))
    return _back(hostname)


@bp.post("/<hostname>/resume")
@requires("administer")
def resume(hostname: str) -> Response:
    workers.resume(hostname, viewer.now())
    toast(_("%(name)s takes runs again", name=hostname), undo=url_for("workers.pause", hostname=hostname))
    return _back(hostname)


@bp.get("/<hostname>/shutdown")
@requires("administer")
def ask_shutdown(hostname: str) -> str:
    return _question("workers/_shutdown.html", _("Shut down"), hostname)


@bp.post("/<hostname>/shutdown")
@requires("administer")
def shutdown(hostname: str) -> Response:
    worker = workers.shutdown(hostname, viewer.now())
    names = ", ".join(run["task"] for run in worker.running)
    words = _("It finishes %(tasks)s first.", tasks=names) if names else _("It had nothing to finish.")
    toast(_("%(name)s is leaving", name=hostname), words)
    return _back(hostname)


@bp.post("/<hostname>/pool")
@requires("administer")
def pool(hostname: str) -> Response:
    size = whole(request.form.get("size", ""), 0, 9999) or 0
    worker = workers.resize(hostname, size, viewer.now())
    slots = worker.autoscale[1] if worker.autoscale else worker.slots
    toast(_("%(name)s now has %(n)s slots", name=hostname, n=slots))
    return _back(hostname)


@bp.post("/<hostname>/queues")
@requires("administer")
def queues(hostname: str) -> Response:
    add = [name for name in request.form.getlist("add") if name.strip()]
    drop = request.form.getlist("drop")
    worker = workers.change_queues(hostname, add, drop, viewer.now())
    listens = ", ".join(worker.queues)
    if len(drop) == 1 and not add:
        done = _("%(name)s no longer takes runs of %(queue)s", name=hostname, queue=drop[0])
        back = url_for(".queues", hostname=hostname)
        toast(done, _("It listens to: %(queues)s", queues=listens or "-"), undo=back, values={"add": drop[0]})
    else:
        toast(_("%(name)s now listens to: %(queues)s", name=hostname, queues=listens))
    return _back(hostname)


@bp.post("/<hostname>/clear")
@requires("administer")
def clear(hostname: str) -> Response:
    workers.clear(hostname, viewer.now(), request.args.get("app"))
    toast(_("%(name)s is cleared", name=hostname))
    return go_to(url_for("workers.index"))


@bp.get("/-/limits/<task_name>")
@requires("administer")
def ask_limits(task_name: str) -> str:
    in_force = workers.limits_of(task_name)
    shown = {
        name: "" if value is None else f"{value:.10g}" if name != "rate_limit" else value
        for name, value in in_force.items()
    }
    return _limits_form(task_name, shown, {})


@bp.post("/-/limits/<task_name>")
@requires("administer")
def limits(task_name: str) -> Any:
    sent = {
        name: request.form.get(name, "").strip() for name in ("rate_limit", "time_limit", "soft_time_limit")
    }
    try:
        applied = workers.set_limits(task_name, read_limits(sent), viewer.now())
    except Invalid as error:
        return _limits_form(task_name, sent, error.errors), 422
    refused = "; ".join(f"{name}: {words}" for name, words in applied.workers.items() if words)
    toast(_("The limits of %(task)s are changed", task=task_name), refused)
    return go_to(url_for("tasks.show", task_name=task_name))


def read_limits(sent: dict[str, str]) -> dict[str, Any]:
    """The limits that a form sends; an empty field lifts one. Raises `Invalid`."""
    limits: dict[str, Any] = {"rate_limit": sent["rate_limit"] or None}
    for name in ("time_limit", "soft_time_limit"):
        try:
            limits[name] = float(sent[name]) if sent[name] else None
        except ValueError:
            raise Invalid({name: [_("Give a number of seconds, such as 90 or 0.5.")]}) from None
    return limits


def limit_fields() -> tuple[tuple[str, str, str], ...]:
    """Name, label and what to write of each limit."""
    rate = _("10/s, 100/m or 1000/h on each worker; empty: none")
    if settings().uses_rabbitmq:
        rate += " " + _(
            "RabbitMQ holds the queues: runs over this limit keep the slots of the worker that took them, so "
            "that others may wait too. Give such a task a queue and a worker of its own."
        )
    return (
        ("rate_limit", _("Rate limit"), rate),
        ("time_limit", _("Hard time limit"), _("seconds until a run is killed; empty: none")),
        ("soft_time_limit", _("Soft time limit"), _("seconds until a run is asked to end; empty: none")),
    )


def _limits_form(task_name: str, shown: dict[str, str], problems: dict[str, list[str]]) -> str:
    shown_at = url_for("tasks.show", task_name=task_name)
    above = [(url_for("tasks.index"), _("Tasks")), (shown_at, last_part(task_name))]
    words = _(
        "They hold on every worker at once, and on those that start later. "
        "Only prefork workers obey time limits."
    )
    values: dict[str, Any] = {"fields": limit_fields(), "shown": shown, "problems": problems, "words": words}
    values |= {"address": url_for("workers.limits", task_name=task_name), "back": shown_at, "app": None}
    return question("workers/_limits.html", _("Limits"), above, task_name=task_name, **values)


def _all() -> dict[str, Any]:
    client, now = broker.client(), viewer.now()
    listed = [*heartbeats.workers(client, now), *heartbeats.app_workers(client, now)]
    order = sorted(listed, key=lambda worker: (not worker.online, worker.app or "", worker.hostname))
    return {"workers": order, "usual": _usual(listed), "version": _version(listed)}


def _context(hostname: str) -> dict[str, Any]:
    app = request.args.get("app")
    worker = heartbeats.find_worker(broker.client(), hostname, viewer.now(), app)
    others = [name for name in settings().declared_queues if name not in worker.queues]
    latest = runs.page(runs.RunFilter(worker=hostname, app=worker.app_name), limit=20).items
    facts = [(run.id, run.state) for run in latest]
    version = _version([worker], facts)
    return {
        "worker": worker,
        "latest": latest,
        "others": others,
        "usual": _usual([worker]),
        "version": version,
    }


def _usual(listed: list[Worker]) -> dict[tuple[str, str], float]:
    """The usual seconds of each task, by app and name, that runs now, where enough of its runs are known."""
    tasks = {(worker.app_name, run["task"]) for worker in listed for run in worker.running}
    return runs.typical_seconds(tasks, viewer.now())


def _version(listed: list[Worker], *more: Any) -> str:
    """Moves with what is shown, but not for a heartbeat or a few bytes of memory alone."""
    shown = [
        (
            *(
                worker.hostname,
                worker.state,
                worker.stopping,
                worker.slots,
                worker.autoscale,
                worker.queues,
                worker.pause,
            ),
            *(
                [run["id"] for run in worker.running],
                round(worker.memory_bytes, -7),
                round(worker.load, 1),
                worker.app,
            ),
        )
        for worker in listed
    ]
    return live.version_of(shown, more)


def _question(fragment: str, title: str, hostname: str) -> str:
    worker = heartbeats.find_worker(broker.client(), hostname, viewer.now())
    above = [(url_for("workers.index"), _("Workers")), (url_for("workers.show", hostname=hostname), hostname)]
    return question(fragment, title, above, worker=worker)


def _back(hostname: str) -> Response:
    """To the list, when the form stood there."""
    if request.form.get("from") == "index":
        return go_to(url_for("workers.index"))
    return go_to(url_for("workers.show", hostname=hostname))


def _count() -> Count | None:
    """How many of the known workers are online, for the sidebar; nothing while Redis does not answer."""
    try:
        client, now = broker.client(), viewer.now()
        listed = [*heartbeats.workers(client, now), *heartbeats.app_workers(client, now)]
    except BrokerUnavailable:
        return None
    online = sum(worker.online for worker in listed)
    if not listed:
        return None
    name = _("%(online)s of %(all)s workers online", online=online, all=len(listed))
    return Count(f"{online}/{len(listed)}" if online < len(listed) else str(online), name)
