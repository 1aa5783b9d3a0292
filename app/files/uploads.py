"""Keeps what people upload: whole or not at all, under a name that is fit, never over another by chance."""

import errno
import os
import shutil
import uuid
from datetime import datetime
from typing import IO

from flask_babel import gettext as _

from app import audit
from app.errors import Conflict, DiskFull, Invalid, NotFound
from app.extensions import transaction
from app.files.folders import Entry, allowed, is_fit, known, named

NAME_MAX_BYTES = 255


def save(folder: str, name: str, content: IO[bytes], now: datetime, replace: bool = False) -> Entry:
    """Write a file into a folder that is there; it has its name only when it is whole and on the disk.

    Raises `Invalid`, `NotFound` for the folder, `Conflict` (code "taken") for a name that is there unless
    `replace` is given, and `DiskFull`.
    """
    if not is_fit(name) or len(name.encode()) > NAME_MAX_BYTES:
        raise Invalid({"name": [_("Give at most 255 bytes, no dot first and no slash.")]})
    into = allowed(folder, "folder")
    if not into.is_dir():
        raise NotFound(_("There is no such folder."))
    target, draft = into / name, into / f".{uuid.uuid4().hex[:12]}.part"
    if target.is_symlink() or target.is_dir():
        raise Conflict(_("There is a folder or a link of this name."), code="taken")
    try:
        with draft.open("xb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(draft, target)
        else:
            os.link(draft, target)  # which fails when there is one, also since we looked
    except FileExistsError:
        raise Conflict(_("There is a file of this name."), code="taken") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(_("The disk is full. Nothing was kept.")) from None
        raise Invalid({"folder": [_("It cannot be written: %(why)s", why=error.strerror)]}) from None
    finally:
        draft.unlink(missing_ok=True)
    entry = known(target)
    with transaction():
        audit.record("file.upload", now, "file", "", named(target), bytes=entry.size, replace=replace or None)
    return entry
