"""Which folders file tasks may use: nothing outside them is read or written.

The rule: file tasks read and write under the folders of the setting FILE_ROOTS, and may also read the
demo data of the project. A relative path is looked for in these folders in their order; a new file or
folder stands in the first.
"""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.config import PROJECT_DIR, settings

DEMO_FOLDER = PROJECT_DIR / "docs" / "demo"


class OutsideFolders(PermissionError):
    """The path leaves the folders that file tasks may use."""


def resolve(path: Path | str, *, write: bool = False) -> Path:
    """The absolute path, symbolic links followed; raises `OutsideFolders` when file tasks may not use it.

    With `write` the demo folder is not allowed.
    """
    folders = settings().file_folders
    return resolve_under(path, folders if write else [*folders, DEMO_FOLDER])


def resolve_under(path: Path | str, roots: Sequence[Path]) -> Path:
    """`path`, which may be relative to any of the roots, as a real path under one of them."""
    paths = [root / path for root in roots]  # an absolute path stays as it is
    existing = next((path for path in paths if os.path.lexists(path)), paths[0])
    real = Path(os.path.realpath(existing))
    if not any(real.is_relative_to(os.path.realpath(root)) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        raise OutsideFolders(f"{path} is outside the folders that tasks may use: {allowed}")
    return real


def input_file(path: Path | str) -> Path:
    """An existing file to read."""
    real = resolve(path)
    if not real.is_file():
        raise FileNotFoundError(f"There is no file {real}")
    return real


def input_folder(path: Path | str, *, write: bool = False) -> Path:
    """An existing folder to look into."""
    real = resolve(path, write=write)
    if not real.is_dir():
        raise FileNotFoundError(f"There is no folder {real}")
    return real


def output_file(path: Path | str, suffixes: Sequence[str]) -> Path:
    """A file to write, whose name must end in one of `suffixes`; its folder is made when missing."""
    real = resolve(path, write=True)
    if real.suffix.lower() not in suffixes:
        raise ValueError(f"The name {real.name} must end in {' or '.join(suffixes)}")
    if real.is_dir():
        raise IsADirectoryError(f"{real} is a folder, not a file")
    real.parent.mkdir(parents=True, exist_ok=True)
    return real


def output_folder(path: Path | str) -> Path:
    """A folder to write into, made when missing."""
    real = resolve(path, write=True)
    if real.exists() and not real.is_dir():
        raise NotADirectoryError(f"{real} is a file, not a folder")
    real.mkdir(parents=True, exist_ok=True)
    return real


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A draft beside `target` that takes its place when the block succeeds, and is removed when it fails.

    A reader sees the old file or the whole new one, never a part of it.
    """
    draft = target.with_name(f".{uuid.uuid4().hex[:12]}.part{target.suffix}")
    try:
        yield draft
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
