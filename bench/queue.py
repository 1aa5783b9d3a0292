"""Reading and reordering a long queue, beside the naive way and what that loses.

    python bench/queue.py [waiting …]        (default: 1000 100000)

Starts a Redis of its own. For each length: a page of 50, moves and searches through `app.broker` (wall time,
and the time in which Redis serves nobody else), then the naive reorder: read all, delete, push all back.
Then both ways while a worker draws as fast as it can, and what got lost or ran twice is counted.
"""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

# Not beside but instead of this folder, where this file would hide the standard library's `queue`.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from celery import Celery
from flask import Flask
from flask_babel import Babel

from app import broker, embedded_redis
from app.broker import ownership
from app.broker.messages import id_of
from app.celery.factory import configuration
from app.config import Settings
from app.errors import Conflict, NotFound
from bench.server import own_redis

QUEUE = "default"
ROUNDS = 30
DRAW_SECONDS = 3


def make_app(url: str, folder: Path) -> Flask:
    app = Flask(__name__)
    Babel(app)
    settings = app.config["SETTINGS"] = Settings(redis_url=url, data_dir=folder)
    app.extensions["celery"] = Celery("bench", set_as_current=False)
    app.extensions["celery"].config_from_object(configuration(settings))
    return app


def fill(app: Flask, waiting: int) -> list[str]:
    """A line of one level (the worst case) of real messages; returns the ids, the next first."""
    client, key = broker.client(), broker.keys().level(QUEUE, 4).key
    client.flushall()
    ownership.find_other_app(client, broker.keys(), app.config["SETTINGS"])  # it is ours
    model = str(uuid4())
    app.extensions["celery"].send_task("demo.report", ["north", 2026], task_id=model, queue=QUEUE, priority=4)
    template = client.rpop(key)
    ids = [str(uuid4()) for _ in range(waiting)]
    for start in range(0, waiting, 5000):
        messages = [template.replace(model.encode(), run_id.encode()) for run_id in ids[start : start + 5000]]
        client.lpush(key, *messages)
    return ids


def measure(name: str, action: Callable[[], Any], rounds: int = ROUNDS) -> None:
    taken, busy = [], redis_seconds()
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - started))
    busy = 1000 * (redis_seconds() - busy) / rounds
    taken.sort()
    print(f"  {name:<32} {median(taken):9.2f} ms   worst {taken[-1]:9.2f} ms   in Redis {busy:7.2f} ms")


def redis_seconds() -> float:
    """The processor time that Redis's one thread has used."""
    info: Any = broker.client().info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])


def naive_move(run_id: str, to_front: bool = True) -> None:
    """What one writes first: read the list, change the order in Python, write the list."""
    client, key = broker.client(), broker.keys().level(QUEUE, 4).key
    raws: list[Any] = client.lrange(key, 0, -1)
    moved = next((raw for raw in raws if run_id.encode() in raw), None)
    if moved is None:
        return
    raws.remove(moved)
    raws.append(moved)
    client.delete(key)
    for start in range(0, len(raws), 5000):
        client.rpush(key, *raws[start : start + 5000])


def quiet(app: Flask, waiting: int) -> None:
    ids = fill(app, waiting)
    rng = random.Random(1)
    pick = lambda: rng.randrange(waiting)  # noqa: E731 -- local shorthand

    def places() -> tuple[str, int, str, int]:
        """Two runs that are where they say, as a page that shows them knows."""
        one, other = pick(), pick()
        first, second = broker.page(QUEUE, one, 1)[0], broker.page(QUEUE, other, 1)[0]
        return first.id, one + 1, second.id, other + 1

    plan = [places() for _ in range(4 * ROUNDS)]
    print(f"{waiting} waiting, nobody draws")
    measure("page of 50, front", lambda: broker.page(QUEUE, 0, 50))
    measure("page of 50, middle", lambda: broker.page(QUEUE, waiting // 2, 50))
    steps = iter(plan)

    def by_neighbour() -> None:
        run_id, hint, other, other_hint = next(steps)
        if run_id != other:
            broker.move(QUEUE, run_id, before=other, hint=hint, neighbour_hint=other_hint)

    measure("move next to any neighbour", by_neighbour)

    def by_position() -> None:
        run_id, hint, _, target = next(steps)
        broker.move(QUEUE, run_id, position=target, hint=hint)

    measure("move to any position", by_position)

    def to_front() -> None:
        run_id, hint, _, _ = next(steps)
        broker.move(QUEUE, run_id, to="front", hint=hint)

    measure("move to front", to_front)

    def known() -> None:
        run_id, hint, _, _ = next(steps)
        broker.find(QUEUE, run_id, hint)

    measure("find by id, position known", known)
    measure("find by id, position unknown", lambda: broker.find(QUEUE, ids[pick()]), 10)
    measure("find by id, not there", lambda: broker.find(QUEUE, str(uuid4())), 5)
    measure("naive move to front", lambda: naive_move(ids[pick()]), 5)


def while_drawn(app: Flask, waiting: int, name: str, move: Callable[[str], None]) -> None:
    """Move runs to the front while another connection draws as fast as it can; count what it drew."""
    ids = fill(app, waiting)
    drawn: Counter[str] = Counter()
    stop = threading.Event()
    client, key = broker.client(), broker.keys().level(QUEUE, 4).key

    def draw() -> None:
        while not stop.is_set():
            raw = client.rpop(key)
            if isinstance(raw, bytes):
                drawn[id_of(raw)] += 1

    worker = threading.Thread(target=draw)
    worker.start()
    rng, moves, deadline = random.Random(2), 0, time.monotonic() + DRAW_SECONDS
    while time.monotonic() < deadline:
        move(ids[rng.randrange(waiting)])
        moves += 1
    stop.set()
    worker.join()
    drawn.update(id_of(raw) for raw in client.lrange(key, 0, -1) if isinstance(raw, bytes))
    lost, doubled = sum(1 for run_id in ids if not drawn[run_id]), sum(1 for n in drawn.values() if n > 1)
    print(f"  {name:<20} {moves:6d} moves in {DRAW_SECONDS} s: {lost} lost, {doubled} run twice")


def move(run_id: str) -> None:
    with suppress(Conflict, NotFound):  # drawn already
        broker.move(QUEUE, run_id, to="front")


def main() -> None:
    lengths = [int(text) for text in sys.argv[1:]] or [1000, 100_000]
    with own_redis() as folder:
        app = make_app(embedded_redis.url(folder), folder)
        with app.app_context():
            for waiting in lengths:
                quiet(app, waiting)
            for waiting in lengths:
                print(f"{waiting} waiting, a worker draws meanwhile")
                while_drawn(app, waiting, "naive", naive_move)
                while_drawn(app, waiting, "app.broker", move)


if __name__ == "__main__":
    main()
