"""A broker behind a real Sentinel, and one that speaks TLS, are looked at and asked like any other."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from kombu import Exchange, Producer, Queue

from app import brokers, embedded_redis, short_cache
from app.broker import foreign
from app.clock import utcnow
from app.health import checks
from celeriac_agent import redis_urls
from celeriac_agent.stream import STREAM, EventStream
from tests.conftest import wait_until

# Debian's redis-tools: the server under another name, which nothing starts by itself.
WITH_TLS = "redis-check-rdb"
CERTIFICATE = (
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def send(url: str) -> None:
    """A message to the queue `celery`, by kombu itself."""
    with foreign.kombu_connection(url, {}) as connection, connection.channel() as channel:
        body, headers = [[1], {}, {}], {"id": "r1", "task": "shop.note"}
        target = Queue("celery", Exchange("celery"), routing_key="celery")
        publish = Producer(channel, exchange=target.exchange, routing_key="celery").publish
        publish(body, declare=[target], headers=headers)


def look(app: Flask, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": url})
    app.extensions.pop("foreign_brokers", None)
    short_cache.forget(app)
    send(url)
    place = brokers.find("shop")
    assert [(queue.name, queue.waiting) for queue in brokers.listing(place)] == [("celery", 1)]
    assert [run.id for run in brokers.line(place, "celery", 0, 5)] == ["r1"]
    assert brokers.ask(place, utcnow()).workers == ()
    assert [line.detail for line in checks.other_brokers() if not line.ok] == []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start a server with these lines of configuration; returns its port, once it answers."""
    running: list[subprocess.Popen[bytes]] = []

    def make(*lines: str, port: int | None = None, sentinel: bool = False, tls: bool = False) -> int:
        binary = (shutil.which(WITH_TLS) if tls else None) or embedded_redis.server_binary()
        assert binary
        port = port or free_port()
        file = tmp_path / f"{port}.conf"
        file.write_text(
            "\n".join((f"port {0 if tls else port}", "bind 127.0.0.1", f"dir {tmp_path}", *lines))
        )
        command = ["redis-server", str(file), *(["--sentinel"] if sentinel else [])]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append(subprocess.Popen(command, executable=binary, **quiet))
        more: dict[str, Any] = {"ssl": True, "ssl_cert_reqs": "none"} if tls else {}
        client = redis_client.Redis(port=port, **more)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis_client.ConnectionError:
                return False

        wait_until(lambda: answers() or running[-1].poll() is not None, 10)
        client.close()
        if running[-1].poll() is not None:
            pytest.skip("this redis-server does not take the configuration: it was made without TLS")
        return port

    yield make
    for one in running:
        one.kill()
        one.wait(60)


def test_behind_a_sentinel(app: Flask, start: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    redis_port = start('save ""')
    sentinel_port = start(f"sentinel monitor main 127.0.0.1 {redis_port} 1", sentinel=True)
    look(app, monkeypatch, f"sentinel://127.0.0.1:{sentinel_port}/0?master_name=main")


def test_what_is_told_follows_the_sentinels_to_another_master(start: Callable[..., int]) -> None:
    first = start('save ""')
    second = start('save ""', f"replicaof 127.0.0.1 {first}", "repl-diskless-sync-delay 0")
    port = start(f"sentinel monitor main 127.0.0.1 {first} 1", sentinel=True)
    url = f"sentinel://127.0.0.1:{free_port()};sentinel://127.0.0.1:{port}/0?master_name=main"
    asked, replica = redis_client.Redis(port=port), redis_client.Redis(port=second)
    told = EventStream(url, 100)
    told.emit({"id": "r1"})
    wait_until(lambda: replica.xlen(STREAM) == 1)

    def begins() -> bool:
        """Whether the Sentinel sends the other one to work; it refuses until it knows it well."""
        with suppress(redis_client.ResponseError):
            return bool(asked.execute_command("SENTINEL FAILOVER", "main"))
        return False

    wait_until(begins)
    wait_until(lambda: asked.sentinel_get_master_addr_by_name("main")[1] == second)
    with redis_client.Redis(port=first) as old:
        old.shutdown(nosave=True)
    told.emit({"id": "r2"})
    wait_until(lambda: replica.xlen(STREAM) == 2)
    for client in (asked, replica):
        client.close()


def test_over_tls(
    app: Flask, start: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run([*CERTIFICATE, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    port = free_port()
    files = (f"tls-cert-file {certificate}", f"tls-key-file {key}", "tls-auth-clients no")
    start(f"tls-port {port}", *files, port=port, tls=True)
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificate}"
    look(app, monkeypatch, f"{url}&ssl_cert_reqs=required")
    told = EventStream(url, 1000)
    for number in range(300):
        told.emit({"id": str(number)})
    told.close()
    with redis_client.Redis.from_url(url) as client:
        assert client.xlen(STREAM) == 300
    stranger = redis_urls.client(f"rediss://localhost:{port}/0")  # it does not know the authority
    with stranger, pytest.raises(redis_client.ConnectionError):
        stranger.ping()
