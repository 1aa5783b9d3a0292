"""Several threads that do something in the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from flask import Flask

from app.extensions import db

T = TypeVar("T")


def at_once(app: Flask, number: int, act: Callable[[Callable[[], Any], int], T]) -> list[T]:
    """What `act(start, n)` returned in each of so many threads; `start()` returns when all have called it.

    What one raises is raised here.
    """
    barrier = threading.Barrier(number, timeout=30)

    def one(n: int) -> T:
        with app.app_context():
            try:
                return act(barrier.wait, n)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))
