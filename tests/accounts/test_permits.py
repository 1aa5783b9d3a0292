"""An operator cannot gain by a task, a schedule, a queue name or a copy what the page denies."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, shared_task
from flask import Flask
from sqlalchemy import select

from app import audit, broker, catalog, runs, schedules
from app.accounts import permits
from app.accounts.models import User
from app.clock import utcnow
from app.extensions import db, transaction
from app.runs import Run, bulk, states
from app.schedules import exchange, firing
from app.schedules.models import Schedule
from tests.apps import publish
from tests.rows import make_run

CLEAN = "maintenance.clean_history"
DENIED = (CLEAN, "maintenance.backup_database", "data.import_table")
PLAIN = "sample_tasks.plain"
SIGNATURE = {"task": CLEAN, "args": [], "kwargs": {}, "options": {}, "subtask_type": None}
IMPORT = {"source": "a.csv", "table": "t"}
SENTENCE = "An operator cannot gain by a task, a schedule, a queue name or a copy what the page denies."
DOCS = Path(__file__).resolve().parents[2] / "docs" / "operation.md"


@pytest.fixture
def stage(app: Flask) -> SimpleNamespace:
    """What an admin has made of a task that needs admin, and what an operator made of another."""
    now = utcnow()

    def schedule(name: str, by: str, task_name: str = CLEAN, **fields: Any) -> int:
        given = {"task_type": "cron", "cron_schedule": "0 3 * * *", "task_name": task_name} | fields
        return schedules.create(schedules.Definition(name=name, **given), by, now).id

    found = SimpleNamespace(
        on=schedule("on", "boss"),
        off=schedule("off", "boss", enabled=False),
        gone=schedule("gone", "boss"),
        own=schedule("own", "mei", PLAIN, args=[1]),
        held=runs.submit(runs.RunRequest(CLEAN, hold=True, requested_by="boss"), now).id,
        failed="f0001",
    )
    schedules.delete(found.gone, "boss", now)
    schedules.skip(found.on, "boss", now)
    found.skipped = schedules.skipped_moments(schedules.get(found.on))[0].isoformat()
    with transaction() as session:
        row = {"task_name": CLEAN, "state": states.FAILURE, "queue": "default", "args": [], "kwargs": {}}
        session.add(Run(id=found.failed, created_at=now, updated_at=now, attempt=0, error="no: no", **row))
    return found


def present() -> tuple[Any, ...]:
    """Every run and every schedule with all that could be gained, and what waits and is held."""
    db.session.rollback()
    columns = (Run.id, Run.task_name, Run.state, Run.queue)
    table = Schedule.__table__
    waiting = [message.id for message in broker.page("default", 0, 100)]
    return (
        db.session.execute(select(*columns).order_by(Run.id)).all(),
        db.session.execute(select(table).order_by(table.c.id)).all(),
        waiting,
        broker.held_ids("default"),
    )


def cron(name: str = "new", **fields: Any) -> dict[str, Any]:
    return {"name": name, "task_name": CLEAN, "task_type": "cron", "cron_schedule": "0 4 * * *"} | fields


# Each is what a REST call is made of; {on}, {off} … name what `stage` made.
REST_DOORS: dict[str, tuple[str, str, Any]] = {
    **{
        f"run {name}": ("POST", "/runs", {"task_name": name, "kwargs": IMPORT if "import" in name else {}})
        for name in DENIED
    },
    "run later": ("POST", "/runs", {"task_name": CLEAN, "countdown": 60}),
    "run held": ("POST", "/runs", {"task_name": CLEAN, "hold": True}),
    "signature among args": ("POST", "/runs", {"task_name": PLAIN, "args": [SIGNATURE]}),
    "signature deep in kwargs": (
        "POST", "/runs", {"task_name": PLAIN, "kwargs": {"a": {"tasks": [{"body": SIGNATURE}]}}},
    ),
    "schedule": ("POST", "/schedules", cron()),
    "schedule that is off": ("POST", "/schedules", cron(enabled=False)),
    "schedule with a signature": ("POST", "/schedules", cron(task_name=PLAIN, args=[SIGNATURE])),
    "edit timing": ("PATCH", "/schedules/{on}", {"cron_schedule": "* * * * *"}),
    "edit arguments": ("PATCH", "/schedules/{on}", {"kwargs": {"older_than_days": 0}}),
    "edit queue": ("PATCH", "/schedules/{on}", {"queue": "files"}),
    "edit while switching off": (
        "PATCH", "/schedules/{on}", {"enabled": False, "kwargs": {"keep_newest": 1}},
    ),
    "take the task away": ("PATCH", "/schedules/{on}", {"task_name": PLAIN, "args": [1]}),
    "become the task": ("PATCH", "/schedules/{own}", {"task_name": CLEAN, "args": []}),
    "replace": ("PUT", "/schedules/{own}", cron("own")),
    "enable by PATCH": ("PATCH", "/schedules/{off}", {"enabled": True}),
    "enable": ("POST", "/schedules/{off}/enable", {}),
    "run now": ("POST", "/schedules/{on}/run", {}),
    "duplicate": ("POST", "/schedules/{on}/duplicate", None),
    "restore a fire": ("POST", "/schedules/{on}/restore", {"due_at": "{skipped}"}),
    "undelete": ("POST", "/schedules/{gone}/undelete", None),
    "delete": ("DELETE", "/schedules/{on}", None),
    "rerun": ("POST", "/runs/{failed}/rerun", {}),
    "rerun with changes": ("POST", "/runs/{failed}/rerun", {"kwargs": {"older_than_days": 0}}),
    "release": ("POST", "/queues/default/release", {"id": "{held}"}),
    "delete from the history": ("DELETE", "/runs?state=FAILURE", None),
}  # fmt: skip


def filled(value: Any, stage: SimpleNamespace) -> Any:
    text = json.dumps(value)
    for name, one in vars(stage).items():
        text = text.replace("{" + name + "}", str(one))
    return json.loads(text)


@pytest.mark.parametrize("door", REST_DOORS)
def test_rest_refuses_an_operator(door: str, stage: SimpleNamespace, caller: Callable[[str], Any]) -> None:
    method, path, body = filled(REST_DOORS[door], stage)
    operator, before = caller("operator"), present()
    answer = operator(method, path, **({} if body is None else {"json": body}))
    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json"), answer.text
    assert "needs the role admin" in answer.json["detail"]
    assert present() == before
    answer = caller("admin")(method, path, **({} if body is None else {"json": body}))
    assert answer.status_code < 300, answer.text


# Each is a form of a page; what a page does to many says of each why nothing was done.
PAGE_DOORS: dict[str, tuple[str, Any]] = {
    "run": (f"/tasks/{CLEAN}/run", {"mode": "fields", "queue": "default", "priority": "5"}),
    "run at a time": (
        f"/tasks/{CLEAN}/run",
        {"queue": "default", "priority": "5", "start": "at", "start_at": "2099-01-01T10:00"},
    ),
    "new schedule": ("/schedules/new", {"name": "n", "task_name": CLEAN, "task_type": "cron", "priority": "5",
                                        "cron_schedule": "0 4 * * *", "timezone": "UTC", "overlap": "skip"}),
    "enable": ("/schedules/{off}/enable", {}),
    "switch on": ("/schedules/{off}/switch", {"enabled": "1"}),
    "run now": ("/schedules/{on}/run", {}),
    "duplicate": ("/schedules/{on}/duplicate", {}),
    "undelete": ("/schedules/{gone}/undelete", {}),
    "delete": ("/schedules/{on}/delete", {}),
    "restore a fire": ("/schedules/{on}/restore", {"due_at": "{skipped}"}),
    "rerun": ("/runs/{failed}/rerun", {}),
    "release": ("/queues/default/release", {"id": "{held}"}),
}  # fmt: skip


@pytest.mark.parametrize("door", PAGE_DOORS)
def test_pages_refuse_an_operator(door: str, stage: SimpleNamespace, signed_in: Any, post: Any) -> None:
    path, data = filled(PAGE_DOORS[door], stage)
    browser, before = signed_in("operator"), present()
    answer = post(browser, path, data)
    assert answer.status_code == 403, answer.text[:500]
    assert "needs the role admin" in answer.text
    assert present() == before


MANY_DOORS = {
    "run": ("/schedules/bulk", {"action": "run", "id": "{on}"}),
    "enable": ("/schedules/bulk", {"action": "enable", "id": "{off}"}),
    "queue": ("/schedules/bulk", {"action": "queue", "new_queue": "files", "id": "{on}"}),
    "delete": ("/schedules/bulk", {"action": "delete", "sure": "1", "id": "{on}"}),
    "release all": ("/queues/default/release-all", {}),
    "release some": ("/queues/default/bulk", {"action": "release", "id": "{held}"}),
}


@pytest.mark.parametrize("door", MANY_DOORS)
def test_of_many_those_that_need_admin_are_left(
    door: str, stage: SimpleNamespace, signed_in: Any, post: Any
) -> None:
    path, data = filled(MANY_DOORS[door], stage)
    browser, before = signed_in("operator"), present()
    answer = post(browser, path, data)
    assert answer.status_code in (200, 303), answer.text[:500]
    assert present() == before
    if door != "release all":  # which says how many it released
        assert "needs the role admin" in answer.text + browser.get("/schedules").text


def test_the_form_of_a_schedule_is_not_drawn_nor_taken(
    stage: SimpleNamespace, signed_in: Any, post: Any
) -> None:
    browser, before = signed_in("operator"), present()
    assert browser.get(f"/schedules/{stage.on}/edit").status_code == 403
    shown = browser.get(f"/schedules/{stage.own}/edit").text
    assert f'<option value="{PLAIN}">' in shown
    assert not any(f'<option value="{name}">' in shown for name in DENIED)
    form = {"name": "own", "task_type": "cron", "cron_schedule": "0 4 * * *", "timezone": "UTC",
            "overlap": "skip", "priority": "5", "version": "1"}  # fmt: skip
    answer = post(browser, f"/schedules/{stage.own}/edit", form | {"task_name": CLEAN})
    assert answer.status_code == 403
    assert present() == before


def test_an_operator_may_switch_it_off_skip_a_fire_and_cancel(
    stage: SimpleNamespace, caller: Callable[[str], Any]
) -> None:
    operator = caller("operator")
    assert operator.post(f"/schedules/{stage.on}/skip", json={}).status_code == 200
    assert operator.post(f"/schedules/{stage.on}/disable", json={"note": "too soon"}).status_code == 200
    assert operator.post(f"/runs/{stage.held}/cancel", json={}).status_code == 200
    assert operator.post(f"/schedules/{stage.on}/enable", json={}).status_code == 403


def test_own_undo_brings_nothing_back_on(stage: SimpleNamespace, signed_in: Any, post: Any) -> None:
    browser = signed_in("operator", "mei")
    assert post(browser, f"/schedules/{stage.on}/disable", {"note": ""}).status_code == 303
    db.session.rollback()
    done_at = schedules.changes_of(stage.on)[0].at
    before = present()
    assert post(browser, "/schedules/undo", {"done_at": done_at.isoformat()}).status_code == 303
    assert "needs the role admin" in browser.get("/schedules").text
    assert present() == before
    assert schedules.get(stage.on).enabled is False


def test_what_an_admin_scheduled_goes_on_by_itself(stage: SimpleNamespace) -> None:
    due_at = schedules.get(stage.on).next_due_at
    assert due_at is not None
    firing.fire_due(due_at)
    db.session.rollback()
    assert db.session.scalar(select(Run).where(Run.schedule_id == stage.on)) is not None


def test_a_change_of_many_runs_has_the_rights_of_who_confirms_it(
    stage: SimpleNamespace, caller: Callable[[str], Any], eventually: Any
) -> None:
    admin, operator = caller("admin"), caller("operator")
    wanted = {"action": "rerun", "ids": [stage.failed]}
    frozen = operator.post("/runs/bulk", json=wanted).json
    assert (frozen["to_do"], frozen["verdicts"]) == (0, {"role": 1})
    frozen = admin.post("/runs/bulk", json=wanted).json
    assert frozen["to_do"] == 1
    before = present()
    assert operator.post(f"/runs/bulk/{frozen['id']}/confirm").status_code == 202
    eventually(lambda: bulk.get(frozen["id"]).finished_at)
    assert [item.outcome for item in bulk.items(bulk.get(frozen["id"])).items] == ["role"]
    assert present() == before
    again = admin.post("/runs/bulk", json=wanted | {"dry_run": False}).json
    eventually(lambda: bulk.get(again["id"]).finished_at)
    assert [item.outcome for item in bulk.items(bulk.get(again["id"])).items] == ["done"]


def test_import_in_a_request_is_a_door_as_well(stage: SimpleNamespace) -> None:
    before = present()
    with (
        audit.acting(audit.Origin("mei", "api", role="operator")),
        pytest.raises(permits.Forbidden, match="needs the role admin"),
    ):
        exchange.apply([cron("on", kwargs={"older_than_days": 0})], "mei", utcnow())
    assert present() == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"/tasks/{CLEAN}", "Running and scheduling this task needs the role admin."),
        ("/tasks", "needs admin"),
        ("/schedules/{on}", "Changing or running it needs admin"),
        ("/schedules/{on}/menu", "Changing or running it needs admin"),
        ("/schedules/{gone}", "Bringing it back needs admin"),
        ("/runs/{failed}", "Retrying it needs admin"),
        ("/runs/{failed}/menu", "Retrying it needs admin"),
        ("/queues/default?tab=held", "needs admin"),
    ],
)
def test_pages_do_not_offer_it_and_say_why(
    path: str, words: str, stage: SimpleNamespace, signed_in: Any
) -> None:
    address = filled(path, stage)
    assert words in signed_in("operator").get(address).text
    assert words not in signed_in("admin").get(address).text


def test_the_list_offers_only_to_switch_off(stage: SimpleNamespace, signed_in: Any) -> None:
    shown = signed_in("operator").get("/schedules").text
    assert f"/schedules/{stage.on}/switch" in shown
    assert f"/schedules/{stage.off}/switch" not in shown
    assert f"/schedules/{stage.off}/switch" in signed_in("admin").get("/schedules").text


def test_a_task_names_its_role(
    celery_app: Celery, caller: Callable[[str], Any], publish_tasks: Callable[[], str]
) -> None:
    @shared_task(name="permits.odd", celeriac_role="root")
    def odd() -> None:
        """A role that there is not."""

    publish_tasks()
    try:
        assert {name: catalog.find(name).role for name in (*DENIED, PLAIN, "permits.odd")} == {
            **dict.fromkeys(DENIED, "admin"), PLAIN: "operator", "permits.odd": "admin",
        }  # fmt: skip
        assert caller("viewer").get(f"/tasks/{CLEAN}").json["role"] == "admin"
    finally:
        celery_app.tasks.pop("permits.odd")


@pytest.mark.parametrize("theirs", ["admin", "operator"])
def test_of_two_apps_with_a_task_of_one_name_each_has_its_role(
    app: Flask, caller: Callable[[str], Any], signed_in: Any, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    name = PLAIN if theirs == "admin" else CLEAN
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": "redis://127.0.0.1:1/0"})
    publish("shop", name, role=theirs)
    api, browser = caller("operator"), signed_in("operator")
    run = {"task_name": name, "app": "shop", "kwargs": {"shop": 1}}
    schedule = run | {"name": "Theirs", "task_type": "interval", "interval_seconds": 60}
    allowed = theirs == "operator"
    assert api.post("/runs", json=run).status_code == (202 if allowed else 403)
    assert api.post("/schedules", json=schedule).status_code == (201 if allowed else 403)
    failed = make_run("theirs", utcnow(), "FAILURE", task_name=name, app="shop", kwargs={"shop": 1})
    verdicts = api.post("/runs/bulk", json={"action": "rerun", "ids": [failed]}).json["verdicts"]
    assert verdicts == ({"act": 1} if allowed else {"role": 1})
    page = browser.get(f"/tasks/{name}?app=shop").text
    assert ("needs the role admin" in page) is not allowed
    assert ("needs the role admin" in browser.get(f"/tasks/{name}").text) is allowed


def test_a_setting_names_tasks_that_need_admin(
    celery_app: Celery,
    caller: Callable[[str], Any],
    signed_in: Any,
    post: Any,
    publish_tasks: Callable[[], str],
) -> None:
    @shared_task(name="billing.refund")
    def refund() -> None:
        """Its code says nothing of a role."""

    before = getattr(celery_app, "celeriac_admin_tasks", ())
    catalog.restrict(celery_app, ["billing.*", "shop.refund"])
    publish_tasks()
    try:
        assert catalog.find("billing.refund").role == "admin"
        assert catalog.find(PLAIN).role == "operator"
        body = {"task_name": "billing.refund"}
        assert caller("operator").post("/runs", json=body).status_code == 403
        assert caller("admin").post("/runs", json=body).status_code == 202
        data = {"mode": "fields", "queue": "default", "priority": "5"}
        assert post(signed_in("operator"), "/tasks/billing.refund/run", data).status_code == 403
        definition = {"name": "s", "task_type": "interval", "interval_seconds": 60} | body
        assert caller("operator").post("/schedules", json=definition).status_code == 403
    finally:
        catalog.restrict(celery_app, before)
        celery_app.tasks.pop("billing.refund")


def test_a_demoted_admin_is_an_operator(app: Flask, signed_in: Any, post: Any) -> None:
    browser = signed_in("admin", "boss")
    signed_in("admin", "other")
    with transaction():
        db.session.scalars(select(User).where(User.name == "boss")).one().role = "operator"
    data = {"mode": "fields", "queue": "default", "priority": "5"}
    assert post(browser, f"/tasks/{CLEAN}/run", data).status_code == 403


def test_the_audit_log_keeps_arguments_masked(app: Flask, caller: Callable[[str], Any]) -> None:
    operator = caller("operator")
    run = operator.post("/runs", json={"task_name": "sample_tasks.talk", "args": ["x", "hunter22"]}).json
    operator.post("/runs", json={"task_name": PLAIN, "args": ["y" * 5000]})
    operator.post("/runs", json={"task_name": PLAIN})  # refused: `a` is missing
    large, first = [one for one in audit.page(audit.AuditFilter()).items if one.action == "run.submit"]
    assert first.object_id == run["id"]
    assert first.details == {"queue": "default", "args": ["x", "••••••"]}
    assert (large.details or {})["arguments_bytes"] > 5000


def test_the_audit_log_keeps_what_a_clean_up_deleted(app: Flask, celery_app: Celery) -> None:
    now = utcnow()
    old = {
        "task_name": PLAIN,
        "state": states.SUCCESS,
        "created_at": now.replace(year=2020),
        "updated_at": now,
    }
    asked = runs.submit(runs.RunRequest(CLEAN, requested_by="boss"), now)
    with transaction() as session:
        session.add_all([Run(id=f"old{n}", attempt=0, **old) for n in range(3)])
    celery_app.tasks[CLEAN].apply(
        kwargs={"older_than_days": 30, "states": ["SUCCESS"]}, task_id=asked.id
    ).get()
    db.session.rollback()
    entry = next(one for one in audit.page(audit.AuditFilter()).items if one.action == "run.delete")
    assert (entry.actor, entry.object_id, entry.object_name) == ("boss", asked.id, CLEAN)
    details = entry.details or {}
    assert (details["deleted"], details["states"]) == (3, ["SUCCESS"])
    assert datetime.fromisoformat(details["before"]) < now


def test_the_docs_say_so() -> None:
    assert SENTENCE in " ".join(DOCS.read_text().split())
