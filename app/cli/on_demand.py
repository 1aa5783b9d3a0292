"""Commands whose modules are imported when they are called: each start pays for one of them."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

import click
from flask import Flask
from flask.cli import AppGroup


class OnDemand(AppGroup):
    """The commands of an app by name, each with the entry module that adds it."""

    def __init__(self, app: Flask, modules: Mapping[str, str]) -> None:
        super().__init__(app.name)
        self._app, self._modules = app, modules
        for module in modules.values():  # one that is missing or misspelt stops start-up
            if find_spec(module) is None:
                raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, also of what is not imported yet."""
        return sorted({*super().list_commands(ctx), *self._modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it has to be."""
        if cmd_name in self._modules and cmd_name not in self.commands:
            import_module(self._modules[cmd_name]).init_app(self._app)
        return super().get_command(ctx, cmd_name)
