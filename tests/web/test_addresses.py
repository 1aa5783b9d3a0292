"""Host, prefix and scheme: what a request says of them counts only as a configured proxy says it."""

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, request, url_for
from flask.testing import FlaskClient

from app import configure
from app.config import Settings

FORGED = {
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Port": "666", "Forwarded": "host=evil.example;proto=https",
}  # fmt: skip


@pytest.mark.parametrize("path", ["/login", "/", "/runs", "/api/v1/openapi.json", "/missing"])
def test_without_a_proxy_nothing_forwarded_counts(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=FORGED | {"Host": "evil.example"})
    said = answer.text + str(answer.headers)
    assert "evil" not in said
    assert "Strict-Transport-Security" not in answer.headers


def test_links_for_others_are_made_of_the_base_url(
    caller: Any, signed_in: Any, post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = signed_in("admin")
    admin.environ_base["HTTP_HOST"] = "evil.example"
    text = post(admin, "/settings/users", {"name": "mei", "role": "viewer"}).text
    assert "http://localhost/login/link/" in text
    assert "evil.example" not in text


def proxied(tmp_path: Path, hops: int, **more: Any) -> FlaskClient:
    """A small app that is configured as ours is, and says what it takes itself for."""
    app = Flask("proxied")
    given = {"base_url": "https://celeriac.example", "data_dir": tmp_path, "secret_key": "x" * 16}
    configure(app, Settings(trusted_proxies=hops, **(given | more)))

    @app.get("/where")
    def where() -> dict[str, Any]:
        return {"link": url_for("where", _external=True), "from": request.remote_addr}

    return app.test_client()


@pytest.mark.parametrize(
    ("hops", "headers", "link"),
    [
        (0, FORGED, "http://localhost/where"),
        (1, {}, "http://localhost/where"),
        (1, {"X-Forwarded-Host": "c.example:8443", "X-Forwarded-Proto": "https"}, "https://c.example:8443/where"),
        (1, {"X-Forwarded-Host": "[::1]:80"}, "http://[::1]/where"),
        (1, {"X-Forwarded-Prefix": "/celeriac"}, "http://localhost/celeriac/where"),
        # a client's own value comes first; the proxy's is the last
        (1, {"X-Forwarded-Host": "evil.example, c.example"}, "http://c.example/where"),
        (2, {"X-Forwarded-Host": "evil.example, c.example, inner"}, "http://c.example/where"),
        (1, {"X-Forwarded-Prefix": "//evil.example"}, "http://localhost/where"),
        (1, {"X-Forwarded-Prefix": "/a\"><script>"}, "http://localhost/where"),
        (1, {"X-Forwarded-Prefix": "https://evil.example"}, "http://localhost/where"),
        (1, {"X-Forwarded-Prefix": "/\\evil.example"}, "http://localhost/where"),
        (1, {"X-Forwarded-Host": "evil.example/x?"}, "http://localhost/where"),
        (1, {"X-Forwarded-Host": "a@evil.example"}, "http://localhost/where"),
    ],
)  # fmt: skip
def test_what_a_trusted_proxy_says_counts_when_it_can_be_one(
    tmp_path: Path, hops: int, headers: dict[str, str], link: str
) -> None:
    told = proxied(tmp_path, hops).get("/where", headers=headers).json
    assert told
    assert told["link"] == link


LEADING = ("href", "src", "action", "formaction", "hx-get", "hx-post", "hx-put", "hx-delete")
BELOW = {"base_url": "http://localhost/celeriac"}  # as a proxy's prefix makes it


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("/", "/celeriac/login"), ("/runs?q=a", "/celeriac/login?next=/celeriac/runs?q%3Da")],
)
def test_signing_in_leads_back_below_a_prefix(client: FlaskClient, path: str, leads_to: str) -> None:
    assert client.get(path, **BELOW).location == leads_to


@pytest.mark.parametrize(
    "path", ["/", "/runs?q=a", "/tasks", "/queues/default", "/schedules/new", "/settings"]
)
def test_every_address_of_a_page_stands_below_a_prefix(signed_in: Any, path: str) -> None:
    shown = BeautifulSoup(signed_in("admin").get(path, **BELOW).text, "html.parser")
    led = [
        tag[name]
        for tag in shown.find_all(True)
        for name in LEADING
        if str(tag.get(name, "")).startswith("/")
    ]
    led += [field["value"] for field in shown.select("input[name=next]")]
    assert len(led) > 50
    assert [address for address in led if not address.startswith("/celeriac/")] == []


def test_calls_of_rest_stand_below_a_prefix(client: FlaskClient) -> None:
    assert client.get("/api/v1/openapi.json", **BELOW).json["servers"] == [{"url": "/celeriac"}]
    assert "servers" not in client.get("/api/v1/openapi.json").json


def test_under_https_browsers_are_told_to_stay_there(app: Flask, client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/login").headers
    assert client.get("/login", base_url="https://localhost").headers["Strict-Transport-Security"]
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = before.model_copy(update={"base_url": "https://celeriac.example"})
    try:
        answer = client.get("/login")  # TLS ends at the proxy
    finally:
        app.config["SETTINGS"] = before
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
