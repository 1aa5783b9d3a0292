"""Files through the browser and REST: what is listed, who may have it, how it is sent; nothing outside."""

import errno
import fcntl
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import audit, files
from app.clock import utcnow
from app.errors import Conflict, DiskFull, Invalid, NotFound
from app.extensions import db
from app.files import places
from app.files.makers import FileMaker
from app.recorder.recorder import Recorder
from app.runs import Run
from celeriac_agent.stream import STREAM, to_json

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


def test_a_folder_of_thousands_asks_once_where_it_lies(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "sub").mkdir()
    for number in range(50):
        (root / "sub" / f"{number}.txt").write_text("")
    asked: list[str] = []
    real = os.path.realpath
    monkeypatch.setattr("os.path.realpath", lambda path, **how: (asked.append(path), real(path, **how))[1])
    assert files.listing("sub").entries[0].path.startswith("sub/")
    assert len(asked) < 50


def test_files_are_found_by_name_and_by_what_made_them(
    root: Path, signed_in: SignedIn, caller: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.files.folders.ENTRIES_MAX", 3)
    (root / "Reports").mkdir()
    for number in range(6):
        (root / f"{number}.csv").write_text("")
        os.utime(root / f"{number}.csv", (number, number))
    now = utcnow().timestamp()
    os.utime(root / "0.csv", (now, now))
    files.note_results([succeeded("run-1", now, "0.csv")])
    with audit.acting(audit.Origin("ann", "web")):
        files.save("", "report.txt", BytesIO(b"x"), utcnow())

    def names(**wanted: str) -> list[str]:
        return [entry.name for entry in files.listing(**wanted).entries]

    assert names(q=" REPORT ") == ["Reports", "report.txt"]
    assert names(q="1.") == ["1.csv"]  # which is too old for the whole list
    assert names(made_by="ann") == ["report.txt"]
    assert names(made_by="sample_tasks.plain", q="csv") == ["0.csv"]
    assert names(made_by="nobody") == []
    page = signed_in("operator").get("/files?q=1.&made_by=").text
    assert ("1.csv" in page, "2.csv" in page) == (True, False)
    assert re.findall(r"<option >([^<]+)</option>", page) == ["ann", "sample_tasks.plain"]
    assert "No file matches" in signed_in("operator").get("/files?made_by=nobody").text
    found = caller("operator").get("/files?made_by=ann").json["items"]
    assert [one["path"] for one in found] == ["report.txt"]


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


@pytest.mark.parametrize("path", ["none.txt", "folder", "pipe", "x" * 300, ".", "folder/.."])
def test_what_is_no_file_is_not_found(root: Path, path: str) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    for act in (files.opened, lambda path: files.delete(path, NOW)):
        with pytest.raises(NotFound):
            act(path)


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


@pytest.mark.parametrize(
    "name",
    [
        "../a.txt",
        "..",
        ".a",
        "",
        "a\\b",
        "a\x00b",
        "图" * 86,
        "a\r\nb",
        " a",
        "a ",
        "\ud800",
        "a\u202etxt.exe",
    ],
)
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
    told = "Tasks that come along know it as in.csv, your own as " + str(root / "in.csv")
    assert told in browser.get("/files").text
    post(browser, "/files/upload", {"file": (BytesIO(b"x"), "../out.csv")})
    assert "Nothing was uploaded" in browser.get("/files").text
    assert not (root.parent / "out.csv").exists()
    assert post(signed_in("viewer"), "/files/upload", {}).status_code == 403
    assert audit.page(audit.AuditFilter(action="file.upload")).items[0].object_name == "in.csv"


def test_rest_takes_a_file(root: Path, app: Flask, caller: Callable[[str], Any]) -> None:
    operator = caller("operator")
    address = "/files/content?path=in.bin"
    long = b"\x00\xff" * app.config["MAX_CONTENT_LENGTH"]  # longer than any other request may be
    made = operator("PUT", address, data=long)
    assert (made.status_code, made.json["size"]) == (201, len(long))
    assert operator("PUT", address, data=b"x").status_code == 409
    assert operator("PUT", address + "&replace=true", data=b"x").status_code == 201
    assert (root / "in.bin").read_bytes() == b"x"
    for wrong in ("../x", ".hidden", "..", "a%0Ab"):
        refused = operator("PUT", f"/files/content?path={wrong}", data=b"x")
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["path"])
    assert sorted(one.name for one in root.iterdir()) == ["in.bin"]
    assert caller("viewer")("PUT", address, data=b"x").status_code == 403


