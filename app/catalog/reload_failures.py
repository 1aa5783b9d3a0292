"""Why saved task modules were not taken over on a machine, where its worker goes on with what it has."""

import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from app.broker.connection import client, reaches_broker
from app.catalog.discovery import ImportFailure
from app.catalog.worker_setup import Said, setup
from app.errors import BrokerUnavailable

KEY = "celeriac:reload-failures"  # hash: machine → the failures of its last try


@reaches_broker
def keep(failures: Sequence[ImportFailure]) -> None:
    """What the last try on this machine could not import; nothing once all can be."""
    rows = [
        {"module": failure.module, "error": failure.error, "traceback": failure.traceback}
        | {"advice": Said.of(failure.advice).model_dump()}
        for failure in failures
    ]
    if rows:
        client().hset(KEY, socket.gethostname(), json.dumps(rows))
    else:
        client().hdel(KEY, socket.gethostname())


@reaches_broker
def kept() -> list[ImportFailure]:
    """Those of every machine. Raises `BrokerUnavailable`."""
    stored: Any = client().hgetall(KEY)
    return [
        ImportFailure(**failure | {"advice": Said.model_validate(failure["advice"])})
        for value in stored.values()
        for failure in json.loads(value)
    ]


def import_failures() -> list[ImportFailure]:
    """The modules that workers could not import, or not take over; while Redis is away, those of before."""
    failures = [
        ImportFailure(failure.module, failure.error, failure.traceback, failure.advice)
        for failure in setup().failures
    ]
    with suppress(BrokerUnavailable):
        failures += [failure for failure in kept() if failure not in failures]
    return failures
