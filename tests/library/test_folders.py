"""File tasks stay inside their folders, whatever the path looks like."""

import os
from pathlib import Path

import pytest

from app.library import folders
from app.library.folders import OutsideFolders, resolve_under


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    roots = [tmp_path / "first", tmp_path / "second"]
    for folder in roots:
        folder.mkdir()
    return roots


def test_a_relative_path_is_found_in_the_first_folder_that_has_it(two: list[Path]) -> None:
    (two[1] / "a.txt").write_text("2")
    assert resolve_under("a.txt", two) == two[1] / "a.txt"
    (two[0] / "a.txt").write_text("1")
    assert resolve_under("a.txt", two) == two[0] / "a.txt"


def test_a_new_path_stands_in_the_first_folder(two: list[Path]) -> None:
    assert resolve_under("new/b.txt", two) == two[0] / "new" / "b.txt"


def test_an_absolute_path_inside_is_allowed(two: list[Path]) -> None:
    assert resolve_under(two[1] / "c.txt", two) == two[1] / "c.txt"
    assert resolve_under(two[0], two) == two[0]


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "/", "..", "../first-but-not/x"])
def test_a_path_outside_is_refused_and_the_folders_are_named(two: list[Path], path: str) -> None:
    with pytest.raises(OutsideFolders, match=r"outside the folders .*first.*second"):
        resolve_under(path, two)


def test_a_neighbour_with_the_same_beginning_is_outside(two: list[Path]) -> None:
    with pytest.raises(OutsideFolders):
        resolve_under(str(two[0]) + "-other/x", two)


def test_a_symbolic_link_that_leads_out_is_refused(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (two[0] / "link").symlink_to(tmp_path / "secret")
    (two[0] / "up").symlink_to(tmp_path)
    (two[0] / "dangling").symlink_to(tmp_path / "not there")
    for path in ("link", "up/secret", "dangling", "up/new"):
        with pytest.raises(OutsideFolders):
            resolve_under(path, two)


def test_a_symbolic_link_to_the_inside_is_followed(two: list[Path]) -> None:
    (two[1] / "real").write_text("r")
    (two[0] / "link").symlink_to(two[1] / "real")
    assert resolve_under("link", two) == two[1] / "real"


def test_a_folder_that_is_itself_a_link_may_be_used(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(two[0])
    assert resolve_under("x", [tmp_path / "alias"]) == two[0] / "x"


def test_a_null_byte_is_refused(two: list[Path]) -> None:
    with pytest.raises(ValueError, match="null byte"):
        resolve_under("a\0b", two)


def test_the_demo_folder_may_be_read_but_not_written(root: Path) -> None:
    assert folders.input_file("sales.csv") == folders.DEMO_FOLDER / "sales.csv"
    assert folders.output_file("sales.csv", [".csv"]) == root / "sales.csv"
    with pytest.raises(OutsideFolders):
        folders.output_file(folders.DEMO_FOLDER / "sales.csv", [".csv"])
    with pytest.raises(OutsideFolders):
        folders.input_folder(folders.DEMO_FOLDER, write=True)


def test_what_is_missing_or_of_the_wrong_kind_is_said(root: Path) -> None:
    (root / "file.txt").write_text("x")
    (root / "folder.txt").mkdir()
    with pytest.raises(FileNotFoundError, match="no file"):
        folders.input_file("none.txt")
    with pytest.raises(FileNotFoundError, match="no file"):
        folders.input_file("folder.txt")
    with pytest.raises(FileNotFoundError, match="no folder"):
        folders.input_folder("file.txt")
    with pytest.raises(ValueError, match=r"must end in \.csv or \.json"):
        folders.output_file("x.exe", [".csv", ".json"])
    with pytest.raises(IsADirectoryError):
        folders.output_file("folder.txt", [".txt"])
    with pytest.raises(NotADirectoryError):
        folders.output_folder("file.txt")


def test_folders_of_outputs_are_made(root: Path) -> None:
    assert folders.output_file("a/b/c.csv", [".csv"]).parent.is_dir()
    assert folders.output_folder("d/e").is_dir()


def test_replacing_shows_the_whole_new_file_or_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), folders.replacing(target) as draft:
        draft.write_text(f"half {1 / 0}")
    assert target.read_text() == "old"
    with folders.replacing(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["report.txt"]
