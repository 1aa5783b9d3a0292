"""The same change to several runs of a queue: what happened to each is said."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app.bulk import Result, each
from app.errors import Invalid
from app.queues import actions

MOST = 200  # as many as a page shows; each is a step of its own in Redis and in the database


def apply(
    queue: str, run_ids: Sequence[str], action: str, by: str, now: datetime, **options: Any
) -> list[Result]:
    """Do one of `ACTIONS` to runs, which keep their order among each other. Raises `Invalid`."""
    if action not in ACTIONS:
        raise Invalid({"action": [_("Choose one of: %(choices)s.", choices=", ".join(ACTIONS))]})
    from_last = action in FROM_LAST

    def act(run_id: str) -> str:
        ACTIONS[action](queue, run_id, by, now, **options)
        return run_id

    results = each(list(run_ids)[::-1] if from_last else run_ids, act, MOST, "ids")
    return results[::-1] if from_last else results


def _to_front(queue: str, run_id: str, by: str, now: datetime) -> None:
    actions.move(queue, run_id, now, to="front")


def _to_back(queue: str, run_id: str, by: str, now: datetime) -> None:
    actions.move(queue, run_id, now, to="back")


def _hold(queue: str, run_id: str, by: str, now: datetime, reason: str = "") -> None:
    actions.hold(queue, run_id, by, reason, now)


def _release(queue: str, run_id: str, by: str, now: datetime, to: Any = None) -> None:
    actions.release(queue, run_id, now, to)


def _remove(queue: str, run_id: str, by: str, now: datetime) -> None:
    actions.remove(queue, run_id, by, now)


def _reprioritise(queue: str, run_id: str, by: str, now: datetime, priority: int) -> None:
    actions.reprioritise(queue, run_id, priority, now)


def _send_to(queue: str, run_id: str, by: str, now: datetime, target: str) -> None:
    actions.send_to(queue, run_id, target, now)


ACTIONS: dict[str, Callable[..., None]] = {
    "front": _to_front,
    "back": _to_back,
    "hold": _hold,
    "release": _release,
    "remove": _remove,
    "priority": _reprioritise,
    "send": _send_to,
}
OPTION = {"hold": "reason", "release": "to", "priority": "priority", "send": "target"}
FROM_LAST = ("front",)  # each goes before the one that went before
