"""What the workers of another app obey: which acts on a queue may be offered, and why others may not."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from app import broker, heartbeats
from app.brokers import workers
from app.brokers.places import Place
from app.errors import BrokerUnavailable, Conflict
from celeriac_agent.presence import PAUSE

NAMED_MAX = 5


@dataclass(frozen=True)
class Management:
    """The workers that take from a queue: those that obey, and the others.

    `refusal` says why nothing may be asked of them; empty where it may.
    """

    obeying: tuple[str, ...]
    others: tuple[str, ...]
    refusal: str

    @property
    def obeys(self) -> bool:
        return not self.refusal


def management(place: Place, queue: str, now: datetime) -> Management:
    """Who takes from a queue and obeys. Asks the workers, which takes up to a second."""
    listeners = [
        worker
        for worker in heartbeats.app_workers(broker.client(), now, place.name)
        if queue in worker.queues
    ]
    online = [worker for worker in listeners if worker.online]
    # Those that are gone obey again when they are back.
    obeying = {worker.hostname for worker in online or listeners if PAUSE in worker.obeys}
    others = {worker.hostname for worker in online if PAUSE not in worker.obeys}
    try:
        others |= set(workers.ask(place, now).consumers(queue)) - obeying
        silence = ""
    except BrokerUnavailable as error:
        silence = error.detail
    sides = tuple(sorted(obeying)), tuple(sorted(others))
    return Management(*sides, silence or _refusal(*sides))


def require(place: Place, queue: str, now: datetime) -> None:
    """Raise `Conflict` (code "not-managed") where workers take from the queue that obey nothing."""
    if refusal := management(place, queue, now).refusal:
        raise Conflict(refusal, "not-managed")


def _refusal(obeying: tuple[str, ...], others: tuple[str, ...]) -> str:
    if others:
        return _(
            "%(names)s would go on taking from it: started without CELERIAC_AGENT_MANAGE=1, or with an older "
            "agent.",
            names=_("%(names)s and others", names=", ".join(others[:NAMED_MAX]))
            if len(others) > NAMED_MAX
            else ", ".join(others),
        )
    if not obeying:
        return _("No worker is known that takes from it and was started with CELERIAC_AGENT_MANAGE=1.")
    return ""
