"""`flask agent-url`: what the agent of another project is to have in CELERIAC_AGENT_URL."""

import click
from flask import Flask

from app.config import settings


@click.command("agent-url")
def agent_url() -> None:
    """Print the URL of Celeriac's Redis, with its password, for CELERIAC_AGENT_URL."""
    url = settings().redis
    click.echo(url)
    if url.startswith("unix://"):
        click.echo(
            "Only processes of this machine that may open the socket reach it. "
            "For others start Celeriac with CELERIAC_REDIS_URL.",
            err=True,
        )


def init_app(app: Flask) -> None:
    app.cli.add_command(agent_url)
