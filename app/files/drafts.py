"""Files on their way in: under a name of their own until they are whole, and gone when nobody writes them.

Who writes a draft holds a lock on it, which ends with the process: what a killed one left is known by that.
"""

import fcntl
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_NAME = re.compile(r"\.[0-9a-f]{12}\.upload")
_YOUNG_SECONDS = 5.0  # one that was made just now may not be locked yet


@contextmanager
def draft(directory: int) -> Iterator[tuple[BinaryIO, str]]:
    """A new file in a folder, locked, and its name there; whatever happens, that name is gone afterwards."""
    name = f".{uuid.uuid4().hex[:12]}.upload"
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file, name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)


def clear(directory: int) -> None:
    """Remove the drafts in a folder that nobody writes any more."""
    for name in filter(_NAME.fullmatch, os.listdir(directory)):
        with suppress(OSError):  # somebody else removed it, or is writing it, or it is not ours
            descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
            try:
                if time.time() - os.fstat(descriptor).st_mtime > _YOUNG_SECONDS:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=directory)
            finally:
                os.close(descriptor)
