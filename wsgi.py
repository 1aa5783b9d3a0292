"""The web process: `gunicorn wsgi:app`, and the commands of `flask --app wsgi`."""

import gc
import logging
import os
import sys

from app import cli, create_app
from app.config import PRIVATE_UMASK

os.umask(PRIVATE_UMASK)
if "gunicorn.arbiter" in sys.modules and not os.environ.get("CELERIAC_WHOLE_REQUESTS"):
    logging.getLogger("gunicorn.error").warning(
        "Slow clients can hold this process up: start it with -c app/web/gunicorn.py, "
        "or put a proxy in front that takes in whole requests, as nginx does."
    )
app = create_app(pages=cli.shows_pages(sys.argv), commands=cli.has_commands(sys.argv))
gc.freeze()  # what start-up made stays: the collector need not look through it during requests
gc.enable()  # whoever starts us may have let it rest meanwhile
