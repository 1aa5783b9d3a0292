"""What tests of the task library share: folders, settings, a web server and a mail server, all real."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url
from sqlalchemy import text as text_of_sql
from sqlalchemy.pool import NullPool

Answers = dict[str, Callable[[BaseHTTPRequestHandler], None]]


@pytest.fixture
def configure(app: Flask) -> Iterator[Callable[..., None]]:
    """Changes settings of the app for one test."""
    before = app.config["SETTINGS"]

    def change(**values: Any) -> None:
        app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update=values)

    yield change
    app.config["SETTINGS"] = before


@pytest.fixture
def root(tmp_path: Path, configure: Callable[..., None]) -> Path:
    """The one folder that file tasks may use."""
    folder = tmp_path / "root"
    folder.mkdir()
    configure(file_roots=[folder])
    return folder


@pytest.fixture
def run(app: Flask) -> Callable[..., Any]:
    """Runs a task by Celery's own machinery in this process; returns its result or raises its error."""

    def call(task: Any, **kwargs: Any) -> Any:
        return task.apply(kwargs=kwargs).get()

    return call


class Site:
    """A web server on loopback; `pages` maps paths to functions that answer."""

    def __init__(self) -> None:
        self.pages: Answers = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                site.requests.append((self.command, self.path, dict(self.headers), body))
                page = site.pages.get(self.path)
                if page:
                    page(self)
                else:
                    text(b"nothing here", status=404)(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def text(
    body: bytes, status: int = 200, headers: dict[str, str] | None = None, content_type: str = "text/plain"
) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer with a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def redirect(to: str, status: int = 302, body: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    return text(body, status, {"Location": to})


def in_turn(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers one after the other, the last for ever."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


@pytest.fixture
def empty_postgresql(postgresql_url: str) -> str:
    """The SQLAlchemy URL of an empty PostgreSQL database beside the app's."""
    url = make_url(postgresql_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    name = f"{url.database}_rows"
    with engine.connect() as connection:
        connection.execute(text_of_sql(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text_of_sql(f"CREATE DATABASE {name}"))
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def answers() -> SimpleNamespace:
    """The functions that make answers for `site.pages`."""
    return SimpleNamespace(text=text, redirect=redirect, in_turn=in_turn)
