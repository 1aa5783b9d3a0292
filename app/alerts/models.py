"""The tables of alerts: where messages go, the rules, what fires, the messages, and whose turn it is."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, func, text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import UTCDateTime
from app.extensions import Base
from celeriac_agent.settings import OWN_APP

WAITING, SENT, FAILED = "waiting", "sent", "failed"
OUTCOMES = (WAITING, SENT, FAILED)
_WAITS = text(f"state = '{WAITING}'")


class AlertChannel(Base):
    """Where messages go. `address` is a URL, often a secret itself, or e-mail addresses with commas."""

    __tablename__ = "alert_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text, default="", server_default="")
    language: Mapped[str] = mapped_column(String(16), default="en", server_default="en")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=func.now())
    created_by: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = ({"sqlite_autoincrement": True},)


class AlertRule(Base):
    """What is to be told, and when. A row can be written in SQL with a name and a kind.

    Empty `seconds` and `number` are the usual ones of the kind. `since_at` is when it was last switched on:
    what happened before is not told. `told_at` is when its last message was made; after `remind_seconds` what
    still fires is told again.
    """

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    task_name: Mapped[str | None] = mapped_column(String(255))
    queue: Mapped[str | None] = mapped_column(String(255))
    schedule_id: Mapped[int | None]
    seconds: Mapped[int | None]
    number: Mapped[int | None]
    channels: Mapped[list[int]] = mapped_column(JSON, default=list, server_default="[]")
    window_seconds: Mapped[int] = mapped_column(default=300, server_default="300")
    remind_seconds: Mapped[int | None]
    tell_recovery: Mapped[bool] = mapped_column(default=True, server_default=true())
    quiet_from: Mapped[str | None] = mapped_column(String(5))
    quiet_until: Mapped[str | None] = mapped_column(String(5))
    quiet_zone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC")
    silenced_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    silenced_by: Mapped[str | None] = mapped_column(String(64))
    silenced_note: Mapped[str | None] = mapped_column(Text)
    since_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=func.now())
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, server_default=func.now())
    created_by: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = ({"sqlite_autoincrement": True},)


class AlertState(Base):
    """One subject of a rule (a task, a queue, a worker) that is wrong, or was until a while ago.

    It fires from `fires_at` on; `ended_at` is set when it is well again. `told_of_at` is the `last_at` that a
    message told of; null when none did, or when its end was told too.
    """

    __tablename__ = "alert_states"

    rule_id: Mapped[int] = mapped_column(ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    since_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    fires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    told_of_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    path: Mapped[str] = mapped_column(Text, default="/", server_default="/")

    @property
    def task(self) -> tuple[str, str]:
        """The app and name of the task that it is about."""
        return self.facts.get("app", OWN_APP), self.facts["name"]


class AlertMessage(Base):
    """One message to one channel, and what became of it. It names rule and channel as they were called.

    With a `user_id` it goes to that person by mail: its `channel_id` is 0, and their name is the channel's.
    """

    __tablename__ = "alert_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    rule_id: Mapped[int | None]
    rule_name: Mapped[str] = mapped_column(String(100), default="", server_default="")
    channel_id: Mapped[int]
    channel_name: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[int | None]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(8), default=WAITING, server_default=WAITING)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime] = mapped_column(UTCDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    run_id: Mapped[str | None] = mapped_column(String(255))  # the run that was to deliver it

    __table_args__ = (
        Index("ix_alert_messages_next_at_waiting", "next_at", info={"where": _WAITS}),
        Index(None, "at"),
        {"sqlite_autoincrement": True},
    )


class AlertTurn(Base):
    """Whose turn it is to look at the rules: one row. Who has put its token there writes, nobody else."""

    __tablename__ = "alert_turns"

    id: Mapped[int] = mapped_column(primary_key=True)
    next_at: Mapped[datetime] = mapped_column(UTCDateTime)
    token: Mapped[str] = mapped_column(String(36), default="", server_default="")
