"""Lists, opens and deletes files under the folders of FILE_ROOTS; nothing outside them is touched.

`app.library.folders` has the rule for paths. Names that begin with a dot (drafts of tasks among them) and
names that are no text are left alone.
"""

import heapq
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from flask_babel import gettext as _

from app import audit
from app.config import settings
from app.errors import Invalid, NotFound
from app.extensions import transaction
from app.library.folders import OutsideFolders, resolve_under

ENTRIES_MAX = 500  # of one folder
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")


@dataclass(frozen=True)
class Entry:
    """A file or folder; `path` is how tasks, pages and REST name it."""

    name: str
    path: str
    is_folder: bool
    size: int
    changed_at: datetime


@dataclass(frozen=True)
class Listing:
    """What is in a folder: folders by name, then the newest files; `left_out` says how many do not fit."""

    path: str
    above: tuple[tuple[str, str], ...]
    entries: list[Entry]
    left_out: int


def listing(path: str = "") -> Listing:
    """What is in a folder; without a path the first root. Raises `Invalid` and `NotFound`."""
    roots = settings().file_folders
    real = allowed(path, "folder")
    if not real.is_dir():
        if path:
            raise NotFound(_("There is no such folder."))
        return Listing("", (), _other_roots(roots), 0)  # nothing was written yet
    folders: list[Entry] = []
    files: list[Entry] = []
    try:
        for entry in _entries(real):
            (folders if entry.is_folder else files).append(entry)
    except OSError as error:
        raise NotFound(_("This folder cannot be read: %(why)s", why=error.strerror)) from None
    folders.sort(key=lambda entry: entry.name)
    if not path:
        folders += _other_roots(roots)
    room = max(0, ENTRIES_MAX - len(folders))
    newest = heapq.nlargest(room, files, key=lambda entry: entry.changed_at)
    left_out = len(folders) + len(files) - len(folders[:ENTRIES_MAX]) - len(newest)
    return Listing(named(real) if path else "", _above(real), [*folders[:ENTRIES_MAX], *newest], left_out)


def opened(path: str) -> tuple[BinaryIO, Entry]:
    """A file, open for reading, and what is known of it. Raises `Invalid` and `NotFound`."""
    real = allowed(path, "path")
    try:
        # a pipe would be waited for; what became a link since is not followed
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise NotFound(_("There is no such file.")) from None
    file = os.fdopen(descriptor, "rb", closefd=True) if S_ISREG(os.fstat(descriptor).st_mode) else None
    if file is None or Path(os.path.realpath(real)) != real:
        os.close(descriptor) if file is None else file.close()
        raise NotFound(_("There is no such file."))
    return file, _entry(real.name, named(real), os.fstat(descriptor))


def delete(path: str, now: datetime) -> None:
    """Delete a file and write down who did. Raises `Invalid` and `NotFound`; folders stay."""
    file, entry = opened(path)
    file.close()
    try:
        os.unlink(allowed(path, "path"))
    except FileNotFoundError:
        raise NotFound(_("There is no such file.")) from None
    except OSError as error:
        raise Invalid({"path": [_("It cannot be deleted: %(why)s", why=error.strerror)]}) from None
    with transaction():
        audit.record("file.remove", now, "file", "", entry.path, bytes=entry.size)


def known(real: Path) -> Entry:
    """What is known of a file or folder under the roots."""
    return _entry(real.name, named(real), real.stat())


def named(real: Path) -> str:
    """How a real path under the roots is named: as it stands below the first root, or in full."""
    first = Path(os.path.realpath(settings().file_folders[0]))
    return str(real.relative_to(first)) if real.is_relative_to(first) and real != first else str(real)


def is_fit(name: str) -> bool:
    """Whether pages may show a name and people may choose it."""
    return bool(name) and not name.startswith(".") and not _NO_TEXT.search(name) and "/" not in name


def allowed(path: str, field: str) -> Path:
    """The real path of a path; raises `Invalid` for one that leads outside the roots, by whatever way."""
    roots = settings().file_folders
    path = path or (str(roots[0]) if field == "folder" else "")
    try:
        real = resolve_under(path, roots)
    except OutsideFolders:
        raise Invalid({field: [_("This is outside the folders that tasks may use.")]}) from None
    except (ValueError, OSError):  # no text that can be a path, or links in a circle
        raise Invalid({field: [_("This is no path.")]}) from None
    root = next(root for root in map(_real, roots) if real.is_relative_to(root))
    if not path or not all(map(is_fit, real.relative_to(root).parts)):
        raise Invalid({field: [_("This is no path. Names that begin with a dot are left alone.")]})
    return real


def _real(root: Path) -> Path:
    return Path(os.path.realpath(root))


def _above(real: Path) -> tuple[tuple[str, str], ...]:
    """Path and name of the folders that lead to this one, the root first and this one left out."""
    root = next(root for root in map(_real, settings().file_folders) if real.is_relative_to(root))
    between = [folder for folder in real.parents if folder.is_relative_to(root)]
    first = root == _real(settings().file_folders[0])
    return tuple(("" if folder == root and first else named(folder), folder.name) for folder in between[::-1])


def _entries(folder: Path) -> Iterator[Entry]:
    """What is in a folder; a link is not followed, so that nothing outside shows."""
    with os.scandir(folder) as found:
        for one in found:
            if not is_fit(one.name):
                continue
            try:
                status = one.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if S_ISREG(status.st_mode) or S_ISDIR(status.st_mode):
                yield _entry(one.name, named(folder / one.name), status)


def _entry(name: str, path: str, status: os.stat_result) -> Entry:
    changed_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return Entry(name, path, S_ISDIR(status.st_mode), status.st_size, changed_at)


def _other_roots(roots: list[Path]) -> list[Entry]:
    return [_entry(str(root), str(root), root.stat()) for root in map(_real, roots[1:]) if root.is_dir()]
