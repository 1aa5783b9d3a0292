"""`flask schedules`: what is exported is imported again as the same; a dry run only tells."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from app import audit, catalog, schedules
from app.clock import utcnow
from app.extensions import db
from app.schedules import timing
from app.schedules.definition import Definition, timing_of


@pytest.fixture
def run(app: Flask) -> Any:
    def work(*arguments: str, text: str | None = None) -> Any:
        db.session.remove()
        answer = app.test_cli_runner().invoke(args=["schedules", *arguments], input=text)
        db.session.rollback()
        return answer

    return work


def definitions() -> dict[str, Definition]:
    return {row.name: Definition.of(row) for row in schedules.everything()}


@pytest.fixture
def some(make: Any) -> dict[str, Definition]:
    now = utcnow()
    make("Nightly", at=now, cron_schedule="30 2 * * *", timezone="Europe/London", note="a\nb")
    odd = {"b": [1.5, None, "x: y", "no"]}
    make("Every minute", at=now, kwargs=odd, queue="mail", priority=9, overlap="allow", jitter_seconds=9)
    once = make("Once", at=now, run_at=now.replace(year=now.year + 1))
    schedules.disable(once.id, "ada", now)
    make("Secret", at=now, task_name="sample_tasks.fail", kwargs={"password": "hunter2"})
    return definitions()


@pytest.mark.parametrize("name", ["all.yaml", "all.json"])
def test_round_trip(run: Any, some: dict[str, Definition], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert run("export", str(path)).exit_code == 0
    text = path.read_text()
    assert "hunter2" not in text
    assert catalog.MASK in text
    assert text.startswith("{") == name.endswith("json")
    again = run("import", str(path))
    assert (again.exit_code, again.output) == (0, "0 made, 0 changed, 4 the same.\n")
    assert definitions() == some
    assert all(row.version == 1 + (row.name == "Once") for row in schedules.everything())


def test_a_file_that_cannot_be_written_is_named(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "none" / "all.yaml"
    said = run("export", str(path))
    assert (said.exit_code, said.exception.__class__) == (1, SystemExit)
    assert f"{path}': No such file or directory" in said.output


def test_import_into_an_empty_deployment(run: Any, some: dict[str, Definition], tmp_path: Path) -> None:
    text = run("export", "-").output
    items = [item for item in yaml.safe_load(text)["schedules"] if item["name"] != "Secret"]
    for row in schedules.everything():
        schedules.delete(row.id, "ada", utcnow())
    answer = run("import", "-", text=json.dumps({"schedules": items}))
    assert answer.exit_code == 0, answer.output
    assert answer.output.endswith("3 made, 0 changed, 0 the same.\n")
    del some["Secret"]
    assert definitions() == some
    assert all(row.created_by for row in schedules.everything())


def test_a_dry_run_prints_the_difference_and_changes_nothing(run: Any, some: dict[str, Definition]) -> None:
    items = yaml.safe_load(run("export", "-").output)["schedules"]
    items[0] |= {"priority": 3}
    items.append(
        {
            "name": "New",
            "task_name": "sample_tasks.plain",
            "task_type": "interval",
            "interval_seconds": 9,
            "args": [1],
        }
    )
    text = yaml.safe_dump({"schedules": items})
    answer = run("import", "-", "--dry-run", text=text)
    assert answer.exit_code == 0, answer.output
    assert "~ Every minute\n    priority: 9 → 3\n" in answer.output
    assert "+ New\n" in answer.output
    assert answer.output.endswith("1 would be made, 1 would be changed, 3 the same.\n")
    assert definitions() == some
    assert run("import", "-", text=text).output.endswith("1 made, 1 changed, 3 the same.\n")
    assert run("import", "-", text=text).output == "0 made, 0 changed, 5 the same.\n"
    assert definitions()["Every minute"].priority == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"priority": 99}, "Nightly: priority: "),
        ({"priority": "9"}, "Nightly: priority: "),
        ({"colour": "red"}, "Nightly: colour: "),
        ({"run_at": "tomorrow"}, "Nightly: run_at: "),
        ({"cron_schedule": "31 2"}, "Nightly: cron_schedule: "),
        ({"name": 5}, "schedule 2: name: "),
        ({"name": "Every minute"}, "Every minute: "),
        ({"task_name": "no.such"}, "Nightly: task_name: "),
    ],
)
def test_when_anything_is_wrong_nothing_is_changed(
    run: Any, some: dict[str, Definition], change: dict[str, Any], told: str
) -> None:
    items = yaml.safe_load(run("export", "-").output)["schedules"]
    items[0]["priority"] = 1
    next(item for item in items if item["name"] == "Nightly").update(change)
    items.sort(key=lambda item: str(item["name"]) != "Every minute")
    answer = run("import", "-", text=yaml.safe_dump({"schedules": items}))
    assert answer.exit_code == 1
    assert told in answer.output or (told.startswith("schedule") and ": name: " in answer.output)
    assert answer.output.endswith("Nothing was changed.\n")
    assert definitions() == some


def test_a_new_schedule_needs_its_secret(run: Any, some: dict[str, Definition]) -> None:
    text = run("export", "-").output
    row = next(row for row in schedules.everything() if row.name == "Secret")
    schedules.delete(row.id, "ada", utcnow())
    answer = run("import", "-", text=text)
    assert answer.exit_code == 1
    assert "Secret: password: " in answer.output


def test_sync_and_check(run: Any, app: Flask, make: Any) -> None:
    assert "Clean up the history: new" in run("sync").output
    assert run("sync").output == "Nothing has changed.\n"
    assert run("check").exit_code == 0
    row = make()
    row.args = []  # as an edit in SQL would
    db.session.commit()
    assert run("check").exit_code == 1


@pytest.mark.parametrize("text", ["", "nonsense", "{", b"\xff\xfe".decode("latin-1")])
def test_a_file_that_is_none(run: Any, text: str) -> None:
    answer = run("import", "-", text=text)
    assert answer.exit_code == 1
    assert "Nothing was changed." in answer.output


def test_a_file_that_is_not_there(run: Any) -> None:
    assert run("import", "no/such/file").exit_code == 2


def test_a_large_file_is_imported_in_one_go(run: Any, app: Flask, tmp_path: Path) -> None:
    """More than two million characters, more rows than are written at once, with and without jitter."""
    items: list[dict[str, Any]] = [
        {
            "name": f"Customer {number}",
            "task_name": "sample_tasks.plain",
            "args": [number],
            "task_type": "interval",
            "interval_seconds": 3600,
            "jitter_seconds": 600 * (number % 2),
            "note": "n" * 1900,
        }
        for number in range(1203)
    ]
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"schedules": items}))
    assert path.stat().st_size > 2_097_152
    done = run("import", str(path))
    assert done.exit_code == 0
    assert done.output.endswith("1203 made, 0 changed, 0 the same.\n")
    rows = schedules.everything()
    assert {row.name: row.args for row in rows} == {item["name"]: item["args"] for item in items}
    assert all(row.next_due_at and row.checked_signature for row in rows)
    assert all(row.next_run_at == timing.actual_at(timing_of(row, row.id), row.next_due_at) for row in rows)
    assert any(row.next_run_at != row.next_due_at for row in rows)
    (change,) = schedules.changes_of(rows[0].id)
    assert (change.action, change.schedule_name, change.version) == ("import", rows[0].name, 1)
    assert change.diff["args"] == [None, rows[0].args]
    assert len(audit.page(audit.AuditFilter(action="schedule.import"), limit=2000).items) == 1203
    for item in items:
        item["note"] = ""
    path.write_text(json.dumps({"schedules": items}))
    assert run("import", str(path)).output.endswith("0 made, 1203 changed, 0 the same.\n")
    assert {row.version for row in schedules.everything()} == {2}


def test_a_name_that_stands_twice_is_refused_also_with_spaces(run: Any) -> None:
    item = {"task_name": "sample_tasks.plain", "args": [1], "task_type": "interval", "interval_seconds": 60}
    text = json.dumps({"schedules": [item | {"name": "a"}, item | {"name": " a "}]})
    done = run("import", "-", text=text)
    assert done.exit_code == 1
    assert "a: This name stands in the file more than once." in done.output
    assert schedules.everything() == []
    assert run("import", "-", text=json.dumps({"schedules": [item | {"name": " a "}]})).exit_code == 0
    again = run("import", "-", text=json.dumps({"schedules": [item | {"name": "a "}]}))
    assert again.output == "0 made, 0 changed, 1 the same.\n"


@pytest.mark.parametrize("arguments", ["args", "kwargs"])
def test_of_many_alike_each_is_checked_for_what_is_its_own(run: Any, arguments: str) -> None:
    """What they have in common is checked once: true is 1 for Python, but no size."""
    given: list[Any] = [1, True, 1, 1, "many", 1]
    task = {"task_name": "sample_tasks.large_result", "task_type": "interval", "interval_seconds": 60}
    items = [
        task | {"name": f"S{place}", arguments: [size] if arguments == "args" else {"size": size}}
        for place, size in enumerate(given)
    ]
    items[2] |= {"note": "n" * 2001}
    items[3] |= {"name": "n" * 201}
    items[5] |= {"queue": "celeriac:workers"}
    answer = run("import", "-", text=json.dumps({"schedules": items}))
    assert answer.exit_code == 1
    told = [": ".join(line.split(": ")[:2]) for line in answer.output.splitlines()[:-1]]
    assert told == ["S1: size", "S2: note", f"{'n' * 201}: name", "S4: size", "S5: queue"]
    assert schedules.everything() == []
