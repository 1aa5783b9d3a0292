"""`flask schedules import --from`: shows both schedulers' fires, takes over, and names the one to stop."""

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.extensions import db
from app.schedules import Schedule, foreign

DJANGO = "django-celery-beat"


def run(app: Flask, *words: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["schedules", "import", *words])
    db.session.rollback()
    return result.exit_code, result.output


def names() -> list[str]:
    return list(db.session.scalars(select(Schedule.name).order_by(Schedule.name)))


def test_a_dry_run_shows_both_and_changes_nothing(app: Flask, django: foreign.Source) -> None:
    code, said = run(app, "--from", DJANGO, django.url, "--dry-run")
    assert (code, names()) == (1, [])
    assert "+ Nightly: sample_tasks.plain, 30 3 * * *, here Every day at 03:30, Europe/Berlin" in said
    nightly = said.split("+ Nightly")[1].split("+ ")[0]
    theirs, ours = nightly.splitlines()[1:3]
    assert theirs.split(": ", 1)[1] == ours.split(": ", 1)[1] != ""
    assert "! Sunset: Sunrise and sunset" in said
    assert "9 would be taken over, 0 here already, 9 cannot be taken over. Nothing was changed." in said
    assert "abc" not in said  # a secret argument


def test_taken_over_stopped_and_again(app: Flask, django: foreign.Source) -> None:
    code, said = run(app, "--from", DJANGO, django.url, "--only", "Nightly", "--only", "Off there")
    assert (code, names()) == (0, ["Nightly", "Off there"])
    assert "2 taken over, 0 here already, 0 cannot be taken over." in said
    assert "2 of them are off until the django-celery-beat scheduler is stopped." in said
    code, said = run(app, "--from", DJANGO, django.url, "--only", "Nightly", "--stopped")
    assert (code, names()) == (0, ["Nightly", "Off there"])
    assert "= Nightly: schedule" in said
    assert "1 turned on; none waits for the other scheduler." in said
    on = db.session.scalars(select(Schedule.name).where(Schedule.enabled)).all()
    assert on == ["Nightly"]
    assert {entry.via for entry in db.session.scalars(select(AuditEntry))} == {"cli"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", DJANGO, "sqlite:////nowhere.db"], "cannot be read"),
        (["--from", DJANGO, "nowhere.db"], "url: allowed: sqlite:"),
        (["--from", "cron", "x"], "is not one of"),
        (["--stopped", "x.yaml"], "go with --from"),
        (["none.yaml"], "does not exist"),
        (["--from", "beat-schedule", "shop"], "No worker of the app shop"),
    ],
)
def test_what_is_wrong_is_said(app: Flask, words: list[str], said: str) -> None:
    code, output = run(app, *words)
    assert code in (1, 2)
    assert said in output


def test_an_entry_that_is_not_there(app: Flask, django: foreign.Source) -> None:
    code, said = run(app, "--from", DJANGO, django.url, "--only", "None such")
    assert (code, names()) == (1, [])
    assert "--only: There is no such entry: None such." in said
