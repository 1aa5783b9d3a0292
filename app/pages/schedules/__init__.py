"""The pages of schedules: the list, one schedule, its form, and what can be done with it."""

from flask import Flask
from flask_babel import lazy_gettext as _l

from app.pages.schedules import actions, detail, editing, listing, others
from app.pages.schedules.blueprint import bp
from app.web.navigation import Entry, register

VIEWS = (listing, detail, editing, actions, others)  # each adds its routes to the blueprint


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("schedules.index", _l("Schedules"), "calendar-clock", 30, count=listing.late_count))
