"""Who looks: theme, language, time zone and the moment the page was asked for."""

from datetime import datetime
from zoneinfo import available_timezones

from flask import Flask, current_app, g, has_request_context, request
from flask_babel import get_locale

from app.clock import utcnow
from app.config import settings

THEMES = ("light", "dark", "system")
LANGUAGES = {"en": "English", "zh_Hans_CN": "简体中文"}


def theme() -> str:
    """The chosen theme; `system` follows the viewer's machine."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in THEMES else "system"


def languages() -> dict[str, str]:
    """The languages that can be chosen now: English, and those that have a translation."""
    # Looking for translations walks the disk: once per process is enough.
    known = current_app.extensions.get("celeriac_languages")
    if known is None:
        found = {str(entry) for entry in current_app.extensions["babel"].instance.list_translations()}
        known = {code: name for code, name in LANGUAGES.items() if code == "en" or code in found}
        current_app.extensions["celeriac_languages"] = known
    return known


def locale() -> str:
    """The chosen language, else the best that the browser asks for."""
    if not has_request_context():
        return "en"
    offered = languages()
    chosen = request.cookies.get("language", "")
    if chosen in offered:
        return chosen
    tags = {code.replace("_Hans_CN", "-CN"): code for code in offered}
    return tags.get(request.accept_languages.best_match(list(tags), default="en") or "en", "en")


def zone() -> str:
    """The viewer's IANA zone as their browser told it (static/app.js sets the cookie), else the deployment's."""
    told = request.cookies.get("timezone", "") if has_request_context() else ""
    return told if told in _zones() else settings().timezone


def _zones() -> set[str]:
    if "celeriac_zones" not in current_app.extensions:  # as above: available_timezones() walks the disk
        current_app.extensions["celeriac_zones"] = available_timezones()
    known: set[str] = current_app.extensions["celeriac_zones"]
    return known


def now() -> datetime:
    """The moment of this request, the same in every part of the page."""
    if "now" not in g:
        g.now = utcnow()
    moment: datetime = g.now
    return moment


def init_app(app: Flask) -> None:
    @app.context_processor
    def viewer() -> dict[str, object]:
        return {
            "theme": theme(),
            "language": str(get_locale()).replace("_Hans_CN", "-CN").replace("_", "-"),
            "languages": languages(),
            "zone": zone(),
            "deployment_name": settings().deployment_name,
        }
