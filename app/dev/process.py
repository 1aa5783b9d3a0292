"""One process by itself: `bin/celeriac worker`, with the options of `bin/dev` and any that follow.

It becomes another program at once, so it imports nothing that the other one imports again.
"""

import os
import sys
from pathlib import Path

from app.dev import address

GUNICORN = Path(__file__).resolve().parent.parent / "web" / "gunicorn.py"


def commands(host: str, port: int) -> dict[str, list[str]]:
    """Each process by name, without Redis."""
    start = [sys.executable, "-m", "app.dev.command"]
    celery = [*start, "celery", "-A", "celery_worker"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    gunicorn = [*start, "gunicorn", "wsgi:app", "-c", str(GUNICORN), "--no-control-socket"]
    return {
        "web": [*gunicorn, "--bind", address],
        "recorder": [*start, "flask", "--app", "wsgi", "recorder"],
        "beat": [*celery, "beat", "--loglevel", "INFO"],
        "worker": [*celery, "worker", "--loglevel", "INFO"],
    }


def main() -> None:
    """Become the process; options that come later win over the earlier ones."""
    name, *options = sys.argv[1:]
    host, port = address.host_and_port("bin/celeriac")
    if name == "web":  # gunicorn would try again without end; the others stop at a wrong setting
        from app.config import load_settings

        load_settings()
    command = [*commands(host, port)[name], *options]
    os.execv(command[0], command)  # noqa: S606 -- the project's own command


if __name__ == "__main__":
    main()
