"""The web process: `gunicorn wsgi:app`, and the commands of `flask --app wsgi`."""

import gc

from app import create_app

app = create_app()
gc.freeze()  # what start-up made stays: the collector need not look through it during requests
