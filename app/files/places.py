"""Which paths people may name, and how one is reached so that nothing swapped meanwhile leads elsewhere.

`app.library.folders` has the rule for paths. Names that begin with a dot (drafts among them) and names that
are no text are left alone.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask_babel import gettext as _

from app.config import settings
from app.errors import Invalid, NotFound
from app.library.folders import OutsideFolders, resolve_under

# Control characters, halves of characters, what turns the reading of a name around, and Windows' slash.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\\]")


def is_fit(name: str) -> bool:
    """Whether pages may show a name and people may choose it."""
    return bool(name) and not name.startswith(".") and not _NO_TEXT.search(name) and "/" not in name


def allowed(path: str, field: str) -> Path:
    """The real path of a path; raises `Invalid` for one that leads outside the roots, by whatever way."""
    folders = settings().file_folders
    path = path or (str(folders[0]) if field == "folder" else "")
    try:
        real = resolve_under(path, folders)
    except OutsideFolders:
        raise Invalid({field: [_("This is outside the folders that tasks may use.")]}) from None
    except (ValueError, OSError):  # no text that can be a path, or links in a circle
        raise Invalid({field: [_("This is no path.")]}) from None
    if not path or not all(map(is_fit, real.relative_to(root_of(real)).parts)):
        raise Invalid({field: [_("This is no path. Names that begin with a dot are left alone.")]})
    return real


def roots() -> list[Path]:
    """The folders of FILE_ROOTS, links in their own paths followed."""
    return [Path(os.path.realpath(root)) for root in settings().file_folders]


def root_of(real: Path) -> Path:
    """The root that a real path lies under."""
    return next(root for root in roots() if real.is_relative_to(root))


def named(real: Path) -> str:
    """How a real path under the roots is named: as it stands below the first root, or in full."""
    first = roots()[0]
    return str(real.relative_to(first)) if real.is_relative_to(first) and real != first else str(real)


@contextmanager
def reached(folder: Path) -> Iterator[int]:
    """A descriptor of a folder that `allowed` gave, gone to from its root step by step.

    What has become a link since it was looked at is not followed. Raises `NotFound`.
    """
    root = root_of(folder)
    at = -1
    try:
        at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        for name in folder.relative_to(root).parts:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
    except OSError as error:
        if at >= 0:
            os.close(at)
        raise NotFound(_("This folder cannot be read: %(why)s", why=error.strerror)) from None
    try:
        yield at
    finally:
        os.close(at)
