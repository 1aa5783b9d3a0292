"""Stops what an earlier `bin/dev` left behind when it was killed."""

from pathlib import Path

import psutil

MARK = "CELERIAC_DEV_DATA"
PATIENCE_SECONDS = 8


def stop(data_path: Path) -> int:
    """Stop every process with this data folder's mark, the supervisor first; returns how many there were."""
    left = sorted(marked(data_path), key=lambda process: "supervisord" not in " ".join(process.cmdline()))
    for process in left:
        process.terminate()
    _gone, alive = psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE_SECONDS)
    return len(left)


def marked(data_path: Path) -> list[psutil.Process]:
    pids = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(data_path):
                process.cmdline()
                pids.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return pids
