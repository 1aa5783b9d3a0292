"""Workers and beat: `celery -A celery_worker worker` and `celery -A celery_worker beat`."""

import os

from app import create_app
from app.config import PRIVATE_UMASK

os.umask(PRIVATE_UMASK)

# Celery looks for an attribute `app` first: a Flask app must not be called that here.
celery = create_app(pages=False).extensions["celery"]
