"""Answers are compressed by what the browser takes."""

import gzip
from collections.abc import Callable

import brotli
import pytest
from flask.testing import FlaskClient

Read = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("takes", "name", "read"),
    [("gzip, br", "br", brotli.decompress), ("gzip", "gzip", gzip.decompress), ("", None, bytes)],
)
@pytest.mark.parametrize("path", ["/runs", "/static/app.css", "/api/v1/openapi.json"])
def test_an_answer_is_compressed(
    signed_in: Callable[[str], FlaskClient],
    path: str,
    takes: str,
    name: str | None,
    read: Callable[[bytes], bytes],
) -> None:
    browser = signed_in("viewer")
    plain, answer = browser.get(path).data, browser.get(path, headers={"Accept-Encoding": takes})
    assert answer.headers.get("Content-Encoding") == name
    assert "Accept-Encoding" in answer.headers["Vary"]
    text = read(answer.data)
    assert abs(len(text) - len(plain)) < 50  # keys of forms are new each time
    assert name is None or len(answer.data) < len(plain) / 3
