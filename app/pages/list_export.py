"""The rows of a list's filter as a file."""

from typing import Any

from flask import Response, current_app, request

from app import lists
from app.lists.export import Table
from app.web import viewer

_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def answer(table: Table, kind: str, criteria: type[lists.Filter], *beside: str) -> Response:
    """All pages of the list, at most `lists.export.MOST` rows; a filter that cannot be used is refused.

    `beside` are fields of the address that are no filter.
    """
    now = viewer.now()
    wanted: Any = lists.read(criteria, request.args, now, viewer.zone(), ("cursor", *beside)).usable()
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy
    sent = Response(table.write(kind, app, wanted), content_type=_TYPES[kind])
    sent.headers["Content-Disposition"] = f'attachment; filename="{table.name}-{now:%Y%m%d-%H%M%S}.{kind}"'
    sent.headers["Cache-Control"] = "no-store"
    return sent
