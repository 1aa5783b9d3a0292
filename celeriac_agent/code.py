"""Which code a worker runs: a short digest, another one after a deploy, the same after a restart."""

import hashlib
import sys
from functools import lru_cache
from pathlib import Path

from celery import Celery

FILES_MAX = 5000


@lru_cache(maxsize=4)
def code_version(app: Celery) -> str:
    """Of the packages that hold the app's tasks, as their files are when it is first asked; "" for none."""
    found = hashlib.sha256()
    paths = sorted({path for name in _modules(app) for path in _files(name)})
    for path in paths[:FILES_MAX]:
        try:
            text = path.read_bytes()
        except OSError:  # it went meanwhile, or nobody may read it
            continue
        found.update(hashlib.sha256(text).digest())
    return found.hexdigest()[:12] if paths else ""


def _modules(app: Celery) -> "set[str]":
    return {str(task.__module__) for name, task in app.tasks.items() if not name.startswith("celery.")}


def _files(module: str) -> "list[Path]":
    """The files of a module's outermost package, or the one of a module that is in none."""
    top = sys.modules.get(module.partition(".")[0])
    own = getattr(sys.modules.get(module), "__file__", None)
    package = getattr(top, "__file__", None) if hasattr(top, "__path__") else None
    if package:
        return [path for path in Path(package).parent.rglob("*.py") if path.is_file()]
    return [Path(own)] if own else []
