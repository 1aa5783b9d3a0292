"""The same change to several runs of a queue: what happened to each is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app.errors import CeleriacError, Invalid
from app.queues import actions

MOST = 200  # as many as a page shows; each is a step of its own in Redis and in the database


@dataclass
class Outcome:
    """Ids that were changed, and why the others were not, by id."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def apply(queue: str, run_ids: Sequence[str], action: str, by: str, now: datetime, **options: Any) -> Outcome:
    """Do one of `ACTIONS` to runs, which keep their order among each other. Raises `Invalid`."""
    if action not in ACTIONS:
        raise Invalid({"action": [_("Choose one of: %(choices)s.", choices=", ".join(ACTIONS))]})
    if not run_ids or len(run_ids) > MOST:
        raise Invalid({"id": [_("Choose 1 to %(most)s runs.", most=MOST)]})
    wanted = list(dict.fromkeys(run_ids))
    outcome = Outcome()
    for run_id in reversed(wanted) if action in FROM_LAST else wanted:
        try:
            ACTIONS[action](queue, run_id, by, now, **options)
        except CeleriacError as error:
            if error.status >= 500:
                raise
            outcome.failed[run_id] = error.detail
        else:
            outcome.done.append(run_id)
    return outcome


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
FROM_LAST = ("front",)  # each goes before the one that went before
