"""From when to when the processes of a worker could not tell all that they did."""

import mmap
import struct
import time

_TIMES = struct.Struct("dd")


class Gap:
    """One an app, in memory that a process shares with those that it forks."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _TIMES.size)

    @property
    def span(self) -> tuple[float, float]:
        """When the first thing was missed, and when the last; zeros where nothing was."""
        since, until = _TIMES.unpack_from(self._shared)
        return since, until

    def note(self) -> None:
        """Something is missed now."""
        now = time.time()
        _TIMES.pack_into(self._shared, 0, self.span[0] or now, now)

    def close(self) -> None:
        """It has been told of."""
        _TIMES.pack_into(self._shared, 0, 0.0, 0.0)
