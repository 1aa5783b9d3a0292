"""The tables of users, sessions, API tokens and one-time sign-in links. Secrets are kept as hashes only."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.clock import UTCDateTime
from app.extensions import Base
from app.web import roles


class User(Base):
    """A person or a program. `name_key` is the name as it is compared: `Mei` and `mei` are the same user."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    name_key: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    timezone: Mapped[str | None] = mapped_column(String(64))
    # What an OpenID Connect provider knows the user by, as a hash.
    identity: Mapped[str | None] = mapped_column(String(64), unique=True, index=True)
    # The own address, for no sign-in, only for mail to the person; and one that they entered and that counts
    # once they have used a link that was sent there.
    email: Mapped[str | None] = mapped_column(String(254))
    unconfirmed_email: Mapped[str | None] = mapped_column(String(254))
    # Two-step sign-in: what the codes are made of, encrypted; since when it is asked for (None: not confirmed
    # yet, or off); the time step of the last code that was taken.
    totp_secret: Mapped[str | None] = mapped_column(Text)
    totp_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    totp_step: Mapped[int | None]
    theme: Mapped[str | None] = mapped_column(String(16))
    locale: Mapped[str | None] = mapped_column(String(16))
    first_steps_hidden: Mapped[bool] = mapped_column(default=False, server_default=false())

    is_authenticated = True
    is_anonymous = False

    @property
    def has_second_step(self) -> bool:
        """Whether a code is asked for after the password."""
        return self.totp_since is not None

    @property
    def is_active(self) -> bool:
        """Flask-Login's name for `active`."""
        return self.active

    def get_id(self) -> str:
        """Flask-Login's: what a browser keeps of its user, beside the secret of its session."""
        return str(self.id)

    def limit_to(self, role: str | None) -> None:
        """Let the user act with no more than a role, as one of their tokens says; until the request ends."""
        vars(self)["_limited_to"] = role

    @property
    def acting_role(self) -> str:
        """The role in which the user acts now: the own one, or the lower one of a token."""
        return roles.lower(self.role, vars(self).get("_limited_to"))

    def can(self, right: str) -> bool:
        """Whether the user may "view", "operate" or "administer"."""
        return self.active and roles.may(self.acting_role, right)


class UserSession(Base):
    """A browser in which a user is signed in. `remembered` ones end by age alone, others unused too."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    way: Mapped[str] = mapped_column(String(8))
    remembered: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(255))

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class ApiToken(Base):
    """A secret with which a program acts as its user. `start` is enough of it to recognise it in a list.

    Without a `role` it has its user's; with one, the lower of both.
    """

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    label: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    start: Mapped[str] = mapped_column(String(12))
    role: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)

    @property
    def may(self) -> str:
        """The role in which it acts now."""
        return roles.lower(self.user.role, self.role)


class RecoveryCode(Base):
    """A code that takes the place of one of the authenticator app once. The row goes when it is used."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)


class LoginLink(Base):
    """A link that signs its user in once, within a day."""

    __tablename__ = "login_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "user_id", "used_at"),)
