"""How each state of a run is shown: word, icon, colour, Celery's own name and what it means."""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class StateLook:
    """The look of one state; `kind` is both the icon in the sprite and the `state-…` class of its colours."""

    name: str
    word: Any
    kind: str
    meaning: Any

    @property
    def css(self) -> str:
        return f"state-{self.kind}"

    @property
    def turning(self) -> bool:
        return self.kind == "running"


_LOOKS = (
    StateLook("PENDING", _l("Waiting"), "waiting", _l("Sent; no worker has taken it yet.")),
    StateLook(
        "HELD", _l("Held"), "held", _l("Set aside by a person; no worker takes it until it is released.")
    ),
    StateLook("SCHEDULED", _l("Scheduled"), "waiting", _l("Its time has not come yet.")),
    StateLook(
        "RECEIVED", _l("Received"), "received", _l("A worker has it and starts it when a slot is free.")
    ),
    StateLook("STARTED", _l("Running"), "running", _l("A worker is running it.")),
    StateLook("PROGRESS", _l("Running"), "running", _l("A worker is running it and reports how far it is.")),
    StateLook("RETRY", _l("Retrying"), "retrying", _l("The last attempt failed; it will be tried again.")),
    StateLook("SUCCESS", _l("Succeeded"), "succeeded", _l("It ended and returned its result.")),
    StateLook("FAILURE", _l("Failed"), "failed", _l("It ended with an error.")),
    StateLook("REVOKED", _l("Cancelled"), "cancelled", _l("A person or a program stopped it.")),
    StateLook("REJECTED", _l("Rejected"), "failed", _l("The worker refused it.")),
    StateLook("IGNORED", _l("Ignored"), "cancelled", _l("The task asked that its end be ignored.")),
    StateLook("EXPIRED", _l("Expired"), "cancelled", _l("It waited longer than it was allowed to.")),
    StateLook("LOST", _l("Lost"), "failed", _l("Its worker died and it will not run again.")),
    StateLook("MISSED", _l("Missed"), "late", _l("Its time passed while nothing could start it.")),
    StateLook("SKIPPED", _l("Skipped"), "cancelled", _l("A rule of its schedule left it out.")),
)
_BY_NAME = {look.name: look for look in _LOOKS}


def look(state: str) -> StateLook:
    """The look of a state; a state nobody knows shows its own name instead of failing the page."""
    return _BY_NAME.get(state) or StateLook(state, state, "waiting", _l("Celeriac does not know this state."))
