"""Who looks: theme, language, time zone and the moment the page was asked for."""

from datetime import datetime
from zoneinfo import available_timezones

from flask import Flask, current_app, g, has_request_context, request
from flask_babel import get_locale
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.clock import utcnow
from app.config import settings

_KEEP_SECONDS = 365 * 86400
THEMES = ("light", "dark", "system")
LANGUAGES = {"en": "English", "zh_Hans_CN": "简体中文"}


def _chosen(name: str) -> str:
    """What a signed-in viewer has chosen in the settings, else what this browser keeps in a cookie."""
    if not has_request_context():
        return ""
    return getattr(current_user, name, None) or request.cookies.get(name, "")


def theme() -> str:
    """The chosen theme; `system` follows the viewer's machine."""
    chosen = _chosen("theme")
    return chosen if chosen in THEMES else "system"


def languages() -> dict[str, str]:
    """The languages that can be chosen now: English, and those that have a translation."""
    # Looking for translations walks the disk: once per process is enough.
    known = current_app.extensions.get("celeriac_languages")
    if known is None:
        translated = {str(entry) for entry in current_app.extensions["babel"].instance.list_translations()}
        known = {code: name for code, name in LANGUAGES.items() if code == "en" or code in translated}
        current_app.extensions["celeriac_languages"] = known
    return known


def locale() -> str:
    """The chosen language, else the best that the browser asks for."""
    if not has_request_context():
        return "en"
    offered = languages()
    chosen = _chosen("locale")
    if chosen in offered:
        return chosen
    spoken = {code.split("_")[0]: code for code in offered}
    for tag, quality in request.accept_languages:  # the best first
        language = tag.split("-")[0].lower()
        if quality and language in spoken:
            return spoken[language]
    return "en"


def zone() -> str:
    """The viewer's IANA zone: as chosen in Settings, else as told by the browser, else the deployment's.

    static/app.js sets the cookie that tells it.
    """
    if not has_request_context():
        return settings().timezone
    offered = (current_user.timezone, request.cookies.get("timezone"))
    return next((name for name in offered if name in zones()), settings().timezone)


def single_keys() -> bool:
    """Whether pages listen to single keys; kept per computer, for it is about its keyboard."""
    return not has_request_context() or request.cookies.get("single_keys") != "off"


def keep(response: Response, name: str, value: str) -> None:
    """Keep a choice, as of theme or language, on this computer."""
    response.set_cookie(
        name, value, max_age=_KEEP_SECONDS, samesite="Lax", secure=request.is_secure, httponly=True
    )


def zones() -> dict[str, None]:
    """Every IANA time zone, in order."""
    if "celeriac_zones" not in current_app.extensions:  # as above: available_timezones() walks the disk
        current_app.extensions["celeriac_zones"] = dict.fromkeys(sorted(available_timezones()))
    known: dict[str, None] = current_app.extensions["celeriac_zones"]
    return known


def zone_options() -> Markup:
    """They all as options of a form, made once: in a template they take longer than the rest of its page."""
    if "celeriac_zone_options" not in current_app.extensions:
        options = (Markup('<option value="{}"></option>').format(name) for name in zones())
        current_app.extensions["celeriac_zone_options"] = Markup("").join(options)
    known: Markup = current_app.extensions["celeriac_zone_options"]
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
            "single_keys": single_keys(),
            "deployment_name": settings().deployment_name,
        }
