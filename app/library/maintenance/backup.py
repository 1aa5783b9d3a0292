"""Backs up an SQL database into a file of its own: SQLite by its online backup, PostgreSQL by pg_dump."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from app.library.folders import replacing
from app.library.progress import Progress

PAGES_A_STEP = 2000
PREFIX = "celeriac-"


class BackupFailed(RuntimeError):
    """The database could not be backed up, or the copy is not sound; no file was left."""


def back_up(url: str | URL, folder: Path, now: datetime, progress: Progress) -> Path:
    """Write a backup of the database into `folder` and return its path; raises `BackupFailed`."""
    database = make_url(url)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # a backup holds password hashes
    kind = database.get_backend_name()
    target = folder / f"{PREFIX}{now:%Y%m%dT%H%M%S.%fZ}.{'sqlite3' if kind == 'sqlite' else 'dump'}"
    with replacing(target) as draft:
        if kind == "sqlite":
            _back_up_sqlite(Path(database.database or ""), draft, progress)
        else:
            _back_up_postgresql(database, draft)
    return target


def keep_newest(folder: Path, keep: int) -> Iterator[str]:
    """Remove all but the newest `keep` backups, and name each that is gone. Other files are left alone."""
    backups = sorted(
        path
        for suffix in ("sqlite3", "dump")
        for path in folder.glob(f"{PREFIX}[0-9]*Z.{suffix}")
        if path.is_file()
    )
    backups.sort(key=lambda path: path.stem)
    for path in backups[:-keep]:
        path.unlink(missing_ok=True)
        yield path.name


def _back_up_sqlite(source: Path, draft: Path, progress: Progress) -> None:
    """Copy as of one moment, while others go on writing; then check the copy."""
    if not source.is_file():
        raise BackupFailed(f"There is no database file {source}")

    def report(_status: int, left: int, total: int) -> None:
        progress(total - left, total + 1, "Copying")  # the last step is the check

    try:
        with closing(sqlite3.connect(source, timeout=30)) as origin, closing(sqlite3.connect(draft)) as copy:
            # Reading inside a transaction pins one state: later writes neither show nor start the copy over.
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
            origin.backup(copy, pages=PAGES_A_STEP, progress=report, sleep=0)
            copy.execute("PRAGMA journal_mode = DELETE")  # so that the one file is all there is
            answers = [row[0] for row in copy.execute("PRAGMA integrity_check")]
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite: {error}") from error
    if answers != ["ok"]:
        raise BackupFailed("The copy is not sound: " + "; ".join(answers[:5]))
    draft.chmod(0o600)


def _back_up_postgresql(url: URL, draft: Path) -> None:
    """Run pg_dump; the password travels in its environment, not in its arguments, which others can see."""
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed(
            "pg_dump is not installed on this worker's machine "
            "(Debian and Ubuntu: apt install postgresql-client)"
        )
    draft.touch(mode=0o600)
    done = subprocess.run(  # noqa: S603  # a list of arguments, never a shell
        [
            program,
            "--format=custom",
            "--no-password",
            f"--file={draft}",
            f"--dbname={_connection_string(url)}",
        ],
        env={**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BackupFailed(f"pg_dump: {done.stderr.strip()[-1500:]}")


def _connection_string(url: URL) -> str:
    """The URL in libpq's spelling, without the password."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