@pytest.fixture
def small(root: Path, app: Flask, monkeypatch: pytest.MonkeyPatch) -> int:
    """The longest upload that is taken, made small."""
    changed = app.config["SETTINGS"].model_copy(update={"upload_max_bytes": 2000})
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    return 2000


class Unread(BytesIO):
    """A body that nobody may begin to read."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("this was refused after it was read")

    readinto = read  # type: ignore[assignment]


def unread(length: int) -> dict[str, Any]:
    return {"input_stream": Unread(), "environ_overrides": {"CONTENT_LENGTH": str(length)}}


def test_what_is_too_long_is_refused_before_it_is_read(
    root: Path, small: int, caller: Callable[[str], Any], signed_in: SignedIn
) -> None:
    operator, long = caller("operator"), unread(small + 1)
    refused = operator("PUT", "/files/content?path=a.bin", **long)
    assert (refused.status_code, refused.json["code"]) == (413, "too-large")
    assert refused.json["detail"] == (
        "A file may have at most 2 KB (CELERIAC_UPLOAD_MAX_BYTES is 2000). Nothing was kept."
    )
    form = {"content_type": "multipart/form-data; boundary=b"} | unread(10 * 65_536)
    page = signed_in("operator").post("/files/upload", **form)
    assert (page.status_code, "at most 2 KB" in page.text) == (413, True)
    for who in (
        caller("viewer"),
        lambda *given, **options: signed_in("viewer").post("/files/upload", **form),
    ):
        assert who("PUT", "/files/content?path=a.bin", **long).status_code == 403


def test_what_does_not_say_its_length_is_refused_when_it_is_too_long(
    root: Path, small: int, caller: Callable[[str], Any]
) -> None:
    operator, chunked = caller("operator"), {"wsgi.input_terminated": True}  # as gunicorn gives chunks
    for length, status in ((small, 201), (small + 1, 413)):
        content = {"input_stream": BytesIO(b"x" * length), "environ_overrides": chunked}
        assert operator("PUT", "/files/content?path=a.bin", **content).status_code == status
    assert [(one.name, one.stat().st_size) for one in root.iterdir()] == [("a.bin", small)]


def test_what_ends_too_soon_leaves_nothing_behind(root: Path, caller: Callable[[str], Any]) -> None:
    for terminated in (True, False):
        environ = {"wsgi.input_terminated": terminated, "CONTENT_LENGTH": "10"}
        options = {"input_stream": BytesIO(b"x" * 9), "environ_overrides": environ}
        found = caller("operator")("PUT", "/files/content?path=a.bin", **options)
        assert (found.status_code, found.json["code"]) == (400, "cut-short")
    assert list(root.iterdir()) == []


def form_of(*parts: tuple[str, str]) -> dict[str, Any]:
    """A form as a browser sends it: each part's head and content."""
    lines = [f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}" for head, content in parts]
    return {"data": "\r\n".join([*lines, "--b--\r\n"]), "content_type": "multipart/form-data; boundary=b"}


FILE = ('name="file"; filename="a.txt"', "abc")


