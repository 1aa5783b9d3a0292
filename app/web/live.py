"""Live fragments: a page asks every 2 s, and hears 204 while nothing has changed."""

from flask import Response, request


def unchanged(version: str) -> bool:
    """Whether the page already shows this version of the topic (its `version` query parameter).

    An empty version means that nobody can tell now: then the page is always read afresh.
    """
    return bool(version) and request.args.get("version") == version


def nothing_new() -> Response:
    """The answer that makes htmx leave the page as it is."""
    return Response(status=204)
