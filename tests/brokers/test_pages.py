"""The pages and the REST calls of other apps' brokers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup

from app import brokers
from app.clock import utcnow
from tests.brokers.conftest import Theirs

Caller = Callable[[str], Any]
SignIn = Callable[..., Any]


@pytest.fixture
def ids(theirs: Theirs) -> list[str]:
    return [theirs.send(number, password="geheim") for number in range(60)]


def test_rest_tells_what_lies_there_and_its_source(theirs: Theirs, ids: list[str], caller: Caller) -> None:
    viewer = caller("viewer")
    names = [(one["name"], one["kind"], one["may_change"]) for one in viewer.get("/brokers").json["items"]]
    assert names == [("away", "redis", False), ("shop", "redis", False)]
    assert "://" in viewer.get("/brokers/shop").json["server"]
    assert "@" not in viewer.get("/brokers/shop").json["server"]
    (queue,) = viewer.get("/brokers/shop/queues").json["items"]
    assert (queue["name"], queue["broker"], queue["waiting"]) == ("celery", "shop", 60)
    assert queue["source"].startswith("LLEN of p:celery")
    page = viewer.get("/brokers/shop/queues/celery/messages?offset=50&limit=5").json
    assert [one["id"] for one in page["items"]] == ids[50:55]
    assert [one["position"] for one in page["items"]] == [51, 52, 53, 54, 55]
    assert page["items"][0]["args"] == [50]
    assert page["items"][0]["kwargs"] != {"password": "geheim"}
    assert page["total"] == 60
    taken = viewer.get("/brokers/shop/taken").json
    assert (taken["items"], taken["total"]) == ([], 0)
    assert viewer.get("/brokers/shop/workers").json["items"] == []
    assert viewer.get("/brokers/shop/events").json["items"] == []


@pytest.mark.parametrize(("path", "status"), [
    ("/brokers/nobody", 404),
    ("/brokers/shop/queues/nothing", 404),
    ("/brokers/shop/queues/celery/messages?limit=0", 422),
    ("/brokers/shop/taken?offset=-1", 422),
    ("/brokers/away/queues", 503),
    ("/brokers/away/workers", 503),
])  # fmt: skip
def test_refusals(theirs: Theirs, ids: list[str], caller: Caller, path: str, status: int) -> None:
    assert caller("viewer").get(path).status_code == status


def test_changes_over_rest(theirs: Theirs, ids: list[str], caller: Caller) -> None:
    admin, queue = caller("admin"), "/brokers/shop/queues/celery"
    admin.post("/brokers/shop/allow")
    moved = admin.post(f"{queue}/move", json={"id": ids[9], "to": "front"}).json
    assert (moved["position"], moved["queue"]) == (1, "celery")
    assert admin.post(f"{queue}/move", json={"id": ids[9]}).status_code == 422
    assert admin("PATCH", f"{queue}/messages/{ids[9]}", json={"priority": 10}).status_code == 422
    assert admin("PATCH", f"{queue}/messages/{ids[9]}", json={"priority": 0}).json["position"] == 60
    assert admin.delete(f"{queue}/messages/{ids[9]}").status_code == 204
    assert admin.delete(f"{queue}/messages/{ids[9]}").status_code == 404
    assert caller("operator").delete(f"{queue}/messages").status_code == 403
    purged = admin.delete(f"{queue}/messages").json
    assert purged["removed"] == 59
    assert admin.post(f"{queue}/restore", json={"token": "?"}).status_code == 422
    assert admin.post(f"{queue}/restore", json={"token": purged["token"]}).json == {"restored": 59}
    assert admin.post(f"{queue}/restore", json={"token": purged["token"]}).status_code == 409


def test_pages_show_the_line_and_its_sources(theirs: Theirs, ids: list[str], signed_in: SignIn) -> None:
    browser = signed_in("viewer")
    assert "Broker of shop" in browser.get("/queues").text
    beside = browser.get("/brokers/shop/-/queues").text
    assert 'href="/brokers/shop/queues/celery"' in beside
    assert "LLEN of p:celery" in beside
    assert "It cannot be read now" in browser.get("/brokers/away/-/queues").text
    page = browser.get("/brokers/shop").text
    for words in ("Only looked at", "Seen from outside", "_kombu.binding", "unacked_index", "celeryev"):
        assert words in page
    assert "Allow changes" not in page
    line = browser.get("/brokers/shop/queues/celery").text
    assert line.index(ids[0]) < line.index(ids[1])
    assert "geheim" not in line
    assert "/change?" not in line
    assert ids[55] in browser.get("/brokers/shop/queues/celery?offset=50").text
    wrong = browser.get("/brokers/shop/queues/celery?offset=x&colour=red").text
    assert "2 filters cannot be used" in wrong
    assert ids[0] in wrong
    assert "Nobody answered" in browser.get("/brokers/shop/-/workers").text
    assert browser.get("/brokers/shop/queues/nothing").status_code == 404


def test_an_admin_allows_changes_and_makes_them_on_the_page(
    theirs: Theirs, ids: list[str], signed_in: SignIn, post: Any
) -> None:
    browser, queue = signed_in("admin"), "/brokers/shop/queues/celery"
    assert "Allow changes to its queues" in browser.get("/brokers/shop").text
    refused = post(browser, f"{queue}/move", {"id": ids[5], "to": "front"})
    assert refused.status_code == 409
    post(browser, "/brokers/shop/allow")
    assert "/change?" in browser.get(queue).text
    (waiting,) = brokers.line(brokers.find("shop"), "celery", 5, 1)
    asked = browser.get(f"{queue}/change?id={ids[5]}&hint=9").text
    values = dict(re.findall(r'name="(position|priority)" inputmode="numeric" value="(\d+)"', asked))
    assert values == {"position": "6", "priority": str(waiting.priority)}
    assert browser.get(f"{queue}/change?id=nobody&hint=6").status_code == 404
    run = {"id": ids[5], "hint": "6"}
    for form in ({"to": "front"}, {"position": "2"}):
        assert post(browser, f"{queue}/move", run | form).status_code == 303
    assert post(browser, f"{queue}/move", run | {"to": "dance"}).status_code == 422
    assert post(browser, f"{queue}/priority", run | {"priority": "9"}).status_code == 303
    assert post(browser, f"{queue}/remove", run).status_code == 303
    waiting = brokers.find_queue(brokers.find("shop"), "celery").waiting
    assert f"<b>{waiting}</b>" in browser.get(f"{queue}/purge").text  # so many of the only task
    assert browser.get("/brokers/shop/queues/no-such/purge").status_code == 404
    assert post(browser, f"{queue}/purge", {"name": "cel"}).status_code == 422
    assert post(browser, f"{queue}/purge", {"name": "celery"}).status_code == 303
    assert brokers.find_queue(brokers.find("shop"), "celery").waiting == 0
    undo = BeautifulSoup(browser.get(queue).text, "html.parser").select(f'form[action="{queue}/restore"]')[0]
    assert (
        post(browser, f"{queue}/restore", {"token": undo.select("[name=token]")[0]["value"]}).status_code
        == 303
    )
    assert brokers.find_queue(brokers.find("shop"), "celery").waiting == waiting
    post(browser, "/brokers/shop/forbid")
    assert not brokers.find("shop").may_change


def test_terminate_asks_first(theirs: Theirs, signed_in: SignIn, post: Any) -> None:
    browser, run_id = signed_in("operator"), theirs.send(1)
    brokers.allow("shop", "mei", utcnow())
    with theirs.connection() as connection:
        taken = connection.SimpleQueue("celery").get(timeout=5)
        link = re.search(r'href="(/brokers/shop/revoke[^"]+)"', browser.get("/brokers/shop").text)
        taken.requeue()
    assert link
    asked = browser.get(link[1]).text
    assert "half done" in asked
    assert f'name="id" value="{run_id}"' in asked
    assert 'name="terminate" value="1"' in asked


def test_a_broker_that_is_away_is_told_on_its_page(theirs: Theirs, signed_in: SignIn) -> None:
    browser = signed_in("viewer")
    page = browser.get("/brokers/away")
    assert page.status_code == 200
    assert "It cannot be read now" in page.text
    assert "They cannot be asked now" in browser.get("/brokers/away/-/workers").text
