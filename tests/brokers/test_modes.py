"""Another app's queue is paused and holds where all its workers obey; what the dead had comes back."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis as redis_client
from bs4 import BeautifulSoup

from app import broker, brokers, heartbeats, workers
from app.brokers import deaths
from app.brokers.modes import HeldRuns
from app.clock import utcnow
from app.errors import BrokerUnavailable
from app.extensions import db
from app.runs import states
from app.runs.models import Run
from celeriac_agent.presence import OBEYS
from celeriac_agent.transport import TAKEN
from tests.brokers.conftest import PREFIX, Theirs

Caller = Callable[[str], Any]
SignIn = Callable[..., Any]
QUEUE = "/brokers/shop/queues/celery"


@pytest.fixture
def ids(theirs: Theirs) -> list[str]:
    brokers.allow("shop", "ann", utcnow())
    return [theirs.send(number) for number in range(3)]


@pytest.fixture
def worker(redis: redis_client.Redis) -> Callable[..., None]:
    """A worker of the app tells of itself: `worker("one@shop", obeys=["pause"])`."""

    def tell(name: str, obeys: Any = OBEYS, state: str = "online") -> None:
        entry = {
            "v": 1, "app": "shop", "hostname": name, "state": state, "heartbeat_at": time.time(),
            "started_at": time.time(), "pid": 1, "pool": "prefork", "slots": 2, "queues": ["celery"],
            "obeys": list(obeys),
        }  # fmt: skip
        redis.hset(heartbeats.APP_WORKERS, f"shop {name}", json.dumps(entry))

    return tell


def test_only_where_all_its_workers_obey(
    theirs: Theirs, ids: list[str], worker: Callable[..., None], caller: Caller, signed_in: SignIn
) -> None:
    operator = caller("operator")
    nobody = operator.post(f"{QUEUE}/pause")
    assert (nobody.status_code, nobody.json["type"].rpartition(":")[2]) == (409, "not-managed")
    assert "No worker is known" in nobody.json["detail"]
    worker("one@shop")
    worker("two@shop", obeys=())
    mixed = operator.post(f"{QUEUE}/hold")
    assert mixed.status_code == 409
    assert mixed.json["detail"].startswith("two@shop would go on taking from it")
    seen = operator.get(f"{QUEUE}/modes").json
    assert (seen["obeying"], seen["others"]) == (["one@shop"], ["two@shop"])
    worker("two@shop", obeys=(), state="offline")
    paused = operator.post(f"{QUEUE}/pause", json={"note": "deploy"}).json
    assert (paused["note"], paused["refusal"]) == ("deploy", "")
    assert theirs.redis.hkeys(f"{PREFIX}celeriac:paused") == [b"celery"]
    assert "Paused by operator" in signed_in("viewer").get("/brokers/shop").text
    worker("one@shop", state="offline")  # it obeys again when it is back
    assert operator.get(f"{QUEUE}/modes").json["refusal"] == ""
    assert operator.post(f"{QUEUE}/resume").json["paused_by"] is None
    assert operator.post(f"{QUEUE}/pause", json={"note": 7}).status_code == 422
    assert caller("viewer").post(f"{QUEUE}/pause").status_code == 403


def test_runs_are_held_one_by_one_or_all_that_come(
    theirs: Theirs, ids: list[str], worker: Callable[..., None], caller: Caller
) -> None:
    worker("one@shop")
    operator = caller("operator")
    assert operator.post(f"{QUEUE}/hold", json={"id": ids[1]}).json["held"] == 1
    assert operator.post(f"{QUEUE}/hold", json={"id": ids[1]}).status_code == 409
    assert operator.post(f"{QUEUE}/hold").json["holding_new_by"].startswith("operator")
    new = theirs.send(3)
    HeldRuns().look(brokers.find("shop"), utcnow())
    held = brokers.held(brokers.find("shop"), "celery")
    assert [run.id for run in held[1]] == [ids[1], new]
    assert operator.post(f"{QUEUE}/release", json={"id": new, "to": "front"}).json["held"] == 1
    assert operator.post(f"{QUEUE}/release", json={"id": new}).status_code == 404
    released = operator.post(f"{QUEUE}/release").json
    assert (released["held"], released["holding_new_by"]) == (0, None)
    line = [run.id for run in brokers.line(brokers.find("shop"), "celery", 0, 50)]
    assert line == [new, ids[0], ids[2], ids[1]]


def test_the_page_offers_what_is_obeyed_and_says_why_not(
    theirs: Theirs, ids: list[str], worker: Callable[..., None], signed_in: SignIn, post: Any
) -> None:
    browser, card = signed_in("operator"), f"{QUEUE}/-/modes"
    assert f'hx-get="{card}"' in browser.get(QUEUE).text
    shown = browser.get(card).text
    assert "No worker is known" in shown
    assert "/pause" not in shown
    worker("one@shop")
    shown = browser.get(card).text
    assert f'href="{QUEUE}/pause"' in shown
    assert f'href="{QUEUE}/hold-new"' in shown
    assert "one@shop" in shown
    for path in ("pause", "hold-new"):
        assert f'action="{QUEUE}/{path}"' in browser.get(f"{QUEUE}/{path}").text
        assert post(browser, f"{QUEUE}/{path}", {"note": "x" * 501}).status_code == 422
        assert post(browser, f"{QUEUE}/{path}", {"note": "wait"}).status_code == 303
    assert post(browser, f"{QUEUE}/hold", {"id": ids[0]}).status_code == 303
    worker("two@shop", obeys=())
    shown = browser.get(card).text
    for words in ("Paused by operator", "wait", "lets it hold everything new", "Not every worker obeys"):
        assert words in shown
    assert f'value="{ids[0]}"' in shown
    assert post(browser, f"{QUEUE}/release", {"id": ids[0], "to": "up"}).status_code == 422
    assert post(browser, f"{QUEUE}/release-all", {"to": "up"}).status_code == 422
    for path in ("let-new-in", "resume"):
        assert post(browser, f"{QUEUE}/{path}").status_code == 303
    undo = BeautifulSoup(browser.get(QUEUE).text, "html.parser").select(".toast form")[-1]
    assert (undo["action"], undo.select("[name=note]")[0]["value"]) == (f"{QUEUE}/pause", "wait")
    assert post(browser, f"{QUEUE}/release-all", {}).status_code == 303
    assert brokers.held(brokers.find("shop"), "celery")[0] == 0
    worker("two@shop", state="offline")
    brokers.forbid("shop", utcnow())
    shown = browser.get(card).text
    assert "An admin may allow changes" in shown
    assert "/pause" not in shown


@pytest.fixture
def taken(theirs: Theirs, ids: list[str]) -> Callable[..., str]:
    """A process takes the next run, as the agent does: `taken("one@shop/7-ab", mark=False)`."""

    def take(process: str, at: float = 0.0, noted: float | None = None) -> str:
        raw: Any = theirs.redis.rpop(f"{PREFIX}celery")
        message, at = json.loads(raw), at or time.time()
        tag = message["properties"]["delivery_tag"]
        message[TAKEN] = f"{process} {at if noted is None else noted!r}"
        delivery = message["properties"]["delivery_info"]
        kept = [message, delivery["exchange"], delivery["routing_key"]]
        theirs.redis.hset(f"{PREFIX}unacked", tag, json.dumps(kept))
        theirs.redis.zadd(f"{PREFIX}unacked_index", {tag: at})
        return str(message["headers"]["id"])

    return take


def steady() -> deaths.Deaths:
    """As if the broker had been there for long."""
    made = deaths.Deaths()
    made._steady_since = time.monotonic() - 3600
    return made


def test_what_a_silent_process_had_is_given_out_again_and_nothing_else(
    theirs: Theirs, taken: Callable[..., str]
) -> None:
    alive = f"{PREFIX}celeriac:alive"
    theirs.redis.hset(alive, mapping={"one@shop/1-a": time.time() - 60, "two@shop/2-b": time.time()})
    lost, has, stale = (
        taken("one@shop/1-a"), taken("two@shop/2-b"), taken("one@shop/1-a", noted=time.time() - 500),
    )  # fmt: skip
    now = utcnow()
    facts = {"app": "shop", "state": states.STARTED, "created_at": now, "updated_at": now}
    db.session.add(Run(id=lost, task_name="shop.note", **facts))
    db.session.commit()
    place = brokers.find("shop")
    assert deaths.Deaths().look(place, utcnow()) == []  # their Redis was away a moment ago
    assert brokers.in_hand_count(place) == 3
    assert steady().look(place, utcnow()) == [lost]
    assert [run.id for run in brokers.line(place, "celery", 0, 50)] == [lost]
    raw: Any = theirs.redis.lindex(f"{PREFIX}celery", 0)
    message = json.loads(raw)
    assert (TAKEN in message, message["headers"]["redelivered"]) == (False, True)
    assert {run.id for run in brokers.in_hand(place, 0, 50)} == {has, stale}
    assert theirs.redis.hkeys(alive) == [b"two@shop/2-b"]
    db.session.rollback()
    run = db.session.get(Run, lost)
    assert run is not None
    assert (run.state, run.worker) == (states.PENDING, None)


def test_what_kills_three_workers_is_not_given_out_again(theirs: Theirs, taken: Callable[..., str]) -> None:
    place, gone = brokers.find("shop"), []
    for number in range(workers.DEATHS_MAX):
        theirs.redis.hset(f"{PREFIX}celeriac:alive", f"one@shop/{number}", time.time() - 60)
        gone.append(taken(f"one@shop/{number}"))
        steady().look(place, utcnow())
    assert len(set(gone)) == 1
    assert gone[0] not in [run.id for run in brokers.line(place, "celery", 0, 50)]
    assert brokers.in_hand_count(place) == 0


def test_an_outage_of_their_redis_is_no_death(theirs: Theirs, ids: list[str]) -> None:
    look = steady()
    with pytest.raises(BrokerUnavailable):
        look.look(brokers.find("away"), utcnow())
    assert look._steady_since is None
    assert broker.client().ping()
