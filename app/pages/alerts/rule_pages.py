"""The form of a rule, and what is done to one: silence, switch, delete."""

from datetime import timedelta
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from app import catalog
from app.alerts import rules
from app.alerts.models import AlertRule
from app.config import settings
from app.errors import Invalid
from app.pages.alerts.blueprint import bp
from app.pages.alerts.forms import RuleForm, refuse, rule_form
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to
from app.web.permissions import requires
from app.web.toasts import toast

SPANS: dict[str, tuple[timedelta, Any]] = {
    "1h": (timedelta(hours=1), _l("1 hour")),
    "4h": (timedelta(hours=4), _l("4 hours")),
    "1d": (timedelta(days=1), _l("1 day")),
    "7d": (timedelta(days=7), _l("7 days")),
}


@bp.get("/new")
@requires("administer")
def new() -> str:
    return _drawn(rule_form(zone=viewer.zone(), kind=request.args.get("kind", "")))


@bp.post("/new")
@requires("administer")
def create() -> Any:
    form = rule_form(request.form)
    try:
        row = rules.create(form.values(), current_user.name, viewer.now())
    except Invalid as error:
        return _refused(form, error)
    toast(_("The alert %(name)s was created", name=row.name))
    return go_to(url_for(".index"))


@bp.get("/<int:rule_id>/edit")
@requires("administer")
def edit(rule_id: int) -> str:
    row = rules.get(rule_id)
    return _drawn(rule_form(row=row), row)


@bp.post("/<int:rule_id>/edit")
@requires("administer")
def update(rule_id: int) -> Any:
    row, form = rules.get(rule_id), rule_form(request.form)
    try:
        changed = rules.update(rule_id, form.values(), current_user.name, viewer.now())
    except Invalid as error:
        return _refused(form, error, row)
    toast(_("%(name)s was changed", name=changed.name))
    return go_to(url_for(".index"))


@bp.post("/form")
@requires("administer")
def redraw() -> str:
    """The form again with what was entered, for another kind."""
    row = rules.get(int(request.form["rule_id"])) if request.form.get("rule_id", "").isdecimal() else None
    return _drawn(rule_form(request.form), row)


@bp.get("/<int:rule_id>/delete")
@requires("administer")
def ask_delete(rule_id: int) -> str:
    return question("alerts/_delete.html", _("Delete"), rule=rules.get(rule_id))


@bp.post("/<int:rule_id>/delete")
@requires("administer")
def delete(rule_id: int) -> Response:
    toast(_("%(name)s was deleted", name=rules.delete(rule_id, viewer.now())))
    return go_to(url_for(".index"))


@bp.get("/<int:rule_id>/silence")
@requires("operate")
def ask_silence(rule_id: int) -> str:
    return question("alerts/_silence.html", _("Silence"), rule=rules.get(rule_id), spans=SPANS)


@bp.post("/<int:rule_id>/silence")
@requires("operate")
def silence(rule_id: int) -> Response:
    span = request.form.get("span", "")
    if span not in SPANS:
        raise Invalid({"span": [_("Choose one of: %(all)s.", all=", ".join(SPANS))]})
    until, note = viewer.now() + SPANS[span][0], request.form.get("note", "")
    row = rules.silence(rule_id, until, note, current_user.name, viewer.now())
    undo = url_for(".unsilence", rule_id=rule_id)
    toast(_("%(name)s is silenced", name=row.name), _("What still fires then is told."), undo=undo)
    return go_to(url_for(".index"))


@bp.post("/<int:rule_id>/unsilence")
@requires("operate")
def unsilence(rule_id: int) -> Response:
    row = rules.unsilence(rule_id, viewer.now())
    toast(_("%(name)s makes messages again", name=row.name))
    return go_to(url_for(".index"))


@bp.post("/<int:rule_id>/switch")
@requires("administer")
def switch(rule_id: int) -> Response:
    on = request.form.get("enabled") == "1"
    row = rules.update(rule_id, {"enabled": on}, current_user.name, viewer.now())
    title = _("%(name)s is on", name=row.name) if on else _("%(name)s is off", name=row.name)
    toast(title, undo=url_for(".switch", rule_id=rule_id), values={"enabled": "" if on else "1"})
    return go_to(url_for(".index"))


def _drawn(form: RuleForm, row: AlertRule | None = None) -> str:
    tasks = catalog.names()
    return render_template(
        "alerts/form.html", form=form, row=row, tasks=tasks, queues=settings().declared_queues
    )


def _refused(form: RuleForm, error: Invalid, row: AlertRule | None = None) -> tuple[str, int]:
    refuse(form, error.errors)
    return _drawn(form, row), 422
