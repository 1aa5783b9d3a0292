"""Accounts: users with roles, their passwords, sessions, API tokens and one-time sign-in links."""

from app.accounts import emails, links, permits, second_step, sessions, sso, tokens, users
from app.accounts.models import ApiToken, User
from app.accounts.users import ensure_first_admin

__all__ = [
    "ApiToken",
    "User",
    "emails",
    "ensure_first_admin",
    "links",
    "permits",
    "second_step",
    "sessions",
    "sso",
    "tokens",
    "users",
]
