"""Mail with the link by which a person confirms their own address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.accounts import emails
from app.accounts.models import User
from app.alerts.models import AlertMessage
from app.extensions import transaction

KIND = "confirm-email"


def send(user: User, language: str, now: datetime) -> None:
    """Send a link to the address that a user has entered."""
    content: dict[str, Any] = {"what": KIND, "at": now.isoformat(), "language": language}
    content |= {"user_id": user.id, "name": user.name, "email": user.unconfirmed_email}
    with transaction() as session:
        session.add(
            AlertMessage(
                at=now, channel_id=0, channel_name=user.name, user_id=user.id, content=content, next_at=now
            )
        )


def address(user: User, content: Mapping[str, Any]) -> str | None:
    """Where such a message goes; None when the user entered another address meanwhile, or confirmed it."""
    email = content["email"]
    return email if email == user.unconfirmed_email else None


def link(content: Mapping[str, Any], now: datetime) -> str:
    """The path of the link; for the mail alone, as who has it has read the mail."""
    return emails.link(content["user_id"], content["email"], now)
