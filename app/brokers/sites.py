"""The queues of another app, for those who change them as they change our own."""

from contextlib import AbstractContextManager
from datetime import datetime

from app.brokers import places, queues
from app.brokers.management import require as require_management
from app.queues.sites import Site


class ForeignSite(Site):
    """Another app's broker, whose queues may be changed once an admin allowed it.

    Its workers obey where they are managed.
    """

    def __init__(self, place: places.Place) -> None:
        self.place = place
        self.broker = place.name

    def at(self) -> AbstractContextManager[None]:
        """Raises `BrokerUnavailable`, and `Conflict` for a RabbitMQ."""
        return places.at(self.place)

    def modes_at(self) -> AbstractContextManager[None]:
        """Raises `BrokerUnavailable`."""
        return places.modes_at(self.place)

    def require(self, queue: str) -> None:
        """Raise `NotFound` for a queue that is neither bound nor holds anything."""
        queues.find(self.place, queue)

    def require_changes(self) -> None:
        """Raise `Conflict` (code "read-only") where nobody allowed changes."""
        places.require_changes(self.place.name)

    def require_obedience(self, queue: str, now: datetime) -> None:
        """Raise `Conflict` (code "not-managed" or "read-only"). Asks the workers, for up to a second."""
        self.require_changes()
        require_management(self.place, queue, now)


def site(name: str) -> ForeignSite:
    """That of a broker which `CELERIAC_BROKERS` names; raises `NotFound`."""
    return ForeignSite(places.find(name))
