"""What can stand in the way of a change to the line, by name."""

from flask_babel import gettext as _

from app.errors import Conflict


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
