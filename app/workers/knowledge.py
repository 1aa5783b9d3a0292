"""Which workers know a task, and whether they agree on what it takes."""

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


def knowledge(info: catalog.TaskInfo, now: datetime) -> Knowledge:
    """Who knows the task. Raises `BrokerUnavailable`."""
    documents, client = published(), broker.client()
    counts = documents.fingerprints.get(info.key)
    known = Knowledge([], [], [])
    workers = heartbeats.app_workers(client, now, info.app) if info.app else heartbeats.workers(client, now)
    for worker in workers:
        if worker.online and worker.catalog in documents.catalogs:  # else it has just started
            print_ = documents.catalogs[worker.catalog].get(info.name)
            among = known.none if print_ is None else known.same if print_ == counts else known.other
            among.append(worker.hostname)
    return known
