"""Reading HTML: titles, links, and pages that are not as they should be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.library.web.page import read_page

URL = "https://site.example/dir/page.html"


def links(html: str) -> list[str]:
    return [link.url for link in read_page(html.encode(), URL).links]


def test_links_become_absolute_and_come_once() -> None:
    html = '<a href="x"></a><a href="../y?b=1&amp;c=2">t</a><a href="//z.example">t</a>'
    html += '<a href=" x#top ">words</a>'
    found = read_page(html.encode(), URL).links
    assert [link.url for link in found] == [
        "https://site.example/dir/x",
        "https://site.example/y?b=1&c=2",
        "https://z.example",
    ]
    assert found[0].text == "words"  # the first link to it had none


def test_the_base_of_the_page_counts() -> None:
    assert links('<base href="/other/"><a href="x">') == ["https://site.example/other/x"]
    assert links('<base href="http://["><a href="x">') == ["https://site.example/dir/x"]


@pytest.mark.parametrize(
    "href", ["mailto:a@b.c", "javascript:x()", "tel:1", "data:text/html,x", "http://[", "http://", ""]
)
def test_other_links_are_left_out(href: str) -> None:
    assert links(f'<a href="{href}">x</a>') in ([], [URL])


def test_encodings() -> None:
    assert read_page("<title>Größe</title>".encode("latin-1"), URL, "latin-1").title == "Größe"
    assert read_page('<meta charset="gb18030"><title>任务</title>'.encode("gb18030"), URL).title == "任务"
    assert read_page("<title>Größe</title>".encode(), URL, "no-such-encoding").title == "Größe"


def test_odd_pages() -> None:
    assert read_page(b"", URL).title == ""
    assert (
        read_page(
            b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><title>X</title>", URL
        ).title
        == "X"
    )
    deep = b"<div>" * 20_000 + b'<a href="/deep">d</a>'
    assert [link.url for link in read_page(deep, URL).links] == ["https://site.example/deep"]
    assert len(read_page(b"<title>" + b"x" * 10_000, URL).title) == 200


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    for link in read_page(b"<html><a href='" + body, URL).links:
        assert link.url.startswith(("http://", "https://"))
