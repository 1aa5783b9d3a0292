"""The commands of `flask --app wsgi …`."""

from collections.abc import Sequence
from pathlib import Path

# These show no page and are started without any.
WITHOUT_PAGES = {"agent-url", "backup", "db", "doctor", "health", "recorder", "schedules", "tokens", "users"}
# But these of `db` compare the tables of every feature.
COMPARES = {"check", "migrate", "revision"}


def has_commands(called: Sequence[str]) -> bool:
    """Whether what was called may be given a command: gunicorn never is."""
    return Path(called[0]).name != "gunicorn"


def shows_pages(called: Sequence[str]) -> bool:
    """Whether what was called, with these arguments, may show pages or answer REST."""
    program, *words = called
    left = iter(words)
    for word in left:
        if word in ("-A", "--app", "-e", "--env-file"):
            next(left, None)
        elif not word.startswith("-"):
            return (
                Path(program).name != "flask"
                or word not in WITHOUT_PAGES
                or (word == "db" and bool(COMPARES.intersection(left)))
            )
    return True
