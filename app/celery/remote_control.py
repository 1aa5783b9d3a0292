"""Asks workers over Celery's remote control, by name and with a short time limit: no broadcast, no guess."""

from collections.abc import Sequence
from typing import Any

import redis
from flask_babel import gettext as _
from kombu.exceptions import OperationalError

from app.errors import BrokerUnavailable, Conflict
from app.extensions import celery_app

ANSWER_SECONDS = 3.0
_BROKEN = (redis.ConnectionError, redis.TimeoutError, OperationalError, ConnectionError)


def call(hostname: str, command: str, **arguments: Any) -> Any:
    """What one worker answers to a command. A command that is not answered in time is not obeyed later.

    Raises `BrokerUnavailable`, and `Conflict`: "no-answer", or "refused" with the worker's own words.
    """
    answer = call_all([hostname], command, **arguments).get(hostname)
    if answer is None:
        raise Conflict(
            _(
                "%(name)s did not answer, so nothing was changed. A solo worker answers only between tasks.",
                name=hostname,
            ),
            "no-answer",
        )
    if "ok" not in answer:
        words = str(answer.get("error", answer))
        raise Conflict(_("%(name)s refused: %(words)s", name=hostname, words=words), "refused")
    return answer["ok"]


def call_all(
    hostnames: Sequence[str], command: str, seconds: float = ANSWER_SECONDS, **arguments: Any
) -> dict[str, dict[str, Any]]:
    """The answers of several workers by name, `{"ok": …}` or `{"error": …}`; the silent ones are missing."""
    if not hostnames:
        return {}
    try:
        replies = _broadcast(hostnames, command, arguments, seconds)
    except _BROKEN:  # a pooled connection that broke while nobody used it: once more with a fresh one
        try:
            replies = _broadcast(hostnames, command, arguments, seconds)
        except _BROKEN as error:
            raise BrokerUnavailable(_("The broker does not answer: %(error)s", error=error)) from error
    return {name: answer for reply in replies for name, answer in reply.items()}


def _broadcast(
    hostnames: Sequence[str], command: str, arguments: dict[str, Any], seconds: float
) -> list[dict[str, dict[str, Any]]]:
    return (
        celery_app.control.broadcast(
            command, arguments=arguments, destination=list(hostnames), reply=True, timeout=seconds
        )
        or []
    )
