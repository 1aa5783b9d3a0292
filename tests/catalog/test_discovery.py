"""Task modules are imported; a broken one is reported and stops nothing."""

import sys
from pathlib import Path

import pytest
from celery import Celery, _state

from app.catalog import in_code, load

MODULES = {
    "good": "from celery import shared_task\n@shared_task(name='own.good')\ndef good(): pass\n",
    "leaves": "import sys\nsys.exit(3)\n",
    "raises": "def inner():\n    raise RuntimeError('two\\nlines')\ninner()\n",
    "misspelt": "def broken(:\n",
    "needs": "import a_library_that_is_not_there\n",
    "pack/__init__": "",
    "pack/deep/__init__": "",
    "pack/deep/jobs": "from celery import shared_task\n@shared_task(name='own.deep')\ndef deep(): pass\n",
    "pack/broken": "1 / 0\n",
    "pack/__main__": "raise SystemExit('this is a program')\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A working folder with modules good and bad; what was imported from it is forgotten afterwards."""
    load(
        Celery("first", broker="memory://", set_as_current=False), []
    )  # so that the library is not forgotten
    before = set(sys.modules)
    for name, text in MODULES.items():
        path = tmp_path / "ownjobs" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    # Shared tasks would be registered with every later app of the test session.
    monkeypatch.setattr(_state, "_on_app_finalizers", set(_state._on_app_finalizers))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("ownjobs"):
            del sys.modules[name]


def failures(celery_app: Celery, *modules: str) -> dict[str, str]:
    """The errors by module; without those of the library, which has tests of its own."""
    return {f.module: f.error for f in load(celery_app, modules) if not f.module.startswith("app.")}


def test_own_module_of_the_working_folder(celery_app, folder):
    assert failures(celery_app, "ownjobs.good") == {}
    assert "own.good" in celery_app.tasks
    assert in_code(celery_app, celery_app.tasks["own.good"]).file == "ownjobs/good.py"


def test_a_package_is_imported_with_all_that_is_in_it(celery_app, folder):
    assert failures(celery_app, "ownjobs.pack") == {
        "ownjobs.pack.broken": "ZeroDivisionError: division by zero"
    }
    assert "own.deep" in celery_app.tasks


def test_broken_modules_stop_nothing(celery_app, folder):
    errors = failures(
        celery_app, "ownjobs.leaves", "ownjobs.raises", "ownjobs.misspelt", "ownjobs.needs", "ownjobs.good"
    )
    assert errors["ownjobs.leaves"] == "SystemExit: 3"
    assert errors["ownjobs.raises"] == "RuntimeError: two lines"
    assert errors["ownjobs.misspelt"].startswith("SyntaxError")
    assert errors["ownjobs.needs"] == "ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
    assert "own.good" in celery_app.tasks


def test_traceback_begins_in_the_module_itself(celery_app, folder):
    (failure,) = [f for f in load(celery_app, ["ownjobs.raises"]) if f.module == "ownjobs.raises"]
    frames = [line for line in failure.traceback.splitlines() if line.lstrip().startswith("File ")]
    assert len(frames) == 2
    assert all("ownjobs" in frame for frame in frames)
    assert failure.traceback.endswith("lines")


@pytest.mark.parametrize(
    "name", ["", " ", "own jobs", " ownjobs.good", "ownjobs.", ".ownjobs", "own-jobs", "a/b", "no.such"]
)
def test_names_that_are_none(celery_app, folder, name):
    assert list(failures(celery_app, name)) == [name]


def test_the_working_folder_hides_nothing(celery_app, folder):
    (folder / "json.py").write_text("raise RuntimeError('this one is not meant')\n")
    load(celery_app, [])
    assert sys.path[-1] == str(folder)


def test_the_same_module_twice_is_one(celery_app, folder):
    assert failures(celery_app, "nowhere_at_all", "nowhere_at_all") == {
        "nowhere_at_all": "ModuleNotFoundError: No module named 'nowhere_at_all'"
    }


def test_the_library_is_found_by_itself(celery_app):
    load(celery_app, [])
    assert in_code(celery_app, celery_app.tasks["mail.send_email"]).origin == "library"
