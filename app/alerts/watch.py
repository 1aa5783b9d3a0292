"""The thread of a recorder, or of a beat, that looks at the rules and sees that messages leave.

A beat is patient: it does this only while no recorder does, and so tells that none is there.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask

from app.clock import utcnow
from app.runs.parts import Part

EVERY_SECONDS = 5.0
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 30.0


class Watch:
    """Takes turns until `stopped` says so; what fails is logged, told by `part`, and tried again later."""

    def __init__(self, app: Flask, stopped: Callable[[float], bool], patient: bool = False) -> None:
        self.part = Part("looking at the alerts", self._look, EVERY_SECONDS)
        self._app, self._stopped = app, stopped
        self._patience = timedelta(seconds=PATIENCE_SECONDS if patient else 0)

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="celeriac-alerts", daemon=True).start()

    def _run(self) -> None:
        while not self._stopped(LOOK_SECONDS):
            self.part.take_turn(self._app, utcnow())

    def _look(self, now: datetime) -> None:
        from app.alerts import (
            delivery,
            run_ends,
            turns,
        )  # a beat that never looks does without what they import

        turns.take(now, self._patience)
        run_ends.tell(utcnow(), self._patience)
        delivery.send_due(utcnow(), self._patience)
