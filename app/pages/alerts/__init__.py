"""The Alerts page: rules and how they stand, the channels that messages go to, and the messages."""

from typing import Any

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from app.alerts import rules
from app.pages.alerts import channel_pages, listing, rule_pages
from app.pages.alerts.blueprint import bp
from app.web import viewer
from app.web.navigation import Count, Entry, register

__all__ = ["channel_pages", "listing", "rule_pages"]


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    register(app, Entry("alerts.index", _l("Alerts"), "bell", 70, count=_count))


def _count() -> Any:
    firing = rules.firing_count(viewer.now())
    words = ngettext("%(num)s alert fires", "%(num)s alerts fire", firing)
    return Count(str(firing), words, "failed") if firing else None
