"""What every task of the library owes its users: words, bounds, limits, a queue and a line in the docs."""

import re
from typing import Any

import pytest
from flask import Flask

from app import catalog
from app.config import LIBRARY_QUEUES, PROJECT_DIR
from app.errors import Invalid
from app.library import routes

PAGE = PROJECT_DIR / "docs" / "tasks.md"

NAMES = [
    "data.export_table", "data.import_table",
    "examples.advanced.chain", "examples.advanced.chord", "examples.advanced.group",
    "examples.advanced.hard_time_limit", "examples.advanced.map_squares",
    "examples.advanced.retry_exponential", "examples.advanced.retry_fixed",
    "examples.advanced.soft_time_limit",
    "examples.advanced.square",
    "examples.advanced.total", "examples.advanced.unique",
    "examples.basic.add", "examples.basic.always_fails", "examples.basic.multiply", "examples.basic.slow",
    "files.clean_up",
    "images.make_thumbnails", "images.resize_folder",
    "mail.send_email",
    "maintenance.backup_database", "maintenance.clean_history",
    "reports.sales_report",
    "video.convert", "video.thumbnail",
    "web.crawl_page", "web.http_request",
]  # fmt: skip


def documented() -> dict[str, str]:
    """Task name → queue, from the table of the docs."""
    return dict(re.findall(r"^\| `([a-z_.]+)` \| ([a-z]+) \|", PAGE.read_text(), re.MULTILINE))


def library() -> dict[str, Any]:
    return {info.name: info for info in catalog.listing() if info.module.startswith("app.library")}


def test_the_library_is_what_the_docs_say(app: Flask) -> None:
    found = library()
    assert sorted(found) == NAMES
    assert documented() == {name: info.queue for name, info in found.items()}
    assert set(documented().values()) == set(LIBRARY_QUEUES)
    assert set(routes.QUEUES) <= set(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_explains_itself(app: Flask, name: str) -> None:
    info = library()[name]
    assert re.fullmatch(r"[A-Z].{10,100}\.", info.summary)
    assert info.time_limit
    assert info.soft_time_limit or name == "examples.advanced.hard_time_limit"
    assert info.soft_time_limit is None or info.soft_time_limit < info.time_limit
    for parameter in info.parameters:
        assert 5 <= len(parameter.description) <= 120, parameter.name
        assert not parameter.description.endswith(".")


def test_what_must_not_happen_twice_is_acknowledged_early(app: Flask) -> None:
    found = {name for name, info in library().items() if not info.acks_late}
    assert found == {"web.http_request", "mail.send_email", "data.import_table"}


@pytest.mark.parametrize("name", NAMES)
def test_a_task_has_a_form_and_a_schema(app: Flask, name: str) -> None:
    info = library()[name]
    schema = catalog.schema(info)
    assert set(schema["properties"]) == {parameter.name for parameter in info.parameters}
    with app.test_request_context():
        form = catalog.build_form(info)
        for parameter in info.parameters:
            assert f'name="p-{parameter.name}"' in str(form[parameter.name]())


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("web.http_request", {"url": "file:///etc/passwd"}, "url"),
        ("web.http_request", {"url": "http://x", "method": "BREW"}, "method"),
        ("web.http_request", {"url": "http://x", "timeout_seconds": 0}, "timeout_seconds"),
        ("web.http_request", {"url": "http://x", "retries": 11}, "retries"),
        ("web.http_request", {"url": "http://x", "expected_status": [99]}, "expected_status"),
        ("web.http_request", {"url": "http://x", "content_type": "a\r\nX: y"}, "content_type"),
        ("web.crawl_page", {"url": "http://a b"}, "url"),
        ("mail.send_email", {"to": [], "subject": "s", "body": "b"}, "to"),
        ("mail.send_email", {"to": ["not an address"], "subject": "s", "body": "b"}, "to"),
        ("mail.send_email", {"to": ["a@b.c\r\nBcc: x@y.z"], "subject": "s", "body": "b"}, "to"),
        ("mail.send_email", {"to": ["a@b.c"], "subject": "s\r\nBcc: x@y.z", "body": "b"}, "subject"),
        ("images.resize_folder", {"width": 0}, "width"),
        ("images.resize_folder", {"pattern": "../*"}, "pattern"),
        ("images.resize_folder", {"format": "exe"}, "format"),
        ("images.make_thumbnails", {"quality": 101}, "quality"),
        ("video.convert", {"source": "a.avi", "output": "b.mp4", "quality": 52}, "quality"),
        ("video.thumbnail", {"source": "a.avi", "output": "b.png", "at_seconds": -1}, "at_seconds"),
        ("data.import_table", {"source": "a.csv", "table": "x; DROP TABLE y"}, "table"),
        ("data.import_table", {"source": "a.csv", "table": 'a"b'}, "table"),
        ("data.import_table", {"source": "a.csv", "table": "t", "mode": "merge"}, "mode"),
        ("reports.sales_report", {"since": "yesterday"}, "since"),
        ("reports.sales_report", {"currency": "euro"}, "currency"),
        ("files.clean_up", {"folder": "x"}, "older_than_days"),
        ("files.clean_up", {"folder": "x", "older_than_days": -1}, "older_than_days"),
        ("files.clean_up", {"folder": "x", "older_than_days": 1, "pattern": "a/b"}, "pattern"),
        ("maintenance.backup_database", {"keep": 0}, "keep"),
        ("maintenance.clean_history", {"states": ["STARTED"]}, "states"),
        ("examples.basic.add", {"x": 1, "y": "two"}, "y"),
        ("examples.basic.slow", {"seconds": 1e9}, "seconds"),
        ("examples.advanced.unique", {"name": "a b"}, "name"),
        ("examples.advanced.group", {"numbers": []}, "numbers"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_queued(
    app: Flask, name: str, arguments: dict[str, Any], field: str
) -> None:
    info = library()[name]
    with pytest.raises(Invalid) as caught:
        catalog.validate(info, [], arguments)
    assert {key.split(".")[0] for key in caught.value.errors} == {field}
