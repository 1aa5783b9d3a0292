"""Questions that come before something is done."""

from collections.abc import Sequence
from typing import Any

from flask import render_template, request

from app.web.htmx import wants_fragment
from app.web.navigation import crumb


def question(fragment: str, title: str, above: Sequence[tuple[str, str]] = (), **shown: Any) -> str:
    """Asks before something is done: in a dialog, or as a page of its own without JavaScript.

    The page stands below those of `above`, (address, label), or else below its room's first one.
    """
    if wants_fragment():
        return render_template(fragment, alone=False, **shown)
    crumbs = above or [crumb(request.blueprint or "")]
    return render_template(
        "question.html", fragment=fragment, title=title, crumbs=crumbs, alone=True, **shown
    )
