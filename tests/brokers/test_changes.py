"""Another app's queues are changed only where an admin allowed it, in one step, and it is written down."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from app import audit, broker, brokers, queues
from app.audit.filters import AuditFilter
from app.brokers import places
from app.clock import utcnow
from app.errors import Conflict, Invalid
from app.runs import states
from tests.brokers.conftest import DATABASE, Theirs
from tests.rows import make_run

Caller = Callable[[str], Any]
QUEUE = "/brokers/shop/queues/celery"


@pytest.fixture
def ids(theirs: Theirs) -> list[str]:
    return [theirs.send(number) for number in range(4)]


@pytest.fixture
def allowed(ids: list[str]) -> list[str]:
    brokers.allow("shop", "ann", utcnow())
    return ids


def order() -> list[str]:
    return [run.id for run in brokers.line(brokers.find("shop"), "celery", 0, 50)]


def actions() -> list[tuple[str, Any]]:
    entries = audit.page(AuditFilter()).items[::-1]
    told = [(entry.action, (entry.details or {}).get("broker")) for entry in entries]
    return [one for one in told if one[0].startswith(("broker.", "queue."))]


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", f"{QUEUE}/move", {"id": "x", "to": "front"}),
    ("PATCH", f"{QUEUE}/messages/x", {"priority": 3}),
    ("PATCH", f"{QUEUE}/messages/x", {"queue": "mail"}),
    ("DELETE", f"{QUEUE}/messages/x", None),
    ("DELETE", f"{QUEUE}/messages", None),
    ("POST", f"{QUEUE}/restore", {"token": "0" * 32}),
    ("POST", f"{QUEUE}/pause", {}),
    ("POST", f"{QUEUE}/resume", None),
    ("POST", f"{QUEUE}/hold", {}),
    ("POST", f"{QUEUE}/hold", {"id": "x"}),
    ("POST", f"{QUEUE}/release", {}),
    ("POST", "/brokers/shop/runs/x/revoke", {"terminate": True}),
    ("POST", "/brokers/shop/events", {"enabled": True}),
])  # fmt: skip
def test_nothing_is_changed_before_an_admin_allowed_it(
    theirs: Theirs, ids: list[str], caller: Caller, method: str, path: str, body: Any
) -> None:
    before = theirs.contents()
    answer = caller("admin")(method, path.replace("/x", f"/{ids[0]}"), json=body)
    assert (answer.status_code, answer.json["type"].rpartition(":")[2]) == (409, "read-only")
    assert "only looked at" in answer.json["detail"]
    assert theirs.contents() == before


def test_the_connection_itself_refuses(theirs: Theirs, ids: list[str]) -> None:
    place = brokers.find("shop")
    with places.at(place):
        for write in (
            lambda: broker.client().delete("p:celery"),
            lambda: broker.client().pipeline().lpush("p:celery", "x"),
            lambda: broker.purge("celery", utcnow()),
        ):
            with pytest.raises(Conflict, match="only looked at"):
                write()
    assert order() == ids


def test_only_an_admin_allows_it_and_both_are_written_down(theirs: Theirs, caller: Caller) -> None:
    assert caller("operator").post("/brokers/shop/allow").status_code == 403
    admin = caller("admin")
    assert admin.post("/brokers/nobody/allow").status_code == 404
    told = admin.post("/brokers/shop/allow").json
    assert (told["may_change"], told["allowed_by"]) == (True, admin.user.name)
    assert admin.post("/brokers/shop/forbid").json["may_change"] is False
    assert actions() == [("broker.allow", None), ("broker.forbid", None)]


def test_another_server_of_the_same_name_is_not_meant(
    theirs: Theirs, allowed: list[str], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config["SETTINGS"].brokers, "shop", "redis://127.0.0.1:1/0")
    assert not brokers.find("shop").may_change


def test_moves_removals_and_priorities_as_kombu_reads_them(theirs: Theirs, allowed: list[str]) -> None:
    first, second, third, fourth = allowed
    now, site = utcnow(), brokers.site("shop")
    assert queues.move("celery", fourth, now, to="front", site=site).after.position == 1
    assert queues.move("celery", first, now, after=third, site=site).after.position == 4
    queues.remove("celery", second, "ann", now, site=site)
    assert order() == [fourth, third, first]
    changed = queues.reprioritise("celery", fourth, 5, now, site=site).after
    assert changed.priority == 6  # their workers read the steps 0, 3, 6 and 9 alone
    assert theirs.redis.llen("p:celery\x06\x163") == 1
    assert order() == [third, first, fourth]
    assert actions()[1:] == [
        *[("queue.move", "shop")] * 2,
        ("queue.remove", "shop"),
        ("queue.priority", "shop"),
    ]


def test_a_run_goes_to_another_queue_that_is_there(theirs: Theirs, allowed: list[str]) -> None:
    with pytest.raises(Invalid, match="no queue nowhere"):
        queues.send_to("celery", allowed[0], "nowhere", utcnow(), site=brokers.site("shop"))
    theirs.send("x", queue="orders")
    queues.send_to("celery", allowed[0], "orders", utcnow(), site=brokers.site("shop"))
    assert order() == allowed[1:]
    assert brokers.line(brokers.find("shop"), "orders", 0, 5)[1].id == allowed[0]


def test_a_purge_can_be_undone_and_leaves_nothing_of_ours(theirs: Theirs, allowed: list[str]) -> None:
    before = theirs.contents()
    purged = queues.purge("celery", "ann", utcnow(), site=brokers.site("shop"))
    assert (purged.removed, order()) == (4, [])
    trash: Any = theirs.redis.keys("*trash*")
    assert all(0 < theirs.redis.ttl(key) <= 60 for key in trash)
    assert queues.restore("celery", purged.token, utcnow(), site=brokers.site("shop")) == 4
    assert theirs.contents() == before


def test_what_was_taken_meanwhile_is_told(theirs: Theirs, allowed: list[str]) -> None:
    raw: Any = theirs.redis.rpop("p:celery")
    theirs.redis.hset("p:unacked", "tag", json.dumps([json.loads(raw), "", "celery"]))
    make_run(allowed[0], utcnow(), states.STARTED, task_name="theirs.bill", queue="celery", app="shop")
    with pytest.raises(Conflict) as refused:
        queues.remove("celery", allowed[0], "ann", utcnow(), site=brokers.site("shop"))
    assert refused.value.code == "already-taken"
    assert refused.value.detail == f"A worker has already taken bill {allowed[0][:8]}."


def test_workers_are_told_over_remote_control(theirs: Theirs, allowed: list[str], caller: Caller) -> None:
    before = theirs.contents()
    heard = theirs.redis.pubsub(ignore_subscribe_messages=True)
    heard.subscribe(f"p:/{DATABASE}.celery.pidbox")
    heard.get_message(timeout=5)
    admin = caller("admin")
    assert admin.post(f"/brokers/shop/runs/{allowed[0]}/revoke").status_code == 204
    assert admin.post("/brokers/shop/events", json={"enabled": True}).status_code == 204
    assert admin.post("/brokers/shop/events", json={}).status_code == 422
    told = []
    while message := heard.get_message(timeout=0.5):
        told.append(json.loads(base64.b64decode(json.loads(message["data"])["body"])))
    heard.close()
    assert [one["method"] for one in told] == ["revoke", "enable_events"]
    assert told[0]["arguments"] == {"task_id": allowed[0], "terminate": False, "signal": "SIGTERM"}
    assert theirs.contents() == before


def test_our_own_queues_stay_ours(theirs: Theirs, allowed: list[str], submit: Callable[..., str]) -> None:
    own = submit("weekday", day="2026-11-20")
    queues.remove("celery", allowed[0], "ann", utcnow(), site=brokers.site("shop"))
    assert [message.id for message in broker.page("default", 0, 5)] == [own]
    assert queues.find("default", utcnow()).waiting == 1


def test_the_line_is_dragged_on_its_page(
    theirs: Theirs, allowed: list[str], signed_in: Any, post: Any
) -> None:
    browser, asked = signed_in("operator"), {"HX-Request": "true"}
    address = "/brokers/shop/queues/celery"
    page = browser.get(address).text
    assert all(
        part in page for part in ('id="row-form"', 'id="queue-menu"', "sortable", 'class="grip needs-js"')
    )
    one, two, three, four = allowed

    moved = post(browser, f"{address}/move", {"id": four, "hint": "4", "before": two}, headers=asked)
    assert moved.status_code == 200
    assert moved.text.index(f"wait-{four}") < moved.text.index(f"wait-{two}")
    assert order() == [one, four, two, three]
    post(browser, f"{address}/move", {"id": three, "step": "up"}, headers=asked)
    assert order() == [one, four, three, two]
    post(browser, f"{address}/move", {"id": one, "step": "up"}, headers=asked)
    assert order() == [one, four, three, two]
    assert post(browser, f"{address}/move", {"id": one, "to": "back"}).status_code == 303
    assert order() == [four, three, two, one]
    post(browser, f"{address}/priority", {"id": two, "priority": "0"}, headers=asked)
    assert order() == [four, three, one, two]
    post(browser, f"{address}/hold", {"id": four}, headers=asked)
    assert order() == [three, one, two]
    assert post(browser, f"{address}/move", {"id": four, "to": "front"}, headers=asked).status_code == 409
    assert post(browser, f"{address}/move", {"id": two}, headers=asked).status_code == 422

    brokers.forbid("shop", utcnow())
    page = browser.get(address).text
    assert not any(part in page for part in ('id="row-form"', 'id="queue-menu"', "sortable"))
    refused = post(browser, f"{address}/move", {"id": three, "to": "back"}, headers=asked)
    assert (refused.status_code, "only looked at" in refused.text) == (409, True)


def test_what_is_done_to_one_run_on_its_page_can_be_undone(
    theirs: Theirs, allowed: list[str], signed_in: Any, post: Any
) -> None:
    browser = signed_in("operator")
    theirs.send("x", queue="orders")

    def undone(path: str, form: dict[str, str], changed: list[str]) -> None:
        """Do it, see the line, press Undo as it stands in the toast; all is as it was."""
        before = [(run.id, run.priority) for run in brokers.line(brokers.find("shop"), "celery", 0, 50)]
        assert post(browser, f"{QUEUE}/{path}", form).status_code == 303
        assert order() == changed
        told = BeautifulSoup(browser.get("/brokers/shop/queues/celery").text, "html.parser")
        undo = told.select(".toast form")[-1]
        values = {field["name"]: field["value"] for field in undo.select("input[name]")}
        assert post(browser, undo["action"], values).headers["Location"].startswith("/brokers/shop/queues/")
        assert [
            (run.id, run.priority) for run in brokers.line(brokers.find("shop"), "celery", 0, 50)
        ] == before

    one, two, three, four = allowed
    undone("move", {"id": three, "to": "front"}, [three, one, two, four])
    undone("priority", {"id": one, "priority": "0"}, [two, three, four, one])
    undone("hold", {"id": two}, [one, three, four])
    undone("send", {"id": two, "queue": "orders"}, [one, three, four])
    assert post(browser, f"{QUEUE}/send", {"id": two, "queue": "nowhere"}).status_code == 422
    assert post(browser, f"{QUEUE}/place", {"id": two, "position": "x", "priority": "5"}).status_code == 422
    assert order() == allowed
