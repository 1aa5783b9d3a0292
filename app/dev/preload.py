"""A worker of `bin/dev` in a process which has imported what it needs, save the team's own tasks."""

import gc
from importlib import import_module

# Celery imports these by their names when a worker starts.
CELERY = (
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "kombu.transport.redis",
)


def load() -> None:
    """Import Celery's worker and this project; nothing is connected or started by that."""
    from app import features

    ours = ("app.catalog", "app.celery", "app.library.all_tasks", "app.own_tasks")
    for name in (*ours, *features.SHARED, *CELERY):
        import_module(name)
    gc.freeze()  # the pages of what is imported stay shared
