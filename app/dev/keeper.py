"""Keeps a process of `bin/dev`: on HUP a new one starts at once, and the old one ends what it does.

The new one is forked from here, where all but the team's own tasks is imported already.
"""

import ctypes
import os
import signal
import sys

from app.dev import preloaded

PR_SET_PDEATHSIG = 1
STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
AWAITED = {signal.SIGHUP, signal.SIGCHLD, *STOPS}


class Keeper:
    """The processes that live: the newest, and older ones that end what they do (a worker: its runs)."""

    def __init__(self, program: str, arguments: list[str]) -> None:
        self._program, self._arguments = program, arguments
        self._living: dict[int, int] = {}  # process id → number in the name
        self._newest = 0

    def run(self) -> int:
        """Work until told to stop, or until the newest process ends by itself; returns its exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)  # they are waited for below, one by one
        self._start()
        while True:
            number = signal.sigwait(AWAITED)
            if number == signal.SIGHUP:
                older = list(self._living)
                self._start()
                _send(older, signal.SIGTERM)
            elif number in STOPS:
                _send(list(self._living), signal.Signals(number))
                return self._end()
            elif (status := self._reap()) is not None:
                _send(list(self._living), signal.SIGQUIT)  # what they run goes back to its queue
                self._end()
                return status

    def _start(self) -> None:
        number = next(n for n in range(1, len(self._living) + 2) if n not in self._living.values())
        pid = os.fork()
        if pid:
            self._living[pid] = number
            self._newest = pid
            return
        _end_with_keeper()
        for awaited in AWAITED:
            signal.signal(awaited, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        preloaded.become(self._program, [*self._arguments, *self._options(number)])

    def _options(self, number: int) -> list[str]:
        """What a worker needs beside another: a name of its own; and it does not wait a second for news."""
        if "worker" not in self._arguments:
            return []
        return ["--without-mingle", *(["-n", f"celery{number}@%h"] if number > 1 else [])]

    def _reap(self) -> int | None:
        """Forget the processes that have ended; the exit status of the newest when it is among them."""
        status = None
        for pid in list(self._living):
            ended, code = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._living[pid]
                if pid == self._newest:
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
    preloaded.load(program)
    sys.exit(Keeper(program, arguments).run())


if __name__ == "__main__":
    main()
