"""Addresses of static files that change with their content, so that browsers may keep them for good."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for
from markupsafe import Markup

_KEEP_SECONDS = 365 * 86400


def asset(filename: str) -> str:
    """The address of a file under static/, with a digest of its content; looked up once a request."""
    addresses: dict[str, str] = g.setdefault("assets", {})
    if filename not in addresses:
        addresses[filename] = _address(filename)
    return addresses[filename]


def icon(name: str, css: str = "", title: str = "") -> Markup:
    """The drawing of a name in static/icons.svg; decoration, unless it has a title.

    No macro, for a page has a hundred of them, and a macro takes ten times as long.
    """
    return _drawing(name, css, title, asset("icons.svg"))


@lru_cache(maxsize=1000)
def _drawing(name: str, css: str, title: str, sprite: str) -> Markup:
    told = Markup(' role="img"><title>{}</title>').format(title) if title else Markup(' aria-hidden="true">')
    return Markup('<svg class="{}"{}<use href="{}#{}" /></svg>').format(
        f"icon {css}" if css else "icon", told, sprite, name
    )


def _address(filename: str) -> str:
    path = Path(str(current_app.static_folder), filename)
    known: dict[str, tuple[float, str]] = current_app.extensions.setdefault("celeriac_assets", {})
    changed_at = path.stat().st_mtime
    if filename not in known or known[filename][0] != changed_at:
        known[filename] = (changed_at, hashlib.sha256(path.read_bytes()).hexdigest()[:10])
    return url_for("static", filename=filename, v=known[filename][1])


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
        response.cache_control.no_cache = None
        response.cache_control.public = True
        response.cache_control.max_age = _KEEP_SECONDS
        response.cache_control.immutable = True
    return response


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(asset=asset, svg_icon=icon)
    app.after_request(_keep)
