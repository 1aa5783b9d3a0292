"""How many instructions this process has executed: a figure that other work on the machine does not change.

Linux counts them, where the machine offers it (perf_event_open(2)); two versions can so be compared while
other things run.
"""

import ctypes
import os
import struct
import sys
from contextlib import suppress

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES = 128  # bytes of struct perf_event_attr
_HARDWARE, _INSTRUCTIONS = 0, 1
_INHERIT, _WITHOUT_KERNEL, _WITHOUT_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6


class Instructions:
    """Counts those of this process and the threads it starts from now on, without the kernel's."""

    def __init__(self) -> None:
        self._file: int | None = None
        number = _PERF_EVENT_OPEN.get(os.uname().machine) if sys.platform == "linux" else None
        if number is None:
            return
        asked = bytearray(_ATTRIBUTES)
        struct.pack_into("IIQ", asked, 0, _HARDWARE, _ATTRIBUTES, _INSTRUCTIONS)
        struct.pack_into("Q", asked, 40, _INHERIT | _WITHOUT_KERNEL | _WITHOUT_HYPERVISOR)
        attributes = (ctypes.c_char * _ATTRIBUTES).from_buffer(asked)
        file = ctypes.CDLL(None).syscall(number, attributes, 0, -1, -1, 0)
        self._file = file if file >= 0 else None

    def read(self) -> int | None:
        """So many so far; None where nobody counts them."""
        if self._file is None:
            return None
        with suppress(OSError):
            return int(struct.unpack("Q", os.read(self._file, 8))[0])
        return None
