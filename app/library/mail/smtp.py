"""Sends one message by SMTP, and tells failures that may pass from those that will not."""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

TIMEOUT_SECONDS = 30
PORTS = {"smtp": 25, "smtps": 465}


class MailDelayed(Exception):
    """The server cannot take the message now (a 4xx answer, or no connection); it may later."""


class MailRefused(Exception):
    """The server will not take the message (a 5xx answer)."""


@dataclass(frozen=True)
class Server:
    """An SMTP server as the setting SMTP_URL names it."""

    host: str
    port: int
    user: str | None
    password: str
    tls: bool
    starttls: bool


def read_url(url: str) -> Server:
    """`smtp://user:password@host:port?starttls=1` or `smtps://…`; user and password may be %-encoded."""
    parts = urlsplit(url)
    return Server(
        host=parts.hostname or "localhost",
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
        tls=parts.scheme == "smtps",
        starttls=parse_qs(parts.query).get("starttls", ["0"])[-1].lower() in ("1", "true", "yes"),
    )


def send(message: EmailMessage, recipients: list[str], server: Server) -> dict[str, str]:
    """Send to all recipients; returns those that the server refused, each with its words.

    Raises `MailDelayed` or `MailRefused` when the message reached nobody.
    """
    try:
        smtp = _connect(server)
        try:
            sender = parseaddr(str(message["From"]))[1]
            return _words(smtp.send_message(message, sender, recipients))
        finally:
            _leave(smtp)
    except smtplib.SMTPRecipientsRefused as error:
        reasons = "; ".join(f"{address}: {words}" for address, words in _words(error.recipients).items())
        if any(400 <= code < 500 for code, _ in error.recipients.values()):
            raise MailDelayed(reasons) from error
        raise MailRefused(reasons) from error
    except smtplib.SMTPResponseException as error:
        words = f"{server.host} answered {_line(error.smtp_code, error.smtp_error)}"
        raise (MailRefused if 500 <= error.smtp_code < 600 else MailDelayed)(words) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(f"{server.host}: {error}") from error
    except ssl.SSLCertVerificationError as error:
        raise MailRefused(f"{server.host} shows a certificate that is not trusted: {error}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailDelayed(f"{server.host}:{server.port} cannot be reached: {error}") from error


def _connect(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context() if server.tls or server.starttls else None
    smtp: smtplib.SMTP
    if server.tls:
        smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    try:
        if server.starttls:
            smtp.starttls(context=context)
        if server.user:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye; a server that is rude here has the message all the same, so it must not be sent again."""
    with suppress(smtplib.SMTPException, OSError):
        smtp.quit()
    smtp.close()


def _words(refused: dict[str, tuple[int, bytes]]) -> dict[str, str]:
    return {address: _line(code, text) for address, (code, text) in refused.items()}


def _line(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
