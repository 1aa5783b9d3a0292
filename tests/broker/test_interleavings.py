"""Any sequence of publishes, takes and changes leaves the line exactly as a plain list in Python says."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from celery import Celery
from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app import broker
from app.errors import Conflict, Invalid, NotFound

QUEUES = ("default", "mail")
PRIORITIES = st.sampled_from([0, 4, 5, 5, 5, 9])
PICK = st.integers(0, 10**6)


class Model:
    """Lines as lists of ids, the next first; what the broker promises, written down as simply as can be."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {queue: [] for queue in QUEUES}
        self.held: dict[str, list[str]] = {queue: [] for queue in QUEUES}
        self.priority: dict[str, int] = {}

    def join(self, queue: str, run_id: str) -> None:
        """Last among those of its priority."""
        line = self.lines[queue]
        ahead = [other for other in line if self.priority[other] >= self.priority[run_id]]
        line.insert(len(ahead), run_id)

    def put(self, queue: str, run_id: str, index: int) -> None:
        """At this place, with a priority that fits there."""
        line = self.lines[queue]
        line.insert(index, run_id)
        if index > 0:
            self.priority[run_id] = min(self.priority[run_id], self.priority[line[index - 1]])
        if index + 1 < len(line):
            self.priority[run_id] = max(self.priority[run_id], self.priority[line[index + 1]])

    def beside(self, queue: str, run_id: str, other: str, offset: int) -> None:
        self.lines[queue].remove(run_id)
        self.lines[queue].insert(self.lines[queue].index(other) + offset, run_id)
        self.priority[run_id] = self.priority[other]


class Line(RuleBasedStateMachine):
    """The broker beside the model, one step of both at a time."""

    celery_app: Celery
    take_next: Callable[[str], str | None]
    now: Any

    @initialize()
    def empty(self) -> None:
        broker.client().flushall()
        self.model = Model()
        self.trash: list[tuple[str, str, list[str]]] = []
        self.count = 0

    def some(self, queue: str, pick: int) -> tuple[str, int]:
        """A waiting run and a guess where it is, which may be wrong."""
        line = self.model.lines[queue]
        return line[pick % len(line)], pick % (len(line) + 2)

    def lines_with(self, least: int) -> list[str]:
        return [queue for queue in QUEUES if len(self.model.lines[queue]) >= least]

    @rule(queue=st.sampled_from(QUEUES), priority=PRIORITIES)
    def publish(self, queue: str, priority: int) -> None:
        self.count += 1
        run_id = f"run-{self.count}"
        self.celery_app.send_task(
            "demo.task", [run_id], {"n": 10**20}, task_id=run_id, queue=queue, priority=priority
        )
        self.model.priority[run_id] = priority
        self.model.join(queue, run_id)

    @rule(queue=st.sampled_from(QUEUES))
    def take(self, queue: str) -> None:
        line = self.model.lines[queue]
        assert self.take_next(queue) == (line.pop(0) if line else None)

    @precondition(lambda self: self.lines_with(2))
    @rule(pick=PICK, other=PICK, after=st.booleans())
    def move_beside(self, pick: int, other: int, after: bool) -> None:
        queue = self.lines_with(2)[pick % len(self.lines_with(2))]
        run_id, hint = self.some(queue, pick)
        neighbour = self.some(queue, other)[0]
        if neighbour == run_id:
            return
        self.model.beside(queue, run_id, neighbour, int(after))
        where = {"after": neighbour} if after else {"before": neighbour}
        moved = broker.move(queue, run_id, hint=hint, neighbour_hint=other % 7, **where)  # type: ignore[arg-type]
        assert moved.position == self.model.lines[queue].index(run_id) + 1

    @precondition(lambda self: self.lines_with(1))
    @rule(pick=PICK, place=PICK, how=st.sampled_from(["position", "front", "back"]))
    def move_to(self, pick: int, place: int, how: str) -> None:
        queue = self.lines_with(1)[pick % len(self.lines_with(1))]
        run_id, hint = self.some(queue, pick)
        line = self.model.lines[queue]
        index = {"front": 0, "back": len(line) - 1}.get(how, place % len(line))
        line.remove(run_id)
        self.model.put(queue, run_id, index)
        where: Any = {"position": index + 1} if how == "position" else {"to": how}
        assert broker.move(queue, run_id, hint=hint, **where).position == index + 1

    @precondition(lambda self: self.lines_with(1))
    @rule(pick=PICK, priority=PRIORITIES)
    def reprioritise(self, pick: int, priority: int) -> None:
        queue = self.lines_with(1)[pick % len(self.lines_with(1))]
        run_id, hint = self.some(queue, pick)
        if self.model.priority[run_id] != priority:
            self.model.priority[run_id] = priority
            self.model.lines[queue].remove(run_id)
            self.model.join(queue, run_id)
        assert broker.reprioritise(queue, run_id, priority, hint=hint).priority == priority

    @precondition(lambda self: self.lines_with(1))
    @rule(pick=PICK)
    def send_to(self, pick: int) -> None:
        queue = self.lines_with(1)[pick % len(self.lines_with(1))]
        run_id, hint = self.some(queue, pick)
        target = QUEUES[1 - QUEUES.index(queue)]
        self.model.lines[queue].remove(run_id)
        self.model.join(target, run_id)
        assert broker.send_to(queue, run_id, target, hint=hint).queue == target

    @precondition(lambda self: self.lines_with(1))
    @rule(pick=PICK)
    def remove(self, pick: int) -> None:
        queue = self.lines_with(1)[pick % len(self.lines_with(1))]
        run_id, hint = self.some(queue, pick)
        self.model.lines[queue].remove(run_id)
        assert broker.remove(queue, run_id, hint=hint).args == [run_id]

    @precondition(lambda self: self.lines_with(1))
    @rule(pick=PICK)
    def hold(self, pick: int) -> None:
        queue = self.lines_with(1)[pick % len(self.lines_with(1))]
        run_id, hint = self.some(queue, pick)
        self.model.lines[queue].remove(run_id)
        self.model.held[queue].append(run_id)
        broker.hold(queue, run_id, "ann", "", self.now, hint=hint)

    @precondition(lambda self: any(self.model.held.values()))
    @rule(pick=PICK, to=st.sampled_from([None, "front", "back"]))
    def release(self, pick: int, to: Any) -> None:
        queue = next(queue for queue in QUEUES if self.model.held[queue])
        held, line = self.model.held[queue], self.model.lines[queue]
        run_id = held.pop(pick % len(held))
        if to is None:
            self.model.join(queue, run_id)
        else:
            self.model.put(queue, run_id, 0 if to == "front" else len(line))
        assert broker.release(queue, run_id, to).position == line.index(run_id) + 1

    @rule(queue=st.sampled_from(QUEUES))
    def purge(self, queue: str) -> None:
        purged = broker.purge(queue, self.now)
        assert purged.removed == len(self.model.lines[queue])
        if purged.removed:
            self.trash.append((queue, purged.token, self.model.lines[queue]))
        self.model.lines[queue] = []

    @precondition(lambda self: self.trash)
    @rule()
    def restore(self) -> None:
        queue, token, line = self.trash.pop()
        assert broker.restore(queue, token) == len(line)
        self.model.lines[queue] = sorted(
            line + self.model.lines[queue], key=lambda i: -self.model.priority[i]
        )

    @invariant()
    def the_line_is_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        for queue in QUEUES:
            page = broker.page(queue, 0, 1000)
            assert [message.id for message in page] == self.model.lines[queue]
            for place, message in enumerate(page, 1):
                assert message.position == place
                assert (message.args, message.kwargs) == ([message.id], {"n": 10**20})
                assert message.priority == self.model.priority[message.id]
            assert [one.message.id for one in broker.held(queue, 0, 1000)] == self.model.held[queue]


