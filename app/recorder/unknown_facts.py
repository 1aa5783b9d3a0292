"""What processes of another version tell that is not known here is left out, and that is said.

Once a name, kind and app in a recorder's life, not once an event or heartbeat. Anybody may have made the
names up: only some are remembered, and of each a part.
"""

import logging
from collections.abc import Iterable

import redis

from app.broker import dead_letters

APPS_MAX = 100  # apps, by kind
NAMES_MAX = 50  # of each of them
NAME_MAX = 60
SHOWN_MAX = 200  # of the names together

logger = logging.getLogger(__name__)


class UnknownFacts:
    """One a reader; it remembers what it has said."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], set[str]] = {}

    def say(self, client: redis.Redis, kind: str, app: str, who: str | None, names: Iterable[str]) -> None:
        """Say which of these names are news; `who` told them. Raises `redis.ConnectionError`."""
        if (kind, app) not in self._said and len(self._said) >= APPS_MAX:
            return
        said = self._said.setdefault((kind, app), set())
        if not (new := sorted({_shown(name, NAME_MAX) for name in names} - said)[: NAMES_MAX - len(said)]):
            return
        teller = f"{_shown(who, 100)} of {_shown(app, 100)}" if who else _shown(app, 100)
        names_shown = _shown(", ".join(new), SHOWN_MAX)
        why = f"{teller}: these facts are not known here and left out: {names_shown}: update Celeriac"
        logger.warning("%s: %s", kind, why)
        try:
            dead_letters.set_aside(client, kind, {"app": app, "who": who, "facts": new}, why)
        except redis.ResponseError as error:  # it is full, say: what is in the stream counts
            logger.warning("that is in this log alone: %s", error)
        said.update(new)


def _shown(text: str, at_most: int) -> str:
    """Text for a line of a log, cut."""
    cut = text if len(text) <= at_most else f"{text[:at_most]}…"
    return cut if cut.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in cut)
