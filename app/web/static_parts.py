"""Parts of pages that are the same on most of them, as the list of keys: drawn once, not at every request."""

from typing import Any

from flask import Flask, current_app, render_template
from flask_babel import get_locale
from markupsafe import Markup

from app.web.assets import asset

_EXTENSION = "celeriac_static_parts"


def static_part(template: str, **shown: bool) -> Markup:
    """What a template makes of some facts, in the viewer's language; it may depend on nothing else."""
    drawn: dict[tuple[Any, ...], Markup] = current_app.extensions.setdefault(_EXTENSION, {})
    key = (template, str(get_locale()), asset("icons.svg"), *shown.items())
    if key not in drawn:
        drawn[key] = Markup(render_template(template, **shown))  # noqa: S704 -- what a template made
    return drawn[key]


def init_app(app: Flask) -> None:
    app.jinja_env.globals["static_part"] = static_part
