"""The files of the team's own tasks, and which of them were saved."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

LEFT_OUT = {"__pycache__", "node_modules", "site-packages"}
Stamp = tuple[int, int]


class Sources:
    """Python files of modules: of a package all that is in it, else those that stand beside the module.

    Looking costs one `stat` a file and folder; a folder is listed again only when something in it was made,
    renamed or removed.
    """

    def __init__(self, modules: Sequence[str], path: Sequence[str]) -> None:
        self._names = {name.partition(".")[0] for name in modules}
        self._path = [os.path.abspath(entry) for entry in path if not LEFT_OUT & set(Path(entry).parts)]
        self._listed: dict[str, tuple[int, list[str], list[str]]] = {}
        self._stamps = self._read()

    def changed(self) -> set[Path]:
        """The files that were saved, made or removed since the last call."""
        before, self._stamps = self._stamps, self._read()
        return {Path(file) for file, _stamp in before.items() ^ self._stamps.items()}

    def _read(self) -> dict[str, Stamp]:
        stamps = {}
        for file in self._files():
            try:
                status = os.stat(file)
            except OSError:
                continue  # removed meanwhile
            stamps[file] = (status.st_mtime_ns, status.st_size)
        return stamps

    def _files(self) -> Iterator[str]:
        for name in self._names:
            for entry in self._path:
                package = os.path.join(entry, name)
                if os.path.isdir(package):
                    yield from self._below(package)
                elif os.path.isfile(f"{package}.py"):
                    yield from self._list(entry)[1]

    def _below(self, folder: str) -> Iterator[str]:
        folders, files = self._list(folder)
        yield from files
        for inner in folders:
            yield from self._below(inner)

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders and the Python files in a folder; none when it cannot be read."""
        try:
            made = os.stat(folder).st_mtime_ns
            if folder not in self._listed or self._listed[folder][0] != made:
                with os.scandir(folder) as entries:
                    kept = [entry for entry in entries if entry.name not in LEFT_OUT and entry.name[0] != "."]
                folders = [entry.path for entry in kept if entry.is_dir(follow_symlinks=False)]
                files = [entry.path for entry in kept if entry.name.endswith(".py")]
                self._listed[folder] = (made, folders, files)
        except OSError:
            return [], []
        return self._listed[folder][1:]
