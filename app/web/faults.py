"""One table that says for every error what happened and what to do."""

from dataclasses import dataclass, field

from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.errors import BrokerUnavailable, CeleriacError, Invalid


@dataclass(frozen=True)
class Fault:
    """An error as people are told about it; `headers` are those that belong to its status."""

    status: int
    code: str
    title: str
    detail: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def describe(error: Exception) -> Fault:
    """What to tell about an error, on pages and in the API; an unknown one tells nothing of its insides."""
    if isinstance(error, CeleriacError):
        errors = error.errors if isinstance(error, Invalid) else {}
        return Fault(
            error.status, error.code, _title(error.status), error.detail or _advice(error.status), errors
        )
    if isinstance(error, CSRFError):
        return Fault(
            400,
            "form-too-old",
            _("This form is too old"),
            _("It was opened too long ago, or before you signed in. Load the page, then send it again."),
        )
    if isinstance(error, OperationalError):
        return Fault(
            503,
            "database-unavailable",
            _title(503),
            _("The database does not answer. Try again in a moment."),
        )
    if isinstance(error, RedisError | BrokerError):
        return Fault(
            503, BrokerUnavailable.code, _title(503), _("The broker does not answer. Try again in a moment.")
        )
    if isinstance(error, HTTPException) and error.code:
        return Fault(
            error.code,
            (error.name or "error").lower().replace(" ", "-"),
            _title(error.code),
            _advice(error.code),
            headers=_kept_headers(error),
        )
    return Fault(500, "internal-error", _title(500), _advice(500))


def _title(status: int) -> str:
    titles = {
        400: _("This request cannot be read"),
        401: _("Sign in first"),
        403: _("Your role does not allow this"),
        404: _("There is nothing here"),
        405: _("This address does not take that kind of request"),
        409: _("This cannot be done now"),
        412: _("Somebody else changed this meanwhile"),
        413: _("This is too large"),
        415: _("This kind of content is not taken"),
        422: _("Some values cannot be taken"),
        429: _("Too many requests"),
        503: _("A part of Celeriac does not answer"),
        507: _("The disk is full"),
    }
    return titles.get(status) or (_("Something went wrong here") if status >= 500 else _("This did not work"))


def _advice(status: int) -> str:
    advice = {
        400: _("Go back, load the page again and repeat what you did."),
        401: _("Your session has ended. Nothing was changed."),
        403: _("Nothing was changed. An admin of this deployment can change your role."),
        404: _("The address may be mistyped, or what it showed may have been cleaned up."),
        405: _("Go back and use the buttons of the page. Nothing was changed."),
        413: _("Send less at once. Nothing was queued."),
        429: _("Wait a minute, then try again."),
        503: _("Try again in a moment. What was already queued is not lost."),
    }
    return advice.get(status) or (
        _("The error is in the log of the web process. Try again; if it stays, show the log to a developer.")
        if status >= 500
        else _("Go back and try again.")
    )


def _kept_headers(error: HTTPException) -> dict[str, str]:
    kept = ("Allow", "Retry-After", "WWW-Authenticate")
    return {name: value for name, value in error.get_headers() if name in kept}
