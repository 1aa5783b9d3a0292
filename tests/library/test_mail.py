"""E-mail, sent to a real SMTP server on loopback."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.library.mail import send_email
from app.library.mail.message import build
from app.library.mail.smtp import MailDelayed, MailRefused, Server, read_url, send

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


class Inbox:
    """Keeps what arrives; `answers` are given to DATA in turn, `refuse` maps recipients to refusals."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self.answers: list[str] = []
        self.refuse: dict[str, str] = {}
        self.rude = False
        self.tries = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.tries += 1
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append((list(envelope.rcpt_tos), message))
        return "250 Taken"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "451 Not so fast" if self.rude else "221 Bye"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def smtp(inbox: Inbox, configure: Any) -> Iterator[Controller]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    configure(smtp_url=f"smtp://127.0.0.1:{controller.port}", mail_from="Reports <reports@shop.example>")
    yield controller
    controller.stop()


LETTER = {"to": ["ann@shop.example"], "subject": "Grüße", "body": "Hello\nAnn"}


def test_a_message_arrives(run: Any, smtp: Controller, inbox: Inbox) -> None:
    result = run(send_email, **LETTER, cc=["bob@shop.example"], html="<p>Hello</p>")
    (recipients, message) = inbox.messages[0]
    assert recipients == ["ann@shop.example", "bob@shop.example"] == result["sent_to"]
    assert (message["Subject"], message["From"], message["Cc"]) == (
        "Grüße", "Reports <reports@shop.example>", "bob@shop.example",
    )  # fmt: skip
    assert message["Message-ID"] == result["message_id"]
    assert message["Date"]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["Hello", "Ann"]
    assert html.get_content().strip() == "<p>Hello</p>"


def test_files_can_be_attached(run: Any, smtp: Controller, inbox: Inbox, root: Path) -> None:
    (root / "zahlen.csv").write_bytes(b"a,b\r\n1,2\r\n")
    run(send_email, **LETTER, attachments=["zahlen.csv"])
    (part,) = inbox.messages[0][1].iter_attachments()
    assert (part.get_filename(), part.get_payload(decode=True)) == ("zahlen.csv", b"a,b\r\n1,2\r\n")
    with pytest.raises(PermissionError):
        run(send_email, **LETTER, attachments=["/etc/passwd"])
    (root / "big.bin").write_bytes(bytes(15_000_001))
    with pytest.raises(ValueError, match="15,000,001 bytes"):
        run(send_email, **LETTER, attachments=["big.bin"])
    assert len(inbox.messages) == 1


@pytest.mark.parametrize("answer", ["451 Come back later", "421 Shutting down", "452 Full"])
def test_a_temporary_refusal_is_tried_again_with_the_same_id(
    run: Any, smtp: Controller, inbox: Inbox, answer: str
) -> None:
    inbox.answers = [answer, answer]
    result = run(send_email, **LETTER)
    assert inbox.tries == 3
    assert [message["Message-ID"] for _, message in inbox.messages] == [result["message_id"]]


def test_a_lasting_refusal_is_not(run: Any, smtp: Controller, inbox: Inbox) -> None:
    inbox.answers = ["554 Spam"]
    with pytest.raises(MailRefused, match="554 Spam"):
        run(send_email, **LETTER)
    assert inbox.tries == 1


def test_after_the_last_try_it_fails(run: Any, smtp: Controller, inbox: Inbox) -> None:
    inbox.answers = ["451 Come back later"] * 50
    with pytest.raises(MailDelayed, match="451 Come back later"):
        run(send_email, **LETTER)
    assert inbox.tries == 7


def test_refused_receivers_are_named_and_the_others_get_it_once(
    run: Any, smtp: Controller, inbox: Inbox
) -> None:
    inbox.refuse = {"gone@shop.example": "550 No such user", "full@shop.example": "452 Mailbox full"}
    result = run(send_email, **{**LETTER, "to": ["ann@shop.example", *inbox.refuse]})
    assert result["sent_to"] == ["ann@shop.example"]
    assert result["refused"] == {
        "gone@shop.example": "550 No such user",
        "full@shop.example": "452 Mailbox full",
    }
    assert inbox.tries == 1
    with pytest.raises(MailRefused, match="No such user"):
        run(send_email, **{**LETTER, "to": ["gone@shop.example"]})
    with pytest.raises(MailDelayed, match="Mailbox full"):
        run(send_email, **{**LETTER, "to": ["full@shop.example"]})


