"""The web tasks reach public addresses only, whatever name, spelling or redirect leads elsewhere."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from app.library.web.addresses import AddressRefused, guard, is_public
from app.library.web.deadline import Deadline


@contextmanager
def guarded_session(allowed: Callable[[str], bool] = is_public) -> Iterator[requests.Session]:
    with Deadline(30) as deadline, requests.Session() as session:
        guard(session, allowed, deadline)
        yield session


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "1.1.1.1",
        "2606:4700::1111",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "3ffe::1",
        "192.0.1.1",
        "100.128.0.1",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:0:0:0:0:80ff:fffe",
        "0.1.2.3", "100.127.255.255", "192.0.0.8", "192.0.0.9", "192.0.0.192", "192.88.99.1", "168.63.129.16",
        "192.31.196.1", "192.52.193.1", "192.175.48.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
        "239.255.255.250", "255.255.255.254",
        "100::1", "2001::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1",
        "2001:20::1", "2001:30::1", "2001:1ff:ffff::1", "2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1",
        "4000::1", "5f00::1", "64:ff9b:1:ffff::808:808", "::ffff:0:808:808", "::ffff:192.0.0.8",
        "64:ff9b::c000:8", "2002:c000:8::1", "2002:6440:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_other_addresses(address: str) -> None:
    assert not is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_the_same_however_ipv6_wraps_it(number: int) -> None:
    address = IPv4Address(number)
    expected = is_public(str(address))
    assert is_public(f"::ffff:{address}") == expected
    assert is_public(f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}") == expected
    assert is_public(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1") == expected


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.0.0.2",
    ],
)
def test_every_spelling_of_loopback_is_refused(site: Any, host: str) -> None:
    with guarded_session() as session, pytest.raises(AddressRefused, match="not a public address"):
        session.get(site.url("/", host), timeout=5)
    assert site.requests == []


def test_the_same_server_answers_when_its_address_is_allowed(site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.text(b"hello")
    with guarded_session(allowed=lambda address: address == "127.0.0.1") as session:
        assert session.get(site.url(), timeout=5).text == "hello"


def test_a_redirect_to_a_refused_address_is_not_followed(site: Any, answers: SimpleNamespace) -> None:
    site.pages["/"] = answers.redirect(site.url("/secret", host="127.0.0.2"))
    with (
        guarded_session(allowed=lambda address: address == "127.0.0.1") as session,
        pytest.raises(AddressRefused),
    ):
        session.get(site.url(), timeout=5)
    assert [path for _, path, _, _ in site.requests] == ["/"]


def test_a_name_that_changes_between_check_and_use_gains_nothing(
    site: Any, answers: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the second answer for the name would be the forbidden address."""
    site.pages["/"] = answers.text(b"hello")
    real, asked = socket.getaddrinfo, []

    def resolve(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "rebind.example":
            return real(host, *args, **kwargs)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    seen = []

    def allowed(address: str) -> bool:
        seen.append(address)
        return address == "127.0.0.1"

    with guarded_session(allowed) as session:
        with session.get(site.url(host="rebind.example"), timeout=5, stream=True) as response:
            connected_to = response.raw.connection.sock.getpeername()[0]
        assert (asked, seen, connected_to) == (["rebind.example"], ["127.0.0.1"], "127.0.0.1")
    with guarded_session(allowed) as session, pytest.raises(AddressRefused, match=r"127\.0\.0\.2"):
        session.get(site.url(host="rebind.example"), timeout=5)


def test_a_name_with_one_refused_address_is_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in ("93.184.216.34", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: entries)
    with guarded_session() as session, pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        session.get("http://mixed.example/", timeout=5)


def test_proxy_variables_are_ignored(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url())
    with guarded_session() as session, pytest.raises(AddressRefused):
        session.get("http://127.0.0.3/", timeout=5)
    assert site.requests == []


def test_an_unknown_name_and_a_closed_port_are_connection_errors(site: Any) -> None:
    with guarded_session(allowed=lambda address: True) as session:
        with pytest.raises(requests.ConnectionError, match="resolve"):
            session.get("http://no-such-name.invalid/", timeout=5)
        with pytest.raises(requests.ConnectionError, match="could not be connected to"):
            session.get("http://127.0.0.1:1/", timeout=5)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_only_http_is_spoken(url: str) -> None:
    with guarded_session() as session, pytest.raises(requests.exceptions.InvalidSchema):
        session.get(url, timeout=5)


def test_a_name_that_is_looked_up_too_slowly_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(3) or [])
    started = time.monotonic()
    with Deadline(0.3) as deadline, requests.Session() as session:
        guard(session, is_public, deadline)
        with pytest.raises(requests.ConnectTimeout, match="in time"):
            session.get("http://slow.example/", timeout=0.3)
    assert time.monotonic() - started < 2
