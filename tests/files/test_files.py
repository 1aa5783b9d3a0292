"""Files through the browser and REST: what is listed, who may have it, how it is sent; nothing outside."""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import audit, files
from app.clock import utcnow
from app.errors import Conflict, DiskFull, Invalid, NotFound
from app.extensions import db
from app.runs import Run

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SignedIn = Callable[..., FlaskClient]


@pytest.fixture
def root(tmp_path: Path, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first of two folders that tasks may use; what is beside them is secret."""
    for name in ("root", "more"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    settings = app.config["SETTINGS"]
    changed = settings.model_copy(update={"file_roots": [tmp_path / "root", tmp_path / "more"]})
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    return tmp_path / "root"


def test_a_folder_lists_folders_then_the_newest_files(root: Path) -> None:
    (root / "reports").mkdir()
    for name, at in (("old.csv", 1_000_000), ("new.csv", 2_000_000), (".draft.part.csv", 3_000_000)):
        (root / name).write_text(name)
        os.utime(root / name, (at, at))
    (root / "away").symlink_to(root.parent / "secret.txt")
    (root / "line\nfeed").write_text("")
    os.mkfifo(root / "pipe")
    more = root.parent / "more"
    (more / "a.txt").write_text("a")
    assert [(one.path, one.is_folder) for one in files.listing().entries] == [
        ("reports", True),
        (str(more), True),
        ("new.csv", False),
        ("old.csv", False),
    ]
    assert [one.path for one in files.listing(str(more)).entries] == [str(more / "a.txt")]
    assert files.listing("reports").above == (("", "root"),)


def test_a_full_folder_says_how_many_older_files_are_left_out(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.files.folders.ENTRIES_MAX", 3)
    for number in range(5):
        (root / f"{number}.txt").write_text("")
        os.utime(root / f"{number}.txt", (number, number))
    found = files.listing()
    assert [one.name for one in found.entries] == [str(root.parent / "more"), "4.txt", "3.txt"]
    assert found.left_out == 3


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "/etc/passwd",
        "link/secret.txt",
        "file-link",
        ".hidden",
        "a\x00b",
        "sub/../../secret.txt",
        "",
    ],
)
def test_nothing_outside_or_hidden_is_opened_or_deleted(root: Path, path: str) -> None:
    (root / "link").symlink_to(root.parent)
    (root / "file-link").symlink_to(root.parent / "secret.txt")
    (root / ".hidden").write_text("")
    for act in (files.opened, lambda path: files.delete(path, NOW)):
        with pytest.raises(Invalid) as refused:
            act(path)
        assert list(refused.value.errors) == ["path"]
    assert (root.parent / "secret.txt").exists()


@pytest.mark.parametrize("path", ["none.txt", "folder", "pipe", "x" * 300])
def test_what_is_no_file_is_not_found(root: Path, path: str) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    with pytest.raises(NotFound):
        files.opened(path)


def test_a_file_is_sent_to_be_kept_and_never_as_a_page(root: Path, signed_in: SignedIn) -> None:
    (root / "图 1.html").write_text("<script>alert(1)</script>")
    browser = signed_in("operator")
    shown = browser.get("/files").text
    assert "图 1.html" in shown
    sent = browser.get("/files/content", query_string={"path": "图 1.html"}, buffered=True)
    assert sent.data == b"<script>alert(1)</script>"
    assert sent.mimetype == "application/octet-stream"
    assert sent.headers["Content-Disposition"].startswith("attachment;")
    assert sent.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get("/files/content?path=../secret.txt").status_code == 422
    assert browser.get("/files?folder=../").status_code == 422


def test_viewers_have_no_files(root: Path, signed_in: SignedIn, caller: Callable[[str], Any]) -> None:
    (root / "a.txt").write_text("a")
    browser = signed_in("viewer")
    for address in ("/files", "/files/content?path=a.txt", "/files/delete?path=a.txt"):
        assert browser.get(address).status_code == 403
    assert 'href="/files"' not in browser.get("/runs").text
    viewer = caller("viewer")
    assert viewer.get("/files").status_code == 403
    assert viewer.get("/files/content?path=a.txt").status_code == 403
    assert viewer.delete("/files/content?path=a.txt").status_code == 403


def test_a_file_is_deleted_after_a_question(
    root: Path, signed_in: SignedIn, post: Callable[..., TestResponse]
) -> None:
    (root / "reports").mkdir()
    (root / "reports" / "a.txt").write_text("abc")
    browser = signed_in("operator")
    assert "Delete a.txt?" in browser.get("/files/delete?path=reports/a.txt").text
    done = post(browser, "/files/delete?path=reports/a.txt")
    assert (done.status_code, done.location) == (303, "/files?folder=reports")
    assert not (root / "reports" / "a.txt").exists()
    note = audit.page(audit.AuditFilter(action="file.remove")).items[0]
    assert (note.object_name, note.details) == ("reports/a.txt", {"bytes": 3})
    assert post(browser, "/files/delete?path=reports/a.txt").status_code == 404


@pytest.mark.parametrize("name", ["../a.txt", "..", ".a", "", "a\\b", "a\x00b", "图" * 86])
def test_an_upload_needs_a_fit_name(root: Path, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        files.save("", name, BytesIO(b"x"), NOW)
    assert list(refused.value.errors) == ["name"]
    assert list(root.iterdir()) == []


def test_an_upload_replaces_only_when_asked_and_follows_no_link(root: Path) -> None:
    assert files.save("", "a.txt", BytesIO(b"one"), NOW).path == "a.txt"
    with pytest.raises(Conflict):
        files.save("", "a.txt", BytesIO(b"two"), NOW)
    assert (root / "a.txt").read_text() == "one"
    files.save("", "a.txt", BytesIO(b"two"), NOW, replace=True)
    (root / "link").symlink_to(root.parent / "secret.txt")
    (root / "out").symlink_to(root.parent)
    with pytest.raises(Conflict):
        files.save("", "link", BytesIO(b"x"), NOW, replace=True)
    for folder in ("out", "..", "/tmp"):
        with pytest.raises(Invalid):
            files.save(folder, "b.txt", BytesIO(b"x"), NOW)
    with pytest.raises(NotFound):
        files.save("none", "b.txt", BytesIO(b"x"), NOW)
    assert (root.parent / "secret.txt").read_text() == "secret"
    assert sorted(one.name for one in root.iterdir()) == ["a.txt", "link", "out"]
    assert (root / "a.txt").read_text() == "two"


class Ending(BytesIO):
    """An upload that finds the disk full."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_nothing_behind(root: Path) -> None:
    with pytest.raises(DiskFull):
        files.save("", "a.txt", Ending(), NOW)
    assert list(root.iterdir()) == []


def test_a_file_is_uploaded_by_a_form(
    root: Path, signed_in: SignedIn, post: Callable[..., TestResponse]
) -> None:
    browser = signed_in("operator")
    assert post(browser, "/files/upload", {"file": (BytesIO(b"a,b"), "in.csv")}).location == "/files"
    assert (root / "in.csv").read_text() == "a,b"
    assert "Tasks know it as in.csv." in browser.get("/files").text
    post(browser, "/files/upload", {"file": (BytesIO(b"x"), "../out.csv")})
    assert "Nothing was uploaded" in browser.get("/files").text
    assert not (root.parent / "out.csv").exists()
    assert post(signed_in("viewer"), "/files/upload", {}).status_code == 403
    assert audit.page(audit.AuditFilter(action="file.upload")).items[0].object_name == "in.csv"


def test_rest_takes_a_file(root: Path, app: Flask, caller: Callable[[str], Any]) -> None:
    operator = caller("operator")
    address = "/files/content?path=in.bin"
    made = operator("PUT", address, data=b"\x00\xff")
    assert (made.status_code, made.json["size"]) == (201, 2)
    assert operator("PUT", address, data=b"x").status_code == 409
    assert operator("PUT", address + "&replace=true", data=b"x").status_code == 201
    assert (root / "in.bin").read_bytes() == b"x"
    assert operator("PUT", "/files/content?path=../x", data=b"x").status_code == 422
    large = b"x" * (app.config["MAX_CONTENT_LENGTH"] + 1)
    assert operator("PUT", "/files/content?path=large", data=large).status_code == 413
    assert sorted(one.name for one in root.iterdir()) == ["in.bin"]
    assert caller("viewer")("PUT", address, data=b"x").status_code == 403


def test_rest_lists_sends_and_deletes(root: Path, caller: Callable[[str], Any]) -> None:
    (root / "a.txt").write_text("abc")
    operator = caller("operator")
    listed = operator.get("/files").json
    assert [(one["path"], one["size"]) for one in listed["items"] if not one["is_folder"]] == [("a.txt", 3)]
    assert listed["next_cursor"] is None
    assert operator.get("/files/content?path=a.txt", buffered=True).data == b"abc"
    refused = operator.get("/files/content?path=../secret.txt")
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["path"])
    assert operator.delete("/files/content?path=a.txt").status_code == 204
    assert operator.get("/files/content?path=a.txt").status_code == 404


