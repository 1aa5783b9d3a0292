"""Cleaning folders: only old files, only matching ones, never through a link."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from app import audit
from app.extensions import db
from app.library.files import clean_up

DAY = 86_400


@pytest.fixture
def logs(root: Path) -> Path:
    folder = root / "logs"
    (folder / "sub").mkdir(parents=True)
    for name, days in (("old.log", 10), ("new.log", 1), ("old.txt", 10), ("sub/deep.log", 10)):
        aged(folder / name, days)
    return folder


def aged(path: Path, days: float) -> Path:
    path.write_bytes(b"12345")
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_a_dry_run_is_the_default_and_removes_nothing(run: Any, logs: Path) -> None:
    result = run(clean_up, folder="logs", older_than_days=5, pattern="*.log")
    assert (result["dry_run"], result["files"], result["bytes"], result["names"]) == (True, 1, 5, ["old.log"])
    assert left(logs) == ["new.log", "old.log", "old.txt", "sub/deep.log"]


def test_old_matching_files_are_removed(run: Any, logs: Path) -> None:
    result = run(clean_up, folder="logs", older_than_days=5, pattern="*.log", dry_run=False)
    assert (result["files"], result["failed"]) == (1, {})
    assert left(logs) == ["new.log", "old.txt", "sub/deep.log"]
    run(clean_up, folder="logs", older_than_days=5)  # removes nothing, so nothing is noted
    db.session.rollback()
    (entry,) = audit.page(audit.AuditFilter(action="file.delete")).items
    details = entry.details or {}
    assert (details["folder"], details["pattern"], details["names"]) == (str(logs), "*.log", ["old.log"])


def test_folders_inside_only_when_asked(run: Any, logs: Path) -> None:
    result = run(clean_up, folder="logs", older_than_days=5, dry_run=False, recursive=True)
    assert sorted(result["names"]) == ["old.log", "old.txt", "sub/deep.log"]
    assert left(logs) == ["new.log"]
    assert (logs / "sub").is_dir()


def test_links_are_neither_followed_nor_removed(run: Any, logs: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = aged(outside / "precious.log", 100)
    (logs / "link.log").symlink_to(precious)
    (logs / "away").symlink_to(outside)
    os.utime(logs / "link.log", (0, 0), follow_symlinks=False)
    run(clean_up, folder="logs", older_than_days=5, dry_run=False, recursive=True)
    assert precious.exists()
    assert (logs / "link.log").is_symlink()
    with pytest.raises(PermissionError):
        run(clean_up, folder="logs/away", older_than_days=5, dry_run=False)
    assert precious.exists()


def test_special_files_stay(run: Any, logs: Path) -> None:
    os.mkfifo(logs / "pipe.log")
    os.utime(logs / "pipe.log", (0, 0))
    run(clean_up, folder="logs", older_than_days=5, dry_run=False)
    assert (logs / "pipe.log").exists()


def test_age_zero_takes_everything_that_is_there(run: Any, logs: Path) -> None:
    time.sleep(0.01)
    assert run(clean_up, folder="logs", older_than_days=0)["files"] == 3


def test_many_names_are_counted_but_not_all_listed(run: Any, root: Path) -> None:
    folder = root / "many"
    folder.mkdir()
    for number in range(250):
        aged(folder / f"{number}.log", 9)
    result = run(clean_up, folder="many", older_than_days=1, dry_run=False)
    assert (result["files"], result["bytes"], len(result["names"]), left(folder)) == (250, 1250, 100, [])


@pytest.mark.parametrize("folder", ["/etc", "../", "/tmp"])
def test_folders_elsewhere_are_refused(run: Any, root: Path, folder: str) -> None:
    with pytest.raises(PermissionError, match="outside the folders"):
        run(clean_up, folder=folder, older_than_days=5)


def test_the_demo_folder_cannot_be_cleaned(run: Any, root: Path) -> None:
    from app.library.folders import DEMO_FOLDER

    with pytest.raises(PermissionError):
        run(clean_up, folder=str(DEMO_FOLDER), older_than_days=0, dry_run=False)
    assert (DEMO_FOLDER / "sales.csv").exists()


def test_a_missing_folder_is_said(run: Any, root: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        run(clean_up, folder="none", older_than_days=5)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_folders_that_cannot_be_read_are_named(run: Any, logs: Path) -> None:
    (logs / "sub").chmod(0)
    try:
        result = run(clean_up, folder="logs", older_than_days=5, recursive=True)
    finally:
        (logs / "sub").chmod(0o700)
    assert (result["files"], result["failed"]) == (2, {"sub": "Permission denied"})


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_files_that_cannot_be_removed_are_named(run: Any, logs: Path) -> None:
    (logs / "sub").chmod(0o500)
    try:
        result = run(clean_up, folder="logs", older_than_days=5, dry_run=False, recursive=True)
    finally:
        (logs / "sub").chmod(0o700)
    assert result["failed"] == {"sub/deep.log": "Permission denied"}
    assert result["files"] == 2
