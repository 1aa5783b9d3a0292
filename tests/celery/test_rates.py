"""A task's rate limit holds up that task, and nothing behind it."""

import json
import os
import time
from itertools import pairwise
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import broker, extensions, workers
from app.clock import utcnow
from celeriac_agent.stream import STREAM

LIMITED, FREE = "sample_tasks.at_a_rate", "sample_tasks.plain"


def ends(client: redis_client.Redis) -> list[dict[str, Any]]:
    """The runs that succeeded, in the order in which they started."""
    told = [json.loads(fields[b"e"]) for _, fields in client.xrange(STREAM)]
    found = [one for one in told if one["type"] == "succeeded"]
    return sorted(found, key=lambda one: float(one["started_at"]))


def send(limited: int, free: int) -> tuple[list[str], list[str]]:
    """So many runs of the limited task, then so many of another."""
    first = [extensions.celery_app.send_task(LIMITED, kwargs={"number": n}).id for n in range(limited)]
    return first, [extensions.celery_app.send_task(FREE, kwargs={"a": n}).id for n in range(free)]


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_what_stands_behind_goes_past(
    redis: redis_client.Redis, processes: Any, eventually: Any, pool: str
) -> None:
    limited, free = send(6, 20)
    processes.worker("-c", "1", "-P", pool)
    eventually(lambda: len(ends(redis)) == 26, 30)
    told = ends(redis)
    assert [one["id"] for one in told if one["task"] == FREE] == free
    assert [one["id"] for one in told if one["task"] == LIMITED] == limited
    # When it was taken: how soon a process begins with it tells how busy this machine was,
    taken = [one["received_at"] for one in told if one["task"] == LIMITED]
    assert min(later - earlier for earlier, later in pairwise(taken)) > 0.4
    # and so does how many of the others went past; the first did.
    assert min(one["received_at"] for one in told if one["task"] == FREE) < taken[-1]


def test_limited_runs_stay_in_line_and_new_ones_go_past(
    app: Flask, celery_app: Any, redis: redis_client.Redis, processes: Any, eventually: Any
) -> None:
    workers.set_limits(LIMITED, {"rate_limit": "1/h"}, utcnow())
    processes.worker("-c", "1")
    limited, _ = send(10, 0)
    eventually(lambda: ends(redis))
    eventually(lambda: [one.id for one in broker.page("default", 0, 50)] == limited[1:])  # seen, and moved:
    broker.move("default", limited[9], to="front")
    free = celery_app.send_task(FREE, kwargs={"a": 1}).id
    eventually(lambda: any(one["id"] == free for one in ends(redis)))
    line = [limited[9], *limited[1:9]]
    eventually(lambda: [one.id for one in broker.page("default", 0, 50)] == line)
    workers.set_limits(LIMITED, {"rate_limit": "20/s"}, utcnow())
    eventually(lambda: len(ends(redis)) == 11)
    order = [one["id"] for one in ends(redis) if one["task"] == LIMITED]
    assert order == [limited[0], *line]


def test_nothing_is_lost_when_the_worker_is_killed(
    app: Flask, redis: redis_client.Redis, processes: Any, eventually: Any
) -> None:
    limited, free = send(60, 60)
    known = {*limited, *free}
    for number in range(2):
        process = processes.worker("-c", "2", name=f"k{number}")
        eventually(lambda wanted=20 * (number + 1): len(ends(redis)) >= wanted)
        process.end()
        waiting = {json.loads(raw)["headers"]["id"] for raw in redis.lrange("default\x06\x164", 0, -1)}
        taken = {json.loads(raw)[0]["headers"]["id"] for raw in redis.hvals("unacked")}
        done = {one["id"] for one in ends(redis)}
        assert waiting | taken | done == known, (len(waiting), len(taken), len(done))


def test_a_worker_that_looks_past_does_not_toil(
    app: Flask, redis: redis_client.Redis, processes: Any, eventually: Any
) -> None:
    send(200, 0)
    process = processes.worker("-c", "2")
    eventually(lambda: len(ends(redis)) >= 2)

    def used() -> float:
        with open(f"/proc/{process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def asked() -> int:
        return int(redis.info("commandstats")["cmdstat_eval"]["calls"])

    started, before, calls = time.monotonic(), used(), asked()
    time.sleep(3)
    seconds = time.monotonic() - started
    assert used() - before < 0.15 * seconds  # of processor time
    assert asked() - calls < 50 * seconds
