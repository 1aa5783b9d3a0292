"""Answers every error: as a page, as a toast, in the API as a problem document."""

from typing import Any

from flask import Flask, current_app, make_response, render_template
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.errors import CeleriacError, Unauthorized
from app.extensions import login
from app.web import access, problems
from app.web.faults import describe
from app.web.htmx import wants_fragment


def _answer(error: Exception) -> Any:
    """Flask's error handler: a problem document in the API, a toast for htmx, else a page."""
    if isinstance(error, HTTPException) and (error.response is not None or (error.code or 0) < 400):
        return error
    if isinstance(error, Unauthorized) and (sign_in := access.sign_in_first()):
        return sign_in
    if isinstance(error, CSRFError):
        again = access.form_again() if current_user.is_authenticated else access.sign_in_first()
        if again:
            return again
    if isinstance(error, OperationalError):
        current_app.logger.exception("the database refused a statement")
        login._update_request_context_with_user()  # nobody: the page must not ask the database who looks
    fault = describe(error)
    if access.is_api():
        detail = error.detail if isinstance(error, CeleriacError) else ""
        return problems.answer(fault, own_words=bool(detail) or isinstance(error, OperationalError))
    template = "errors/_toast.html" if wants_fragment() else "errors/fault.html"
    response = make_response(render_template(template, fault=fault), fault.status)
    response.headers.update(fault.headers)
    return response


def init_app(app: Flask) -> None:
    """Answer every error: of pages, and of the API as problem documents."""
    app.jinja_env.globals["page_behind"] = access.page_behind
    for kind in (CeleriacError, OperationalError, RedisError, BrokerError, HTTPException):
        app.register_error_handler(kind, _answer)
