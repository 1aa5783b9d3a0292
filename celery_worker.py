"""Workers and beat: `celery -A celery_worker worker` and `celery -A celery_worker beat`."""

import gc
import os

from app import create_app, own_tasks
from app.config import PRIVATE_UMASK

os.umask(PRIVATE_UMASK)

# Celery looks for an attribute `app` first: a Flask app must not be called that here.
celery = create_app(pages=False, commands=False).extensions["celery"]
own_tasks.load_in_workers(celery)
gc.freeze()  # what start-up made stays: the pools' processes share it with the one that forks them
