"""A worker of another app is changed from here, over its own broker; its code is asked about arguments."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import audit, brokers
from app.audit.filters import AuditFilter
from app.catalog import published
from app.clock import utcnow
from app.recorder.catalogs import Reader
from tests.conftest import RedisServer, wait_until

MORE = """
from typing import Annotated

from pydantic import AfterValidator
from celery import shared_task


def even(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd.")
    return number


@shared_task(name="shop.pair")
def pair(number: Annotated[int, AfterValidator(even)]):
    pass
"""
WORKER = "/brokers/shop/workers/shop@here"


@pytest.fixture
def theirs(
    app: Flask, shop: Callable[..., Any], agent: Path, own_redis: RedisServer, redis_server: str,
    redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch,
) -> Any:  # fmt: skip
    """The app with a prefork worker that has the agent; its broker is named here, and only looked at."""
    made = shop(PYTHONPATH=str(agent), CELERY_LOADER="celeriac_agent:Loader", CELERIAC_AGENT_URL=redis_server)
    (made.folder / "more.py").write_text(MORE)
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": made.url})
    made.process = made.worker("-c", "2", "-I", "more")
    reader = Reader()

    def known() -> bool:
        reader.poll(utcnow())
        published.forget_what_was_read()
        return ("shop", "shop.pair") in published.published().tasks

    wait_until(known, 60)
    yield made
    published.forget_what_was_read()


def test_a_worker_is_changed_over_its_own_broker(
    theirs: Any, caller: Callable[[str], Any], own_redis: RedisServer, signed_in: Any, post: Any
) -> None:
    api = caller("admin")
    seen = api.get(WORKER).json
    assert (seen["pool"], seen["slots"], seen["queues"]) == ("prefork", 2, ["celery"])
    assert "paused_by" not in seen

    refused = api.post(f"{WORKER}/pool", json={"size": 3})
    assert (refused.status_code, refused.json["code"]) == (409, "read-only")
    assert "CELERIAC_AGENT_MANAGE=1" in refused.json["detail"]
    assert caller("operator").post(f"{WORKER}/shutdown").status_code == 403
    browser = signed_in("admin")
    assert "only looked at" in browser.get(WORKER).text
    brokers.allow("shop", "ann", utcnow())

    assert api.post(f"{WORKER}/pool", json={"size": 0}).status_code == 422
    assert api.post(f"{WORKER}/pool", json={"size": 3}).json["slots"] == 3
    page = browser.get(WORKER).text
    assert 'name="size"' in page
    assert "listens to no queue until somebody resumes it or it restarts" in page
    assert post(browser, f"{WORKER}/pool", {"size": "1"}).status_code == 303
    assert api.get(WORKER).json["slots"] == 1

    wrong = api.post(f"{WORKER}/queues", json={"drop": ["mail"]})
    assert wrong.json["errors"] == {"drop": ["It does not listen to mail."]}
    assert api.post(f"{WORKER}/queues", json={"add": ["mail"]}).json["queues"] == ["celery", "mail"]

    paused = api.post(f"{WORKER}/pause", json={"note": "deploy"}).json
    assert (paused["queues"], paused["note"], paused["paused_by"] is not None) == ([], "deploy", True)
    theirs.send(1, 0)
    # What its last question to Redis was answered is given back: it consumes no more.
    wait_until(lambda: own_redis.client.llen("celery") == 1, 30)
    assert theirs.done() == []
    assert api.post(f"{WORKER}/queues", json={"add": ["late"]}).json["queues"] == ["late"]
    assert api.post(f"{WORKER}/pause").json["queues"] == []
    assert api.post(f"{WORKER}/resume").json["queues"] == ["celery", "late", "mail"]
    wait_until(lambda: theirs.done() == [1], 30)

    limits = {"rate_limit": "5/s", "time_limit": 60}
    limited = api.post("/brokers/shop/tasks/shop.note/limits", json=limits).json
    assert limited["workers"] == {"shop@here": ""}
    unknown = api.post("/brokers/shop/tasks/shop.none/limits", json={"rate_limit": "5/s"}).json
    assert "unknown task" in unknown["workers"]["shop@here"]
    assert api.post("/brokers/shop/tasks/shop.note/limits", json={"rate_limit": "x"}).status_code == 422

    sent = api.post("/runs", json={"task_name": "shop.pair", "args": [3]})
    assert (sent.status_code, sent.json["errors"]) == (422, {"number": ["3 is odd."]})
    assert api.post("/runs", json={"task_name": "shop.pair", "args": [4]}).status_code == 202

    asked = browser.get(f"{WORKER}/shutdown").text
    assert "Shut shop@here down?" in asked
    assert "It runs nothing now" in asked
    assert api.post(f"{WORKER}/shutdown").status_code == 200
    assert theirs.process.wait(120) == 0
    silent = api.post(f"{WORKER}/pool", json={"size": 2})
    assert (silent.status_code, silent.json["code"]) in ((409, "no-answer"), (404, "not-found"))
    acts = {entry.action for entry in audit.page(AuditFilter()).items}
    changes = {f"worker.{act}" for act in ("pool", "queues", "pause", "resume", "shutdown")}
    assert acts >= changes | {"task.limits"}
