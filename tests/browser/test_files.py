"""Files through a real browser: how far an upload is, what is refused, and a field that gets its path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]


@pytest.fixture
def root(tmp_path: Path, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    changed: dict[str, Any] = {"file_roots": [folder], "upload_max_bytes": 2000}
    monkeypatch.setitem(app.config, "SETTINGS", app.config["SETTINGS"].model_copy(update=changed))
    return folder


def given(name: str, content: str = "abc") -> dict[str, Any]:
    return {"name": name, "mimeType": "text/plain", "buffer": content.encode()}


def test_a_file_is_uploaded_on_its_page(visit: Visit, root: Path) -> None:
    page = visit("/files")
    page.get_by_label("File", exact=True).set_input_files(given("long.txt", "x" * 2001))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("A file may have at most 2 KB.")).to_be_visible()
    page.get_by_label("File", exact=True).set_input_files(given("a.txt"))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Tasks that come along know it as a.txt")).to_be_visible()
    expect(page.get_by_role("link", name="a.txt", exact=True)).to_be_visible()
    assert [one.name for one in root.iterdir()] == ["a.txt"]


def test_a_field_for_a_path_takes_a_file(visit: Visit, root: Path) -> None:
    page = visit("/tasks/files.clean_up")
    field, chooser = page.locator("#p-folder"), page.locator("[data-for=p-folder]")
    chooser.set_input_files(given("a.txt", "one"))
    expect(page.get_by_text("a.txt is uploaded")).to_be_visible()
    expect(field).to_have_value("a.txt")
    field.fill("")
    chooser.set_input_files(given("a.txt", "two"))
    expect(page.get_by_text("There is a file of this name.")).to_be_visible()
    assert (root / "a.txt").read_text() == "one"
    page.get_by_role("button", name="Replace it").click()
    expect(field).to_have_value("a.txt")
    assert (root / "a.txt").read_text() == "two"


def test_a_file_is_uploaded_without_script(visit: Visit, root: Path) -> None:
    page = visit("/files", java_script_enabled=False)
    page.get_by_label("File", exact=True).set_input_files(given("a.txt"))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Tasks that come along know it as a.txt")).to_be_visible()
    assert (root / "a.txt").read_text() == "abc"
    page.goto(page.url.replace("/files", "/tasks/files.clean_up"))
    page.locator("[name='upload.file']").set_input_files(given("b.txt"))
    page.locator("button[formenctype]").click()
    expect(page.locator("#p-folder")).to_have_value("b.txt")
