"""`flask doctor`: each check on a line, with a hint where something is wrong."""

import sys

import click
from flask import Flask

from app.clock import utcnow
from app.health import checks


@click.command("doctor")
def doctor() -> None:
    """Check database, Redis, processes, task modules and disk; exits 1 when something is wrong."""
    results = checks.diagnose(utcnow())
    width = max(len(check.name) for check in results)
    for check in results:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name.ljust(width)}  {check.detail}")
        if not check.ok and check.hint:
            click.echo(f"      {' ' * width}  → {check.hint}")
    sys.exit(0 if all(check.ok for check in results) else 1)


def init_app(app: Flask) -> None:
    app.cli.add_command(doctor)
