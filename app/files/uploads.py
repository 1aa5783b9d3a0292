"""Keeps what people upload: whole or not at all, under a name that is fit, never over another by chance."""

import errno
import os
import stat
from contextlib import suppress
from datetime import datetime
from typing import BinaryIO, Protocol

from flask_babel import gettext as _

from app import audit
from app.errors import Conflict, DiskFull, Invalid, NotFound
from app.extensions import db, transaction
from app.files import drafts, makers
from app.files.folders import Entry, entry_of
from app.files.places import allowed, is_fit, reached, roots

NAME_MAX_BYTES = 255
PIECE_BYTES = 262_144


class Content(Protocol):
    """What is read piece by piece; an empty piece is the end."""

    def read(self, size: int = ..., /) -> bytes: ...


def save(
    folder: str, name: str, content: Content, now: datetime, replace: bool = False, length: int | None = None
) -> Entry:
    """Write a file into a folder that is there; it has its name only when it is whole and on the disk.

    `length` is how long it says it is. Raises `Invalid`, `NotFound` for the folder, `Conflict` (code "taken")
    for a name that is there unless `replace` is given, `DiskFull`, and what reading raises.
    """
    if not is_fit(name) or name != name.strip() or len(name.encode()) > NAME_MAX_BYTES:
        raise Invalid(
            {"name": [_("Give at most 255 bytes, no dot or space first, no slash and no sign that hides.")]}
        )
    into = allowed(folder, "folder")
    if into in roots():  # nothing was written there yet
        into.mkdir(parents=True, exist_ok=True)
    if not into.is_dir():
        raise NotFound(_("There is no such folder."))
    db.session.commit()  # a file may take minutes to come: no transaction waits for it
    try:
        with reached(into) as directory:
            _look(directory, name, replace, length)
            drafts.clear(directory)
            with drafts.draft(directory) as (file, draft):
                _fill(file, content)
                _give_name(directory, draft, name, replace)
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _no_room() from None
        raise Invalid({"folder": [_("It cannot be written: %(why)s", why=error.strerror)]}) from None
    entry = entry_of(into / name, status)
    with transaction():
        makers.note_upload(entry.path, now)
        audit.record("file.upload", now, "file", "", entry.path, bytes=entry.size, replace=replace or None)
    return entry


def _look(directory: int, name: str, replace: bool, length: int | None) -> None:
    """Refuse what cannot be kept before the first byte is read."""
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise Conflict(_("There is a folder or a link of this name."), code="taken")
        if not replace:
            raise _taken()
    free = os.fstatvfs(directory)
    if length is not None and length > free.f_bavail * free.f_frsize:
        raise _no_room()


def _fill(file: BinaryIO, content: Content) -> None:
    while piece := content.read(PIECE_BYTES):
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())


def _give_name(directory: int, draft: str, name: str, replace: bool) -> None:
    if replace:
        os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        return
    try:  # which fails when there is one, also since we looked
        os.link(draft, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        raise _taken() from None


def _taken() -> Conflict:
    return Conflict(_("There is a file of this name."), code="taken")


def _no_room() -> DiskFull:
    return DiskFull(_("The disk is full. Nothing was kept."))
