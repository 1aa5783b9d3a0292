"""Tasks that send e-mail."""

from pathlib import Path
from typing import Annotated, Any

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask
from app.clock import utcnow
from app.config import settings
from app.library.folders import input_file
from app.library.mail.message import build
from app.library.mail.smtp import MailDelayed, read_url, send

Address = Annotated[str, Field(pattern=r"^[^@\s,;:<>\"()]+@[^@\s,;:<>\"()]+$", max_length=254)]


@shared_task(
    name="mail.send_email",
    bind=True,
    acks_late=False,
    autoretry_for=(MailDelayed,),
    max_retries=6,
    retry_backoff=10,
    soft_time_limit=180,
    time_limit=200,
)
def send_email(
    self: CeleriacTask,
    to: Annotated[
        list[Address], Field(min_length=1, max_length=100, description="Addresses of the receivers")
    ],
    subject: Annotated[str, Field(max_length=500, pattern=r"^[^\r\n]*$", description="Subject, one line")],
    body: Annotated[str, Field(max_length=500_000, description="The message as plain text")],
    html: Annotated[str, Field(max_length=500_000, description="The same message as HTML, if you like")] = "",
    cc: Annotated[
        list[Address] | None, Field(max_length=100, description="Addresses that get a copy")
    ] = None,
    attachments: Annotated[
        list[Path] | None, Field(max_length=20, description="Files to attach, at most 15 MB together")
    ] = None,
) -> dict[str, Any]:
    """Send an e-mail.

    It goes through the server of the setting SMTP_URL, from the address MAIL_FROM. When the server cannot
    be reached or asks to come back later (4xx), the task tries again up to 6 times in about ten minutes;
    a refusal (5xx) fails at once. When only some receivers are refused the others have got the message:
    the result names both. If the worker dies meanwhile the message is not sent again.
    """
    url = settings().smtp_url
    if not url:
        raise RuntimeError("No e-mail can be sent: the setting SMTP_URL is empty")
    message = build(
        sender=settings().mail_from,
        to=to,
        cc=cc or [],
        subject=subject,
        body=body,
        html=html,
        attachments=[input_file(path) for path in attachments or []],
        message_id=str(self.request.id),
        sent_at=utcnow(),
    )
    recipients = list(dict.fromkeys([*to, *(cc or [])]))
    refused = send(message, recipients, read_url(url))
    return {
        "message_id": message["Message-ID"],
        "sent_to": [address for address in recipients if address not in refused],
        "refused": refused,
    }
