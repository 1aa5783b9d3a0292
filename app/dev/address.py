"""Where the web process listens: the variables HOST and PORT."""

import os


def host_and_port(program: str) -> tuple[str, int]:
    """Host and port; raises SystemExit with one line for a port that is none."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SystemExit(f"{program}: PORT={text}: allowed: a number from 1 to 65535")
    return os.environ.get("HOST") or "127.0.0.1", int(text)
