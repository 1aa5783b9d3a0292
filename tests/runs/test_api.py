"""`/api/v1/runs` and `/api/v1/tasks`: submit, list, show, cancel, rerun, delete; bad input queues nothing."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import audit, broker
from app.clock import utcnow
from app.extensions import db, transaction
from app.runs.models import Run

Callers = Callable[[str], Any]
CONTRACT_FIELDS = {
    "id", "task_name", "args", "kwargs", "state", "queue", "priority", "attempt", "progress", "result",
    "error", "traceback", "worker", "schedule_id", "due_at", "rerun_of", "parent_id", "root_id",
    "requested_by", "created_at", "sent_at", "received_at", "started_at", "finished_at", "runtime_seconds",
}  # fmt: skip
RESIZE = {"task_name": "sample_tasks.resize", "kwargs": {"folder": "in", "width": 100}}


@pytest.fixture
def operator(caller: Callers) -> Any:
    return caller("operator")


def waiting(queue: str = "default") -> int:
    return broker.depth(queue)


def finish(run_id: str, state: str = "SUCCESS", **values: Any) -> None:
    with transaction() as session:
        run = session.get_one(Run, run_id)
        run.state, run.outbox, run.ended_at = state, None, utcnow()
        for name, value in values.items():
            setattr(run, name, value)


def refused(answer: Any, status: int, *names: str) -> dict[str, Any]:
    """The errors of a problem document; nothing is in the history and nothing waits."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert db.session.query(Run).count() == 0
    assert waiting() == 0
    errors: dict[str, Any] = answer.json.get("errors", {})
    assert set(errors) == set(names)
    return errors


@pytest.mark.database
def test_submit_answers_with_the_run(operator: Any) -> None:
    answer = operator.post("/runs", json=RESIZE)
    assert answer.status_code == 202
    run = answer.json
    assert set(run) >= CONTRACT_FIELDS
    assert answer.headers["Location"] == f"/api/v1/runs/{run['id']}"
    assert (run["state"], run["args"], run["kwargs"]) == ("PENDING", [], {"folder": "in", "width": 100})
    assert (run["queue"], run["priority"], run["attempt"]) == ("default", 5, 1)
    assert run["requested_by"] == operator.user.name
    assert run["progress"] is None
    assert run["created_at"].endswith("Z")
    assert datetime.fromisoformat(run["created_at"]).tzinfo == UTC
    assert waiting() == 1
    assert operator.get(f"/runs/{run['id']}").json == run


