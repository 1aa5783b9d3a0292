"""`flask users …` and `flask tokens …`."""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from app import audit
from app.accounts import links, second_step, sessions, tokens, users
from app.accounts.models import User
from app.clock import utcnow
from app.config import settings
from app.errors import CeleriacError
from app.web import roles

users_group = AppGroup("users", help="Make and change users.")
tokens_group = AppGroup("tokens", help="Make and revoke API tokens.")
password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)


def init_app(app: Flask) -> None:
    app.cli.add_command(users_group)
    app.cli.add_command(tokens_group)


def told_plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Do a command as the person at the terminal; a refusal is one line, and exit code 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with _refusals_told(), audit.acting(audit.Origin(_person(), "cli")):
            command(*args, **kwargs)

    return wrapped


@users_group.command("create")
@click.argument("name")
@click.option("--role", required=True, metavar="|".join(roles.ROLES))
@password_option
@told_plainly
def create_user(name: str, role: str, password_stdin: bool) -> None:
    """Make a user; without a password, print a one-time link for the first sign-in."""
    password = _read_password() if password_stdin else None
    user = users.create(name, role, utcnow(), password)
    click.echo(f"Created {user.name}, {user.role}.")
    if password is None:
        _print_link(user)


@users_group.command("list")
@told_plainly
def list_users() -> None:
    """List every user: name, role, whether active, last seen."""
    for user in users.listing():
        seen = user.last_seen_at.isoformat(timespec="seconds") if user.last_seen_at else "never seen"
        click.echo(f"{user.name}\t{user.role}\t{'active' if user.active else 'inactive'}\t{seen}")


@users_group.command("link")
@click.argument("name")
@told_plainly
def make_link(name: str) -> None:
    """Print a link that signs a user in once, within a day."""
    _print_link(users.find(name))


@users_group.command("password")
@click.argument("name")
@password_option
@told_plainly
def set_password(name: str, password_stdin: bool) -> None:
    """Give a user a new password; their sessions end."""
    if not password_stdin:
        raise click.UsageError("Give the password on standard input, with --password-stdin.")
    user = users.find(name)
    users.set_password(user, _read_password(), utcnow())
    click.echo(f"{user.name} has a new password.")


@users_group.command("role")
@click.argument("name")
@click.argument("role", metavar="|".join(roles.ROLES))
@told_plainly
def set_role(name: str, role: str) -> None:
    """Give a user another role."""
    user = users.find(name)
    users.set_role(user, role, utcnow())
    click.echo(f"{user.name} is {user.role}.")


@users_group.command("sessions")
@click.argument("name")
@told_plainly
def list_sessions(name: str) -> None:
    """List where a user is signed in: id, way, address, since, last used, browser."""
    for session in sessions.listing(utcnow(), users.find(name)):
        since, seen = (
            moment.isoformat(timespec="minutes") for moment in (session.created_at, session.seen_at)
        )
        click.echo(f"{session.id}\t{session.way}\t{session.address or ''}\t{since}\t{seen}\t{session.agent}")


@users_group.command("sign-out")
@click.argument("name")
@click.option("--session", "session_id", type=int, help="End this one only; `users sessions` shows its id.")
@told_plainly
def sign_out(name: str, session_id: int | None) -> None:
    """Sign a user out everywhere, or in one place."""
    user, now = users.find(name), utcnow()
    if session_id is None:
        click.echo(f"{user.name} is signed out everywhere ({sessions.end_all(user, now)}).")
        return
    if sessions.get(session_id, now).user_id != user.id:
        raise click.ClickException(f"Session {session_id} is not one of {user.name}.")
    sessions.end(session_id, now)
    click.echo(f"{user.name} is signed out there.")


@users_group.command("deactivate")
@click.argument("name")
@told_plainly
def deactivate(name: str) -> None:
    """Shut a user out: sessions, links and tokens end."""
    user = users.find(name)
    ended = users.deactivate(user, utcnow())
    click.echo(f"{user.name} is inactive, tokens ended: {ended}.")


@users_group.command("reset-second-step")
@click.argument("name")
@told_plainly
def reset_second_step(name: str) -> None:
    """Turn off the two-step sign-in of a user who lost their codes."""
    user = users.find(name)
    second_step.reset(user, utcnow())
    click.echo(f"{user.name} signs in with the password alone.")


@users_group.command("activate")
@click.argument("name")
@told_plainly
def activate(name: str) -> None:
    """Let a user in again."""
    user = users.find(name)
    users.activate(user, utcnow())
    click.echo(f"{user.name} is active.")


@tokens_group.command("create")
@click.argument("name")
@click.option("--label", default="", help="What the token is for.")
@click.option("--role", metavar="|".join(roles.ROLES), help="With less than the user's role.")
@click.option("--days", type=click.IntRange(1, 36500), help="Ends in so many days; without, never.")
@told_plainly
def create_token(name: str, label: str, role: str | None, days: int | None) -> None:
    """Make an API token of a user and print it, and nothing else. It cannot be shown again."""
    now = utcnow()
    end = now + timedelta(days=days) if days else None
    _token, secret = tokens.create(users.find(name), label, now, role=role, expires_at=end)
    click.echo(secret)


@tokens_group.command("list")
@told_plainly
def list_tokens() -> None:
    """List tokens that are not revoked: id, user, how it begins, label, last used, role, end."""
    for token in tokens.listing():
        used = token.last_used_at.isoformat(timespec="minutes") if token.last_used_at else "never used"
        end = token.expires_at.isoformat(timespec="minutes") if token.expires_at else "no end"
        columns = (token.id, token.user.name, f"{token.start}…", token.label, used, token.may, end)
        click.echo("\t".join(map(str, columns)))


@tokens_group.command("revoke")
@click.argument("token_id", metavar="ID", type=int)
@told_plainly
def revoke_token(token_id: int) -> None:
    """End a token."""
    tokens.revoke(token_id, utcnow())
    click.echo(f"Token {token_id} is revoked.")


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except CeleriacError as error:
        raise click.ClickException(error.detail) from None
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        hint = "Is the database up, and was `bin/celeriac db upgrade` run?"
        raise click.ClickException(f"{reason}. {hint}") from None


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _print_link(user: User) -> None:
    click.echo("To sign in once, within a day, open this and press the button:")
    click.echo(settings().base_url.rstrip("/") + links.make(user, utcnow()))


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return ""
