"""Lists, opens and deletes files under the folders of FILE_ROOTS; nothing outside them is touched."""

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from flask_babel import gettext as _

from app import audit
from app.errors import Invalid, NotFound
from app.extensions import transaction
from app.files import drafts, makers
from app.files.places import allowed, is_fit, named, reached, root_of, roots

ENTRIES_MAX = 500  # of one folder


@dataclass(frozen=True)
class Entry:
    """A file or folder; `path` is how tasks, pages and REST name it."""

    name: str
    path: str
    is_folder: bool
    size: int
    changed_at: datetime
    made_by: makers.Maker | None = None


@dataclass(frozen=True)
class Listing:
    """What is in a folder: folders by name, then the newest files; `left_out` says how many do not fit."""

    path: str
    above: tuple[tuple[str, str], ...]
    entries: list[Entry]
    left_out: int


def listing(path: str = "", q: str = "", made_by: str = "") -> Listing:
    """What is in a folder; without a path the first root. Raises `Invalid` and `NotFound`.

    With `q` what has it in its name, with `made_by` the files that a task or user of that name made.
    """
    real = allowed(path, "folder")
    if not real.is_dir():
        if path:
            raise NotFound(_("There is no such folder."))
        return Listing("", (), _other_roots(), 0)  # nothing was written yet
    folders: list[Entry] = []
    files: list[Entry] = []
    with reached(real) as directory:
        drafts.clear(directory)
        for entry in _entries(real, directory):
            (folders if entry.is_folder else files).append(entry)
    folders.sort(key=lambda entry: entry.name)
    if not path:
        folders += _other_roots()
    folders, files = _wanted(folders, q), _wanted(files, q)
    if made_by:
        made = makers.paths_of(made_by)
        folders, files = [], [entry for entry in files if entry.path in made]
    room = max(0, ENTRIES_MAX - len(folders))
    newest = heapq.nlargest(room, files, key=lambda entry: entry.changed_at)
    left_out = len(folders) + len(files) - len(folders[:ENTRIES_MAX]) - len(newest)
    known = makers.of([entry.path for entry in newest])
    newest = [replace(entry, made_by=known.get(entry.path)) for entry in newest]
    return Listing(named(real) if path else "", _above(real), [*folders[:ENTRIES_MAX], *newest], left_out)


def _wanted(entries: list[Entry], q: str) -> list[Entry]:
    """Those with a text in their names, however it is capitalised."""
    text = q.strip().casefold()
    return [entry for entry in entries if text in entry.name.casefold()] if text else entries


def opened(path: str) -> tuple[BinaryIO, Entry]:
    """A file, open for reading, and what is known of it. Raises `Invalid` and `NotFound`."""
    real = allowed(path, "path")
    if real in roots():
        raise NotFound(_("There is no such file."))
    try:
        with reached(real.parent) as directory:
            # a pipe would be waited for; what became a link since is not followed
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(real.name, flags, dir_fd=directory)
    except (OSError, NotFound):
        raise NotFound(_("There is no such file.")) from None
    status = os.fstat(descriptor)
    if not S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotFound(_("There is no such file."))
    return os.fdopen(descriptor, "rb"), entry_of(real, status)


def delete(path: str, now: datetime) -> None:
    """Delete a file and write down who did. Raises `Invalid` and `NotFound`; folders stay."""
    file, entry = opened(path)
    file.close()
    real = allowed(path, "path")
    try:
        with reached(real.parent) as directory:
            os.unlink(real.name, dir_fd=directory)
    except FileNotFoundError:
        raise NotFound(_("There is no such file.")) from None
    except OSError as error:
        raise Invalid({"path": [_("It cannot be deleted: %(why)s", why=error.strerror)]}) from None
    with transaction():
        makers.forget(entry.path)
        audit.record("file.remove", now, "file", "", entry.path, bytes=entry.size)


def full_path(entry: Entry) -> str:
    """The path by which code finds it that knows nothing of the roots: tasks of the team's own."""
    return str(roots()[0] / entry.path)


def entry_of(real: Path, status: os.stat_result) -> Entry:
    """What is known of a file or folder under the roots."""
    return _entry(real.name, named(real), status)


def _above(real: Path) -> tuple[tuple[str, str], ...]:
    """Path and name of the folders that lead to this one, the root first and this one left out."""
    root = root_of(real)
    between = [folder for folder in real.parents if folder.is_relative_to(root)]
    first = root == roots()[0]
    return tuple(("" if folder == root and first else named(folder), folder.name) for folder in between[::-1])


def _entries(folder: Path, directory: int) -> Iterator[Entry]:
    """What is in a folder; a link is not followed, so that nothing outside shows."""
    above = "" if folder == roots()[0] else f"{named(folder)}/"  # asked once: there may be ten thousand
    with os.scandir(directory) as entries:
        for entry in entries:
            if not is_fit(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if S_ISREG(status.st_mode) or S_ISDIR(status.st_mode):
                yield _entry(entry.name, above + entry.name, status)


def _entry(name: str, path: str, status: os.stat_result) -> Entry:
    changed_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return Entry(name, path, S_ISDIR(status.st_mode), status.st_size, changed_at)


def _other_roots() -> list[Entry]:
    return [_entry(str(root), str(root), root.stat()) for root in roots()[1:] if root.is_dir()]
