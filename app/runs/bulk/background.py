"""Works on a confirmed change in a thread of this process; the recorder goes on if the process ends."""

import logging
import threading

from flask import Flask

from app.clock import utcnow
from app.runs.bulk.execution import step

logger = logging.getLogger(__name__)


def start(app: Flask, bulk_id: str) -> threading.Thread:
    """Begin to work on it; nobody needs to wait for the thread."""
    thread = threading.Thread(target=_work, args=(app, bulk_id), name=f"bulk-{bulk_id}", daemon=True)
    thread.start()
    return thread


def _work(app: Flask, bulk_id: str) -> None:
    more = True
    while more:
        with app.app_context():
            try:
                more = step(bulk_id, utcnow())
            except Exception as error:  # an outage: the recorder tries again once it is over
                logger.warning("the change %s of many runs goes on later: %s", bulk_id, error)
                return