def test_a_server_that_is_rude_at_the_end_has_taken_the_message_all_the_same(
    run: Any, smtp: Controller, inbox: Inbox
) -> None:
    inbox.rude = True
    run(send_email, **LETTER)
    assert len(inbox.messages) == 1


def test_without_a_server_it_is_tried_again_and_without_a_setting_it_is_said(
    run: Any, configure: Any
) -> None:
    configure(smtp_url="smtp://127.0.0.1:1")
    with pytest.raises(MailDelayed, match=r"127\.0\.0\.1:1 cannot be reached"):
        run(send_email, **LETTER)
    configure(smtp_url=None)
    with pytest.raises(RuntimeError, match="SMTP_URL is empty"):
        run(send_email, **LETTER)


@pytest.mark.parametrize("field", ["subject", "to", "cc"])
def test_a_line_break_in_a_header_is_refused(field: str) -> None:
    values: dict[str, Any] = {"to": ["a@b.c"], "cc": ["d@e.f"], "subject": "s"}
    values[field] = "Hi\r\nBcc: victim@x.y" if field == "subject" else ["a@b.c\nBcc: victim@x.y"]
    with pytest.raises(ValueError, match="must be one line"):
        build(sender="s@t.u", **values, body="b", message_id="1", sent_at=NOW)


def test_a_line_break_in_the_body_is_no_header() -> None:
    message = build(
        sender="s@t.u", to=["a@b.c"], subject="s", body="x\nBcc: v@x.y", message_id="1", sent_at=NOW
    )
    assert message["Bcc"] is None
    assert message["Message-ID"] == "<1@t.u>"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", Server("mail.example", 25, None, "", False, False)),
        (
            "smtp://u:p%40ss@mail.example:587?starttls=1",
            Server("mail.example", 587, "u", "p@ss", False, True),
        ),
        ("smtps://u%40x:p@mail.example", Server("mail.example", 465, "u@x", "p", True, False)),
        ("smtp://mail.example?starttls=0", Server("mail.example", 25, None, "", False, False)),
    ],
)
def test_the_setting_is_read(url: str, server: Server) -> None:
    assert read_url(url) == server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate for localhost and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def letter() -> EmailMessage:
    return build(sender="s@t.u", to=["a@b.c"], subject="s", body="b", message_id="1", sent_at=NOW)


def test_signing_in_over_tls(
    inbox: Inbox, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data == LoginPassword(b"user", b"p@ss"), handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=check,
        auth_required=True,
    )
    controller.start()
    try:
        port = controller.port
        with pytest.raises(MailRefused, match="not trusted"):
            send(letter(), ["a@b.c"], read_url(f"smtp://user:p%40ss@localhost:{port}?starttls=1"))
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        send(letter(), ["a@b.c"], read_url(f"smtp://user:p%40ss@localhost:{port}?starttls=1"))
        with pytest.raises(MailRefused, match="535"):
            send(letter(), ["a@b.c"], read_url(f"smtp://user:wrong@localhost:{port}?starttls=1"))
        with pytest.raises(MailRefused, match="530"):
            send(letter(), ["a@b.c"], read_url(f"smtp://localhost:{port}"))
    finally:
        controller.stop()
    assert len(inbox.messages) == 1


def test_tls_from_the_beginning(
    inbox: Inbox, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    controller = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), ssl_context=context, server_hostname="localhost"
    )
    controller.start()
    try:
        send(
            letter(),
            ["a@b.c"],
            read_url(f"smtps://localhost:{controller.port}"),
        )
    finally:
        controller.stop()
    assert len(inbox.messages) == 1
