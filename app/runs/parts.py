"""The parts of a recorder's turn: each fails alone, is left alone for a while, and says so."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

import redis
from flask import Flask
from kombu.exceptions import OperationalError as BrokerDown
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.errors import BrokerUnavailable

# An outage ends at any moment; what fails for another reason will fail again.
OUTAGE_BACK_OFF_SECONDS = (0.5, 1.0, 2.0)
BACK_OFF_SECONDS = (1.0, 5.0, 15.0, 60.0)
_NO_TABLE = ("42P01", "42703")  # PostgreSQL: no such table, no such column

logger = logging.getLogger(__name__)


class Part:
    """One thing that a recorder does `every` so many seconds."""

    def __init__(self, name: str, work: Callable[[datetime], object], every: float) -> None:
        self.name = name
        self.failures = 0  # in a row
        self.error = ""
        self._work = work
        self._every = every
        self._next_at = float("-inf")

    def take_turn(self, app: Flask, now: datetime) -> None:
        """Work if it is time; whatever it raises is logged, and the part rests ever longer."""
        if time.monotonic() < self._next_at:
            return
        started = time.monotonic()
        try:
            with app.app_context():
                self._work(now)
        except Exception as error:  # one part must not keep the others from working
            self._next_at = time.monotonic() + self._failed(error)
            return
        if self.failures:
            logger.info("%s works again", self.name)
        self.failures, self.error = 0, ""
        self._next_at = started + self._every

    def _failed(self, error: Exception) -> float:
        """Note a failure; returns the seconds to rest."""
        outage = is_outage(error)
        waits = OUTAGE_BACK_OFF_SECONDS if outage else BACK_OFF_SECONDS
        wait = waits[min(self.failures, len(waits) - 1)]
        self.failures += 1
        self.error = f"{type(error).__name__}: {first_line(error)}"[:300]
        logger.warning("%s waits %s s: %s", self.name, wait, self.error, exc_info=not outage)
        return wait


def is_outage(error: BaseException) -> bool:
    """Whether Redis, RabbitMQ or the database is away (or not migrated yet), rather than a value bad."""
    if isinstance(error, ProgrammingError):
        return getattr(error.orig, "sqlstate", None) in _NO_TABLE
    return isinstance(error, redis.RedisError | OperationalError | BrokerUnavailable | BrokerDown)


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
