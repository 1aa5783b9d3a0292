"""Which files of own tasks were saved."""

import os
from pathlib import Path

import pytest

from app.dev.reload import syntax_error
from app.dev.sources import Sources


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_all_files_of_a_package_count(tmp_path: Path) -> None:
    jobs, deep = write(tmp_path / "team/jobs.py"), write(tmp_path / "team/mail/texts.py")
    sources = Sources(["team.jobs"], [str(tmp_path)])
    assert sources.changed() == set()
    write(jobs, "x = 1\n")
    write(deep, "y = 1\n")
    assert sources.changed() == {jobs, deep}
    assert sources.changed() == set()
    made = write(tmp_path / "team/new/one.py")
    assert sources.changed() == {made}
    write(made, "z = 1\n")
    assert sources.changed() == {made}
    made.unlink()
    assert sources.changed() == {made}


def test_a_change_of_the_same_length_and_second_counts(tmp_path: Path) -> None:
    jobs = write(tmp_path / "team/jobs.py", "x = 1\n")
    sources = Sources(["team"], [str(tmp_path)])
    second = os.stat(jobs).st_mtime_ns // 10**9 * 10**9
    write(jobs, "x = 2\n")
    os.utime(jobs, ns=(second + 7, second + 7))
    assert sources.changed() == {jobs}


def test_files_beside_a_module_count_and_others_do_not(tmp_path: Path) -> None:
    jobs, beside = write(tmp_path / "jobs.py"), write(tmp_path / "texts.py")
    for other in ("notes.txt", "other/far.py", "__pycache__/jobs.py", ".git/hook.py"):
        write(tmp_path / other)
    sources = Sources(["jobs"], [str(tmp_path)])
    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            write(path, "changed = 1\n")
    assert sources.changed() == {jobs, beside}


def test_a_module_that_comes_later_is_found(tmp_path: Path) -> None:
    sources = Sources(["team.jobs"], [str(tmp_path)])
    assert sources.changed() == set()
    made = write(tmp_path / "team/jobs.py")
    assert sources.changed() == {made}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "jobs.py, line 1: invalid syntax"),
        ("x = 1\n  y = 2\n", "jobs.py, line 2: unexpected indent"),
        ("x = '\0'\n", "jobs.py: source code string cannot contain null bytes"),
        ("x = 1\n", None),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str, said: str | None) -> None:
    assert syntax_error(write(tmp_path / "jobs.py", text)) == said


def test_a_removed_file_is_no_error(tmp_path: Path) -> None:
    assert syntax_error(tmp_path / "gone.py") is None
