"""Keeps the worker of `bin/dev`: on HUP a new one starts at once, and the old one ends what it does.

The new one is forked from here, where all but the team's own tasks is imported already. When it has those too
it says so, and the old one is told to end. When a module cannot be imported that the old one has, the new
one ends instead, and the old one goes on; pages say why.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask

from app.catalog import discovery, reload_failures
from app.dev import command, preload
from app.errors import BrokerUnavailable

PR_SET_PDEATHSIG = 1
STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
AWAITED = {signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, *STOPS}
BROKEN = 75  # how a new process ends that lacks a module which the old one has


class Keeper:
    """The processes that live: the newest, and older ones that end what they do (a worker: its runs)."""

    def __init__(self, program: str, arguments: list[str]) -> None:
        self._program, self._arguments = program, arguments
        self._living: dict[int, int] = {}  # process id → number in the name, the oldest first
        self._newest = 0
        self._heard: dict[int, int] = {}  # where those that start say what they lack
        self._lacking: dict[int, set[str]] = {}  # modules that those which work could not import
        self._leaving: set[int] = set()

    def run(self) -> int:
        """Work until told to stop, or until the newest process ends by itself; returns its exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)  # they are waited for below, one by one
        self._start()
        while True:
            number = signal.sigwait(AWAITED)
            if number == signal.SIGHUP:
                self._start()
            elif number == signal.SIGUSR1:
                self._hear()
            elif number in STOPS:
                _send(list(self._living), signal.Signals(number))
                return self._end()
            elif (status := self._reap()) is not None:
                _send(list(self._living), signal.SIGQUIT)  # what they run goes back to its queue
                self._end()
                return status

    def _start(self) -> None:
        number = next(n for n in range(1, len(self._living) + 2) if n not in self._living.values())
        lacking = next((self._lacking[pid] for pid in reversed(self._living) if pid in self._lacking), None)
        hearing, saying = os.pipe()
        pid = os.fork()
        if pid:
            os.close(saying)
            os.set_blocking(hearing, False)
            self._living[pid] = number
            self._heard[pid] = hearing
            self._newest = pid
            return
        os.close(hearing)
        discovery.loaded.connect(partial(_replace_older, saying, lacking), weak=False)
        _end_with_keeper()
        for awaited in AWAITED:
            signal.signal(awaited, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        command.become(self._program, [*self._arguments, *self._options(number)])

    def _hear(self) -> None:
        """One that has its tasks takes the place of those that started before it."""
        for pid, hearing in list(self._heard.items()):
            try:
                message = os.read(hearing, 65_536)
            except BlockingIOError:
                continue
            if not message:  # it has ended
                continue
            os.close(self._heard.pop(pid))
            self._lacking[pid] = set(json.loads(message))
            living = list(self._living)
            older = [earlier for earlier in living[: living.index(pid)] if earlier not in self._leaving]
            self._leaving.update(older)
            _send(older, signal.SIGTERM)

    def _options(self, number: int) -> list[str]:
        """What a worker needs beside another: a name of its own; and it does not wait a second for news."""
        return ["--without-mingle", *(["-n", f"celery{number}@%h"] if number > 1 else [])]

    def _reap(self) -> int | None:
        """Forget the processes that have ended; the exit status of the newest when it is among them."""
        status = None
        for pid in list(self._living):
            ended, code = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._living[pid]
            self._lacking.pop(pid, None)
            self._leaving.discard(pid)
            if pid in self._heard:
                os.close(self._heard.pop(pid))
            if pid == self._newest and _exit_status(code) == BROKEN and self._living:
                self._newest = list(self._living)[-1]
            elif pid == self._newest:
                status = _exit_status(code)
        return status

    def _end(self) -> int:
        """Wait for all that live; the exit status of the newest."""
        status = 0
        for pid in list(self._living):
            _pid, code = os.waitpid(pid, 0)
            if pid == self._newest:
                status = _exit_status(code)
        return status


def _replace_older(
    saying: int,
    lacking: set[str] | None,
    sender: Flask,
    failures: Sequence[discovery.ImportFailure] = (),
    **_others: Any,
) -> None:
    """Say that the tasks are there; or end, when one goes on that lacks fewer modules (`lacking`)."""
    lost = [failure for failure in failures if lacking is not None and failure.module not in lacking]
    _keep_for_pages(sender, lost)
    if lost:
        for failure in lost:
            line = f"{failure.module}: {failure.error}. Tasks go on as they were until it can be imported"
            print(f"bin/dev: {line}", flush=True)
        os._exit(BROKEN)
    os.write(saying, json.dumps([failure.module for failure in failures]).encode())
    os.close(saying)
    os.kill(os.getppid(), signal.SIGUSR1)


def _keep_for_pages(app: Flask, lost: Sequence[discovery.ImportFailure]) -> None:
    """Let pages say what cannot be taken over; without Redis only the log says it."""
    with app.app_context(), suppress(BrokerUnavailable):
        reload_failures.keep(lost)


def _end_with_keeper() -> None:
    """A keeper that is killed takes its processes along, as it could stop them no more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)  # none has been waited for, so each id is still its own


def _exit_status(code: int) -> int:
    status = os.waitstatus_to_exitcode(code)
    return status if status >= 0 else 128 - status


def main() -> None:
    program, *arguments = sys.argv[1:]
    preload.load()
    sys.exit(Keeper(program, arguments).run())


if __name__ == "__main__":
    main()
