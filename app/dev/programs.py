"""The processes of one machine, as a configuration of supervisor, which starts them again when they die."""

import os
from configparser import RawConfigParser
from pathlib import Path

from app import embedded_redis
from app.config import PRIVATE_UMASK, PROJECT_DIR, Settings
from app.dev import process

WORKER_STOP_SECONDS = 20  # more than Celery's soft shutdown, so that running tasks go back to their queue


def write(settings: Settings, host: str, port: int) -> Path:
    """Write the configuration into the data folder; returns its path.

    Raises SystemExit with one line when an embedded Redis is needed and there is no server for it.
    """
    parser = RawConfigParser()
    parser["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "logfile": "/dev/stdout",
        "logfile_maxbytes": "0",
        "loglevel": "warn",
        "pidfile": str(settings.data_path / "supervisord.pid"),
        "directory": str(PROJECT_DIR),
        "umask": f"{PRIVATE_UMASK:03o}",
    }
    if os.getuid() == 0:
        parser["supervisord"]["user"] = "root"
    # In the order of starting; they are stopped the other way round.
    started = {"redis": _redis(settings)} if settings.uses_embedded_redis else {}
    started |= process.commands(host, port)
    if settings.tasks:
        started["worker"] = _reloadable(started["worker"])
    for index, (name, command) in enumerate(started.items()):
        parser[f"program:{name}"] = _program(command, index) | _STOPPING.get(name, {})
    path = settings.data_path / "supervisord.conf"
    with path.open("w") as file:
        parser.write(file)
    return path


# QUIT: the worker gives running tasks back to their queue; TERM would wait for them without end.
_STOPPING = {"worker": {"stopsignal": "QUIT", "stopwaitsecs": str(WORKER_STOP_SECONDS)}}


def _reloadable(worker: list[str]) -> list[str]:
    """In a form that takes over saved task modules on HUP, see `app.dev.reload`."""
    return [*worker[:2], "app.dev.keeper", *worker[3:]]


def _redis(settings: Settings) -> list[str]:
    binary = embedded_redis.server_binary()
    if binary is None:
        raise SystemExit(
            "bin/dev: found no Redis server: install redis-server or valkey-server, or set CELERIAC_REDIS_URL"
        )
    return [binary, str(embedded_redis.prepare(settings.data_path))]


def _program(command: list[str], index: int) -> dict[str, str]:
    return {
        "command": " ".join(_quoted(part) for part in command),
        "priority": str(index + 1),
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "1000000",
        "stopwaitsecs": "10",
        "stopasgroup": "false",
        "killasgroup": "true",
        "stdout_logfile": "/dev/stdout",
        "stdout_logfile_maxbytes": "0",
        "redirect_stderr": "true",
    }


def _quoted(part: str) -> str:
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
