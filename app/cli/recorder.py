"""`flask recorder`: the process that writes history."""

import logging

import click
from flask import Flask, current_app

from app.recorder import recorder


@click.command("recorder")
def recorder_command() -> None:
    """Write history: read events from Redis, record them, send what was not sent."""
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s: %(levelname)s/recorder] %(message)s")
    recorder.main(current_app._get_current_object())  # type: ignore[attr-defined]  # the proxy's real app


def init_app(app: Flask) -> None:
    app.cli.add_command(recorder_command)
