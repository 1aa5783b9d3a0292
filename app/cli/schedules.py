"""`flask schedules`: export, import, and what code defines."""

import gc
import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup
from marshmallow import ValidationError

from app import audit, schedules
from app.api.fields import reader
from app.api.schedules.schemas import ScheduleSchema
from app.cli import takeover
from app.clock import utcnow
from app.errors import CeleriacError, Invalid
from app.schedules import exchange, files, foreign, stored_arguments
from app.schedules.definition import FIELDS, Definition
from app.schedules.history import readable

group = AppGroup("schedules", help="Schedules as files, and those that code defines.")


@group.command("export")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(["yaml", "json"]), help="By default as FILE is called.")
def export(path: str, kind: str | None) -> None:
    """Write all schedules to FILE (- for standard output), as YAML, or JSON when FILE ends in .json.

    Schedules that code defines live there and are left out. Secret arguments are masked.
    """
    rows = []
    for row in schedules.everything():
        if wrong := stored_arguments.problems(row.args, row.kwargs):
            problems = " ".join(f"{name}: {' '.join(texts)}" for name, texts in wrong.items())
            click.echo(f"left out: {row.name}: {problems}", err=True)
        else:
            rows.append(row)
    items = [readable(Definition.of(row)) for row in rows]
    text = files.write([_tidy(item) for item in items], (kind or _kind(path)) == "json")
    try:
        with click.open_file(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.FileError(path, error.strerror) from None
    if path != "-":
        click.echo(f"{len(rows)} schedules written to {path}", err=True)


@group.command("import")
@click.argument("path", metavar="FILE_OR_URL")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--from", "kind", type=click.Choice(foreign.KINDS), help="Take over from this scheduler.")
@click.option("--only", multiple=True, metavar="NAME", help="With --from: this entry; may be said again.")
@click.option("--stopped", is_flag=True, help="With --from: that scheduler is stopped, turn them on.")
def import_(path: str, dry_run: bool, kind: str | None, only: tuple[str, ...], stopped: bool) -> None:
    """Make and change schedules as FILE (YAML or JSON, - for standard input) says, by their names.

    Schedules that FILE does not name stay. When anything in it is wrong, nothing is changed.

    With --from, take over the schedules of another scheduler: URL is that of its database or Redis, of an app
    with the agent (beat-schedule) its name, or a name from CELERIAC_SCHEDULERS. Nothing is written there.
    They are off until --stopped says that the other one is stopped, so that nothing fires twice.
    """
    with _refusals():
        if kind:
            with audit.acting(audit.Origin(_person(), "cli")):
                takeover.run(kind, path, only, stopped, dry_run, _person() or None, utcnow())
            return
        if only or stopped:
            raise click.UsageError("--only and --stopped go with --from.")
        steps = _import_file(str(_FILE.convert(path, None, click.get_current_context())), dry_run)
    _report(steps, dry_run)


_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


def _import_file(path: str, dry_run: bool) -> list[exchange.Step]:
    now = utcnow()
    gc.disable()  # nothing of very much can go yet: to look for what can would take half the time
    try:
        with click.open_file(path, encoding="utf-8") as file:
            items = _load(files.read(file.read()))
        if dry_run:
            return exchange.plan(items, now)
        with audit.acting(audit.Origin(_person(), "cli")):
            return exchange.apply(items, _person() or None, now)
    finally:
        gc.enable()


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what is wrong and that nothing was done; the exit code is 1 then."""
    try:
        yield
    except Invalid as error:
        for field, texts in error.errors.items():
            click.echo(f"{field}: {' '.join(texts)}", err=True)
    except (CeleriacError, UnicodeDecodeError) as error:
        click.echo(error, err=True)
    else:
        return
    click.echo("Nothing was changed.", err=True)
    sys.exit(1)


@group.command("sync")
def sync() -> None:
    """Take over what code defines (beats do so when they start)."""
    now = utcnow()
    with audit.acting(audit.Origin("", "system")):
        sentences = schedules.sync_code(now)
    for sentence in sentences or ["Nothing has changed."]:
        click.echo(sentence)
    for problem in schedules.code_entries().problems:
        click.echo(f"left out: {problem.key}: {problem.message}", err=True)


@group.command("check")
def check() -> None:
    """Check saved arguments against the tasks' present signatures; exits 1 when some do not fit."""
    misfits = schedules.check_drift(utcnow(), everything=True)
    click.echo(f"{misfits} schedules have arguments that do not fit their task.")
    sys.exit(1 if misfits else 0)


def init_app(app: Flask) -> None:
    app.cli.add_command(group)


def _load(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as Python values; raises `Invalid` with messages under `NAME: FIELD`."""
    read = reader(ScheduleSchema)
    loaded: list[dict[str, Any]] = []
    errors: dict[str, list[str]] = {}
    for number, item in enumerate(items, 1):
        try:
            loaded.append(read(item))
        except ValidationError as error:
            name = item.get("name") if isinstance(item.get("name"), str) else f"schedule {number}"
            errors |= {f"{name}: {field}": _texts(texts) for field, texts in error.messages_dict.items()}
    if errors:
        raise Invalid(errors)
    return loaded


def _texts(texts: Any) -> list[str]:
    if isinstance(texts, dict):
        return [text for inner in texts.values() for text in _texts(inner)]
    return [str(text) for text in texts]


def _tidy(item: dict[str, Any]) -> dict[str, Any]:
    """In the order of the form, without what is null."""
    return {name: item[name] for name in FIELDS if item.get(name) is not None}


def _report(steps: list[exchange.Step], dry_run: bool) -> None:
    """The difference, as a person reads it: + for new, ~ for changed."""
    made = changed = 0
    lines = []  # said at once: line by line it would take as long as the import of a few thousand
    for step in steps:
        if step.new:
            made += 1
            lines.append(f"+ {step.name}")
        elif step.diff:
            changed += 1
            lines.append(f"~ {step.name}")
        for field, (before, after) in step.diff.items():
            lines.append(
                f"    {field}: {_shown(after) if step.new else f'{_shown(before)} → {_shown(after)}'}"
            )
    same = len(steps) - made - changed
    verb = "would be " if dry_run else ""
    lines.append(f"{made} {verb}made, {changed} {verb}changed, {same} the same.")
    click.echo("\n".join(lines))


_shown = json.JSONEncoder(ensure_ascii=False).encode


def _kind(path: str) -> str:
    return "json" if path.endswith(".json") else "yaml"


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return ""
