"""Flower with a history: feeds a file's task events into its state as they would come, then serves.

Runs in Flower's own virtualenv: flower_peer.py BROKER_URL PORT FILE. Each line of the file is one task,
oldest first. Prints "ready", the number of tasks it holds and the seconds that the events took.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from celery import Celery
from flower.app import Flower
from flower.options import options
from flower.urls import settings

END = {"SUCCESS": "task-succeeded", "FAILURE": "task-failed", "REVOKED": "task-revoked"}


def events(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events that a worker with -E and a client that sends them tell of one task."""
    common = {"uuid": task["id"], "pid": 1, "utcoffset": 0}
    worker = {"hostname": task["worker"] or "celery@worker-1"}
    told = {name: task[name] for name in ("name", "args", "kwargs")}
    told |= {"root_id": task["id"], "parent_id": None, "retries": 0, "eta": None, "expires": None}
    sent = {"queue": task["queue"], "exchange": "", "routing_key": task["queue"], "hostname": "gen1@host"}
    yield {"type": "task-sent", "timestamp": task["sent"]} | common | told | sent
    if task["received"]:
        yield {"type": "task-received", "timestamp": task["received"]} | common | told | worker
    if task["started"]:
        yield {"type": "task-started", "timestamp": task["started"]} | common | worker
    if task["state"] in END:
        end = {"type": END[task["state"]], "timestamp": task["ended"]} | common | worker
        if task["state"] == "SUCCESS":
            end |= {"result": task["result"], "runtime": task["runtime"]}
        if task["state"] == "FAILURE":
            end |= {"exception": task["error"], "traceback": task["traceback"]}
        yield end


def main() -> None:
    url, port, path = sys.argv[1:]
    options.port, options.address, options.logging = int(port), "127.0.0.1", "warning"
    flower = Flower(capp=Celery("peer", broker=url), options=options, **settings)
    begun = time.monotonic()
    with open(path) as file:
        for clock, line in enumerate(file):
            for event in events(json.loads(line)):
                flower.events.state.event(event | {"clock": clock, "local_received": event["timestamp"]})
    flower.start_http_server()
    took = time.monotonic() - begun
    flower.io_loop.add_callback(
        lambda: print("ready", len(flower.events.state.tasks), f"{took:.1f}", flush=True)
    )
    flower.start()


if __name__ == "__main__":
    main()
