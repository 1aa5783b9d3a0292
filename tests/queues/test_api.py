"""`/queues` and `/runs` with `hold`: what waits, its order, and every refusal."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import audit, broker
from app.broker.messages import foreign_id
from app.clock import utcnow
from app.extensions import transaction
from app.runs import Run, states

Submit = Callable[..., str]
FACTS = ("name", "waiting", "held", "by_priority", "paused", "hold_new", "consumers", "oldest_seconds")


@pytest.fixture
def operator(caller: Callable[[str], Any]) -> Any:
    return caller("operator")


def items(operator: Any, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operator.get(path).json["items"]
    return found


def test_the_list_names_declared_queues_and_those_that_hold_something(operator: Any, submit: Submit) -> None:
    submit(priority=7)
    submit()
    submit(queue="strange")
    found = {one["name"]: one for one in items(operator, "/queues")}
    assert list(found) == ["default", "files", "mail", "examples", "strange"]
    assert [found["default"][name] for name in FACTS[:7]] == [
        "default",
        2,
        0,
        {"7": 1, "5": 1},
        False,
        False,
        0,
    ]
    assert 0 <= found["default"]["oldest_seconds"] < 30
    assert found["mail"]["oldest_seconds"] is None
    assert (found["mail"]["declared"], found["strange"]["declared"]) == (True, False)
    assert operator.get("/queues/strange").json["waiting"] == 1


def test_messages_stand_in_the_order_in_which_they_are_taken(operator: Any, submit: Submit) -> None:
    first, urgent, last = submit(1), submit(2, priority=9), submit(3)
    found = items(operator, "/queues/default/messages")
    assert [one["id"] for one in found] == [urgent, first, last]
    assert [one["position"] for one in found] == [1, 2, 3]
    assert [one["priority"] for one in found] == [9, 5, 5]
    one = found[1]
    assert (one["task_name"], one["args"], one["kwargs"]) == ("sample_tasks.plain", [1], {})
    assert (one["requested_by"], one["schedule_id"], one["held"]) == ("mei", None, None)
    assert 0 <= one["waited_seconds"] < 30
    assert [one["id"] for one in items(operator, "/queues/default/messages?offset=1&limit=1")] == [first]
    assert items(operator, "/queues/default/messages?offset=9") == []
    assert operator.get("/queues/default/messages").json["total"] == 3


def test_the_line_is_walked_while_workers_take_from_it(operator: Any, submit: Submit, redis: Any) -> None:
    """A page goes on behind the last run, wherever that stands now; when it was taken, at the front."""
    path = "/queues/default/messages?limit=2"
    ids = [submit(n) for n in range(6)]
    first = operator.get(path).json
    assert redis.rpop(broker.keys().level("default", 4).key)  # the first was taken
    second = operator.get(path + "&cursor=" + first["next_cursor"]).json
    assert [one["id"] for one in first["items"] + second["items"]] == ids[:4]
    for _taken in range(3):
        redis.rpop(broker.keys().level("default", 4).key)
    third = operator.get(path + "&cursor=" + second["next_cursor"]).json
    assert [one["id"] for one in third["items"]] == ids[4:]
    assert third["next_cursor"] is None
    refused = operator.get(path + "&offset=1&cursor=" + first["next_cursor"])
    assert list(refused.json["errors"]) == ["offset"]


def test_what_is_held_and_what_a_filter_finds_is_walked_too(operator: Any, submit: Submit) -> None:
    ids = [submit(n) for n in range(5)]
    filtered = "/queues/default/messages?limit=1&task_name=sample_tasks.plain"
    answer = operator.get(filtered).json
    assert operator.get(filtered + "&cursor=" + answer["next_cursor"]).json["items"][0]["id"] == ids[1]
    for run_id in ids:
        operator.post("/queues/default/hold", json={"id": run_id})
    held = "/queues/default/messages?limit=2&held=true"
    first = operator.get(held).json
    operator.post("/queues/default/release", json={"id": ids[0]})
    second = operator.get(held + "&cursor=" + first["next_cursor"]).json
    assert [one["id"] for one in first["items"] + second["items"]] == ids[:4]


def test_secret_arguments_are_masked(operator: Any, celery_app: Any) -> None:
    celery_app.send_task("sample_tasks.fail", kwargs={"password": "hunter2"})
    answer = operator.get("/queues/default/messages")
    assert "hunter2" not in answer.text
    assert answer.json["items"][0]["kwargs"] == {"password": "••••••"}


def test_a_foreign_message_is_shown_and_never_lost(operator: Any, redis: Any) -> None:
    raw = b"\xffnot json"
    redis.lpush("default", raw)
    [one] = items(operator, "/queues/default/messages")
    assert (one["task_name"], one["args"], one["unread"]) == (None, None, "foreign")
    assert one["id"] == foreign_id(raw)
    assert operator.post("/queues/default/hold", json={"id": one["id"]}).status_code == 200
    assert operator.post("/queues/default/release", json={"id": one["id"]}).status_code == 200
    assert redis.lrange("default", 0, -1) == [raw]


def test_large_arguments_are_left_out_of_the_list(operator: Any, celery_app: Any) -> None:
    celery_app.send_task("sample_tasks.plain", ["x" * 10_000_000])
    [one] = items(operator, "/queues/default/messages")
    assert (one["args"], one["unread"]) == (None, "too-large")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"before": 0}, "2013"),
        ({"after": 0}, "0213"),
        ({"to": "front"}, "2013"),
        ({"to": "back"}, "0132"),
        ({"position": 1}, "2013"),
        ({"position": 4}, "0132"),
    ],
)
def test_move(operator: Any, submit: Submit, order: Any, place: dict[str, Any], expected: str) -> None:
    ids = [submit(n) for n in range(4)]
    body = {name: ids[value] if name in ("before", "after") else value for name, value in place.items()}
    answer = operator.post("/queues/default/move", json={"id": ids[2]} | body)
    assert answer.status_code == 200
    assert order() == [ids[int(digit)] for digit in expected]
    assert answer.json == {
        "id": ids[2], "queue": "default", "position": expected.index("2") + 1, "priority": 5
    }  # fmt: skip


def test_a_move_among_others_takes_their_priority(operator: Any, submit: Submit, row: Any) -> None:
    urgent, plain = submit(priority=9), submit()
    answer = operator.post("/queues/default/move", json={"id": plain, "before": urgent})
    assert (answer.json["position"], answer.json["priority"]) == (1, 9)
    assert row(plain).priority == 9


def test_a_move_that_comes_too_late(operator: Any, submit: Submit, redis: Any) -> None:
    run_id = submit()
    raw = redis.rpop(broker.keys().level("default", 4).key)
    redis.hset("unacked", "tag", json.dumps([json.loads(raw), "", "default"]))
    answer = operator.post("/queues/default/move", json={"id": run_id, "to": "front"})
    assert (answer.status_code, answer.json["code"]) == (409, "already-taken")
    assert answer.json["detail"] == f"A worker has already taken plain {run_id[:8]}."  # by its name


CHANGES = [
    ("POST", "/queues/default/move", {"id": "ID", "to": "front"}),
    ("POST", "/queues/default/hold", {"id": "ID"}),
    ("PATCH", "/queues/default/messages/ID", {"priority": 9}),
    ("PATCH", "/queues/default/messages/ID", {"queue": "mail"}),
    ("DELETE", "/queues/default/messages/ID", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
@pytest.mark.parametrize("became", [{"state": "PENDING"}, {"state": "RECEIVED"}, {"state": "SUCCESS"}])
def test_changes_of_a_run_that_was_taken_and_acknowledged(
    operator: Any, submit: Submit, row: Any, redis: Any, became: Any, method: str, path: str, body: Any
) -> None:
    """Its message is nowhere any more; the history tells that a worker has it, or had it."""
    run_id = submit()
    assert redis.rpop(broker.keys().level("default", 4).key)
    worker = None if became["state"] == "PENDING" else "w1@here"
    with transaction() as session:
        session.get(Run, run_id).state = became["state"]
        session.get(Run, run_id).worker = worker
        session.get(Run, run_id).outbox = None
    named = json.loads(json.dumps(body).replace("ID", run_id))
    answer = operator(method, path.replace("ID", run_id), json=named)
    assert (answer.status_code, answer.json["code"]) == (409, "already-taken")
    assert row(run_id).state == became["state"]
    elsewhere = operator(method, path.replace("ID", run_id).replace("default", "mail"), json=named)
    assert elsewhere.status_code in (404, 422)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"id": "ID"}, 422, "position"),
        ({"to": "front"}, 422, "id"),
        ({"id": "ID", "to": "front", "position": 1}, 422, "position"),
        ({"id": "ID", "to": "middle"}, 422, "to"),
        ({"id": "ID", "position": 0}, 422, "position"),
        ({"id": "ID", "position": 2}, 422, "position"),
        ({"id": "ID", "position": 1.5}, 422, "position"),
        ({"id": "ID", "position": "1"}, 422, "position"),
        ({"id": "ID", "before": "ID"}, 422, "before"),
        ({"id": "ID", "to": "front", "speed": 1}, 422, "speed"),
        ({"id": "ID", "before": "nobody"}, 409, None),
        ({"id": "nobody", "to": "front"}, 404, None),
    ],
)
def test_moves_that_are_refused(
    operator: Any, submit: Submit, order: Any, body: dict[str, Any], status: int, field: str | None
) -> None:
    run_id = submit()
    given = {name: run_id if value == "ID" else value for name, value in body.items()}
    answer = operator.post("/queues/default/move", json=given)
    assert answer.status_code == status
    assert field is None or field in answer.json["errors"]
    assert order() == [run_id]


def test_priority_and_queue_of_a_waiting_run(operator: Any, submit: Submit, order: Any, row: Any) -> None:
    first, second = submit(), submit()
    answer = operator("PATCH", f"/queues/default/messages/{second}", json={"priority": 8})
    assert (answer.status_code, answer.json["position"]) == (200, 1)
    assert order() == [second, first]
    answer = operator("PATCH", f"/queues/default/messages/{second}", json={"queue": "mail", "priority": 2})
    assert (answer.json["queue"], answer.json["priority"]) == ("mail", 2)
    assert (order(), order("mail")) == ([first], [second])
    assert (row(second).queue, row(second).priority) == ("mail", 2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"priority": 10},
        {"priority": -1},
        {"priority": "5"},
        {"queue": "nowhere"},
        {"queue": "default"},
        {"queue": "nowhere", "priority": 9},
    ],
)
def test_changes_that_are_refused(operator: Any, submit: Submit, order: Any, body: dict[str, Any]) -> None:
    run_id = submit()
    answer = operator("PATCH", f"/queues/default/messages/{run_id}", json=body)
    assert answer.status_code == 422
    assert answer.json["errors"]
    assert order() == [run_id]
    assert broker.by_priority("default") == {5: 1}


def test_a_removed_run_ends(operator: Any, submit: Submit, order: Any, row: Any) -> None:
    run_id = submit()
    assert operator.delete(f"/queues/default/messages/{run_id}").status_code == 204
    assert order() == []
    run = row(run_id)
    assert (run.state, run.error, run.outbox) == (
        states.REVOKED, f"Removed from the queue by {operator.user.name}.", None,
    )  # fmt: skip
    assert run.finished_at is not None
    assert operator.delete(f"/queues/default/messages/{run_id}").status_code == 404


def test_hold_and_release_one(operator: Any, submit: Submit, order: Any, row: Any) -> None:
    first, second = submit(1), submit(2)
    answer = operator.post("/queues/default/hold", json={"id": first, "reason": "fraud check"})
    assert (answer.status_code, answer.json["waiting"], answer.json["held"]) == (200, 1, 1)
    assert row(first).state == states.HELD
    [held] = items(operator, "/queues/default/messages?held=true")
    assert (held["id"], held["position"], held["args"]) == (first, None, [1])
    assert (held["held"]["by"], held["held"]["reason"]) == (operator.user.name, "fraud check")
    assert operator.post("/queues/default/hold", json={"id": first}).json["code"] == "held"
    assert operator.post("/queues/default/move", json={"id": first, "to": "front"}).json["code"] == "held"
    answer = operator.post("/queues/default/release", json={"id": first, "to": "front"})
    assert (answer.json["position"], answer.json["released"]) == (1, 1)
    assert order() == [first, second]
    assert row(first).state == states.PENDING
    assert operator.post("/queues/default/release", json={"id": first}).status_code == 404


def test_hold_everything_new_until_all_are_released(operator: Any, submit: Submit, order: Any) -> None:
    before = submit()
    assert operator.post("/queues/default/hold").json["hold_new"] is True
    new = [submit(n) for n in range(3)]
    assert order() == [before]
    assert [one["id"] for one in items(operator, "/queues/default/messages?held=true")] == new
    operator.post("/queues/default/release", json={"id": new[1]})
    assert order() == [before, new[1]]
    answer = operator.post("/queues/default/release", json={"to": "back"})
    assert answer.json == {"queue": "default", "released": 2}
    assert order() == [before, new[1], new[0], new[2]]
    assert operator.get("/queues/default").json["hold_new"] is False


def test_a_run_that_is_held_from_the_start(operator: Any, order: Any, row: Any) -> None:
    answer = operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": [1], "hold": True})
    assert (answer.status_code, answer.json["state"]) == (202, states.HELD)
    run_id = answer.json["id"]
    assert order() == []
    [held] = items(operator, "/queues/default/messages?held=true")
    assert (held["id"], held["held"]["by"]) == (run_id, operator.user.name)
    diagnosis = operator.get(f"/runs/{run_id}/diagnosis").json
    assert (diagnosis["reason"], diagnosis["ahead"], diagnosis["estimated_start"]) == ("held", None, None)
    operator.post("/queues/default/release", json={"id": run_id})
    assert order() == [run_id]
    assert row(run_id).state == states.PENDING


def test_a_held_run_can_be_cancelled(operator: Any, order: Any, row: Any) -> None:
    run_id = operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": [1], "hold": True}).json[
        "id"
    ]
    assert operator.post(f"/runs/{run_id}/cancel").json["outcome"] == "removed"
    assert row(run_id).state == states.REVOKED
    assert broker.held_count("default") == 0


def test_pause_and_resume(operator: Any, submit: Submit) -> None:
    run_id = submit()
    answer = operator.post("/queues/default/pause", json={"note": "month end"})
    assert (answer.json["paused"], answer.json["paused_by"], answer.json["note"]) == (
        True, operator.user.name, "month end",
    )  # fmt: skip
    diagnosis = operator.get(f"/runs/{run_id}/diagnosis").json
    assert (diagnosis["reason"], diagnosis["ahead"]) == ("paused", 0)
    assert "month end" in diagnosis["detail"]
    assert operator.post("/queues/default/resume").json["paused"] is False
    assert operator.post("/queues/default/resume").status_code == 200
    assert operator.get(f"/runs/{run_id}/diagnosis").json["reason"] == "no-worker"


def test_purge_is_for_admins_and_leaves_the_held_ones(
    caller: Any, operator: Any, submit: Submit, order: Any, row: Any
) -> None:
    held, *waiting = (submit(n) for n in range(4))
    operator.post("/queues/default/hold", json={"id": held})
    assert operator.delete("/queues/default/messages").status_code == 403
    admin = caller("admin")
    assert admin.delete("/queues/default/messages").json == {"removed": 3}
    assert order() == []
    assert {row(one).state for one in waiting} == {states.REVOKED}
    assert row(waiting[0]).error == f"Purged by {admin.user.name}."
    assert row(held).state == states.HELD
    assert admin.delete("/queues/default/messages").json == {"removed": 0}


CALLS = [
    ("GET", "/queues/Q", None),
    ("GET", "/queues/Q/messages", None),
    ("POST", "/queues/Q/pause", {}),
    ("POST", "/queues/Q/resume", {}),
    ("POST", "/queues/Q/hold", {}),
    ("POST", "/queues/Q/release", {}),
    ("POST", "/queues/Q/move", {"id": "x", "to": "front"}),
    ("PATCH", "/queues/Q/messages/x", {"priority": 1}),
    ("DELETE", "/queues/Q/messages/x", None),
    ("DELETE", "/queues/Q/messages", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize(
    "name",
    [
        *("nowhere", "unacked", "_kombu.binding.default", "a b", "\u706b"),
        *("celeriac:held:default", "default\x06\x164"),  # lists that are no queues
    ],
)
def test_an_unknown_queue(
    caller: Any, redis: Any, submit: Submit, method: str, path: str, body: Any, name: str
) -> None:
    redis.hset("unacked", "tag", "{}")
    submit()
    broker.hold("default", submit(), "mei", "", utcnow())
    answer = caller("admin")(method, path.replace("Q", name), json=body)
    assert (answer.status_code, answer.json["code"]) == (404, "not-found")


@pytest.mark.parametrize(("method", "path", "body"), CALLS[2:])
def test_a_viewer_only_reads(caller: Any, method: str, path: str, body: Any) -> None:
    viewer = caller("viewer")
    assert viewer(method, path.replace("Q", "default"), json=body).status_code == 403
    assert viewer.get("/queues").status_code == 200


@pytest.mark.parametrize(
    "query", ["offset=-1", "limit=0", "limit=201", "offset=x", "held=maybe", "cursor=x", "page=2"]
)
def test_a_bad_page(operator: Any, query: str) -> None:
    assert operator.get(f"/queues/default/messages?{query}").status_code == 422


def test_every_change_is_in_the_audit_log(app: Flask, caller: Any, submit: Submit) -> None:
    admin, run_id, other = caller("admin"), submit(), submit()
    base = "/queues/default"
    admin.post(f"{base}/move", json={"id": run_id, "to": "back"})
    admin("PATCH", f"{base}/messages/{run_id}", json={"priority": 7})
    admin.post(f"{base}/hold", json={"id": run_id})
    admin.post(f"{base}/release", json={"id": run_id})
    admin("PATCH", f"{base}/messages/{run_id}", json={"queue": "mail"})
    admin.delete(f"/queues/mail/messages/{run_id}")
    admin.post(f"{base}/pause", json={"note": "n"})
    admin.post(f"{base}/resume")
    admin.post(f"{base}/hold")
    admin.post(f"{base}/release")
    admin.delete(f"{base}/messages")
    entries = audit.page(audit.AuditFilter(actor=admin.user.name), 50).items
    actions = [entry.action for entry in reversed(entries) if entry.action.startswith("queue.")]
    assert actions == [
        f"queue.{verb}"
        for verb in (
            "move", "priority", "hold", "release", "send", "remove", "pause", "resume", "hold-new",
            "let-new-in", "release-all", "purge",
        )
    ]  # fmt: skip
    assert entries[0].details == {"removed": 1}
    assert {entry.via for entry in entries} == {"api"}
    assert other


def test_refused_changes_leave_no_trace(app: Flask, operator: Any) -> None:
    operator.post("/queues/default/move", json={"id": "nobody", "to": "front"})
    operator.delete("/queues/default/messages/nobody")
    assert [one for one in audit.page(audit.AuditFilter(), 50).items if one.action.startswith("queue.")] == []


def test_a_run_for_later_is_held_when_its_time_comes(app: Flask, submit: Submit, row: Any) -> None:
    from app.runs import outbox

    run_id = submit(hold=True, run_at=utcnow() + timedelta(hours=1))
    assert row(run_id).state == states.SCHEDULED
    assert broker.held_count("default") == 0
    assert outbox.send_scheduled(utcnow() + timedelta(hours=2)) == 1
    assert row(run_id).state == states.HELD
    assert [one.message.id for one in broker.held("default")] == [run_id]
    assert isinstance(row(run_id), Run)