def test_a_form_needs_its_token_before_the_file(root: Path, signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    shown = browser.get("/files").text
    token = ('name="csrf_token"', re.findall(r'name="csrf_token" value="([^"]+)"', shown)[-1])
    for parts in ((FILE,), (FILE, token), (('name="csrf_token"', "wrong"), FILE)):
        assert browser.post("/files/upload", **form_of(*parts)).status_code == 400
    for wrong in ({"data": "abc", "content_type": "text/plain"}, form_of(token) | {"data": "--b\r\n\r\n"}):
        assert browser.post("/files/upload", **wrong).status_code == 400
    assert list(root.iterdir()) == []
    assert browser.post("/files/upload", **form_of(token, FILE)).location == "/files"
    assert (root / "a.txt").read_text() == "abc"
    assert browser.post("/files/upload", **form_of(token, FILE)).status_code == 303  # it is there
    assert browser.post("/files/upload", **form_of(token)).status_code == 303  # no file
    said = browser.get("/files").text
    assert "There is a file of this name." in said
    assert "Choose a file." in said


def test_a_field_gets_the_path_of_what_was_uploaded(
    root: Path, small: int, signed_in: SignedIn, post: Callable[..., TestResponse]
) -> None:
    browser, asks = signed_in("operator"), {"Accept": "application/json"}
    shown = browser.get("/tasks/files.clean_up").text
    assert 'data-for="p-folder"' in shown
    assert f'data-most="{small}"' in shown
    assert 'data-for="p-pattern"' not in shown
    assert "data-upload-to" in browser.get("/schedules/new?task_name=files.clean_up").text
    assert "data-upload-to" not in signed_in("viewer").get("/tasks/files.clean_up").text
    sent = {"file": (BytesIO(b"abc"), "图.csv")}
    made = post(browser, "/files/upload", sent | {}, headers=asks)
    assert made.json == {"name": "图.csv", "path": "图.csv"}
    taken = post(browser, "/files/upload", {"file": (BytesIO(b"x"), "图.csv")}, headers=asks)
    assert (taken.status_code, taken.json["code"]) == (409, "taken")
    again = {"replace": "true", "file": (BytesIO(b"x"), "图.csv")}
    assert post(browser, "/files/upload", again, headers=asks).status_code == 200
    outside = post(browser, "/files/upload?folder=..", {"file": (BytesIO(b"x"), "a")}, headers=asks)
    assert (outside.status_code, outside.json["code"]) == (422, "invalid")


def sent_by(shown: str, file: tuple[str, str], **typed: str) -> tuple[str, dict[str, Any]]:
    """Address and body of the form of a page whose button for an upload is pressed, without JavaScript."""
    soup = BeautifulSoup(shown, "html.parser")
    button: Any = soup.select_one("noscript button[formenctype]")
    form = button.find_parent("form")
    parts: list[tuple[str, str]] = []
    for field in form.select("input[name], textarea[name], select[name]"):
        name = field["name"]
        if field.get("type") == "file":
            parts.append((f'name="{name}"; filename="{file[0]}"', file[1]))
        elif field.get("type") not in ("checkbox", "radio") or field.has_attr("checked") or name in typed:
            chosen = field.select_one("option[selected]") or field.find("option")
            value = typed.get(name, chosen["value"] if chosen else field.get("value", field.get_text()))
            parts.append((f'name="{name}"', value))
    assert parts[-1][0].endswith(f'filename="{file[0]}"')  # what stands before it is read before it
    return button["formaction"], form_of(*parts)


def value_of(page: str, name: str) -> str:
    field: Any = BeautifulSoup(page, "html.parser").find(attrs={"name": name})
    return str(field["value"])


@pytest.mark.parametrize("address", ["/tasks/files.clean_up", "/schedules/new?task_name=files.clean_up"])
def test_a_form_takes_a_file_without_javascript(
    root: Path, small: int, signed_in: SignedIn, address: str
) -> None:
    browser = signed_in("operator")

    def send(file: tuple[str, str], **typed: str) -> str:
        path, body = sent_by(browser.get(address).text, file, **typed)
        back = browser.post(path, **body)
        assert back.location.partition("?")[0] == address.partition("?")[0]
        return browser.get(back.location).text

    shown = send(("图.csv", "abc"), **{"p-pattern": "*.log"})
    assert (value_of(shown, "p-folder"), value_of(shown, "p-pattern")) == ("图.csv", "*.log")
    assert (root / "图.csv").read_text() == "abc"
    for file, why in (
        (("图.csv", "x"), "There is a file of this name."),
        (("../x", "x"), "no slash"),
        (("", ""), "Choose a file."),
        (("long.csv", "x" * 100_000), "A file may have at most 2 KB"),
    ):
        shown = send(file, **{"p-folder": "kept", "p-pattern": "*.txt"})
        assert why in shown
        assert (value_of(shown, "p-folder"), value_of(shown, "p-pattern")) == ("kept", "*.txt")
    send(("图.csv", "new"), **{"upload.replace": "true"})
    assert [(one.name, one.read_text()) for one in root.iterdir()] == [("图.csv", "new")]
    assert "formenctype" not in signed_in("viewer").get("/tasks/files.clean_up").text


def test_a_task_of_the_team_gets_the_whole_path(
    root: Path, signed_in: SignedIn, post: Callable[..., TestResponse]
) -> None:
    """It opens what it gets; only the tasks that come along look for it in the folders of files."""
    browser, asks = signed_in("operator"), {"Accept": "application/json"}
    (root / "there.csv").write_text("x")
    shown = browser.get("/tasks/sample_tasks.count_lines").text
    field: Any = BeautifulSoup(shown, "html.parser").select_one("[data-upload-to]")
    made = post(browser, field["data-upload-to"], {"file": (BytesIO(b"abc"), "in.csv")}, headers=asks)
    assert made.json == {"name": "in.csv", "path": str(root / "in.csv")}
    assert f'<option value="{root / "there.csv"}">' in shown
    path, body = sent_by(shown, ("plain.csv", "abc"))
    browser.post(path, **body)
    assert value_of(browser.get("/tasks/sample_tasks.count_lines").text, "p-file") == str(root / "plain.csv")


def test_an_upload_leads_to_no_other_site(root: Path, signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    _path, body = sent_by(browser.get("/tasks/files.clean_up").text, ("a.txt", "x"))
    for page in ("https://evil.example/", "//evil.example/tasks", "/no-such"):
        answer = browser.post("/files/upload", query_string={"field": "folder", "page": page}, **body)
        assert answer.location == "/files"


def test_what_a_killed_process_left_is_cleared_and_what_is_written_stays(root: Path) -> None:
    left, written, other = (root / f".{digit * 12}.upload" for digit in "abc")
    for one in (left, written):
        one.write_text("x")
        os.utime(one, (1, 1))
    other.symlink_to(root.parent / "secret.txt")
    (root / ".notes").write_text("")
    with written.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert files.listing().entries == [files.listing().entries[-1]]  # the other root
        assert not left.exists()
        assert written.exists()
    files.save("", "a.txt", BytesIO(b"x"), NOW)
    assert sorted(one.name for one in root.iterdir()) == [".cccccccccccc.upload", ".notes", "a.txt"]


def test_a_folder_that_becomes_a_link_leads_nowhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "secret.txt").write_text("ours")

    def swap(path: str, field: str) -> Path:  # between looking and opening
        real = places.allowed(path, field)
        if not (root / "sub").is_symlink():
            (root / "sub").rename(root / "was")
            (root / "sub").symlink_to(root.parent)
        return real

    for module in ("folders", "uploads"):
        monkeypatch.setattr(f"app.files.{module}.allowed", swap)
    acts: list[Callable[[], Any]] = [
        lambda: files.opened("sub/secret.txt"),
        lambda: files.delete("sub/secret.txt", NOW),
        lambda: files.listing("sub"),
        lambda: files.save("sub", "new.txt", BytesIO(b"x"), NOW),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
        (root / "sub").unlink()
        (root / "was").rename(root / "sub")
    assert sorted(one.name for one in root.parent.iterdir()) == ["more", "root", "secret.txt"]


def test_the_first_upload_makes_the_folder_of_files(root: Path) -> None:
    root.rmdir()
    assert files.save("", "a.txt", BytesIO(b"x"), NOW).path == "a.txt"
    assert (root / "a.txt").stat().st_mode & 0o177 == 0


def test_what_cannot_fit_on_the_disk_is_refused_before_it_is_read(root: Path) -> None:
    with pytest.raises(DiskFull):
        files.save("", "a.txt", Unread(), NOW, length=2**60)


def test_rest_says_that_the_disk_is_full(
    root: Path, caller: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    most = app.config["SETTINGS"].model_copy(update={"upload_max_bytes": 2**62})
    monkeypatch.setitem(app.config, "SETTINGS", most)
    refused = caller("operator")("PUT", "/files/content?path=a.bin", **unread(2**60))
    assert (refused.status_code, refused.json["title"]) == (507, "The disk is full")
    assert refused.json["detail"] == "The disk is full. Nothing was kept."


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


def succeeded(run_id: str, at: float, result: Any, **more: Any) -> dict[str, Any]:
    about = {"type": "succeeded", "id": run_id, "task": "sample_tasks.plain", "attempt": 0}
    return about | {"at": at, "runtime": 1.0, "result": result} | more


def makers() -> dict[str, str]:
    made = [(one.path, one.made_by) for one in files.listing().entries if not one.is_folder]
    return {path: (by.run_id or f"by {by.user_name}") if by else "" for path, by in made}


@pytest.mark.database
def test_what_made_each_file_is_known(root: Path, app: Flask) -> None:
    now = NOW.timestamp()
    for name, at in (("out.csv", now), ("图.csv", now), ("input.csv", now - 60), ("link-target", now)):
        (root / name).write_text("")
        os.utime(root / name, (at, at))
    (root / "sub").mkdir()
    result = {
        "file": str(root / "out.csv"),
        "of": ["input.csv", "none.csv", "sub", "../secret.txt", "a\x00b"],
    }
    files.note_results(
        [
            succeeded("run-1", now, result),
            succeeded("run-2", now, ["图.csv"]),
            succeeded("theirs", now, ["link-target"], app="shop"),
            {"type": "sent", "id": "run-3", "at": now},
            succeeded("run-4", now, None),
        ]
    )
    assert makers() == {"out.csv": "run-1", "图.csv": "run-2", "input.csv": "", "link-target": ""}
    files.note_results([succeeded("older", now - 1, "out.csv")])  # comes late
    assert makers()["out.csv"] == "run-1"
    with audit.acting(audit.Origin("mei", "page")):
        files.save("", "out.csv", BytesIO(b"x"), NOW + timedelta(seconds=1), replace=True)
    assert makers()["out.csv"] == "by mei"


def test_what_made_a_file_is_forgotten_with_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.files.makers.CHECKED_AT_ONCE", 2)
    for name in "abcd":
        files.save("", name, BytesIO(b"x"), NOW)
    files.delete("a", NOW)
    (root / "b").unlink()
    (root / "d").unlink()

    def known() -> list[str]:
        return sorted(db.session.scalars(select(FileMaker.path)))

    assert known() == ["b", "c", "d"]
    root.rename(root.parent / "away")
    assert files.forget_gone() == "c"  # a folder that is not there says nothing of its files
    assert known() == ["b", "c", "d"]
    (root.parent / "away").rename(root)
    assert files.forget_gone(files.forget_gone()) == ""
    assert known() == ["c"]


def test_a_recorder_notes_what_a_result_names(
    root: Path, submit: Callable[..., str], redis: Any, app: Flask, signed_in: SignedIn, caller: Any
) -> None:
    (root / "out.csv").write_text("a,b")
    recorder, event = Recorder(app, redis, "one"), succeeded("run-1", utcnow().timestamp(), "out.csv")
    recorder.turn(utcnow())
    redis.xadd(STREAM, {"e": to_json(event)})
    recorder.turn(utcnow())
    shown = signed_in("operator").get("/files").text
    assert re.search(r'href="/runs/run-1"[^>]*>sample_tasks.plain</a>', shown)
    made_by = next(one["made_by"] for one in caller("operator").get("/files").json["items"] if one["made_by"])
    assert (made_by["run_id"], made_by["task_name"]) == ("run-1", "sample_tasks.plain")


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
