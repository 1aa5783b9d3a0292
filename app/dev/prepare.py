"""What comes before the first process: settings, lock, leftovers, port, database, first admin.

`python -m app.dev.prepare NUMBER` sends what it found to the socket of that number, with the lock it took.
"""

import fcntl
import gc
import json
import logging
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import IO

from app import create_app
from app.config import PRIVATE_UMASK, Settings, load_settings, make_data_folder
from app.dev import address, orphans, programs


class CannotStart(SystemExit):
    """One clear line why."""

    def __init__(self, line: str) -> None:
        super().__init__(f"bin/dev: {line}")


def main() -> None:
    """Prepare all, tell `bin/dev`; exits non-zero with one line when it cannot start."""
    os.umask(PRIVATE_UMASK)
    settings = load_settings()
    host, port = address.host_and_port("bin/dev")
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 -- compared, not bound
    os.environ.setdefault("CELERIAC_BASE_URL", f"http://{shown}:{port}")
    make_data_folder(settings)
    lock = _locked(settings.data_path)
    orphans.stop(settings.data_path)
    _check_port(host, port)
    prepared = {
        "host": shown,
        "port": port,
        "configuration": str(programs.write(settings, host, port)),
        "tasks": settings.tasks,
        "umask": PRIVATE_UMASK,
        "environment": {
            "CELERIAC_BASE_URL": os.environ["CELERIAC_BASE_URL"],
            orphans.MARK: str(settings.data_path),
            "PYTHONUNBUFFERED": "1",
        },
        "link": _migrate(settings),
    }
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        socket.send_fds(listener, [json.dumps(prepared).encode()], [lock.fileno()])


def _locked(data_path: Path) -> IO[str]:
    """The data folder's lock, held as long as somebody has this file open."""
    try:
        lock = (data_path / "dev.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(f"already running with the data in {data_path}") from None
    except OSError as error:
        raise CannotStart(f"cannot write in CELERIAC_DATA_DIR={data_path}: {error.strerror}") from None
    return lock


def _check_port(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {host} port {port} ({error.strerror or error}); set PORT to another"
        ) from None


def _migrate(settings: Settings) -> str | None:
    """Migrate the database and make the first admin; returns the path of a one-time sign-in link."""
    gc.disable()  # what is imported stays, and this process ends with it
    from flask_migrate import upgrade  # only now: what keeps it from starting is said at once

    from app.accounts import ensure_first_admin
    from app.cli import migrations
    from app.clock import utcnow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        app = create_app(settings, pages=False, commands=False)
        migrations.init_app(app)
        with app.app_context():
            upgrade()
            return ensure_first_admin(utcnow())
    except (Exception, SystemExit):
        traceback.print_exc()
        raise CannotStart("the database could not be prepared; the lines above say why") from None


if __name__ == "__main__":
    main()
