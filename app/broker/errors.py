"""What can stand in the way of a change to the line, by name."""

from flask_babel import gettext as _

from app.errors import Conflict


class NotSupported(Conflict):
    """RabbitMQ cannot do what was asked for."""

    def __init__(self, detail: str = "") -> None:
        words = _(
            "RabbitMQ keeps the order of its queues itself: nothing in them can be moved, held or read."
        )
        super().__init__(detail or words, "not-supported")


class AlreadyTaken(Conflict):
    """A worker was faster: the message is no longer waiting."""

    def __init__(self, run_id: str) -> None:
        super().__init__(_("A worker has already taken %(id)s.", id=run_id), "already-taken")


class NeighbourGone(Conflict):
    """The run to be placed next to is no longer waiting in this queue."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            _("%(id)s, its neighbour, no longer waits in this queue.", id=run_id), "neighbour-gone"
        )


class IsHeld(Conflict):
    """The run is held, so it has no place in the line."""

    def __init__(self, run_id: str) -> None:
        super().__init__(_("%(id)s is held; release it first.", id=run_id), "held")
