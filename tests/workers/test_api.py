"""`/workers` and `/tasks/…/limits`, with real workers that answer, and with those that cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import audit, broker

W1 = "/workers/w1@test"


@pytest.fixture
def admin(caller: Callable[[str], Any]) -> Any:
    return caller("admin")


def test_a_prefork_worker_does_what_it_is_told_and_says_so(
    admin: Any, processes: Any, submit: Any, eventually: Any, tmp_path: Path
) -> None:
    process = processes.worker("-c", "1")
    [told] = admin.get("/workers").json["items"]
    assert (told["hostname"], told["state"], told["pool"], told["slots"]) == (
        "w1@test",
        "online",
        "prefork",
        1,
    )
    assert told["queues"] == ["default", "examples", "files", "mail"]
    assert told["memory_bytes"] > 1_000_000
    assert set(told["versions"]) == {"celery", "code", "python"}

    paused = admin.post(f"{W1}/pause", json={"note": "update"}).json
    assert (paused["state"], paused["paused_by"], paused["note"]) == ("paused", admin.user.name, "update")
    run_id = submit("sleep", seconds=0)
    processes.goes_on()
    assert broker.depth("default") == 1
    assert admin.get(f"/runs/{run_id}/diagnosis").json["reason"] == "workers-paused"
    assert admin.post(f"{W1}/resume").json["state"] == "online"
    eventually(lambda: broker.depth("default") == 0, 10)

    grown = admin.post(f"{W1}/pool", json={"size": 3})
    assert (grown.status_code, grown.json["slots"]) == (200, 3)
    shrink = {"json": {"size": 1}}  # refused until the two are born
    shrunk = eventually(lambda: (one := admin.post(f"{W1}/pool", **shrink)).status_code == 200 and one, 20)
    assert shrunk.json["slots"] == 1

    changed = admin.post(f"{W1}/queues", json={"add": ["billing"], "drop": ["mail"]})
    assert changed.json["queues"] == ["billing", "default", "examples", "files"]
    submit("sleep", queue="billing", seconds=0)
    eventually(lambda: broker.depth("billing") == 0, 10)

    go_on = tmp_path / "go on"
    long = submit("touch_and_wait", path=str(tmp_path / "began"), until=str(go_on))
    eventually(lambda: [one["id"] for one in admin.get(W1).json["running"]] == [long], 10)
    leaving = admin.post(f"{W1}/shutdown").json
    assert leaving["stopping"] is True
    assert [one["id"] for one in leaving["running"]] == [long]
    assert leaving["running"][0]["task_name"] == "sample_tasks.touch_and_wait"
    go_on.touch()
    process.wait(60)
    assert admin.get(W1).json["state"] == "offline"
    assert not broker.unacked()  # it finished what it had
    assert admin.post(f"{W1}/shutdown").json["code"] == "offline"
    assert admin.delete(W1).status_code == 204
    assert admin.get(W1).status_code == 404
    actions = [one.action for one in audit.page(audit.AuditFilter(action="worker"), 50).items]
    assert actions[::-1] == [f"worker.{verb}" for verb in (
        "pause", "resume", "pool", "pool", "queues", "shutdown", "clear"
    )]  # fmt: skip


def test_limits_hold_on_running_workers_and_on_those_that_start_later(
    admin: Any, processes: Any, submit: Any, eventually: Any
) -> None:
    processes.recorder()
    processes.worker("-c", "1")
    limits = {"time_limit": 1.5, "rate_limit": "100/m"}
    answer = admin.post("/tasks/sample_tasks.sleep/limits", json=limits)
    assert (answer.status_code, answer.json) == (
        200,
        {"task_name": "sample_tasks.sleep", "soft_time_limit": None, **limits, "workers": {"w1@test": ""}},
    )
    assert (
        admin.post("/tasks/sample_tasks.sleep/limits", json={"soft_time_limit": 1}).json["time_limit"] == 1.5
    )
    admin.post("/tasks/sample_tasks.sleep/limits", json={"soft_time_limit": None})
    processes.worker("-c", "1", name="later")
    admin.post(f"{W1}/shutdown")
    eventually(lambda: admin.get(W1).json["state"] == "offline", 20)
    run_id = submit("sleep", seconds=20)
    run = eventually(lambda: (one := admin.get(f"/runs/{run_id}").json)["finished_at"] and one, 20)
    assert "TimeLimitExceeded" in run["error"]
    lifted = admin.post(
        "/tasks/sample_tasks.sleep/limits", json={"time_limit": None, "rate_limit": None}
    ).json
    assert (lifted["time_limit"], lifted["rate_limit"]) == (None, None)


def test_what_a_pool_of_threads_cannot_do_is_said(admin: Any, processes: Any) -> None:
    processes.worker("-P", "threads", "-c", "2")
    answer = admin.post(f"{W1}/pool", json={"size": 3})
    assert (answer.status_code, answer.json["code"]) == (409, "unsupported")
    assert admin.get(W1).json["slots"] == 2
    told = admin.post("/tasks/sample_tasks.sleep/limits", json={"time_limit": 9}).json
    assert "does not obey time limits" in told["workers"]["w1@test"]
    assert admin.post(f"{W1}/pause").json["state"] == "paused"


def test_a_busy_solo_worker_does_not_answer(
    admin: Any, processes: Any, submit: Any, eventually: Any, tmp_path: Path
) -> None:
    processes.worker("-P", "solo")
    submit("touch_and_wait", path=str(tmp_path / "run"), until=str(tmp_path / "never"))
    eventually(lambda: broker.unacked(), 10)
    answer = admin.post(f"{W1}/queues", json={"drop": ["mail"]})
    assert (answer.status_code, answer.json["code"]) == (409, "no-answer")


def test_an_autoscaled_worker_gets_a_new_most(admin: Any, processes: Any) -> None:
    processes.worker("--autoscale", "2,1")
    assert admin.get(W1).json["autoscale"] == [1, 2]
    answer = admin.post(f"{W1}/pool", json={"size": 3})
    assert answer.status_code == 200, answer.json
    assert answer.json["autoscale"] == [1, 3]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("pool", {}, "size"),
        ("pool", {"size": 0}, "size"),
        ("pool", {"size": 257}, "size"),
        ("pool", {"size": "2"}, "size"),
        ("queues", {}, "add"),
        ("queues", {"add": "mail"}, "add"),
        ("queues", {"add": ["no good"]}, "add"),
        ("queues", {"drop": ["mail"]}, "drop"),
        ("queues", {"add": ["default"], "drop": ["default"]}, "drop"),
        ("pause", {"note": 1}, "note"),
        ("pause", {"note": "x" * 501}, "note"),
    ],
)
def test_bad_values(admin: Any, heard: Any, path: str, body: dict[str, Any], field: str) -> None:
    heard()
    answer = admin.post(f"/workers/w1@host/{path}", json=body)
    assert answer.status_code == 422
    assert field in answer.json["errors"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "rate_limit"),
        ({"rate_limit": "often"}, "rate_limit"),
        ({"rate_limit": "10/d"}, "rate_limit"),
        ({"rate_limit": 10}, "rate_limit"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": -1}, "time_limit"),
        ({"time_limit": "soon"}, "time_limit"),
        ({"time_limit": 1e300}, "time_limit"),
        ({"time_limit": 5, "soft_time_limit": 5}, "soft_time_limit"),
        ({"speed": 1}, "speed"),
    ],
)
def test_bad_limits(admin: Any, body: dict[str, Any], field: str) -> None:
    answer = admin.post("/tasks/sample_tasks.sleep/limits", json=body)
    assert answer.status_code == 422
    assert field in answer.json["errors"]


CALLS = [
    ("pause", {}),
    ("resume", {}),
    ("shutdown", {}),
    ("pool", {"size": 1}),
    ("queues", {"add": ["mail"]}),
]


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_an_unknown_worker_and_the_wrong_role(
    admin: Any, caller: Any, heard: Any, path: str, body: dict[str, Any]
) -> None:
    assert admin.post(f"/workers/nobody/{path}", json=body).status_code == 404
    heard()
    assert caller("operator").post(f"/workers/w1@host/{path}", json=body).status_code == 403


def test_limits_of_an_unknown_task_and_by_the_wrong_role(admin: Any, caller: Any) -> None:
    assert admin.post("/tasks/no.such/limits", json={"rate_limit": "1/s"}).status_code == 404
    answer = caller("operator").post("/tasks/sample_tasks.sleep/limits", json={"rate_limit": "1/s"})
    assert answer.status_code == 403


@pytest.mark.parametrize(("path", "body"), CALLS[2:])
def test_an_offline_worker_cannot_be_changed(admin: Any, heard: Any, path: str, body: dict[str, Any]) -> None:
    heard(silent_seconds=60)
    answer = admin.post(f"/workers/w1@host/{path}", json=body)
    assert (answer.status_code, answer.json["code"]) == (409, "offline")


def test_an_offline_worker_is_paused_for_its_next_start_and_can_be_cleared(
    app: Flask, admin: Any, heard: Any
) -> None:
    heard(silent_seconds=60)
    heard("alive@host")
    assert admin.post("/workers/w1@host/pause").json["state"] == "offline"
    assert set(broker.paused_workers()) == {"w1@host"}
    assert admin.delete("/workers/alive@host").json["code"] == "online"
    assert admin.delete("/workers/w1@host").status_code == 204
    assert broker.paused_workers() == {}
    assert [one["hostname"] for one in admin.get("/workers").json["items"]] == ["alive@host"]


def test_limits_in_force_show_on_the_page_and_in_rest(app: Flask, signed_in: Any, admin: Any) -> None:
    def shown() -> dict[str, Any]:
        return admin.get("/tasks/sample_tasks.at_a_rate").json

    assert (shown()["rate_limit"], shown()["time_limit_seconds"]) == ("2/s", None)
    limits = {"rate_limit": "10/m", "time_limit": 90, "soft_time_limit": 60}
    admin.post("/tasks/sample_tasks.at_a_rate/limits", json=limits)
    assert (shown()["rate_limit"], shown()["time_limit_seconds"]) == ("10/m", 90)
    assert shown()["soft_time_limit_seconds"] == 60
    page = signed_in("viewer").get("/tasks/sample_tasks.at_a_rate").get_data(as_text=True)
    assert "10 / min per worker, set here (in code: 2 / s per worker)" in page
    assert "set here (in code: none)" in page
    assert "Retries" not in page
    items = admin.get("/tasks?limit=200").json["items"]
    assert [one["rate_limit"] for one in items if one["name"] == "sample_tasks.at_a_rate"] == ["10/m"]
    admin.post("/tasks/sample_tasks.at_a_rate/limits", json={"rate_limit": None})
    assert shown()["rate_limit"] is None
    assert "Retries" in signed_in("viewer").get("/tasks/sample_tasks.flaky").get_data(as_text=True)
