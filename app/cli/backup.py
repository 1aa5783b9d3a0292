"""`flask backup`: the database backed up from the command line, as the task does it."""

import click
from flask import Flask

from app.clock import utcnow
from app.config import settings
from app.extensions import db
from app.library.maintenance import backup


def init_app(app: Flask) -> None:
    app.cli.add_command(back_up)


@click.command("backup")
def back_up() -> None:
    """Back up the database into the data folder; prints only the file. Nothing older is removed."""
    try:
        folder = settings().data_path / "backups"
        written = backup.back_up(db.engine.url, folder, utcnow(), lambda *_: None)
    except (backup.BackupFailed, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(written)
