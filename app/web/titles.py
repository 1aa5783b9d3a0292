"""Titles of tabs that tell how things stand; static/app.js keeps them so while the page lives."""

from typing import Any

from flask import Flask
from flask_babel import gettext as _

from app.web import navigation

SIGNS = {"failed": "●", "succeeded": "✓"}


def title(name: str, state: Any = "", kind: str = "", turning: bool = False) -> str:
    """The title of a page, with its state before it: the sign, the word, a dash, the name."""
    if not state:
        return name
    sign = "▶" if turning else SIGNS.get(kind, "○")
    return _("%(state)s – %(name)s", state=f"{sign} {state}", name=name)  # noqa: RUF001 -- the dash


def first_title(name: str, *endpoints: str) -> str:
    """The title of a first page, with the first of these entries' counts that says what is wrong."""
    counts = navigation.counts()
    wrong = next((count for one in endpoints if (count := counts.get(one)) and count.kind), None)
    return title(name, wrong.name, wrong.kind) if wrong else name


def init_app(app: Flask) -> None:
    app.add_template_global(first_title)
    app.jinja_env.globals["title_signs"] = SIGNS
