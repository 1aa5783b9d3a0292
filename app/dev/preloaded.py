"""A program that starts in a process which has imported what it needs, save the team's own tasks.

`python -m app.dev.preloaded gunicorn …`: a web process that is made anew is there in a fraction of a second.
"""

import gc
import sys
from importlib import import_module

from app.dev import command

# Celery imports these by their names when a worker or beat starts.
CELERY = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.concurrency.prefork",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "kombu.transport.redis",
)


def load(program: str) -> None:
    """Import the program's libraries and this project; nothing is connected or started by that."""
    from app import features

    ours = ("app.catalog", "app.celery", "app.library", *features.SHARED)
    needs = {"celery": (*CELERY, "app.beat.scheduler"), "flask": ("app.cli.recorder",)}
    for name in (*ours, *needs.get(program, (*features.PAGES, "gunicorn.app.wsgiapp"))):
        import_module(name)
    gc.freeze()  # the pages of what is imported stay shared


if __name__ == "__main__":
    load(sys.argv[1])
    command.become(sys.argv[1], sys.argv[2:])
