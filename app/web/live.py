"""Live fragments: a page asks every 2 s, and hears 204 while nothing has changed."""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from flask import Response, render_template, request


def fragment(template: str, version: str, shown: Callable[[], Mapping[str, Any]]) -> str | Response:
    """The part of a page that asks again: 204 while it shows this version (its `version` query parameter).

    An empty version means that nobody can tell now: then the part is always drawn afresh.
    """
    if version and request.args.get("version") == version:
        return nothing_new()
    return render_template(template, **shown())


def nothing_new() -> Response:
    """The answer that makes htmx leave the page as it is."""
    return Response(status=204)


def version_of(*facts: Any) -> str:
    """A version that moves with any of the facts, where no topic tells of their changes."""
    return sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def joined(*versions: str) -> str:
    """Moves with any of the versions; empty when nobody can tell one of them now."""
    return ".".join(versions) if all(versions) else ""


def period(now: datetime, seconds: int) -> str:
    """A version that moves every so many seconds, for what changes with time alone."""
    return str(int(now.timestamp() // seconds))
