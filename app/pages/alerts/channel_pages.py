"""The form of a channel, its test and its end."""

from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app.alerts import channels
from app.errors import Conflict, Invalid
from app.pages.alerts.blueprint import bp
from app.pages.alerts.forms import ChannelForm, refuse
from app.web import viewer
from app.web.dialogs import question
from app.web.htmx import go_to
from app.web.permissions import requires
from app.web.toasts import toast


@bp.get("/channels/new")
@requires("administer")
def new_channel() -> str:
    return _drawn(ChannelForm())


@bp.post("/channels/new")
@requires("administer")
def create_channel() -> Any:
    form = ChannelForm(request.form)
    try:
        made = channels.create(form.values(), current_user.name, viewer.now())
    except Invalid as error:
        return _refused(form, error)
    toast(_("The channel %(name)s was created", name=made.name), _("Send a test to see that it works."))
    return go_to(url_for(".index"))


@bp.get("/channels/<int:channel_id>/edit")
@requires("administer")
def edit_channel(channel_id: int) -> str:
    shown = channels.shown(channels.get(channel_id))
    return _drawn(ChannelForm(data=vars(shown)), shown)


@bp.post("/channels/<int:channel_id>/edit")
@requires("administer")
def update_channel(channel_id: int) -> Any:
    form, shown = ChannelForm(request.form), channels.shown(channels.get(channel_id))
    try:
        changed = channels.update(channel_id, form.values(), current_user.name, viewer.now())
    except Invalid as error:
        return _refused(form, error, shown)
    toast(_("%(name)s was changed", name=changed.name))
    return go_to(url_for(".index"))


@bp.post("/channels/<int:channel_id>/test")
@requires("operate")
def test_channel(channel_id: int) -> Response:
    message = channels.test(channel_id, viewer.now())
    words = _("The list of messages says what becomes of it.")
    toast(_("A test message is on its way to %(name)s", name=message.channel_name), words)
    return go_to(url_for(".index"))


@bp.get("/channels/<int:channel_id>/delete")
@requires("administer")
def ask_delete_channel(channel_id: int) -> str:
    channel = channels.shown(channels.get(channel_id))
    return question("alerts/_delete_channel.html", _("Delete"), channel=channel)


@bp.post("/channels/<int:channel_id>/delete")
@requires("administer")
def delete_channel(channel_id: int) -> Response:
    try:
        toast(_("%(name)s was deleted", name=channels.delete(channel_id, viewer.now())))
    except Conflict as error:
        toast(_("The channel was not deleted"), error.detail, failed=True)
    return go_to(url_for(".index"))


def _drawn(form: ChannelForm, channel: channels.Shown | None = None) -> str:
    return render_template("alerts/channel_form.html", form=form, channel=channel)


def _refused(form: ChannelForm, error: Invalid, channel: channels.Shown | None = None) -> tuple[str, int]:
    refuse(form, error.errors)
    return _drawn(form, channel), 422
