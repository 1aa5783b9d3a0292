"""Imports the modules that define tasks: the library that comes along and the user's own."""

import importlib
import logging
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

from celery import Celery
from celery.utils.dispatch import Signal
from flask_babel import lazy_gettext as _l

LIBRARY = "app.library.all_tasks"
OWN_PACKAGE = "app"
NOT_SET_UP = ("AppRegistryNotReady", "ImproperlyConfigured")  # what Django raises

logger = logging.getLogger(__name__)

loaded = Signal(name="tasks_loaded", providing_args={"failures"})  # the sender, a Flask app, has its tasks


@dataclass(frozen=True)
class ImportFailure:
    """A module that could not be imported: the error on one line, where it came from, and what to do."""

    module: str
    error: str
    traceback: str
    advice: Any = ""


def load(celery_app: Celery, modules: Sequence[str]) -> list[ImportFailure]:
    """Import the task library and the given modules, packages with all that is in them; return what failed.

    A broken module stops nothing, not even one that calls `sys.exit`; only Ctrl-C does. Afterwards the
    tasks are registered with `celery_app`.
    """
    _make_working_folder_importable()
    django = _set_up_django() if modules else None
    library = _import(LIBRARY)  # it imports its own tasks, and leaves Pillow and the like until a task runs
    failures = [outcome for outcome in (django, library) if isinstance(outcome, ImportFailure)]
    for name in dict.fromkeys(modules):
        failures += _load_tree(name)
    for failure in failures:
        logger.warning("tasks of %s cannot be used: %s", failure.module, failure.error)
    celery_app.finalize()
    return failures


def own_modules(names: Sequence[str]) -> list[ModuleType]:
    """The loaded modules of the user's own, of packages with all that is in them."""
    return [
        module
        for name, module in list(sys.modules.items())
        if any(name == own or name.startswith(f"{own}.") for own in names)
    ]


def _load_tree(name: str) -> Iterator[ImportFailure]:
    if name.partition(".")[0] == OWN_PACKAGE:
        advice = _l(
            "Celeriac's own package is called app, too. Give yours another name, or run its tasks in workers "
            "of their own."
        )
        yield ImportFailure(name, f"{name} cannot be imported from your folder", "", advice)
        return
    module = _import(name)
    if isinstance(module, ImportFailure):
        yield module
        return
    for submodule in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if submodule.name != "__main__":  # that is a program, which would run
            yield from _load_tree(f"{name}.{submodule.name}")


def _import(name: str) -> ModuleType | ImportFailure:
    if not all(part.isidentifier() for part in name.split(".")):
        return ImportFailure(name, f"{name!r} is not a module name such as myteam.jobs", "")
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() and the like: the module is broken, the process is not
        return ImportFailure(name, _one_line(error), _trace(error), _advice(error))


def _set_up_django() -> ImportFailure | None:
    """Where `DJANGO_SETTINGS_MODULE` names a project, make it ready before its tasks are imported."""
    project = os.environ.get("DJANGO_SETTINGS_MODULE")
    if not project:
        return None
    try:
        importlib.import_module("django").setup()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # its settings and apps are anybody's code
        advice = _l("Install what the Django project needs beside Celeriac, and start in its folder.")
        return ImportFailure(f"DJANGO_SETTINGS_MODULE={project}", _one_line(error), _trace(error), advice)
    return None


def _advice(error: BaseException) -> Any:
    """What to do about an error that has another cause than it says."""
    if type(error).__module__.startswith("django.") and type(error).__name__ in NOT_SET_UP:
        return _l("This is a Django project: set DJANGO_SETTINGS_MODULE, such as shop.settings.")
    return ""


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _trace(error: BaseException) -> str:
    """The traceback from the module's own first line on."""
    tb: TracebackType | None = error.__traceback__
    while tb and _is_machinery(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb)).strip()


def _is_machinery(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def _make_working_folder_importable() -> None:
    """Own modules stand in the folder the process was started in; it comes last, so that it hides nothing."""
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)
