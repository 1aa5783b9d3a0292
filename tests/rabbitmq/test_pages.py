"""Pages and REST where the queues lie in RabbitMQ: what they show, what they offer, what they refuse."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import broker, queues, runs
from app.broker.rabbitmq import dedup
from app.clock import utcnow
from app.errors import Conflict, Invalid, NotFound
from app.health import checks
from app.runs import Run, outbox, states

Submit = Callable[..., str]
Row = Callable[[str], Run]


@pytest.fixture
def admin(signed_in: Callable[..., FlaskClient]) -> FlaskClient:
    return signed_in("admin", "root")


def test_rest_counts_what_it_cannot_list(caller: Callable[..., Any], submit: Submit) -> None:
    api = caller("viewer")
    submit("weekday", day="2026-11-20")
    queue = api.get("/queues/default").json
    assert (queue["waiting"], queue["supports_order"], queue["by_priority"]) == (1, False, {})
    assert queue["oldest_seconds"] is None
    assert api.get("/queues/default/messages").json == {"items": [], "next_cursor": None, "total": 1}
    assert api.get("/queues/default/messages?held=true").json["total"] == 0
    names = [one["name"] for one in api.get("/queues").json["items"]]
    assert names == ["default", "files", "mail", "examples"]
    assert api.get("/queues/nowhere").status_code == 404


def test_depths_are_sampled_and_drawn_too(app: Flask, admin: FlaskClient, submit: Submit) -> None:
    now = utcnow()
    submit("weekday", day="2026-11-20")
    for number in range(12):
        broker.sample(["default", "mail"], now - timedelta(seconds=30 * number))
    found = admin.get("/api/v1/queues/default/depths").get_json()["items"]
    assert [(one["waiting"], one["held"]) for one in found] == [(1, 0)] * 12
    text = admin.get("/queues/default").text
    assert "sparkline" in text
    assert "unchanged in the last" in text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/queues/default/move", {"id": "ID", "to": "front"}),
        ("POST", "/queues/default/hold", {"id": "ID"}),
        ("POST", "/queues/default/hold", {}),
        ("POST", "/queues/default/release", {"id": "ID"}),
    ],
)
def test_rest_says_what_rabbitmq_cannot_do(
    caller: Callable[..., Any], submit: Submit, method: str, path: str, body: dict[str, str]
) -> None:
    run_id = submit("weekday", day="2026-11-20")
    answer = caller("operator")(
        method, path, json={name: value.replace("ID", run_id) for name, value in body.items()}
    )
    assert (answer.status_code, answer.json["code"]) == (409, "not-supported")
    assert "RabbitMQ keeps the order" in answer.json["detail"]


def test_rest_holds_no_new_run(caller: Callable[..., Any]) -> None:
    body = {"task_name": "sample_tasks.weekday", "kwargs": {"day": "2026-11-20"}, "hold": True}
    answer = caller("operator").post("/runs", json=body)
    assert (answer.status_code, answer.json["code"]) == (409, "not-supported")
    assert broker.depth("default") == 0


def test_rest_changes_priority_and_queue_and_cancels(
    caller: Callable[..., Any], submit: Submit, row: Row
) -> None:
    api, run_id = caller("operator"), submit("weekday", day="2026-11-20")
    answer = api("PATCH", f"/queues/default/messages/{run_id}", json={"priority": 8, "queue": "mail"})
    assert answer.json == {"id": run_id, "queue": "mail", "position": None, "priority": 8}
    assert (row(run_id).queue, row(run_id).priority) == ("mail", 8)
    for wrong in ({"queue": "nowhere"}, {"queue": "mail"}):
        assert api("PATCH", f"/queues/mail/messages/{run_id}", json=wrong).status_code == 422
    assert api.delete(f"/queues/default/messages/{run_id}").status_code == 404
    assert api.delete("/queues/default/messages/unknown").status_code == 404
    assert api.delete(f"/queues/mail/messages/{run_id}").status_code == 204
    assert row(run_id).state == states.REVOKED
    assert api("PATCH", f"/queues/mail/messages/{run_id}", json={"priority": 1}).status_code == 404


def test_only_what_is_known_whole_is_sent_again(app: Flask, submit: Submit, row: Row) -> None:
    def refused(run: Run) -> str:
        with pytest.raises(Conflict) as error:
            queues.resend(run, priority=9)
        return f"{error.value.code}: {error.value.detail}"

    secret = row(submit("fail", password="hunter2"))
    assert queues.resend(secret, priority=9).priority == 9  # its outbox still holds the password
    outbox._settle([secret.id], utcnow())
    assert "secret" in refused(runs.get(secret.id))
    assert "Another program" in refused(_sent(row(submit("weekday", by=None, day="2026-11-20"))))
    member = row(submit("weekday", day="2026-11-20"))
    member.group_id = "group"
    assert "workflow" in refused(member)
    taken = row(submit("weekday", day="2026-11-20"))
    assert dedup.claim({"id": taken.id, dedup.HEADER: "one"}, False, "w1", app)
    assert refused(taken).startswith("already-taken")
    with pytest.raises(Invalid):
        queues.resend(member, priority=10)
    with pytest.raises(NotFound):
        runs.get("unknown")


def _sent(run: Run) -> Run:
    outbox._settle([run.id], utcnow())
    return runs.get(run.id)


def test_the_page_of_a_queue_offers_what_is_possible(admin: FlaskClient, submit: Submit, post: Any) -> None:
    run_id = submit("weekday", day="2026-11-20")
    page = admin.get("/queues/default").text
    assert "This queue lies in RabbitMQ" in page
    assert "1 message waits" in page
    for absent in ("Hold everything new", 'id="queue-menu"', 'id="bulk"', "tab=held", "Alt</kbd>"):
        assert absent not in page
    assert admin.get("/queues").status_code == 200
    assert admin.get(f"/queues/default?run={run_id}&tab=held").status_code == 200
    assert admin.get("/queues/default/live").status_code == 200
    assert "cannot bring it back" in admin.get("/queues/default/purge").text
    assert post(admin, "/queues/default/pause", {"note": "printing"}).status_code == 303
    assert "Paused by root" in admin.get("/queues/default").text
    assert post(admin, "/queues/default/resume").status_code == 303
    assert "Undo" in admin.get("/queues/default").text
    assert post(admin, "/queues/default/purge", {"name": "default"}).status_code == 303
    page = admin.get("/queues/default").text
    assert "1 run purged" in page
    assert "Undo" not in page
    assert "Nothing waits" in page


def test_the_page_of_a_run_changes_it(admin: FlaskClient, submit: Submit, post: Any, row: Row) -> None:
    run_id = submit("weekday", day="2026-11-20")
    page = admin.get(f"/runs/{run_id}").text
    assert 'id="resend"' in page
    assert "No worker is online" in page
    answer = post(admin, "/queues/default/priority", {"id": run_id, "priority": "7", "from": "run"})
    assert answer.headers["Location"].endswith(f"/runs/{run_id}")
    post(admin, "/queues/default/send", {"id": run_id, "queue": "mail", "from": "run"})
    assert (row(run_id).queue, row(run_id).priority) == ("mail", 7)
    assert "where nobody can look at it" in admin.get(f"/runs/{run_id}/message").text
    assert post(admin, f"/runs/{run_id}/cancel").status_code == 303
    assert row(run_id).state == states.REVOKED
    assert 'id="resend"' not in admin.get(f"/runs/{run_id}").text


def test_probes_and_metrics_tell_of_rabbitmq(admin: FlaskClient, submit: Submit) -> None:
    submit("weekday", queue="mail", day="2026-11-20")
    told = admin.get("/metrics").text
    assert 'celeriac_queue_waiting{queue="mail"} 1.0' in told
    assert "celeriac_rabbitmq_up 1.0" in told
    found = {check.name: check for check in checks.ready(utcnow())}
    assert found["rabbitmq"].ok
    assert found["rabbitmq"].detail.startswith("RabbitMQ ")
    assert admin.get("/readyz").status_code == 200
    assert admin.get("/").status_code == 200


def test_where_a_rate_limit_is_set_it_says_what_that_costs(admin: FlaskClient) -> None:
    text = admin.get("/workers/-/limits/examples.basic.add").text
    assert "keep the slots of the worker that took them" in text
