"""A Celery app for the broker's tests, with Celeriac's configuration; its task notes in Redis that it ran."""

import os
import time
from pathlib import Path

import redis
from celery import Celery

from app.broker.transport import install
from app.celery.factory import configuration
from app.config import Settings

URL = os.environ["DRAWING_REDIS_URL"]

client = redis.Redis.from_url(URL)
if os.environ["DRAWING_TRANSPORT"] == "ours":
    install()
celery = Celery("drawing", set_as_current=False)
celery.config_from_object(
    configuration(Settings(redis_url=URL, data_dir=Path(os.environ["DRAWING_DATA_DIR"])))
)
celery.conf.task_ignore_result = True


@celery.task(name="demo.note", bind=True)
def note(self, seconds=0):
    """Write down the run's id, then take a while."""
    client.rpush("executed", self.request.id)
    time.sleep(seconds)
