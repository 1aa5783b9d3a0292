"""Workers and runs of other apps that have the agent: told truly, and left alone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from redis import Redis

from app import broker, heartbeats, queues, runs, workers
from app.broker import dead_letters
from app.clock import utcnow
from app.errors import Conflict
from app.extensions import db
from app.heartbeats import APP_WORKERS
from app.heartbeats.worker import AppWorkerEntry
from app.runs import history, history_gaps, states
from app.runs.models import Run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def told(app: Flask) -> Callable[..., Run]:
    """A run that an app told of, up to one kind of event."""

    def tell(kind: str = "started", run_id: str = "r1", app: str | None = "shop", **fields: Any) -> Run:
        at = utcnow().timestamp() - 120
        event = {"id": run_id, "task": "shop.charge", "at": at, "attempt": 0} | ({"app": app} if app else {})
        sent = event | {"type": "sent", "queue": "orders", "args": [], "kwargs": {}}
        happened = event | {"type": kind, "worker": "w@shop"} | fields
        history.record([sent, happened] if kind != "sent" else [sent], lambda name, a, k: (a, k, []))
        return row(run_id)

    return tell


def row(run_id: str) -> Run:
    db.session.rollback()
    found = db.session.get(Run, run_id)
    assert found is not None
    return found


def test_what_runs_now_says_the_usual_time_of_its_own_task(
    heard: Callable[..., str], theirs: Callable[..., None], signed_in: Any
) -> None:
    now = utcnow()
    for number in range(5):
        for app, seconds in (("", 4), ("shop", 60)):
            run = {"id": f"{app}{number}", "task": "both.do", "attempt": 0, "worker": "w"}
            run |= {"app": app} if app else {}
            ends = {"type": "succeeded", "at": now.timestamp(), "runtime": seconds}
            history.record([run | ends], lambda name, a, k: (a, k, []))
    running = [{"id": None, "task": "both.do", "started_at": now.timestamp()}]
    heard("w@here", running=running)
    theirs(running=running)
    usual = re.findall(r"usually (.*?)<", signed_in("viewer").get("/workers").text)
    assert usual == ["4.2 s", "1 min"]  # within 5 %


def recover() -> workers.deaths.Recovered:
    return workers.recover_elsewhere(broker.client(), utcnow(), utcnow() - timedelta(hours=1))


@pytest.mark.database
@pytest.mark.parametrize(
    ("kind", "late", "otherwise", "state"),
    [
        ("started", False, [], states.LOST),
        ("started", True, [], states.PENDING),
        ("started", True, ["shop.charge"], states.LOST),
        ("started", False, ["shop.charge"], states.PENDING),
        ("progress", False, [], states.LOST),
        ("received", False, [], states.PENDING),
    ],
)
def test_what_a_dead_worker_had_is_lost_only_where_it_was_acknowledged(
    theirs: Any, told: Any, kind: str, late: bool, otherwise: list[str], state: str
) -> None:
    theirs(silent_seconds=50, acks_late=late, acks_otherwise=otherwise)
    told(kind)
    recover()
    assert row("r1").state != state  # it may only be cut off
    theirs(silent_seconds=70, acks_late=late, acks_otherwise=otherwise)
    recover()
    assert row("r1").state == state


@pytest.mark.database
def test_a_worker_that_was_only_silent_has_the_last_word(theirs: Any, told: Any) -> None:
    theirs(silent_seconds=70)
    told()
    assert recover().lost == ["r1"]
    end = {"type": "succeeded", "id": "r1", "task": "shop.charge", "at": utcnow().timestamp(), "attempt": 0}
    history.record([end | {"app": "shop", "worker": "w@shop", "result": 1}], lambda name, a, k: (a, k, []))
    assert (row("r1").state, row("r1").error, row("r1").result) == (states.SUCCESS, None, 1)


def test_a_worker_of_ours_with_the_same_name_is_another(theirs: Any, heard: Any, told: Any) -> None:
    heard("w@shop", silent_seconds=70)
    theirs()
    told()
    assert workers.recover(broker.client(), utcnow(), utcnow() - timedelta(hours=1)).lost == []
    assert recover().lost == []
    assert row("r1").state == states.STARTED


def test_why_it_waits_never_says_that_nobody_listens_while_one_does(theirs: Any, told: Any) -> None:
    run = told("sent")
    nobody = queues.why(run, utcnow())
    assert nobody.reason == "elsewhere"
    assert "No worker that is known here listens to its queue orders" in nobody.detail
    theirs(queues=["orders"], slots=1)
    assert "1 worker of it listens to the queue orders." in queues.why(run, utcnow()).detail
    theirs(queues=["orders"], slots=1, running=[{"id": "other", "task": "t", "started_at": 0.0}])
    assert queues.why(run, utcnow()).reason == "busy"


def test_what_may_have_run_in_a_gap_is_not_said_to_wait(theirs: Any, told: Any) -> None:
    run = told("sent")
    theirs(queues=["orders"], slots=1)
    history_gaps.note(utcnow() - timedelta(hours=2), utcnow() - timedelta(hours=1), utcnow())
    assert "It waits in the broker" in queues.why(run, utcnow()).detail
    history_gaps.note(utcnow() - timedelta(minutes=1), utcnow(), utcnow())
    assert "it may have run, and nobody could tell" in queues.why(run, utcnow()).detail


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        ("started", {}, "the run counts as lost"),
        ("started", {"acks_late": True, "returns_after": 3600.0}, "other workers of its app at Sun"),
        ("received", {"returns_after": 0.0}, "other workers of its app at once"),
    ],
)
def test_a_silent_worker_is_said_to_be_so(
    theirs: Any, told: Any, kind: str, facts: dict[str, Any], words: str
) -> None:
    theirs(silent_seconds=30, **facts)
    found = queues.why(told(kind), utcnow())
    assert found.reason == "worker-silent"
    assert words.replace("Sun", "") in found.detail


def test_what_cannot_be_done_is_refused(theirs: Any, told: Any, signed_in: Any, caller: Any) -> None:
    theirs()
    run = told()
    with pytest.raises(Conflict, match="The app shop runs it") as refused:
        runs.cancel(run, False, "mei", utcnow())
    assert refused.value.code == "another-app"
    with pytest.raises(Conflict, match="The app shop runs it"):
        runs.rerun(run, "mei", utcnow())
    for act in (
        lambda: workers.shutdown("w@shop", utcnow()),
        lambda: workers.pause("w@shop", "mei", "", utcnow()),
        lambda: workers.resize("w@shop", 3, utcnow()),
    ):
        with pytest.raises(Conflict, match="is a worker of the app shop"):
            act()
    api = caller("admin")
    assert api.post("/runs/r1/cancel").status_code == 409
    assert api.post("/runs/r1/rerun").status_code == 409
    dry = api.post("/runs/bulk", json={"action": "terminate", "ids": ["r1"]}).json
    assert dry["verdicts"] == {"another-app": 1}
    page = signed_in("admin").get("/runs/r1").text
    assert "Terminate" not in page
    assert "Retry" not in page
    assert "/runs?app=shop" in page


def test_pages_and_rest_tell_of_both(theirs: Any, heard: Any, told: Any, signed_in: Any, caller: Any) -> None:
    theirs()
    theirs("w@shop", "mail")
    heard("w@shop")
    told()
    api, browser = caller("admin"), signed_in("admin")
    listed = api.get("/workers").json["items"]
    assert [one["app"] for one in listed] == ["celeriac", "mail", "shop"]
    assert api.get("/workers/w@shop").json["app"] == "celeriac"
    assert api.get("/workers/w@shop?app=shop").json["app"] == "shop"
    assert api.get("/workers/w@shop?app=none").status_code == 404
    assert api.get("/workers/w@shop?what=1").status_code == 422
    page = browser.get("/workers").text
    assert "App shop" in page
    assert "App mail" in page
    shown = browser.get("/workers/w@shop?app=shop").text
    assert "told by the agent in it" in shown
    assert "Shut down" not in shown
    assert "Shut down" in browser.get("/workers/w@shop").text
    assert 'class="app-cell"' in browser.get("/runs").text


def test_a_gone_worker_of_another_app_is_cleared_alone(theirs: Any, heard: Any, caller: Any) -> None:
    theirs(state="offline")
    heard("w@shop")
    api = caller("admin")
    assert api.delete("/workers/w@shop").status_code == 409  # ours is online
    assert api.delete("/workers/w@shop?app=shop").status_code == 204
    assert [one.app for one in heartbeats.workers(broker.client(), utcnow())] == [None]
    assert heartbeats.app_workers(broker.client(), utcnow()) == []


@pytest.mark.parametrize("facts", [{"v": 2}, {"app": ""}, {"slots": "many"}, {"returns_after": "soon"}])
def test_an_entry_that_cannot_be_read_is_kept_out(
    theirs: Any, redis: Redis, heard: Any, facts: dict[str, Any]
) -> None:
    heard("w@shop", key=APP_WORKERS, field="shop w@shop", **({"v": 1, "app": "shop"} | facts))
    assert heartbeats.app_workers(broker.client(), utcnow()) == []
    assert broker.heartbeats.set_unreadable_aside(redis, APP_WORKERS, AppWorkerEntry) == 1
    said = dead_letters.counted(redis).last_why
    assert ("of version 2, and this Celeriac reads version 1: update Celeriac" in said) is ("v" in facts)


@pytest.mark.database
def test_the_list_is_filtered_by_app(told: Any, caller: Any) -> None:
    told(run_id="r1")
    told(run_id="r2", app="mail")
    told(run_id="r3", app=None)
    api = caller("viewer")

    def ids(**query: Any) -> list[str]:
        found = api.get(f"/runs?{urlencode(query)}").json["items"]
        return sorted(one["id"] for one in found)

    assert ids(app="shop") == ["r1"]
    assert ids(app="celeriac") == ["r3"]
    assert ids(app="shop", worker="w@shop", task_name="shop.charge") == ["r1"]
    assert ids(app="none") == []
    assert ids() == ["r1", "r2", "r3"]
    assert api.get("/runs/r3").json["app"] == "celeriac"
    assert api.get("/runs?app=").status_code == 422


def test_who_runs_it_counts_more_than_who_sent_it(told: Any) -> None:
    told("sent", app="web")
    assert row("r1").app == "web"
    told("started", app="shop")
    assert row("r1").app == "shop"
    told("sent", app="web")
    assert row("r1").app == "shop"
