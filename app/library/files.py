"""Tasks that keep folders tidy."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Any

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.clock import utcnow
from app.library.folders import input_folder
from app.library.progress import Progress

NAMES_IN_RESULT = 100


@dataclass
class CleanUp:
    """What a clean-up removed, or would remove, and what it could not."""

    files: int = 0
    bytes: int = 0
    names: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@shared_task(name="files.clean_up", bind=True, soft_time_limit=3600, time_limit=3660)
def clean_up(
    self: CeleriacTask,
    folder: Annotated[Path, Field(description="Folder to clean")],
    older_than_days: Annotated[
        float, Field(ge=0, le=36_500, description="Only files not changed for so many days")
    ],
    pattern: Annotated[
        str,
        Field(
            pattern=r"^[^/\\]+$", max_length=200, description="Which file names, with * and ? as in a shell"
        ),
    ] = "*",
    recursive: Annotated[bool, Field(description="Also clean the folders inside it")] = False,
    dry_run: Annotated[bool, Field(description="Only list what would be removed")] = True,
) -> dict[str, Any]:
    """Remove old files from a folder.

    As a dry run, which is the default, it removes nothing and lists what it would remove. Folders stay,
    also when they become empty. Symbolic links are neither removed nor followed. A file that cannot be
    removed is named in the result and does not stop the others.
    """
    from app import runs

    target, outcome = input_folder(folder, write=True), CleanUp()
    before = utcnow() - timedelta(days=older_than_days)
    try:
        remove_old(outcome, target, before.timestamp(), pattern, recursive, dry_run, self.progress)
    finally:  # also when it is stopped halfway
        if outcome.files and not dry_run:
            removed = {"files": outcome.files, "bytes": outcome.bytes, "names": outcome.names}
            limits = {"folder": str(target), "pattern": pattern, "before": before.isoformat()}
            runs.note_removal("file.delete", utcnow(), self.request.id or "", **limits, **removed)
    if outcome.failed and not outcome.files:
        raise PermissionError(f"No file could be removed: {outcome.failed}")
    return {
        "folder": str(target),
        "dry_run": dry_run,
        "files": outcome.files,
        "bytes": outcome.bytes,
        "names": outcome.names,
        "failed": outcome.failed,
    }


def remove_old(
    outcome: CleanUp,
    folder: Path,
    before: float,
    pattern: str,
    recursive: bool,
    dry_run: bool,
    progress: Progress,
) -> None:
    """Remove the matching files last changed before a POSIX time; with `dry_run` only count them."""

    def not_readable(error: OSError) -> None:
        outcome.failed[os.path.basename(error.filename)] = error.strerror or str(error)

    for name, directory, entry, size in _old_files(folder, before, pattern, recursive, not_readable):
        try:
            if not dry_run:
                os.unlink(entry, dir_fd=directory)
        except FileNotFoundError:
            continue  # somebody else removed it
        except OSError as error:
            outcome.failed[name] = error.strerror or str(error)
            continue
        outcome.files += 1
        outcome.bytes += size
        if len(outcome.names) < NAMES_IN_RESULT:
            outcome.names.append(name)
        progress(outcome.files, None, name)


def _old_files(
    folder: Path, before: float, pattern: str, recursive: bool, onerror: Callable[[OSError], None]
) -> Iterator[tuple[str, int, str, int]]:
    """Each file's path within the folder, its directory's descriptor, its name there and its size.

    Names are looked at and removed relative to an open directory, so a folder that is swapped for a
    symbolic link meanwhile leads nowhere else.
    """
    for path, folders, names, directory in os.fwalk(folder, onerror=onerror, follow_symlinks=False):
        folders.sort()
        for name in sorted(names):
            if not fnmatch(name, pattern):
                continue
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if S_ISREG(status.st_mode) and status.st_mtime < before:
                yield os.path.relpath(os.path.join(path, name), folder), directory, name, status.st_size
        if not recursive:
            break
