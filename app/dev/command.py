"""Runs a command of Celery, Flask or gunicorn without what only its neighbours need.

The command lines of Celery and Flask import every command that they have: a shell, colours, migrations. That
is a third of a second and 15 MiB for each process, which `python -m app.dev.command celery -A …` saves.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

APP = ("-A", "celery_worker")  # these are words for whoever looks at the list of processes


@contextmanager
def _without(library: str) -> Iterator[None]:
    """Let an import believe that a library, which it can do without, is not installed."""
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment]  # which is how Python spells it
    try:
        yield
    finally:
        del sys.modules[library]


def celery(arguments: list[str]) -> None:
    """`celery -A celery_worker worker` or `beat`, with Celery's own options after it."""
    from celery import maybe_patch_concurrency

    maybe_patch_concurrency()
    name, *options = arguments[len(APP) :]
    with _without("pygments"):  # it only colours what other commands print
        from celery.bin.base import CLIContext

        command = getattr(import_module(f"celery.bin.{name}"), name)
    app = import_module("celery_worker").celery
    gc.enable()
    if name == "worker":  # a default of ours: what is said later wins, and Celery starts itself again by this
        options = ["--concurrency", str(app.Task.flask_app.config["SETTINGS"].concurrency), *options]
        sys.argv[1:] = [*APP, name, *options]
    context = CLIContext(app, no_color=bool(os.environ.get("NO_COLOR")), workdir=None)
    command.params.extend(app.user_options.get(name, ()))
    words = " ".join(["celery", *APP, name])
    command.main(options, prog_name=words, obj=context, auto_envvar_prefix=f"CELERY_{name.upper()}")


def flask(arguments: list[str]) -> None:
    """`flask --app wsgi recorder`."""
    from app import create_app
    from app.cli.recorder import recorder_command
    from app.config import PRIVATE_UMASK

    os.umask(PRIVATE_UMASK)
    app = create_app(pages=False, commands=False)
    gc.freeze()  # what start-up made stays: the collector need not look through it
    gc.enable()
    with app.app_context():
        recorder_command.main(arguments[arguments.index("recorder") + 1 :], prog_name="recorder")


def gunicorn(arguments: list[str]) -> None:
    """`gunicorn wsgi:app …`."""
    import_module("gunicorn.app.wsgiapp").run()


PROGRAMS: dict[str, Callable[[list[str]], None]] = {"celery": celery, "flask": flask, "gunicorn": gunicorn}


def become(program: str, arguments: list[str]) -> None:
    """Run the program in this process, to its end."""
    if program != "gunicorn":  # its processes do so themselves, see `app/web/gunicorn.py`
        gc.disable()  # until everything is imported
    # Celery starts itself again by this path.
    sys.argv = [str(Path(sys.executable).with_name(program)), *arguments]
    PROGRAMS[program](arguments)
    sys.exit()


if __name__ == "__main__":
    become(sys.argv[1], sys.argv[2:])
