"""The pages of schedules: the list, one schedule, its form, and what can be done with it."""

from flask import Flask
from flask_babel import lazy_gettext as _l

from app.schedules.views import actions, editing, listing, one
from app.schedules.views.blueprint import bp
from app.web.navigation import Entry, register

VIEWS = (listing, one, editing, actions)  # each adds its routes to the blueprint


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("schedules.index", _l("Schedules"), "calendar-clock", 30, count=listing.late_count))
