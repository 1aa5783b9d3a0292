"""Builds an e-mail: plain text, optional HTML, optional files."""

import mimetypes
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path

ATTACHMENTS_MAX_BYTES = 15_000_000


def build(
    *,
    sender: str,
    to: Sequence[str],
    cc: Sequence[str] = (),
    subject: str,
    body: str,
    html: str = "",
    attachments: Sequence[Path] = (),
    message_id: str,
    sent_at: datetime,
) -> EmailMessage:
    """The message; raises `ValueError` for a header that holds a line break, or files that are too big.

    `message_id` is the part before the @: the same one on every try lets servers spot a repeated message.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(one_line(address) for address in to)
    if cc:
        message["Cc"] = ", ".join(one_line(address) for address in cc)
    message["Subject"] = one_line(subject)
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{message_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    _attach(message, attachments)
    return message


def one_line(text: str) -> str:
    """The text, refused when a line break in it would start a header of its own."""
    if any(character in text for character in "\r\n\0"):
        raise ValueError(f"{text!r} must be one line")
    return text


def _attach(message: EmailMessage, files: Sequence[Path]) -> None:
    size = sum(file.stat().st_size for file in files)
    if size > ATTACHMENTS_MAX_BYTES:
        raise ValueError(f"The attachments have {size:,} bytes; {ATTACHMENTS_MAX_BYTES:,} are allowed")
    for file in files:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(file.read_bytes(), maintype=maintype, subtype=subtype, filename=file.name)
