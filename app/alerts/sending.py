"""One try to bring one message to its channel; what may pass is told from what will not."""

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import requests
from flask_babel import force_locale
from flask_babel import gettext as _

from app.alerts import bodies, channels, confirmations, words
from app.alerts.models import AlertChannel, AlertMessage
from app.config import settings
from app.library.mail.message import build
from app.library.mail.smtp import MailDelayed, MailRefused, read_url
from app.library.mail.smtp import send as send_mail
from app.library.web.addresses import AddressRefused
from app.library.web.fetch import Unavailable, fetch, raise_for_unavailable

TIMEOUT_SECONDS = 15.0
ANSWER_MAX_BYTES = 4096


class Delayed(Exception):
    """It may work later; `after_seconds` is the other side's wish, if it had one."""

    def __init__(self, why: str, after_seconds: int | None = None) -> None:
        super().__init__(why)
        self.after_seconds = after_seconds


class Refused(Exception):
    """Another try would not work."""


def send(channel: AlertChannel, message: AlertMessage, now: datetime) -> None:
    """Send it in the channel's language; raises `Delayed` or `Refused`, never with what is secret."""
    with force_locale(channel.language if channel.language in channels.LANGUAGES else "en"):
        message_words = words.tell(message.content)
        if message.content["what"] == confirmations.KIND:  # the link is for who reads the mail, nobody else
            path = confirmations.link(message.content, now)
            ask = _("If it was you, open this link within a day, signed in as then, and press its button:")
            message_words = replace(message_words, notes=[*message_words.notes, ask], url=words.address(path))
        if channel.kind == channels.EMAIL:
            _mail(channel, message, message_words, now)
        elif channel.kind in channels.KINDS:
            _post(channel, bodies.post(channel, message.id, message.content, message_words, now))
        else:
            raise Refused(_("There is no kind of channel %(kind)s.", kind=channel.kind))


def _mail(channel: AlertChannel, message: AlertMessage, message_words: words.Told, now: datetime) -> None:
    url = settings().smtp_url
    if not url:
        raise Refused(_("The setting SMTP_URL is empty."))
    letter = build(
        sender=settings().mail_from,
        to=channels.recipients(channel.address),
        subject=" ".join(message_words.title.split()),
        body=message_words.plain,
        message_id=f"alert-{message.id}-{message.at:%Y%m%d%H%M%S}",  # the same on every try
        sent_at=now,
    )
    try:
        refused = send_mail(letter, list(channels.recipients(channel.address)), read_url(url))
    except MailDelayed as error:
        raise Delayed(str(error)) from error
    except (MailRefused, ValueError) as error:
        raise Refused(str(error)) from error
    if refused:  # the others have it
        raise Refused("; ".join(f"{to}: {why}" for to, why in refused.items()))


def _post(channel: AlertChannel, request: bodies.Post) -> None:
    where = channels.masked(channel)
    try:
        answer = fetch(
            "POST",
            request.url,
            headers=request.headers,
            body=request.body,
            timeout_seconds=TIMEOUT_SECONDS,
            follow_redirects=False,
            max_bytes=ANSWER_MAX_BYTES,
            allow_private=settings().http_allow_private,
        )
        raise_for_unavailable(answer)
    except Unavailable as error:
        raise Delayed(_without(str(error), channel, where), error.after_seconds) from None
    except (AddressRefused, requests.RequestException, ValueError, OSError) as error:
        raise Refused(_without(str(error), channel, where)) from None
    if not 200 <= answer.status < 300:
        raise Refused(f"{where} answered {answer.status} {answer.reason}".strip())
    if why := bodies.refusal(channel.kind, answer.body):
        raise Refused(f"{where}: {why}")


def _without(text: str, channel: AlertChannel, where: str) -> str:
    """An error's words without the address, which is a secret: as a whole, and its path."""
    parts = urlsplit(channel.address)
    for secret in (channel.address, f"{parts.path}?{parts.query}", parts.path, parts.query):
        if len(secret) > 1:
            text = text.replace(secret, where if secret == channel.address else "/***")
    return text[:500]
