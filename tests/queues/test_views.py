"""The Queues pages: what they show, what they change, what they refuse."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import broker, heartbeats, queues, runs
from app.clock import utcnow
from app.extensions import transaction
from app.heartbeats import WORKERS
from app.runs import Run, states

Submit = Callable[..., str]
Q = "/queues/default"


@pytest.fixture
def operator(signed_in: Callable[..., FlaskClient]) -> FlaskClient:
    return signed_in("operator", "mei")


@pytest.fixture
def admin(signed_in: Callable[..., FlaskClient]) -> FlaskClient:
    return signed_in("admin", "root")


def test_the_list_shows_every_queue(operator: FlaskClient, submit: Submit) -> None:
    submit(queue="unheard-of")
    broker.pause("mail", "mei", "", utcnow())
    text = operator.get("/queues").text
    for name in ("default", "files", "mail", "examples", "unheard-of"):
        assert f'href="/queues/{name}"' in text
    assert "not declared" in text
    assert "Paused" in text
    fragment = operator.get("/queues/-/table").text
    assert "<html" not in fragment

    def shown() -> str:
        version = re.search(r"version=(\w+)", operator.get("/queues/-/table").text)
        assert version
        return f"/queues/-/table?version={version[1]}"

    answers = [operator.get(shown()).status_code for _ in range(2)]  # ten seconds may just have been over
    assert 204 in answers
    before = shown()
    submit()
    assert operator.get(before).status_code == 200


def test_a_queue_shows_its_line_in_order(operator: FlaskClient, submit: Submit) -> None:
    ids = [submit(1), submit(2, priority=9)]
    text = operator.get(Q).text
    assert text.index(f'id="wait-{ids[1]}"') < text.index(f'id="wait-{ids[0]}"')
    assert "No worker" in text
    assert ids[0] not in operator.get("/queues/mail").text


def test_a_live_part_answers_nothing_while_nothing_changes(operator: FlaskClient, submit: Submit) -> None:
    run_id = submit()
    text = operator.get(f"{Q}/live").text
    version = re.search(r"version=(\w+)", text)
    assert version
    assert "<html" not in text
    assert operator.get(f"{Q}/live?version={version[1]}").status_code == 204
    broker.hold("default", run_id, "mei", "", utcnow())
    assert operator.get(f"{Q}/live?version={version[1]}").status_code == 200


def test_the_held_back_line_says_that_it_moved(operator: FlaskClient, submit: Submit) -> None:
    submit()
    top = re.search(r'data-top="(\w+)"', operator.get(f"{Q}/live").text)
    assert top
    hidden = 'id="line-moved" data-still="False" hidden'
    assert hidden in operator.get(f"{Q}/live?top={top[1]}").text
    submit()
    assert hidden not in operator.get(f"{Q}/live?top={top[1]}").text


def test_ten_thousand_waiting_runs_page(operator: FlaskClient, celery_app: Any, redis: Any) -> None:
    celery_app.send_task("sample_tasks.plain", [1], task_id="model")
    key = broker.keys().level("default", 4).key
    model = redis.rpop(key)
    redis.lpush(key, *(model.replace(b"model", b"run-%05d" % n) for n in range(10_000)))
    first = operator.get(Q).text
    assert "1 to 50 of 10,000" in first
    assert 'id="wait-run-00000"' in first
    assert first.count('id="wait-run-') == 50
    assert len(first) < 200_000
    last = operator.get(f"{Q}?offset=9950").text
    assert "9,951 to 10,000 of 10,000" in last
    assert 'id="wait-run-09999"' in last
    assert 'id="wait-run-09999"' in operator.get(f"{Q}?offset=99999999").text


@pytest.mark.parametrize("wrong", ["offset=-1", "offset=x", "tab=gone"])
def test_a_wrong_part_of_the_line_is_said_as_a_wrong_filter_is(
    operator: FlaskClient, submit: Submit, wrong: str
) -> None:
    run_id = submit()
    page = operator.get(f"{Q}?{wrong}").text
    assert "1 filter cannot be used; the others are." in page
    assert f'id="wait-{run_id}"' in page


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"to": "front"}, "2013"),
        ({"to": "back"}, "0132"),
        ({"step": "up"}, "0213"),
        ({"step": "down"}, "0132"),
        ({"position": "1"}, "2013"),
        ({"after": 0}, "0213"),
        ({"before": 0}, "2013"),
    ],
)
def test_moving_by_plain_forms(
    operator: FlaskClient, post: Any, submit: Submit, order: Any, fields: dict[str, Any], line: str
) -> None:
    ids = [submit(n) for n in range(4)]
    sent = {name: ids[value] if isinstance(value, int) else value for name, value in fields.items()}
    answer = post(operator, f"{Q}/move", {"id": ids[2], "offset": "0"} | sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{Q}?offset=0")
    assert order() == [ids[int(digit)] for digit in line]
    assert f"Moved to position {line.index('2') + 1} of 4" in operator.get(Q).text


def test_moving_over_the_edge_of_a_page_and_at_the_ends(
    operator: FlaskClient, post: Any, submit: Submit, order: Any
) -> None:
    ids = [submit(n) for n in range(3)]
    post(operator, f"{Q}/move", {"id": ids[0], "step": "up"})
    post(operator, f"{Q}/move", {"id": ids[2], "step": "down"})
    assert order() == ids


def test_htmx_gets_the_queue_as_it_is_then_and_what_is_told(
    app: Flask, operator: FlaskClient, submit: Submit
) -> None:
    ids = [submit(1), submit(2)]
    token = re.search(r'"X-CSRFToken": "([^"]+)"', operator.get("/settings").text)
    assert token
    headers = {"X-CSRFToken": token[1], "HX-Request": "true", "HX-Target": "div#queue"}
    answer = operator.post(f"{Q}/move", data={"id": ids[1], "to": "front"}, headers=headers)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert answer.text.index(f'id="wait-{ids[1]}"') < answer.text.index(f'id="wait-{ids[0]}"')
    assert "<hx-partial" in answer.text
    assert "Moved to position 1 of 2" in answer.text


def test_undo_takes_a_move_back(operator: FlaskClient, post: Any, submit: Submit, order: Any) -> None:
    ids = [submit(priority=9), submit(), submit()]
    post(operator, f"{Q}/move", {"id": ids[2], "to": "front"})
    form = re.search(r'action="([^"]+/place)">(.*?)</form>', operator.get(Q).text, re.S)
    assert form
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[2]))
    assert order()[0] == ids[2]
    post(operator, form[1], fields)
    assert order() == ids
    assert broker.by_priority("default") == {9: 1, 5: 2}


def test_priority_queue_hold_and_release_by_plain_forms(
    operator: FlaskClient, post: Any, submit: Submit, order: Any, row: Any
) -> None:
    ids = [submit(1), submit(2)]
    post(operator, f"{Q}/priority", {"id": ids[1], "priority": "9"})
    assert order() == [ids[1], ids[0]]
    post(operator, f"{Q}/send", {"id": ids[1], "queue": "mail"})
    assert (order(), order("mail")) == ([ids[0]], [ids[1]])
    post(operator, "/queues/mail/send-back", {"id": ids[1], "queue": "default", "position": "2"})
    assert order() == [ids[0], ids[1]]
    post(operator, f"{Q}/hold", {"id": ids[0], "note": "fraud check"})
    assert row(ids[0]).state == states.HELD
    text = operator.get(f"{Q}?tab=held").text
    assert "fraud check" in text
    assert f'id="held-{ids[0]}"' in text
    post(operator, f"{Q}/release", {"id": ids[0], "to": "front"})
    assert order() == [ids[0], ids[1]]


def test_the_chosen_run_is_explained(operator: FlaskClient, submit: Submit) -> None:
    first, second = submit(1), submit(2)
    text = operator.get(f"{Q}?run={second}").text
    assert 'id="why"' in text
    assert "No worker is online" in text
    assert "unknown" in text
    assert "Starts are unknown: an estimate needs 20 past runs" in text
    queues.hold("default", first, "Priya", "fraud check", utcnow())
    assert "Priya set it aside: fraud check." in operator.get(f"{Q}?run={first}").text
    assert 'id="why"' not in operator.get(f"{Q}?run=gone").text


def test_a_row_and_its_explanation_name_the_same_start(
    app: Flask, operator: FlaskClient, submit: Submit, redis: Any
) -> None:
    now = utcnow()
    record_runs(now, {"sample_tasks.plain": 30.0, "other": 900.0})
    heartbeat = {
        "hostname": "w1@host", "state": "online", "heartbeat_at": now.timestamp() + 600, "started_at": 0,
        "pid": 1, "pool": "prefork", "slots": 1, "queues": ["default"],
        "running": [{"id": "x", "task": "sample_tasks.plain", "started_at": now.timestamp() - 500}],
    }  # fmt: skip
    redis.hset(WORKERS, "w1@host", json.dumps(heartbeat))
    ids = [submit(n) for n in range(3)]
    text = operator.get(f"{Q}?run={ids[2]}").text
    starts = [
        datetime.fromisoformat(at)
        for at in re.findall(r'<time datetime="([^"]+)" title="[^"]+">\s*in ', text)
    ]
    assert len(starts) == 3
    assert (starts[0] - now).total_seconds() == pytest.approx(500, abs=5)  # as long again as it runs already
    assert (starts[2] - starts[0]).total_seconds() == pytest.approx(60)
    assert len(re.findall(r"<b>\s*in 9 min\s*</b>", text)) == 2  # the panel, and its twin for phones
    assert "Starts are estimates from the last 40 runs" in text
    run = runs.get(ids[2])
    told = queues.diagnose(run, heartbeats.workers(redis, now), starts[0] - timedelta(seconds=500))
    assert told.estimated_start == pytest.approx(starts[2], abs=timedelta(seconds=5))
    assert queues.find("default", now).drain_seconds == pytest.approx(500 + 3 * 30, abs=5)


def record_runs(now: datetime, seconds: dict[str, float]) -> None:
    """Twenty runs of each task that took so long."""
    with transaction() as session:
        for n, (name, took) in enumerate(list(seconds.items()) * 20):
            at = now - timedelta(minutes=3)
            session.add(
                Run(id=f"old-{n}", task_name=name, queue="default", state=states.SUCCESS,
                    created_at=at, updated_at=at, ended_at=at, runtime_seconds=took)
            )  # fmt: skip


def test_a_foreign_message_can_be_shown_and_moved(
    operator: FlaskClient, post: Any, redis: Any, submit: Submit
) -> None:
    run_id = submit()
    redis.lpush("default", b"\xff<script>")
    text = operator.get(Q).text
    assert "not a message of Celery" in text
    found = re.search(r'data-id="(foreign-\w+)"', text)
    assert found
    assert operator.get(f"{Q}?run={found[1]}").status_code == 200
    post(operator, f"{Q}/move", {"id": found[1], "to": "back"})
    assert [one.id for one in broker.page("default")] == [run_id, found[1]]


def test_secret_and_hostile_arguments(operator: FlaskClient, celery_app: Any) -> None:
    celery_app.send_task(
        "sample_tasks.fail", kwargs={"password": "hunter2", "note": "<script>alert(1)</script>"}
    )
    text = operator.get(Q).text
    assert "hunter2" not in text
    assert "<script>alert" not in text


def test_bulk_asks_before_it_removes(operator: FlaskClient, post: Any, submit: Submit, order: Any) -> None:
    ids = [submit(n) for n in range(3)]
    answer = post(operator, f"{Q}/bulk", {"id": ids[:2], "action": "remove"})
    assert "Remove 2 runs?" in answer.text
    assert len(order()) == 3
    post(operator, f"{Q}/bulk", {"id": ids[:2], "action": "remove", "confirmed": "1"})
    assert order() == [ids[2]]
    assert "2 runs removed" in operator.get(Q).text


def test_bulk_says_what_could_not_be_done(operator: FlaskClient, post: Any, submit: Submit) -> None:
    ids = [submit(n) for n in range(2)]
    broker.remove("default", ids[0])
    post(operator, f"{Q}/bulk", {"id": ids, "action": "priority", "priority": "7"})
    text = operator.get(Q).text
    assert "Priority of 1 run changed" in text
    assert "1 of 2 done" in text
    assert "does not wait in this queue" in text


def test_pause_with_a_note_resume_and_the_banner(operator: FlaskClient, post: Any) -> None:
    assert "Pause default" in operator.get(f"{Q}/pause").text
    post(operator, f"{Q}/pause", {"note": "month end"})
    text = operator.get(Q).text
    assert "Paused by mei" in text
    assert "month end" in text
    post(operator, f"{Q}/resume")
    assert broker.paused() == {}


def test_hold_everything_new_and_release(
    operator: FlaskClient, post: Any, submit: Submit, order: Any
) -> None:
    post(operator, f"{Q}/hold-new", {"note": "audit"})
    ids = [submit(n) for n in range(2)]
    text = operator.get(Q).text
    assert "mei lets it hold everything new" in text
    assert all(f'id="held-{one}"' in text for one in ids)
    post(operator, f"{Q}/release", {"id": ids[1]})
    assert order() == [ids[1]]
    post(operator, f"{Q}/let-new-in")
    post(operator, f"{Q}/release-all")
    assert order() == [ids[1], ids[0]]


def test_purge_asks_for_the_name_and_can_be_undone(
    admin: FlaskClient, post: Any, submit: Submit, order: Any
) -> None:
    ids = [submit(n) for n in range(3)]
    asked = admin.get(f"{Q}/purge").text
    assert "Deletes 3 waiting runs" in asked
    assert "sample_tasks.plain" in asked
    for typed in ("", "defalt", "DEFAULT"):
        assert post(admin, f"{Q}/purge", {"name": typed}).status_code == 422
    assert order() == ids
    post(admin, f"{Q}/purge", {"name": "default"})
    assert order() == []
    token = re.search(r'name="token" value="(\w{32})"', admin.get(Q).text)
    assert token
    post(admin, f"{Q}/restore", {"token": token[1]})
    assert order() == ids
    assert post(admin, f"{Q}/restore", {"token": token[1]}).status_code == 409
    for bad in ("", "x", "../" * 11, "é" * 32):
        assert post(admin, f"{Q}/restore", {"token": bad}).status_code == 422


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("move", {"to": "front"}, 422),
        ("move", {"id": "gone", "to": "front"}, 404),
        ("move", {"id": "ID"}, 422),
        ("move", {"id": "ID", "to": "middle"}, 422),
        ("move", {"id": "ID", "position": "0"}, 422),
        ("move", {"id": "ID", "position": "9"}, 422),
        ("move", {"id": "ID", "position": "1e3"}, 422),
        ("move", {"id": "ID", "after": "gone"}, 409),
        ("place", {"id": "ID", "position": "1"}, 422),
        ("priority", {"id": "ID", "priority": "10"}, 422),
        ("priority", {"id": "ID"}, 422),
        ("send", {"id": "ID", "queue": "nowhere"}, 422),
        ("send", {"id": "ID"}, 422),
        ("hold", {"id": "ID", "note": "x" * 501}, 422),
        ("release", {"id": "ID"}, 404),
        ("release", {"id": "ID", "to": "middle"}, 422),
        ("release-all", {"to": "middle"}, 422),
        ("bulk", {"action": "hold"}, 422),
        ("bulk", {"id": "ID", "action": "eat"}, 422),
        ("bulk", {"id": "ID", "action": "priority", "priority": "x"}, 422),
    ],
)
def test_forms_that_are_refused(
    operator: FlaskClient,
    post: Any,
    submit: Submit,
    order: Any,
    path: str,
    fields: dict[str, str],
    status: int,
) -> None:
    run_id = submit()
    sent = {name: run_id if value == "ID" else value for name, value in fields.items()}
    assert post(operator, f"{Q}/{path}", sent).status_code == status
    assert order() == [run_id]


CHANGES = ["move", "place", "priority", "send", "send-back", "hold", "release", "bulk", "pause", "resume"]
CHANGES += ["hold-new", "let-new-in", "release-all"]


@pytest.mark.parametrize("path", CHANGES)
def test_a_viewer_changes_nothing(signed_in: Any, post: Any, path: str) -> None:
    assert post(signed_in("viewer"), f"{Q}/{path}").status_code == 403


@pytest.mark.parametrize("path", ["purge", "restore"])
def test_an_operator_purges_nothing(operator: FlaskClient, post: Any, path: str) -> None:
    assert post(operator, f"{Q}/{path}", {"name": "default"}).status_code == 403
    assert "Purge" not in operator.get(Q).text


def test_a_viewer_sees_the_line_without_controls(signed_in: Any, submit: Submit) -> None:
    run_id = submit()
    text = signed_in("viewer").get(f"{Q}?run={run_id}").text
    assert f'id="wait-{run_id}"' in text
    assert f'action="{Q}/' not in text
    assert 'class="pick"' not in text


@pytest.mark.parametrize("path", ["", "/live", "/pause", "/purge", "/place?id=x", "/hold?id=x", "/hold-new"])
def test_an_unknown_queue_or_run(admin: FlaskClient, path: str) -> None:
    assert admin.get(f"/queues/nowhere{path}").status_code == 404
    if "id=" in path:
        assert admin.get(f"{Q}{path}").status_code == 404


def test_the_sidebar_counts_what_is_held(operator: FlaskClient, submit: Submit) -> None:
    broker.hold("default", submit(), "mei", "", utcnow())
    assert "1 held run" in operator.get("/runs").text
