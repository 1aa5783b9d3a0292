"""HTTP requests and page reading, against a real server."""

import gzip
import time
from functools import partial
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from app.library.web import UnexpectedStatus, crawl_page, http_request
from app.library.web.addresses import AddressRefused
from app.library.web.fetch import Unavailable, fetch, origin, raise_for_unavailable, without_credentials


@pytest.fixture
def private(configure: Any) -> None:
    configure(http_allow_private=True)


def test_a_request_reports_status_headers_and_excerpt(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    site.pages["/hello"] = answers.text(
        "héllo".encode(), headers={"X-Some": "thing", "Set-Cookie": "session=secret"}
    )
    result = run(http_request, url=site.url("/hello"), headers={"X-Mine": "1"})
    assert (result["status"], result["excerpt"], result["body_bytes"], result["body_cut"]) == (
        200,
        "héllo",
        6,
        False,
    )
    assert result["headers"]["X-Some"] == "thing"
    assert result["headers"]["Set-Cookie"] == "***"
    assert 0 <= result["elapsed_seconds"] < 5
    method, path, headers, _ = site.requests[0]
    assert (method, path, headers["X-Mine"]) == ("GET", "/hello", "1")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_is_sent_with_its_content_type(
    run: Any, private: None, site: Any, answers: SimpleNamespace, method: str
) -> None:
    site.pages["/"] = answers.text(b"ok", status=201)
    run(http_request, url=site.url(), method=method, body='{"a": "ü"}')
    run(http_request, url=site.url(), method=method, body="x", headers={"content-type": "text/x"})
    assert [(m, b, h.get("Content-Type") or h.get("content-type")) for m, _, h, b in site.requests] == [
        (method, '{"a": "ü"}'.encode(), "application/json"),
        (method, b"x", "text/x"),
    ]


def test_an_unexpected_status_fails_with_the_servers_words(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    site.pages["/"] = answers.text(b"no such customer", status=404)
    with pytest.raises(UnexpectedStatus, match=r"answered 404 Not Found: no such customer"):
        run(http_request, url=site.url())
    assert len(site.requests) == 1
    assert run(http_request, url=site.url(), expected_status=[200, 404])["status"] == 404
    site.pages["/"] = answers.text(b"fine")
    with pytest.raises(UnexpectedStatus, match="answered 200"):
        run(http_request, url=site.url(), expected_status=[204])


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_passing_failure_is_tried_again(
    run: Any, private: None, site: Any, answers: SimpleNamespace, status: int
) -> None:
    site.pages["/"] = answers.in_turn(
        answers.text(b"", status=status), answers.text(b"", status=status), answers.text(b"up")
    )
    assert run(http_request, url=site.url(), retries=2)["excerpt"] == "up"
    assert len(site.requests) == 3


def test_after_the_last_try_the_run_fails(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    site.pages["/"] = answers.text(b"", status=503)
    with pytest.raises(Unavailable, match="answered 503 Service Unavailable"):
        run(http_request, url=site.url(), retries=2)
    assert len(site.requests) == 3
    site.requests.clear()
    with pytest.raises(Unavailable):
        run(http_request, url=site.url(), retries=0)
    assert len(site.requests) == 1


def test_a_5xx_that_is_expected_is_success(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    site.pages["/"] = answers.text(b"", status=503)
    assert run(http_request, url=site.url(), expected_status=[503])["status"] == 503


def test_a_closed_port_and_a_broken_answer_are_tried_again(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    with pytest.raises(Unavailable, match=r"^http://127\.0\.0\.1:1/: 127\.0\.0\.1 could .* refused$"):
        run(http_request, url="http://127.0.0.1:1/", retries=1)

    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    site.pages["/"] = answers.in_turn(break_off, answers.text(b"whole"))
    assert run(http_request, url=site.url(), retries=1)["excerpt"] == "whole"


def test_the_servers_wish_for_a_pause_is_read(site: Any, answers: SimpleNamespace) -> None:
    for wish, after in (("7", 7), ("999999", 600), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)):
        site.pages["/"] = answers.text(b"", status=429, headers={"Retry-After": wish})
        answer = fetch("GET", site.url(), timeout_seconds=5, max_bytes=10, allow_private=True)
        with pytest.raises(Unavailable) as caught:
            raise_for_unavailable(answer)
        assert caught.value.after_seconds == after


def test_private_addresses_are_refused_by_default(run: Any, site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.text(b"secret")
    for url in (site.url(), site.url(host="localhost"), site.url(host="2130706433"), site.url(host="[::1]")):
        with pytest.raises(AddressRefused, match="HTTP_ALLOW_PRIVATE"):
            run(http_request, url=url)
        with pytest.raises(AddressRefused):
            run(crawl_page, url=url)
    assert site.requests == []


def test_long_answers_are_cut(run: Any, private: None, site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.text(b"x" * 300_000)
    result = run(http_request, url=site.url())
    assert (result["body_bytes"], len(result["excerpt"]), result["body_cut"]) == (65_536, 4_000, True)


def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut(site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.text(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
    answer = fetch("GET", site.url(), timeout_seconds=5, max_bytes=1000, allow_private=True)
    assert (len(answer.body), answer.cut) == (1000, True)


def test_binary_answers_have_no_excerpt(run: Any, private: None, site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.text(b"\x89PNG\0\0\xff", content_type="image/png")
    assert run(http_request, url=site.url())["excerpt"] == ""
    site.pages["/"] = answers.text(b"caf\xe9", content_type="text/plain; charset=latin-1")
    assert run(http_request, url=site.url())["excerpt"] == "café"
    site.pages["/"] = answers.text(b"abc", content_type="text/plain; charset=no-such")
    assert run(http_request, url=site.url())["excerpt"] == "abc"


def test_redirects(run: Any, private: None, site: Any, answers: SimpleNamespace) -> None:
    site.pages["/old"] = answers.redirect("/new")
    site.pages["/new"] = answers.text(b"here")
    result = run(http_request, url=site.url("/old"))
    assert (result["excerpt"], result["redirects"], result["url"]) == ("here", 1, site.url("/new"))
    with pytest.raises(UnexpectedStatus, match="302"):
        run(http_request, url=site.url("/old"), follow_redirects=False)
    site.pages["/loop"] = answers.redirect("/loop")
    with pytest.raises(requests.TooManyRedirects):
        run(http_request, url=site.url("/loop"))


def test_a_redirect_with_an_endless_body_is_refused(site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.redirect("/new", body=b"x" * 200_000)
    with pytest.raises(requests.RequestException, match="overlong"):
        fetch("GET", site.url(), timeout_seconds=5, max_bytes=1000, allow_private=True)


def _drip(handler: BaseHTTPRequestHandler, *, start: bytes, drops: bytes) -> None:
    """Send `start` at once, then `drops` again and again, slower than a whole answer may take."""
    try:
        handler.wfile.write(start)
        for _ in range(60):
            handler.wfile.write(drops)
            time.sleep(0.05)
    except OSError:  # the other side hung up, as it should
        pass
    handler.close_connection = True


@pytest.mark.parametrize(
    ("start", "drops"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 60000\r\n\r\n", b"x"),
    ],
    ids=["status", "headers", "one header", "chunks", "body", "body until the end", "redirect"],
)
def test_an_answer_that_drips_meets_the_deadline(site: Any, start: bytes, drops: bytes) -> None:
    site.pages["/"] = partial(_drip, start=start, drops=drops)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not end in time \(0\.5 s\)"):
        fetch("GET", site.url(), timeout_seconds=0.5, max_bytes=100_000, allow_private=True)
    assert time.monotonic() - started < 1.5


def test_the_time_counts_for_all_redirects_together(site: Any, answers: SimpleNamespace) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        answers.redirect("/")(handler)

    site.pages["/"] = slowly
    with pytest.raises(Unavailable, match="in time"):
        fetch("GET", site.url(), timeout_seconds=0.5, max_bytes=10, allow_private=True)
    assert len(site.requests) <= 3


SECRETS = {
    "Authorization": "Bearer a", "X-Api-Key": "b", "PRIVATE-TOKEN": "c", "X-Anything": "d", "Cookie": "e=f",
    "Proxy-Authorization": "Basic g", "DD-APPLICATION-KEY": "h", "X-Hub": "i",
}  # fmt: skip


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_secret_headers_stay_with_the_host_they_were_meant_for(
    run: Any, private: None, site: Any, answers: SimpleNamespace, status: int
) -> None:
    site.pages["/old"] = answers.redirect(f"http://localhost:{site.port}/new", status)
    site.pages["/new"] = answers.redirect(site.url("/back"), status)
    site.pages["/back"] = answers.text(b"here")
    kept = {"Accept-Language": "de", "User-Agent": "Mine", "X-Request-Id": "7"}
    run(http_request, url=site.url("/old"), method="POST", body="{}", headers=SECRETS | kept)
    sent = [dict(headers) for _, _, headers, _ in site.requests]
    assert len(sent) == 3
    # requests itself leaves out a Proxy-Authorization only on the way
    assert SECRETS.items() <= sent[0].items()
    for one in sent[1:]:  # not even when the way leads back
        assert not SECRETS.keys() & one.keys()
        assert kept.items() <= one.items()


def test_on_the_same_host_headers_stay_on_a_redirect(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    site.pages["/old"] = answers.redirect("/new")
    site.pages["/new"] = answers.text(b"here")
    run(http_request, url=site.url("/old"), headers={"X-Api-Key": "b", "Authorization": "Bearer a"})
    assert [(h.get("X-Api-Key"), h.get("Authorization")) for _, _, h, _ in site.requests] == [
        ("b", "Bearer a")
    ] * 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a/x", "http://A:80/y", True),
        ("https://a/", "https://a:443/", True),
        ("http://a/", "https://a/", False),
        ("http://a/", "http://a:8080/", False),
        ("http://a/", "http://b.a/", False),
    ],
)
def test_what_counts_as_the_same_place(one: str, other: str, same: bool) -> None:
    assert (origin(one) == origin(other)) is same


def test_a_silent_server_meets_the_timeout(site: Any) -> None:
    site.pages["/"] = lambda handler: time.sleep(1)
    with pytest.raises(Unavailable):
        fetch("GET", site.url(), timeout_seconds=0.3, max_bytes=10, allow_private=True)


def test_passwords_in_addresses_are_not_shown(
    run: Any, private: None, site: Any, answers: SimpleNamespace
) -> None:
    site.pages["/"] = answers.text(b"ok")
    url = site.url().replace("http://", "http://ann:secret@")
    assert "secret" not in str(run(http_request, url=url))
    assert site.requests[0][2]["Authorization"].startswith("Basic ")
    with pytest.raises(Unavailable) as caught:
        run(http_request, url="http://ann:secret@127.0.0.1:1/", retries=0)
    assert "secret" not in str(caught.value)
    assert without_credentials("http://a:b@h:1/p?q#f") == "http://h:1/p?q#f"


def test_a_header_that_holds_a_line_break_is_refused(run: Any, private: None, site: Any) -> None:
    with pytest.raises(requests.exceptions.InvalidHeader):
        run(http_request, url=site.url(), headers={"X": "a\r\nX-Evil: b"})
    assert site.requests == []


PAGE = b"""<html><head><title> The
 page </title><meta name="description" content="About things"></head><body>
<a href="/a">First <b>one</b></a> <a href="/a#part">again</a> <a href="mailto:x@y.z">mail</a>
<a href="https://other.example/x?y=1">Other</a> <a href="javascript:alert(1)">no</a><a>none</a>"""


def test_a_page_gives_title_and_links(run: Any, private: None, site: Any, answers: SimpleNamespace) -> None:
    site.pages["/dir/page"] = answers.text(PAGE, content_type="text/html; charset=utf-8")
    result = run(crawl_page, url=site.url("/dir/page"))
    assert (result["title"], result["description"], result["links_found"]) == ("The page", "About things", 2)
    assert result["links"] == [
        {"url": site.url("/a"), "text": "First one"},
        {"url": "https://other.example/x?y=1", "text": "Other"},
    ]
    assert run(crawl_page, url=site.url("/dir/page"), same_site_only=True)["links"] == result["links"][:1]
    limited = run(crawl_page, url=site.url("/dir/page"), max_links=1)
    assert (len(limited["links"]), limited["links_found"]) == (1, 2)


def test_what_is_no_page_is_refused(run: Any, private: None, site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.text(b"%PDF", content_type="application/pdf")
    with pytest.raises(ValueError, match=r"is application/pdf, not an HTML page"):
        run(crawl_page, url=site.url())
    with pytest.raises(UnexpectedStatus, match="404"):
        run(crawl_page, url=site.url("/missing"))
    site.pages["/"] = answers.text(b"", status=500)
    with pytest.raises(Unavailable):
        run(crawl_page, url=site.url(), retries=1)
    assert len(site.requests) == 4
