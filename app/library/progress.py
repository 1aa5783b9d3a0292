"""How the library's working parts report progress without knowing of Celery."""

from typing import Protocol


class Progress(Protocol):
    """`CeleriacTask.progress`: `current` of `total` (None: unknown), and a few words."""

    def __call__(self, current: float, total: float | None = None, message: str = "") -> None: ...