def test_any_sequence_of_steps_agrees_with_the_model(celery_only: Celery, take: Any, now: Any) -> None:
    machine = type(
        "Machine", (Line,), {"celery_app": celery_only, "take_next": staticmethod(take), "now": now}
    )
    run_state_machine_as_test(
        machine, settings=settings(max_examples=settings().max_examples // 4, stateful_step_count=40)
    )


def test_many_at_once_lose_and_double_nothing(
    broker_flask: Flask, celery_only: Celery, take: Any, now: Any
) -> None:
    """Two publishers, two workers and three people at the same time: every run is taken exactly once."""
    per_publisher, taken, errors = 250, Counter[str](), []
    waiting: list[str] = []
    publishing, done = threading.Event(), threading.Event()
    lock = threading.Lock()

    def in_context(action: Callable[[random.Random], None], seed: int) -> threading.Thread:
        def run() -> None:
            try:
                with broker_flask.app_context():
                    action(random.Random(seed))
            except BaseException as error:
                errors.append(error)
                raise

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def publish(rng: random.Random) -> None:
        for n in range(per_publisher):
            run_id = f"{rng.random()}-{n}"
            celery_only.send_task(
                "demo.task", [run_id], task_id=run_id, queue="default", priority=rng.randrange(3, 6)
            )
            waiting.append(run_id)

    def work(rng: random.Random) -> None:
        while not (done.is_set() and broker.depth("default") == 0):
            run_id = take("default")
            if run_id:
                with lock:
                    taken[run_id] += 1

    def interfere(rng: random.Random) -> None:
        changes: list[Callable[[str, str], Any]] = [
            lambda one, other: broker.move("default", one, before=other),
            lambda one, other: broker.move("default", one, after=other),
            lambda one, other: broker.move("default", one, to=rng.choice(["front", "back"])),
            lambda one, other: broker.move("default", one, position=rng.randrange(1, 5)),
            lambda one, other: broker.reprioritise("default", one, rng.randrange(10)),
            lambda one, other: broker.hold("default", one, "ann", "", now),
            lambda one, other: broker.release_all("default", rng.choice(["front", "back", None])),
            lambda one, other: broker.restore("default", broker.purge("default", now).token),
        ]
        while not done.is_set():
            if len(waiting) < 2:
                continue
            one, other = rng.sample(waiting[-60:], 2) if len(waiting) > 60 else rng.sample(waiting, 2)
            try:
                rng.choice(changes)(one, other)
            except (Conflict, NotFound):
                continue  # taken, held or moved by somebody else
            except Invalid:
                continue  # the line is shorter than the position

    publishers = [in_context(publish, seed) for seed in (1, 2)]
    people = [in_context(interfere, seed) for seed in (3, 4, 5)]
    publishing.set()
    workers = [in_context(work, seed) for seed in (6, 7)]
    for thread in publishers:
        thread.join(60)
    done.set()
    for thread in people:
        thread.join(60)
    broker.release_all("default")
    for thread in workers:
        thread.join(60)
    assert errors == []
    assert broker.held("default") == []
    while run_id := take("default"):
        taken[run_id] += 1
    assert len(taken) == 2 * per_publisher
    assert set(taken.values()) == {1}