def test_a_result_links_the_files_it_names(
    root: Path, signed_in: SignedIn, submit: Callable[..., str]
) -> None:
    (root / "out.csv").write_text("a,b")
    result = {"file": str(root / "out.csv"), "of": ["../secret.txt", "none.csv", "out.csv"], "n": 3}
    assert [one.path for one in files.named_in(result)] == ["out.csv"]
    run_id = finished(result)
    link = 'href="/files/content?path=out.csv"'
    assert link in signed_in("operator").get(f"/runs/{run_id}").text
    assert link not in signed_in("viewer").get(f"/runs/{run_id}").text


def test_a_path_in_a_form_offers_what_is_there(root: Path, signed_in: SignedIn) -> None:
    (root / "in.csv").write_text("a,b")
    shown = signed_in("operator").get("/tasks/files.clean_up").text
    assert 'list="p-folder-there"' in shown
    assert '<option value="in.csv">' in shown
    assert 'list="p-pattern-there"' not in shown
    assert "in.csv" not in signed_in("viewer").get("/tasks/files.clean_up").text


def finished(result: Any) -> str:
    """A run that ended with a result."""
    now = utcnow()
    values = {"created_at": now, "updated_at": now, "ended_at": now, "result": result}
    db.session.add(Run(id="run-of-file", task_name="sample_tasks.plain", state="SUCCESS", **values))
    db.session.commit()
    return "run-of-file"
