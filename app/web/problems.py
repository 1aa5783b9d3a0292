"""Errors of the REST API as problem documents (RFC 9457)."""

import json

from flask import Response, current_app, request
from flask_babel import gettext as _

from app.web.faults import Fault

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:celeriac:problem:"


def answer(fault: Fault, own_words: bool) -> Response:
    """The problem document of an error.

    `own_words` says that the detail is the error's own; else the caller is told what the API wants.
    """
    body: dict[str, object] = {
        "type": TYPE_PREFIX + fault.code,
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail if own_words else _advice(fault),
        "code": fault.code,
    }
    if fault.errors:
        body["errors"] = fault.errors
    response = current_app.response_class(json.dumps(body), fault.status, mimetype=CONTENT_TYPE)
    response.headers.update(fault.headers)
    if fault.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Celeriac"'
    return response


def _advice(fault: Fault) -> str:
    advice = {
        400: _("The request is not well-formed."),
        401: _("Send a token that is not revoked: Authorization: Bearer TOKEN."),
        404: _("There is nothing at %(path)s.", path=request.path),
        405: _("Allowed here: %(methods)s.", methods=fault.headers.get("Allow", "")),
        413: _(
            "The body of a request may have at most %(n)s bytes. Nothing was queued.",
            n=current_app.config["MAX_CONTENT_LENGTH"],
        ),
        415: _("Send the body as JSON, with Content-Type: application/json."),
        429: _("This token has called too often. Wait as many seconds as Retry-After says."),
    }
    return advice.get(fault.status, fault.detail)
