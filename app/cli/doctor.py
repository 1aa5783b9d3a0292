"""`flask doctor` and `flask health`: each check on a line, with a hint where something is wrong."""

import socket
import sys
import time
from collections.abc import Sequence

import click
from flask import Flask

from app.clock import utcnow
from app.extensions import db
from app.health import checks

LOOK_SECONDS = 1.0
PARTS = {"worker": checks.worker, "beat": checks.beat, "recorder": checks.recorder}


@click.command("doctor")
@click.option(
    "--wait",
    "patience",
    type=click.IntRange(0, 3600),
    default=0,
    metavar="SECONDS",
    help="Look again for so long while something is wrong: what was just started takes a moment.",
)
def doctor(patience: int) -> None:
    """Check database, Redis, processes, task modules and disk; exits 1 when something is wrong."""
    until = time.monotonic() + patience
    results = checks.diagnose(utcnow())
    while time.monotonic() < until and not all(check.ok for check in results):
        time.sleep(LOOK_SECONDS)
        db.session.remove()
        results = checks.diagnose(utcnow())
    _tell(results)


@click.command("health")
@click.option(
    "--part", type=click.Choice(list(PARTS)), help="Only this process, of this machine or container."
)
@click.option("--host", help="Of another machine than this one, by the name that it has for itself.")
def health(part: str | None, host: str | None) -> None:
    """Say what /healthz says, or of one process whether it is at work; exits 1 when something is not."""
    if host and not part:
        raise click.UsageError("--host goes with --part.")
    now = utcnow()
    _tell([PARTS[part](now, host or socket.gethostname())] if part else checks.whole(now))


def _tell(results: Sequence[checks.Check]) -> None:
    width = max(len(check.name) for check in results)
    for check in results:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name.ljust(width)}  {check.detail}")
        if not check.ok and check.hint:
            click.echo(f"      {' ' * width}  → {check.hint}")
    sys.exit(0 if all(check.ok for check in results) else 1)


def init_app(app: Flask) -> None:
    app.cli.add_command(doctor)
    app.cli.add_command(health)
