"""Hands saved task modules to the running worker, while `bin/dev` runs."""

import importlib.util
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from app.dev.sources import Sources

TICK_SECONDS = 0.1
MOST_OF_A_CORE = 0.01  # of a very large package it is looked at less often
WORKER = "worker"  # the only one that has them


def watch(modules: Sequence[str], supervisor: int) -> None:
    """Look for saved files from now on, in a thread; nothing to look for without own tasks."""
    if modules:
        sources = Sources(modules, sys.path)
        threading.Thread(target=_watch, args=(sources, supervisor), daemon=True).start()


def _watch(sources: Sources, supervisor: int) -> None:
    pause = threading.Event()
    saved: set[Path] = set()
    spent = 0.0
    while not pause.wait(max(TICK_SECONDS, spent / MOST_OF_A_CORE)):
        began = time.thread_time()
        changed = sources.changed()
        spent = time.thread_time() - began
        if changed:
            saved |= changed  # more may follow: editors and checkouts write in several steps
        elif saved:
            _reload(saved, supervisor)
            saved = set()


def _reload(files: Iterable[Path], supervisor: int) -> None:
    for file in files:
        _forget_compiled(file)
    if error := next(filter(None, map(syntax_error, sorted(files))), None):
        print(f"bin/dev: {error}. Tasks go on as they were until it can be read", flush=True)
    else:
        print(f"bin/dev: taken over: {', '.join(sorted(file.name for file in files))}", flush=True)
    _hang_up(supervisor)  # it says what cannot be imported, also where that is told already


def _hang_up(supervisor: int) -> None:
    try:
        children = psutil.Process(supervisor).children()
    except psutil.NoSuchProcess:  # all of it has ended meanwhile
        return
    for process in children:
        try:
            if process.environ().get("SUPERVISOR_PROCESS_NAME") == WORKER:
                process.send_signal(signal.SIGHUP)
        except psutil.NoSuchProcess:
            continue  # supervisor starts it again, with what was saved


def _forget_compiled(file: Path) -> None:
    """Compiled files tell their sources apart by whole seconds and size: not enough here."""
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def syntax_error(file: Path) -> str | None:
    """Why a file cannot be read as Python, in one line; None when it can, or is gone."""
    try:
        compile(file.read_bytes(), file, "exec", dont_inherit=True)
    except FileNotFoundError:
        return None
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return f"{file.name}{line}: {error.msg if isinstance(error, SyntaxError) else error}"
    except OSError as error:
        return f"{os.fspath(file)}: {error.strerror}"
    return None
