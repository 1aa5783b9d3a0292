"""A program that starts in a process which has imported what it needs, save the team's own tasks.

`python -m app.dev.preloaded gunicorn …`: a web process that is made anew is there in a fraction of a second.
"""

import gc
import sys
from importlib import import_module

PROGRAMS = {
    "celery": ("celery.__main__", "main"),
    "flask": ("flask.cli", "main"),
    "gunicorn": ("gunicorn.app.wsgiapp", "run"),
}
# Celery imports these by their names when a worker or beat starts.
CELERY = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.bin.celery",
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

    ours = ("app.catalog", "app.celery", "app.beat.scheduler", "app.library")
    entries = {"celery": (*features.SHARED, *CELERY), "flask": features.COMMANDS}  # the recorder is one
    rest = entries.get(program, features.ENTRIES)
    for name in (*ours, *rest, PROGRAMS[program][0]):
        import_module(name)
    gc.freeze()  # the pages of what is imported stay shared


def become(program: str, arguments: list[str]) -> None:
    """Run the program in this process, to its end."""
    sys.argv = [program, *arguments]
    module, function = PROGRAMS[program]
    sys.exit(getattr(import_module(module), function)())


if __name__ == "__main__":
    load(sys.argv[1])
    become(sys.argv[1], sys.argv[2:])
