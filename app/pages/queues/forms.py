"""What the forms of the Queues pages send, read and checked."""

from typing import Any

from flask import request
from flask_babel import gettext as _

from app.broker import ReleaseTo
from app.errors import Invalid
from app.web.numbers import whole

NOTE_MAX = 500
PAGE_SIZE = 50


def note() -> str:
    """The note that was sent, which may be empty; raises `Invalid`."""
    text = request.form.get("note", "").strip()
    if len(text) > NOTE_MAX:
        raise Invalid({"note": [_("A note has at most %(most)s characters.", most=NOTE_MAX)]})
    return text


def run_id() -> str:
    """The run that a form is about; raises `Invalid`."""
    sent = request.form.get("id", "")
    if not sent:
        raise Invalid({"id": [_("Choose a run.")]})
    return sent


def number(name: str, lowest: int, highest: int) -> int:
    """A whole number that was sent; raises `Invalid`."""
    value = whole(request.form.get(name, ""), lowest, highest)
    if value is None:
        raise Invalid({name: [_("Give a number from %(low)s to %(high)s.", low=lowest, high=highest)]})
    return value


def optional_number(name: str) -> int | None:
    """A whole number that may be missing or nonsense: a hint, nothing more."""
    return whole(request.values.get(name, ""))


def place() -> dict[str, Any]:
    """Where to move a run: `before`, `after`, `to` or `position`, whichever was sent; raises `Invalid`."""
    sent = {name: request.form[name] for name in ("before", "after", "to") if request.form.get(name)}
    if request.form.get("position"):
        return {"position": number("position", 1, 10**9), **sent}
    return sent


def end() -> ReleaseTo | None:
    """To which end of the line what is held goes; None leaves that to its priority. Raises `Invalid`."""
    match request.form.get("to", ""):
        case "front":
            return "front"
        case "back":
            return "back"
        case "":
            return None
    raise Invalid({"to": [_("Choose front or back.")]})


def token() -> str:
    """The token of a purge, for its undo; raises `Invalid`."""
    token_text = request.form.get("token", "")
    if not (token_text.isascii() and token_text.isalnum() and len(token_text) == 32):
        raise Invalid({"token": [_("This is not the token of a purge.")]})
    return token_text
