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
    digest = hashlib.sha256()
    paths = sorted({path for place in _places(app) for path in _files(place)})
    for path in paths[:FILES_MAX]:
        try:
            text = path.read_bytes()
        except OSError:  # it went meanwhile, or nobody may read it
            continue
        digest.update(hashlib.sha256(text).digest())
    return digest.hexdigest()[:12] if paths else ""


def _modules(app: Celery) -> "set[str]":
    return {str(task.__module__) for name, task in app.tasks.items() if not name.startswith("celery.")}


def _places(app: Celery) -> "set[Path]":
    """The folder of the outermost package of each, or the file of a module that is in none."""
    places = set()
    for name in _modules(app):
        top, own = sys.modules.get(name.partition(".")[0]), sys.modules.get(name)
        package = getattr(top, "__file__", None) if hasattr(top, "__path__") else None
        file = getattr(own, "__file__", None)
        if package:
            places.add(Path(package).parent)
        elif file:
            places.add(Path(file))
    return places


def _files(place: Path) -> "list[Path]":
    return [path for path in place.rglob("*.py") if path.is_file()] if place.is_dir() else [place]
