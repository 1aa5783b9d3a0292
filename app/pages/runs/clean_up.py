"""Cleaning up now: how many runs would go is named first; then the clean-up task does it."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user
from werkzeug.wrappers import Response
from wtforms import FloatField, Form, IntegerField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import NumberRange, Optional

from app import catalog, runs
from app.config import settings
from app.runs import states
from app.web import viewer
from app.web.htmx import go_to
from app.web.permissions import requires

_l: Any = lazy_gettext  # WTForms shows lazy text as well as plain; its types do not say so
TASK = "maintenance.clean_history"

bp = Blueprint("clean_up", __name__, url_prefix="/runs/clean-up")


class CleanUpForm(Form):
    """The parameters of the clean-up task."""

    older_than_days = FloatField(
        _l("Older than, days"),
        [Optional(), NumberRange(0, 36_500, _l("Give a number of days from 0 to 36,500."))],
    )
    keep_newest = IntegerField(
        _l("Keep at most the newest"),
        [Optional(), NumberRange(1, 100_000_000, _l("Give a number from 1 to 100,000,000."))],
    )
    states = SelectMultipleField(
        _l("That ended as"), choices=[SelectChoice(state, state) for state in states.FINISHED]
    )
    task_name = SelectField(_l("Of the task"))

    def rule(self, now: datetime) -> runs.Rule:
        days = settings().retention_days if self.older_than_days.data is None else self.older_than_days.data
        return runs.Rule(
            now - timedelta(days=days),
            self.keep_newest.data,
            self.states.data or (),
            self.task_name.data or "",
        )

    def arguments(self) -> dict[str, Any]:
        """What was filled in, as the task takes it."""
        return {name: value for name, value in self.data.items() if value not in (None, "", [])}


@bp.get("")
@requires("administer")
def index() -> tuple[str, int]:
    """The form, and below it how many runs would go once it is filled in."""
    form = _form(request.args)
    asked = "look" in request.args
    if asked and not form.validate():
        return _page(form, None), 422
    return _page(form, runs.count_old(form.rule(viewer.now())) if asked else None), 200


@bp.post("")
@requires("administer")
def start() -> Response | tuple[str, int]:
    """Send the clean-up task; its run says how far it is."""
    form = _form(request.form)
    if not form.validate():
        return _page(form, None), 422
    wanted = runs.RunRequest(TASK, kwargs=form.arguments(), requested_by=current_user.name)
    run = runs.submit(current_app.extensions["celery"], wanted, viewer.now())
    return go_to(url_for("runs.show", run_id=run.id))


def _form(data: Any) -> CleanUpForm:
    form = CleanUpForm(data)
    names = [info.name for info in catalog.listing(current_app.extensions["celery"])]
    given = form.task_name.data or ""
    if given and given not in names:  # history holds runs of tasks that are no longer known
        names.append(given[:255])
    form.task_name.choices = [SelectChoice("", _("All tasks")), *(SelectChoice(name, name) for name in names)]
    form.task_name.data = given
    return form


def _page(form: CleanUpForm, number: int | None) -> str:
    return render_template("runs/clean_up.html", form=form, number=number, days=settings().retention_days)
