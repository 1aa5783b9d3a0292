"""What tests of alerts share: a mail server, a web server, and runs as the history has them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from app.alerts import channels, delivery, rules, turns
from app.alerts.models import AlertMessage, AlertRule
from app.clock import utcnow
from app.extensions import db, transaction
from app.runs import Run, endings


class Receiver:
    """A web server on loopback that keeps what is posted, and answers as it is told to."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.answer = 200, b"{}"
        self.headers: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((self.path, dict(self.headers), body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}).start()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _path, _headers, body in self.posts]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Mailbox:
    """Keeps what arrives; `answer` is given to DATA."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self.answer = "250 Taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=policy.default)
            self.messages.append((list(envelope.rcpt_tos), letter))
        return self.answer


@pytest.fixture
def mailbox(configure: Callable[..., None]) -> Iterator[Mailbox]:
    """A mail server, and the settings that lead there."""
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    configure(smtp_url=f"smtp://127.0.0.1:{port}", mail_from="Celeriac <alerts@shop.example>")
    yield box
    controller.stop()


@pytest.fixture
def configure(app: Flask) -> Iterator[Callable[..., None]]:
    """Changes settings of the app for one test."""
    before = app.config["SETTINGS"]

    def change(**values: Any) -> None:
        app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update=values)

    change(http_allow_private=True)  # the receiver is on loopback
    yield change
    app.config["SETTINGS"] = before


class Team:
    """A channel, rules that tell it, and the clock by which they are looked at."""

    def __init__(self, app: Flask, receiver: Receiver) -> None:
        self.app, self.receiver = app, receiver
        self.start = utcnow() - timedelta(hours=30)
        self.now = self.start
        self.channel = self.make_channel(name="Ops", kind="webhook", address=f"{receiver.url}/hook")

    def make_channel(self, **values: Any) -> channels.Shown:
        return channels.create(values, "ann", self.now)

    def rule(self, kind: str, **values: Any) -> AlertRule:
        fields = {"name": kind, "kind": kind, "channels": [self.channel.id]} | values
        return rules.create(fields, "ann", self.now)

    def run(self, task: str = "shop.pay", state: str = "FAILURE", **values: Any) -> str:
        """A run that ended now."""
        run_id = str(uuid4())
        row = {"queue": "default", "error": "KeyError: 1" if state == "FAILURE" else None} | values
        with transaction() as session:
            session.add(
                Run(
                    id=run_id,
                    task_name=task,
                    state=state,
                    created_at=self.now,
                    updated_at=self.now,
                    ended_at=self.now,
                    **row,
                )
            )
            session.flush()
            endings.note_these([run_id])
        return run_id

    def look(self, seconds: float = 0) -> list[dict[str, Any]]:
        """Let time pass, look at the rules, deliver; returns what arrived meanwhile."""
        before = len(self.receiver.posts)
        self.now += timedelta(seconds=seconds)
        turns.take(self.now)
        delivery.send_due(self.now)
        db.session.rollback()
        return self.receiver.bodies[before:]

    def messages(self) -> list[AlertMessage]:
        db.session.rollback()
        return list(reversed(rules.messages(rules.MessageFilter(), 200).items))

    def at(self) -> datetime:
        return self.now


@pytest.fixture
def team(app: Flask, receiver: Receiver, configure: Callable[..., None]) -> Team:
    return Team(app, receiver)