def test_every_option(operator: Any) -> None:
    options = {"queue": "files", "priority": 0, "message_ttl_seconds": 60}
    run = operator.post("/runs", json=RESIZE | {"args": [], **options}).json
    assert (run["queue"], run["priority"]) == ("files", 0)
    created, expires = (datetime.fromisoformat(run[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(seconds=60)
    assert waiting("files") == 1


@pytest.mark.parametrize("offset", ["+00:00", "Z", "+01:00", "-05:30"])
def test_run_at_waits_in_the_history_not_in_the_queue(operator: Any, offset: str) -> None:
    moment = f"2199-01-02T03:04:05{offset}"
    run = operator.post("/runs", json=RESIZE | {"run_at": moment, "message_ttl_seconds": 60}).json
    assert run["state"] == "SCHEDULED"
    assert datetime.fromisoformat(run["eta_at"]) == datetime.fromisoformat(moment)
    assert datetime.fromisoformat(run["expires_at"]) == datetime.fromisoformat(moment) + timedelta(minutes=1)
    assert waiting() == 0


def test_hold(operator: Any) -> None:
    """The queue's own tests say how it is released."""
    run = operator.post("/runs", json=RESIZE | {"hold": True}).json
    assert run["state"] == "HELD"
    assert waiting() == 0
    assert [held.message.id for held in broker.held("default")] == [run["id"]]
    later = operator.post("/runs", json=RESIZE | {"hold": True, "countdown": 60}).json
    assert later["state"] == "SCHEDULED"


def test_countdown(operator: Any) -> None:
    later = operator.post("/runs", json=RESIZE | {"countdown": 90.5}).json
    created, eta = (datetime.fromisoformat(later[name]) for name in ("created_at", "eta_at"))
    assert eta - created == timedelta(seconds=90.5)
    assert later["state"] == "SCHEDULED"
    assert operator.post("/runs", json=RESIZE | {"countdown": 0}).json["state"] == "PENDING"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_name", "no.such.task"),
        ("task_name", ""),
        ("task_name", None),
        ("task_name", 3),
        ("task_name", "sample_tasks.resize\x00"),
        ("task_name", "celery.backend_cleanup"),
        ("args", {}),
        ("args", "in"),
        ("args", None),
        ("kwargs", []),
        ("kwargs", None),
        ("queue", "a b"),
        ("queue", ""),
        ("queue", "q\n"),
        ("queue", "x" * 128),
        ("queue", 5),
        ("priority", -1),
        ("priority", 10),
        ("priority", "5"),
        ("priority", 5.5),
        ("priority", True),
        ("priority", 10**30),
        ("priority", None),
        ("run_at", "2199-01-02T03:04:05"),
        ("run_at", "2199-02-31T03:04:05Z"),
        ("run_at", "2199-01-02"),
        ("run_at", "tomorrow"),
        ("run_at", ""),
        ("run_at", 4102444800),
        ("run_at", None),
        ("run_at", "9999-12-31T23:59:59-14:00"),
        ("run_at", "2020-01-01T00:00:00Z"),
        ("run_at", "2199-01-02T03:04:05 01:00"),
        ("countdown", -1),
        ("countdown", "soon"),
        ("countdown", 1e12),
        ("countdown", True),
        ("message_ttl_seconds", 0),
        ("message_ttl_seconds", -5),
        ("message_ttl_seconds", 1.5),
        ("message_ttl_seconds", "60"),
        ("message_ttl_seconds", 10**20),
        ("hold", "yes"),
        ("hold", 1),
        ("hold", None),
        ("prioirty", 3),
    ],
)
def test_wrong_values_are_refused_by_name(operator: Any, name: str, value: Any) -> None:
    refused(operator.post("/runs", json=RESIZE | {name: value}), 422, name)


@pytest.mark.parametrize(
    ("args", "kwargs", "names"),
    [
        ([], {}, ["folder"]),
        ([], {"folder": 3}, ["folder"]),
        ([], {"folder": "in", "width": 15}, ["width"]),
        ([], {"folder": "in", "width": "100"}, ["width"]),
        ([], {"folder": "in", "fmt": "gif"}, ["fmt"]),
        ([], {"folder": "in", "colour": 1}, ["colour"]),
        ([], {"folder": None, "width": None}, ["folder", "width"]),
        (["in", 100, "png", "more"], {}, ["args"]),
        (["in"], {"folder": "out"}, ["folder"]),
    ],
)
def test_wrong_arguments_are_refused_by_name(operator: Any, args: Any, kwargs: Any, names: list[str]) -> None:
    body = {"task_name": "sample_tasks.resize", "args": args, "kwargs": kwargs}
    refused(operator.post("/runs", json=body), 422, *names)


def test_missing_and_contradicting_fields(operator: Any) -> None:
    refused(operator.post("/runs"), 422, "task_name")
    refused(operator.post("/runs", json={}), 422, "task_name")
    both = RESIZE | {"run_at": "2199-01-01T00:00:00Z", "countdown": 5}
    refused(operator.post("/runs", json=both), 422, "countdown")


def test_arguments_that_are_too_large(app: Flask, operator: Any) -> None:
    size = app.config["SETTINGS"].arguments_max_bytes
    answer = operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": ["x" * size]})
    assert answer.status_code == 422
    assert db.session.query(Run).count() == 0


def test_big_numbers_and_other_scripts_stay_exact(operator: Any) -> None:
    args = [2**80, {"名": "值 \u0000 é", "nested": [1.5, None, True]}]
    run = operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": args}).json
    assert operator.get(f"/runs/{run['id']}").json["args"] == args


def test_secrets_are_masked(operator: Any) -> None:
    body = {"task_name": "sample_tasks.fail", "kwargs": {"password": "hunter22"}}
    answer = operator.post("/runs", json=body)
    assert "hunter22" not in answer.text
    assert answer.json["masked"] == ["password"]
    assert "hunter22" not in operator.get("/runs").text
    assert "hunter22" not in operator.get("/audit").text
    again = operator.post(f"/runs/{answer.json['id']}/rerun")
    assert again.status_code == 409
    assert again.json["code"] == "arguments-unknown"


@pytest.mark.database
def test_an_idempotency_key_makes_one_run(operator: Any, caller: Callers) -> None:
    def submit(who: Any, key: str, **more: Any) -> Any:
        return who.post("/runs", json=RESIZE | more, headers={"Idempotency-Key": key})

    first = submit(operator, "order 88231 / nightly")
    assert submit(operator, "order 88231 / nightly").json["id"] == first.json["id"]
    assert submit(operator, "another").json["id"] != first.json["id"]
    assert submit(caller("operator"), "order 88231 / nightly").json["id"] != first.json["id"]
    assert submit(operator, "x" * 255).status_code == 202
    assert waiting() == 4


def _other_request(answer: Any) -> None:
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"] == {"Idempotency-Key": ["This key came with another request before."]}


@pytest.mark.database
@pytest.mark.parametrize(
    "other",
    [
        {"priority": 1},
        {"kwargs": {"folder": "/b"}},
        {"task_name": "examples.basic.add", "kwargs": {"a": 1, "b": 2}},
        {"countdown": 60},
        {"hold": True},
        {"queue": "mail"},
    ],
)
def test_a_key_belongs_to_one_request(operator: Any, other: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "k"}
    first = operator.post("/runs", json=RESIZE, headers=key)
    _other_request(operator.post("/runs", json=RESIZE | other, headers=key))
    rerun = operator.post(f"/runs/{first.json['id']}/rerun", headers=key)
    _other_request(rerun)
    spelled = dict(reversed(RESIZE.items()))  # the same, in another order
    assert operator.post("/runs", json=spelled, headers=key).json["id"] == first.json["id"]
    assert waiting() == 1


def test_a_key_of_a_rerun_belongs_to_one_request(operator: Any) -> None:
    runs = [operator.post("/runs", json=RESIZE).json["id"] for _ in range(2)]
    key = {"Idempotency-Key": "k"}
    assert operator.post(f"/runs/{runs[0]}/rerun", headers=key).status_code == 202
    _other_request(operator.post(f"/runs/{runs[1]}/rerun", headers=key))
    changed = operator.post(f"/runs/{runs[0]}/rerun", headers=key, json={"kwargs": {"folder": "/b"}})
    _other_request(changed)
    assert waiting() == 3


def test_a_key_is_honoured_after_its_moment_has_passed(
    operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key = RESIZE | {"run_at": utcnow().isoformat()}, {"Idempotency-Key": "k"}
    run_id = operator.post("/runs", json=body, headers=key).json["id"]
    # as if that moment had passed long ago
    monkeypatch.setitem(vars(sys.modules["app.runs.submit"]), "CLOCKS_DIFFER_SECONDS", -10.0)
    assert operator.post("/runs", json=body).status_code == 422
    assert operator.post("/runs", json=body, headers=key).json["id"] == run_id
    key = {"Idempotency-Key": "counted"}
    counted = [operator.post("/runs", json=RESIZE | {"countdown": 3600}, headers=key) for _ in range(2)]
    assert len({answer.json["id"] for answer in counted}) == 1


def test_the_digest_of_a_request_does_not_give_its_secrets_away(
    app: Flask, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the digest alone nobody can try which password it was made from: it needs the secret key."""
    for key in ("a" * 16, "b" * 16):
        changed = app.config["SETTINGS"].model_copy(update={"secret_key": key})
        monkeypatch.setitem(app.config, "SETTINGS", changed)
        operator.post("/runs", json=RESIZE, headers={"Idempotency-Key": key})
    digests = db.session.scalars(select(Run.request_digest)).all()
    assert len(set(digests)) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "tab\tinside"])
def test_keys_that_are_refused(operator: Any, key: str) -> None:
    answer = operator.post("/runs", json=RESIZE, headers={"Idempotency-Key": key})
    refused(answer, 422, "Idempotency-Key")


def test_a_run_that_does_not_exist(operator: Any) -> None:
    for run_id in ("x", "a" * 300, "00000000-0000-0000-0000-000000000000"):
        assert operator.get(f"/runs/{run_id}").status_code == 404
        assert operator.post(f"/runs/{run_id}/cancel").status_code == 404
        assert operator.post(f"/runs/{run_id}/rerun").status_code == 404


@pytest.mark.database
def test_the_list_is_newest_first_and_pages_without_gaps(operator: Any) -> None:
    made = [operator.post("/runs", json=RESIZE).json["id"] for _ in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = operator.get("/runs", query_string={"limit": 2} | ({"cursor": cursor} if cursor else {})).json
        seen += [run["id"] for run in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
    assert cursor is None


@pytest.mark.database
def test_filters(operator: Any, caller: Callers) -> None:
    other = caller("operator")
    first = operator.post("/runs", json=RESIZE).json
    second = other.post(
        "/runs", json={"task_name": "sample_tasks.plain", "args": ["needle"], "queue": "files"}
    ).json
    finish(second["id"], worker="w1@box", schedule_id=7, error="ValueError: haystack")

    def found(query: str) -> set[str]:
        answer = operator.get(f"/runs?{query}")
        assert answer.status_code == 200, answer.text
        return {run["id"] for run in answer.json["items"]}

    both = {first["id"], second["id"]}
    assert found("state=SUCCESS") == {second["id"]}
    assert found("state=SUCCESS&state=PENDING") == both
    assert found("task_name=sample_tasks.plain") == {second["id"]}
    assert found("queue=files") == {second["id"]}
    assert found("worker=w1@box") == {second["id"]}
    assert found("schedule_id=7") == {second["id"]}
    assert found(f"requested_by={other.user.name}") == {second["id"]}
    assert found("q=needle") == {second["id"]}
    assert found("q=HAYSTACK") == {second["id"]}
    assert found("q=%25") == set()
    boundary = second["created_at"]
    assert found(f"since={boundary}") == {second["id"]}
    assert found(f"until={boundary}") == {first["id"]}
    assert found("since=2020-01-01T00:00:00+01:00") == both  # an unescaped + arrives as a space
    assert found("since=2020-01-01T00:00:00%2B01:00") == both
    assert found("since=2199-01-01T00:00:00Z") == set()


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("state=DONE", "state"),
        ("state=SUCCESS&state=success", "state"),
        ("state=", "state"),
        ("since=yesterday", "since"),
        ("since=2026-11-20", "since"),
        ("until=2026-11-20T10:00:00", "until"),
        ("until=2026-11-20T25:00:00Z", "until"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("schedule_id=x", "schedule_id"),
        ("schedule_id=0", "schedule_id"),
        ("schedule_id=99999999999", "schedule_id"),
        ("q=" + "x" * 300, "q"),
        ("id=3", "id"),
    ],
)
def test_filters_that_are_refused(operator: Any, query: str, name: str) -> None:
    errors = refused(operator.get(f"/runs?{query}"), 422, name)
    if name == "state":
        assert "PENDING" in errors["state"][0]


@pytest.mark.database
def test_cancel_removes_what_waits(operator: Any) -> None:
    run = operator.post("/runs", json=RESIZE).json
    answer = operator.post(f"/runs/{run['id']}/cancel")
    assert answer.status_code == 200
    assert (answer.json["state"], answer.json["outcome"]) == ("REVOKED", "removed")
    assert answer.json["finished_at"]
    assert waiting() == 0
    again = operator.post(f"/runs/{run['id']}/cancel", json={"terminate": True})
    assert again.status_code == 409
    assert again.json["code"] == "finished"


def test_cancel_of_what_comes_later(operator: Any) -> None:
    run = operator.post("/runs", json=RESIZE | {"countdown": 3600}).json
    assert operator.post(f"/runs/{run['id']}/cancel", json={}).json["state"] == "REVOKED"


@pytest.mark.parametrize("body", [{"terminate": "yes"}, {"terminate": 1}, {"force": True}])
def test_cancel_refuses_what_it_does_not_know(operator: Any, body: dict[str, Any]) -> None:
    run = operator.post("/runs", json=RESIZE).json
    answer = operator.post(f"/runs/{run['id']}/cancel", json=body)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == set(body)
    assert waiting() == 1


def test_rerun_with_the_same_and_with_other_arguments(operator: Any) -> None:
    run = operator.post("/runs", json=RESIZE | {"queue": "files", "priority": 7}).json
    finish(run["id"], "FAILURE")
    same = operator.post(f"/runs/{run['id']}/rerun")
    assert same.status_code == 202
    assert same.headers["Location"] == f"/api/v1/runs/{same.json['id']}"
    kept = ("task_name", "args", "kwargs", "queue", "priority")
    assert {name: same.json[name] for name in kept} == {name: run[name] for name in kept}
    assert same.json["rerun_of"] == run["id"]
    other = operator.post(f"/runs/{run['id']}/rerun", json={"kwargs": {"width": 200}})
    assert other.json["kwargs"] == {"folder": "in", "width": 200}
    wrong = operator.post(f"/runs/{run['id']}/rerun", json={"kwargs": {"width": 1}})
    assert wrong.status_code == 422
    assert set(wrong.json["errors"]) == {"width"}
    assert operator.post(f"/runs/{run['id']}/rerun", json={"kwarg": {}}).status_code == 422
    key = {"Idempotency-Key": "again"}
    ids = {operator.post(f"/runs/{run['id']}/rerun", headers=key).json["id"] for _ in range(2)}
    assert len(ids) == 1


def test_a_finished_run_shows_everything(operator: Any) -> None:
    run = operator.post("/runs", json=RESIZE).json
    now = utcnow()
    finish(
        run["id"], "FAILURE", error="ValueError: no", traceback="Traceback …", worker="w1@box",
        started_at=now, runtime_seconds=1.25, progress_at=now, progress_current=3, progress_total=10,
        progress_message="photo3", result={"partial": [1]}, attempts=[{"attempt": 0}],
        attempt=1, notices={"result": 9000},
    )  # fmt: skip
    shown = operator.get(f"/runs/{run['id']}").json
    assert shown["progress"] == {"current": 3.0, "total": 10.0, "message": "photo3"}
    assert shown["result"] == {"partial": [1]}
    assert (shown["error"], shown["traceback"]) == ("ValueError: no", "Traceback …")
    assert (shown["runtime_seconds"], shown["attempt"], shown["worker"]) == (1.25, 2, "w1@box")
    assert shown["finished_at"] >= shown["started_at"]
    assert shown["notices"] == {"result": 9000}


@pytest.mark.database
@pytest.mark.parametrize("how", ["query", "body"])
def test_delete_by_state_and_age(caller: Callers, how: str) -> None:
    admin = caller("admin")
    runs = [admin.post("/runs", json=RESIZE).json for _ in range(4)]
    for run, state in zip(runs, ("SUCCESS", "FAILURE", "SUCCESS", ""), strict=True):
        if state:
            finish(run["id"], state)

    def delete(**wanted: Any) -> Any:
        options = {"query_string": wanted} if how == "query" else {"json": wanted}
        answer = admin.delete("/runs", **options)
        assert answer.status_code == 200, answer.text
        return answer.json

    assert delete(state="SUCCESS", before=runs[1]["created_at"]) == {"deleted": 1}
    assert delete(before="2020-01-01T00:00:00Z") == {"deleted": 0}
    assert delete(state=["FAILURE", "LOST"]) == {"deleted": 1}
    assert delete(before="2199-01-01T00:00:00Z") == {"deleted": 1}
    assert [run["id"] for run in admin.get("/runs").json["items"]] == [runs[3]["id"]]
    entry = audit.page(audit.AuditFilter(action="run.delete")).items[-1]
    assert (entry.actor, entry.via) == (admin.user.name, "api")
    assert entry.details
    assert entry.details["deleted"] == 1


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "before"),
        ("state=PENDING", "state"),
        ("state=SUCCESS&state=STARTED", "state"),
        ("before=yesterday", "before"),
        ("all=1", "all"),
    ],
)
def test_deletions_that_are_refused(caller: Callers, query: str, name: str) -> None:
    admin = caller("admin")
    run = admin.post("/runs", json=RESIZE).json
    finish(run["id"])
    answer = admin.delete(f"/runs?{query}")
    assert answer.status_code == 422
    assert name in answer.json["errors"]
    assert admin.get(f"/runs/{run['id']}").status_code == 200


def test_every_change_is_in_the_audit_log(operator: Any) -> None:
    run = operator.post("/runs", json=RESIZE).json
    operator.post("/runs", json=RESIZE | {"priority": 99})
    operator.post(f"/runs/{run['id']}/cancel")
    new = operator.post(f"/runs/{run['id']}/rerun").json
    entries = audit.page(audit.AuditFilter(actor=operator.user.name)).items
    assert [(entry.action, entry.object_id) for entry in entries] == [
        ("run.rerun", new["id"]),
        ("run.cancel", run["id"]),
        ("run.submit", run["id"]),
    ]
    assert {(entry.via, entry.address, entry.object_name) for entry in entries} == {
        ("api", "127.0.0.1", "sample_tasks.resize")
    }


def test_tasks(operator: Any) -> None:
    page = operator.get("/tasks?limit=200").json
    names = [task["name"] for task in page["items"]]
    assert names == sorted(names)
    assert {"sample_tasks.resize", "sample_tasks.plain"} <= set(names)
    assert not any(name.startswith("celery.") for name in names)
    first = operator.get("/tasks?limit=3").json
    rest = operator.get("/tasks", query_string={"limit": 200, "cursor": first["next_cursor"]}).json
    assert [task["name"] for task in first["items"] + rest["items"]] == names
    assert rest["next_cursor"] is None


def test_one_task(operator: Any) -> None:
    task = operator.get("/tasks/sample_tasks.resize").json
    assert (task["name"], task["summary"]) == ("sample_tasks.resize", "Resize every image of a folder.")
    assert (task["queue"], task["priority"], task["origin"]) == ("default", 5, "own")
    schema = task["parameters"]
    assert schema["required"] == ["folder"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["width"]["minimum"] == 16
    assert schema["properties"]["fmt"]["enum"] == ["png", "jpeg"]
    assert operator.get("/tasks/no.such.task").status_code == 404
    assert operator.get("/tasks/celery.backend_cleanup").status_code == 404
