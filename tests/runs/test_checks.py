"""What only a task's code can check: a worker of the app is asked over its broker before anything is sent."""

import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import annotated_types
import celery
import pytest
from flask import Flask
from kombu.pidbox import Mailbox
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    HttpUrl,
    PlainValidator,
    model_validator,
)
from redis import Redis

from app import catalog, heartbeats, runs, schedules
from app.broker import pidbox
from app.catalog import published
from app.clock import utcnow
from app.errors import Invalid
from app.runs import RunRequest, checks
from app.runs import bulk as many
from app.runs.bulk import execution
from app.schedules import exchange, foreign
from app.schedules.foreign.entries import Interval
from celeriac_agent import checks as agent
from celeriac_agent import tasks
from celeriac_agent.stream import to_json
from tests.conftest import RedisServer, wait_until
from tests.rows import make_run

LEDGER = {"sku-1", "sku-2"}


def known(code: str) -> str:
    if code not in LEDGER:
        raise ValueError(f"No article {code} in the ledger.")
    return code


def listed(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


def crashes(value: str) -> str:
    raise RuntimeError("only in a running task")


class Span(BaseModel):
    first: int
    last: int

    @model_validator(mode="after")
    def _in_order(self) -> "Span":
        if self.last < self.first:
            raise ValueError("The last comes before the first.")
        return self


Known = Annotated[str, AfterValidator(known)]


def sell(
    code: Known,
    count: Annotated[int, Field(ge=1)] = 1,
    tags: Annotated[list[str], BeforeValidator(listed)] = [],  # noqa: B006 -- theirs
    span: Span | None = None,
    others: list[Known] = [],  # noqa: B006
    odd: Annotated[str, AfterValidator(crashes)] = "",
    api_key: Annotated[str, AfterValidator(known)] = "",
    **notes: Known,
) -> None:
    """Sell something."""


@pytest.mark.parametrize(("hint", "needed"), [
    (str, False), (HttpUrl, False), (Annotated[int, Field(ge=1, le=3)], False), (dict[str, list[int]], False),
    (Known, True), (list[Known], True), (Span | None, True), (Annotated[str, PlainValidator(known)], True),
    (Annotated[str, annotated_types.Predicate(str.islower)], True), ("no type", False),
])  # fmt: skip
def test_which_types_need_code(hint: Any, needed: bool) -> None:
    assert agent.needed(hint) is needed


@pytest.fixture
def shop() -> celery.Celery:
    app = celery.Celery("shop", broker="memory://", set_as_current=False)
    app.task(name="shop.sell", shared=False)(sell)
    return app


def test_the_code_says_what_is_wrong_and_where(shop: celery.Celery) -> None:
    values = {
        "code": "sku-9", "tags": "a,b", "span": {"first": 2, "last": 1}, "others": ["sku-1", "no"],
        "odd": "x", "notes": {"why": "no"}, "gone": 1,
    }  # fmt: skip
    found, unchecked = agent.problems(shop, "shop.sell", values)
    assert found.keys() == {"code", "span", "others", "notes"}
    assert found["code"][0]["ctx"] == {"error": "No article sku-9 in the ledger."}
    assert (found["others"][0]["loc"], found["notes"][0]["loc"]) == ([1], ["why"])
    assert unchecked == ["odd", "gone"]
    assert agent.problems(shop, "shop.none", {"code": "x"}) == ({}, ["code"])


def test_a_check_that_takes_its_time_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PATIENCE_SECONDS", 0.02)
    go_on = threading.Event()
    assert agent._in_time(go_on.wait) is None
    assert agent._in_time(lambda: 1) is None  # the first goes on still
    go_on.set()
    wait_until(lambda: agent._in_time(lambda: 1) == 1, 5)


def tell(redis: Redis, **facts: Any) -> None:
    """What the worker says of itself."""
    entry = {
        "v": 1, "app": "shop", "hostname": "w@shop", "state": "online", "pid": 1, "pool": "prefork",
        "slots": 2, "queues": ["celery"], "heartbeat_at": time.time(), "started_at": time.time(),
        "checks": True,
    }  # fmt: skip
    redis.hset(heartbeats.APP_WORKERS, "shop w@shop", json.dumps(entry | facts))


class Worker:
    """The remote control of a worker as kombu has it, and its word that it lives."""

    def __init__(self, shop: celery.Celery, url: str) -> None:
        self.app, self.asked = shop, 0
        connection = celery.Celery("pidbox", broker=url, set_as_current=False).connection_for_write()
        connection.transport_cls = "kombu.transport.redis:Transport"
        connection.transport_options = {"global_keyprefix": "p:"}
        self._connection = connection
        state = SimpleNamespace(app=shop)
        handlers = {agent.COMMAND: self._check}
        mailbox = Mailbox("celery", type="fanout")
        self._node = mailbox.Node("w@shop", state, channel=connection.channel(), handlers=handlers)
        self._consumer = self._node.listen()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _check(self, state: Any, **arguments: Any) -> Any:
        self.asked += 1
        return agent.check(state, **arguments)

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                self._connection.drain_events(timeout=0.05)
            except TimeoutError:
                continue

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(5)
        self._connection.release()


@pytest.fixture
def worker(
    app: Flask, shop: celery.Celery, own_redis: RedisServer, redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Worker]:  # fmt: skip
    """A worker of `shop`, which `CELERIAC_BROKERS` names, with the catalog that it published."""
    url = own_redis.url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", {"shop": url})
    app.extensions.pop("silent_checkers", None)
    told = {"app": "shop"} | tasks.document(shop)
    told["delivery"]["options"] = {"global_keyprefix": "p:"}
    digest = tasks.digest(told)
    published.take_in("shop", digest, json.loads(to_json(told)), utcnow())
    published.forget_what_was_read()
    tell(redis, catalog=digest)
    made = Worker(shop, url)
    yield made
    made.close()
    published.forget_what_was_read()


def refused(*args: Any, **kwargs: Any) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as error:
        runs.submit(RunRequest("shop.sell", list(args), kwargs), utcnow())
    return error.value.errors


def test_a_worker_is_asked_and_nothing_is_sent(worker: Worker, own_redis: RedisServer, redis: Redis) -> None:
    before = {key for key in own_redis.client.keys("*") if b"pidbox" not in key}
    assert refused("sku-9") == {"code": ["No article sku-9 in the ledger."]}
    assert refused("sku-1", others=["sku-2", "no"]) == {
        "others": ["others, item 2: No article no in the ledger."]
    }
    assert refused("sku-1", span={"first": 2, "last": 1})["span"] == ["The last comes before the first."]
    assert refused("sku-1", 0).keys() == {"count"}  # no worker needed
    assert worker.asked == 3
    assert {key for key in own_redis.client.keys("*") if b"pidbox" not in key} == before
    sent = runs.submit(RunRequest("shop.sell", ["sku-1"], {"why": "sku-2"}), utcnow())
    assert (sent.queue, worker.asked) == ("celery", 4)
    assert own_redis.client.llen("p:celery") == 1
    assert not redis.exists(f"{pidbox.OWED}shop")  # all was answered


def test_a_secret_is_never_sent_to_be_checked(worker: Worker) -> None:
    values = {"code": "sku-1", "api_key": "geheim"}
    runs.submit(RunRequest("shop.sell", [], values), utcnow())
    found = checks.prospect(catalog.find("shop.sell", app="shop"), utcnow())
    assert (found.secret, "api_key" in found.names, found.workers) == (["api_key"], False, ["w@shop"])


def test_schedules_are_checked_before_they_are_saved(worker: Worker) -> None:
    definition = {"name": "s", "task_name": "shop.sell", "task_type": "interval", "interval_seconds": 60}
    with pytest.raises(Invalid) as error:
        schedules.create(schedules.Definition(**definition, kwargs={"code": "no"}), "mei", utcnow())
    assert error.value.errors == {"code": ["No article no in the ledger."]}
    made = schedules.create(schedules.Definition(**definition, kwargs={"code": "sku-1"}), "mei", utcnow())
    asked = worker.asked
    schedules.update(made.id, {"note": "x", "kwargs": {"code": "sku-1"}}, "mei", utcnow())
    assert worker.asked == asked  # the arguments are the same
    with pytest.raises(Invalid, match="ledger"):
        schedules.update(made.id, {"kwargs": {"code": "no"}}, "mei", utcnow())


def test_schedules_that_come_many_at_once_are_checked_too(worker: Worker) -> None:
    timing = {"task_name": "shop.sell", "task_type": "interval", "interval_seconds": 60}
    good = {"name": "good", "args": ["sku-1"], **timing}
    with pytest.raises(Invalid) as error:
        exchange.apply([good, {"name": "bad", "args": ["no"], **timing}], "mei", utcnow())
    assert error.value.errors == {"bad: code": ["No article no in the ledger."]}
    exchange.apply([good], "mei", utcnow())
    asked = worker.asked
    exchange.apply([good | {"note": "x"}], "mei", utcnow())
    assert worker.asked == asked  # the arguments are the same
    with pytest.raises(Invalid, match="ledger"):
        exchange.plan([good | {"args": ["no"]}], utcnow())
    entries = [
        foreign.Entry(name=name, task_name="shop.sell", timing=Interval(seconds=60), args=[name])
        for name in ("sku-1", "no")
    ]
    source, reading = foreign.Source("redbeat", "x", "redis://h", "h"), foreign.Reading(entries, False, 0)
    results = {one.name: one.problem for one in foreign.take_over(source, reading, None, "mei", utcnow())}
    assert results == {"sku-1": "", "no": "No article no in the ledger."}


def test_many_runs_again_do_not_wait_for_each_answer(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, *others = (
        make_run(f"r{number}", utcnow(), args=[code], task_name="shop.sell", app="shop")
        for number, code in enumerate(("no", "sku-1", "sku-1", "sku-1"))
    )
    monkeypatch.setattr(execution, "ASK_SECONDS", 0.001)  # the first answer takes longer
    bulk = many.freeze("rerun", [refused, *others], "mei", utcnow())
    many.confirm(bulk.id, "mei", utcnow())
    while many.step(bulk.id, utcnow()):
        pass
    said = {item.run_id: (item.outcome, item.detail) for item in many.items(bulk, limit=9).items}
    assert said[refused] == ("failed", "code: No article no in the ledger.")
    assert [said[run_id][0] for run_id in others] == ["done"] * 3
    assert worker.asked == 1


def test_who_does_not_answer_is_waited_for_once(
    worker: Worker, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.close()
    monkeypatch.setattr(checks, "ANSWER_SECONDS", 0.05)
    for _ in range(3):
        runs.submit(RunRequest("shop.sell", ["sku-9"]), utcnow())
    assert redis.hlen(f"{pidbox.OWED}shop") == 1  # where a late answer would lie


def test_pages_say_when_it_is_checked(
    worker: Worker, signed_in: Any, caller: Any, post: Any, redis: Redis
) -> None:
    browser = signed_in("operator")
    page = browser.get("/tasks/shop.sell?app=shop").text
    assert page.count("Code of the task checks this too.") == 7
    assert "a worker is asked before anything is sent or saved" in page
    assert "api_key: code of the task checks this when a run starts" in page
    form = {"p-code": "sku-9", "queue": "celery", "priority": "5", "mode": "fields"}
    answer = post(browser, "/tasks/shop.sell/run?app=shop", form)
    assert answer.status_code == 422
    assert "No article sku-9 in the ledger." in answer.text
    assert 'id="p-code-error"' in answer.text
    tell(redis, state="offline")
    alone = browser.get("/tasks/shop.sell?app=shop").text
    assert "No worker is online that can be asked" in alone
    schema = caller("viewer").get("/tasks/shop.sell?app=shop").json["parameters"]
    assert schema["properties"]["code"]["x-checked-by-code"] is True
    assert "x-checked-by-code" not in schema["properties"]["count"]
