"""Which workers of another app know a task, and whether they agree on what it takes."""

from dataclasses import dataclass
from datetime import datetime

from app import broker, catalog, heartbeats
from app.catalog.published import published


@dataclass(frozen=True)
class Knowledge:
    """The online workers that know a task in the version that counts, in another one, and not at all."""

    same: list[str]
    other: list[str]
    none: list[str]

    @property
    def nobody(self) -> bool:
        return not self.same and not self.other


def knowledge(info: catalog.TaskInfo, now: datetime) -> Knowledge | None:
    """Who knows the task; None for one of ours. Raises `BrokerUnavailable`."""
    if info.app is None:
        return None
    documents = published()
    counts = documents.fingerprints.get((info.app, info.name))
    known = Knowledge([], [], [])
    for worker in heartbeats.app_workers(broker.client(), now, info.app):
        if worker.online:
            print_ = documents.catalogs.get(worker.catalog, {}).get(info.name)
            among = known.none if print_ is None else known.same if print_ == counts else known.other
            among.append(worker.hostname)
    return known
