"""Whether the broker is Celeriac's own.

One that holds queues or workers of another Celery app is left alone until somebody says that both are to work
there (`CELERIAC_SHARED_BROKER`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import redis
from flask_babel import gettext as _

from app.broker.rabbitmq import server as rabbitmq
from app.config import LIBRARY_QUEUES, Settings
from app.errors import Conflict
from app.queue_names import is_reserved
from celeriac_agent.keys import OWN_PREFIX, Keys

HOME = f"{OWN_PREFIX}home"  # there once a process of ours found the broker free, or was told to share it
# What only processes write that work with the broker; a version before `HOME` wrote these alone.
MARKS_OF_OURS = (HOME, f"{OWN_PREFIX}workers", f"{OWN_PREFIX}events")
RABBITMQ_HOME = "celeriac.home"  # an exchange to which nothing is ever sent
NAMED_MAX = 5
PIDBOX = "celery.pidbox"
OF_ANY_APP = (PIDBOX, "celeryev", "celery")  # exchanges that Celery makes wherever it works
SCAN_COUNT = 1000


@dataclass(frozen=True)
class OtherApp:
    """What another Celery app has on a broker that is not ours; `clash` are queues that both would use."""

    server: str
    setting: str
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    clash: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """What was found there, in words."""
        parts = []
        if self.queues:
            parts.append(_("queues: %(names)s", names=_named(self.queues)))
        if self.workers:
            parts.append(_("workers: %(names)s", names=_named(self.workers)))
        return "; ".join(parts) or _("messages that workers have taken")

    @property
    def title(self) -> str:
        return _(
            "This %(server)s belongs to another Celery app. Celeriac leaves it alone: it sends nothing "
            "there, takes nothing from it and gives nothing back",
            server=self.server,
        )

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.clash:
            return _(
                "Both would use the queue %(names)s. Give Celeriac a %(server)s of its own in %(setting)s.",
                names=_named(self.clash),
                server=self.server,
                setting=self.setting,
            )
        return _(
            "Give Celeriac a %(server)s of its own in %(setting)s, such as another database number or "
            "virtual host; or set CELERIAC_SHARED_BROKER=1, and it works here with queues of its own.",
            server=self.server,
            setting=self.setting,
        )


class BelongsToAnother(Conflict):
    """The broker belongs to another app, so nothing is done there."""

    def __init__(self, other: OtherApp) -> None:
        super().__init__(f"{other.title} ({other.evidence}). {other.advice}", "another-app")


def find_other_app(client: redis.Redis, names: Keys, settings: Settings) -> OtherApp | None:
    """What of another app stands in the way; None, which is noted, where the broker is ours or we may share.

    Call it before anything of ours reaches the broker. Raises redis-py's errors and `BrokerUnavailable`.
    """
    if settings.uses_rabbitmq:
        return _on_rabbitmq(settings)
    if not client.exists(*MARKS_OF_OURS):
        other = _on_redis(client, names, settings)
        # Another process of ours may have come first: it noted so before it bound a queue.
        if other and not client.exists(*MARKS_OF_OURS) and not _may_share(other, settings):
            return other
    client.set(HOME, "1")
    return None


def workers_seen(client: redis.Redis, names: Keys) -> set[str]:
    """The workers of any app that ever listened to remote control here and did not say goodbye."""
    members: Any = client.smembers(names.binding % PIDBOX)
    return {
        queue.removesuffix(f".{PIDBOX}")
        for queue in _queues_of(members, names)
        if queue.endswith(f".{PIDBOX}") and not queue.startswith("reply.")
    }


def _may_share(other: OtherApp, settings: Settings) -> bool:
    return settings.shared_broker and not other.clash


def _on_redis(client: redis.Redis, names: Keys, settings: Settings) -> OtherApp | None:
    queues: set[str] = set()
    bound = False
    for table in client.scan_iter(names.binding % "*", count=SCAN_COUNT, _type="set"):
        members: Any = client.smembers(table)
        bound = True
        queues |= {queue for queue in _queues_of(members, names) if not is_reserved(queue)}
    if not bound and not client.exists(names.unacked):
        return None
    workers = workers_seen(client, names)
    return _other(queues, workers, settings, "Redis", "CELERIAC_REDIS_URL")


def _queues_of(members: Iterable[bytes], names: Keys) -> Iterator[str]:
    for member in members:
        yield member.decode("utf-8", "replace").split(names.separator)[-1]


def _on_rabbitmq(settings: Settings) -> OtherApp | None:
    if rabbitmq.has_exchange(RABBITMQ_HOME):
        return None
    names = dict.fromkeys(["celery", *settings.declared_queues])
    queues = {queue for queue in names if rabbitmq.exists(queue)}
    is_ours = queues >= set(LIBRARY_QUEUES)  # of a version before the mark
    if not is_ours and (queues or any(map(rabbitmq.has_exchange, OF_ANY_APP))):
        other = _other(queues, (), settings, "RabbitMQ", "CELERIAC_BROKER_URL")
        if not rabbitmq.has_exchange(RABBITMQ_HOME) and not _may_share(other, settings):
            return other
    rabbitmq.make_exchange(RABBITMQ_HOME)
    return None


def _other(
    queues: Iterable[str], workers: Iterable[str], settings: Settings, server: str, setting: str
) -> OtherApp:
    clash = set(queues) & set(settings.declared_queues)
    return OtherApp(server, setting, *(tuple(sorted(names)) for names in (queues, workers, clash)))


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(listed[:NAMED_MAX])
    return shown if len(listed) <= NAMED_MAX else _("%(names)s and others", names=shown)
