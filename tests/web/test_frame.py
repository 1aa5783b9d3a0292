"""What every page shares: headers, errors, theme, live fragments, icons."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app.errors import Conflict, Invalid, Stale
from app.extensions import db
from app.web import live
from app.web.faults import describe
from app.web.htmx import safe_return

PROJECT = Path(__file__).resolve().parents[2]
PAGES = ("/", "/tasks", "/runs", "/search")
Post = Callable[..., TestResponse]


@pytest.mark.parametrize("path", [*PAGES, "/login", "/no-such-page"])
def test_every_page_forbids_what_is_not_ours(signed_in: Callable[[str], FlaskClient], path: str) -> None:
    headers = signed_in("viewer").get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_a_sign_in_and_come_back_after_it(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert "/login" in answer.location
    assert (
        path == "/"
        or f"next={path.replace('/', '%2F')}" in answer.location
        or f"next={path}" in answer.location
    )


def test_a_fragment_without_a_session_says_so_in_a_toast(client: FlaskClient) -> None:
    answer = client.get("/runs/table", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "<html" not in answer.text
    assert 'hx-target="#toasts"' in answer.text
    assert "/login" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_the_frame(signed_in: Callable[[str], FlaskClient], path: str) -> None:
    page = signed_in("viewer").get(path).text
    assert page.count("<h1") == 1
    assert 'href="#main"' in page
    assert "hx-headers:inherited" in page
    assert "None" not in re.sub(r"<[^>]+>", "", page)


def test_the_sidebar_marks_the_page_and_hides_what_the_role_may_not(
    signed_in: Callable[[str], FlaskClient],
) -> None:
    page = signed_in("viewer").get("/runs").text
    assert re.search(r'href="/runs" aria-current="page"', page)
    entries = re.findall(r'<a href="([^"]+)"', page[page.index('class="nav"') : page.index("</nav>")])
    assert {"/", "/tasks", "/runs"} <= set(entries)
    assert "/schedules" not in entries or signed_in("viewer").get("/schedules").status_code == 200


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/no-such-page", "GET", 404),
        ("/runs", "DELETE", 405),
        ("/tasks/none.such", "GET", 404),
        ("/runs/none", "GET", 404),
    ],
)
def test_errors_are_pages_and_toasts(
    signed_in: Callable[[str], FlaskClient], path: str, method: str, status: int
) -> None:
    browser = signed_in("viewer")
    page = browser.open(path, method=method, headers={"X-CSRFToken": _token(browser)})
    assert page.status_code == status
    assert "<html" in page.text
    toast = browser.open(path, method=method, headers={"HX-Request": "true", "X-CSRFToken": _token(browser)})
    assert toast.status_code == status
    assert "<html" not in toast.text
    assert "<hx-partial" in toast.text


KEYS = re.compile(r'href="([^"]+)" data-keys="([^"]+)"')


def test_the_list_of_keys_holds_where_they_lead(signed_in: Callable[[str], FlaskClient]) -> None:
    """A browser test proves that pressing them goes there."""

    def keys(role: str, path: str) -> dict[str, str]:
        return {pressed: address for address, pressed in KEYS.findall(signed_in(role).get(path).text)}

    pages = {"o": "/", "s": "/schedules", "q": "/queues", "r": "/runs", "t": "/tasks", "w": "/workers"}
    viewers = {"/": "/search"} | {f"g {letter}": address for letter, address in pages.items()}
    assert keys("viewer", "/runs") == viewers
    assert keys("operator", "/runs") == viewers | {"n": "/tasks"}
    assert keys("operator", "/schedules") == viewers | {"n": "/schedules/new"}
    assert "Move to top" not in signed_in("viewer").get("/runs").text
    assert "Move to top" in signed_in("operator").get("/runs").text


def _token(browser: FlaskClient) -> str:
    found = re.search(r'"X-CSRFToken": "([^"]+)"', browser.get("/").text)
    assert found
    return found[1]


def test_a_wrong_method_names_the_right_ones(signed_in: Callable[[str], FlaskClient]) -> None:
    browser = signed_in("viewer")
    answer = browser.delete("/runs", headers={"X-CSRFToken": _token(browser)})
    assert "GET" in answer.headers["Allow"]


def test_a_form_without_its_token_is_refused(signed_in: Callable[[str], FlaskClient]) -> None:
    answer = signed_in("operator").post("/preferences/theme", data={"theme": "dark"})
    assert answer.status_code == 400
    assert "too old" in answer.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("It has finished.", code="finished"), 409, "finished"),
        (Stale(), 412, "stale"),
        (Invalid({"x": ["Enter a number."]}), 422, "invalid"),
        (OperationalError("SELECT", {}, Exception("gone")), 503, "database-unavailable"),
        (RuntimeError("secret insides"), 500, "internal-error"),
    ],
)
def test_the_table_of_errors(app: Flask, error: Exception, status: int, code: str) -> None:
    with app.test_request_context():
        fault = describe(error)
    assert (fault.status, fault.code) == (status, code)
    assert fault.title
    assert fault.detail
    assert "secret" not in fault.detail


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 429, 500, 503])
def test_every_status_has_words(app: Flask, status: int) -> None:
    with app.test_request_context(), pytest.raises(Exception) as raised:  # noqa: PT011 -- whatever abort makes
        abort(status)
    with app.test_request_context():
        fault = describe(raised.value)
    assert fault.status == status
    assert fault.title != fault.detail


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_the_theme_stays(signed_in: Callable[[str], FlaskClient], post: Post, theme: str) -> None:
    browser = signed_in("viewer")
    answer = post(browser, "/preferences/theme", {"theme": theme, "next": "/runs?q=a"})
    assert (answer.status_code, answer.location) == (303, "/runs?q=a")
    assert f'data-theme="{theme}"' in browser.get("/runs").text


def test_an_unknown_theme_is_refused(signed_in: Callable[[str], FlaskClient], post: Post) -> None:
    answer = post(signed_in("viewer"), "/preferences/theme", {"theme": "pink"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/runs?q=1", "/runs?q=1"),
        (None, "/home"),
        ("", "/home"),
        ("//evil.example", "/home"),
        ("/\\evil.example", "/home"),
        ("https://evil.example", "/home"),
        ("javascript:alert(1)", "/home"),
        ("runs", "/home"),
    ],
)
def test_a_return_address_stays_on_this_site(asked: str | None, leads_to: str) -> None:
    assert safe_return(asked, "/home") == leads_to


@given(st.text())
def test_no_return_address_leaves_this_site(asked: str) -> None:
    found = safe_return(asked, "/home")
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("shown", "now", "same"), [("7", "7", True), ("6", "7", False), ("", "", False), (None, "7", False)]
)
def test_a_fragment_is_drawn_unless_its_version_is_shown(
    app: Flask, shown: str | None, now: str, same: bool
) -> None:
    drawn = []

    def parts() -> dict[str, str]:
        drawn.append(now)
        return {"here": "", "version": now, "inside": ""}

    with app.test_request_context("/", query_string={} if shown is None else {"version": shown}):
        answer = live.fragment("_frame.html", now, parts)
    assert (getattr(answer, "status_code", 200), drawn) == ((204, []) if same else (200, [now]))


def test_static_files_may_be_kept_for_good(client: FlaskClient) -> None:
    address = re.search(r'href="(/static/app\.css\?v=[0-9a-f]+)"', client.get("/login").text)
    assert address
    with client.get(address[1]) as kept, client.get("/static/app.css") as plain:
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "immutable" not in plain.headers.get("Cache-Control", "")


def test_the_page_that_says_the_database_is_away_needs_no_database(
    app: Flask, signed_in: Callable[[str], FlaskClient]
) -> None:
    browser = signed_in("viewer")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users RENAME TO users_away")
    try:
        answer = browser.get("/runs")
    finally:
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE users_away RENAME TO users")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_a_body_that_is_too_large_is_refused(
    app: Flask, signed_in: Callable[[str], FlaskClient], post: Post
) -> None:
    limit = app.config["SETTINGS"].request_max_bytes
    browser = signed_in("operator")
    refused = post(browser, "/tasks/sample_tasks.resize/run", {"p-folder": "a" * limit})
    assert refused.status_code == 413
    assert "too large" in refused.text
    long = post(
        browser, "/tasks/sample_tasks.resize/run", {"mode": "raw", "raw": '{"folder": 1}' + " " * 900_000}
    )
    assert long.status_code == 422  # read, and understood


def test_pages_are_not_kept(signed_in: Callable[[str], FlaskClient]) -> None:
    assert signed_in("viewer").get("/runs").headers["Cache-Control"] == "no-store"


def test_the_sprite_holds_the_icons_that_are_used_and_no_others() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (PROJECT / "static/icons.svg").read_text()))
    templates = "".join(path.read_text() for path in (PROJECT / "templates").rglob("*.html"))
    code = "".join(path.read_text() for path in (PROJECT / "app").rglob("*.py"))
    asked = set(re.findall(r"""icon\(["']([\w-]+)["']""", templates))
    assert asked - sprite == set()
    assert [name for name in sprite if not re.search(rf"""["'#]{name}["']""", templates + code)] == []
