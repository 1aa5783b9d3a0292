"""Titles of tabs that tell how things stand; static/app.js keeps them so while the page lives."""

from typing import Any

from flask_babel import gettext as _

SIGNS = {"failed": "●", "succeeded": "✓"}


def title(name: str, state: Any = "", kind: str = "", turning: bool = False) -> str:
    """The title of a page, with its state before it: the sign, the word, a dash, the name."""
    if not state:
        return name
    sign = "▶" if turning else SIGNS.get(kind, "○")
    return _("%(state)s – %(name)s", state=f"{sign} {state}", name=name)  # noqa: RUF001 -- the dash
