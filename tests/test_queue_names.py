"""An operator cannot gain by a queue's name what the page denies: every door refuses names of other keys."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.schedules import schedule
from flask import Flask
from kombu import Connection, Exchange, Queue
from kombu.transport import redis as kombu_redis
from redis import Redis
from sqlalchemy import insert, select, update

from app import broker, runs, schedules
from app.clock import utcnow
from app.config import ConfigError, load_settings
from app.errors import Invalid
from app.extensions import db
from app.heartbeats import WORKERS
from app.queue_names import problem
from app.runs import Run, states
from app.runs.history import record
from app.schedules import firing
from app.schedules.code_entries import read
from app.schedules.models import Schedule
from celeriac_agent.keys import is_key

KEYS = (
    *(
        "celeriac:hold-new",
        "celeriac:workers",
        "celeriac:events",
        "celeriac:held:default",
        "celeriac:anything",
    ),
    *("unacked", "unacked_index", "unacked_mutex"),
    *("_kombu.binding.default", "_kombu.binding_permanent.default", "_kombu.binding_deadlines"),
    *("celery-task-meta-1", "celery-taskset-meta-1", "LIMITS:LIMITER", "LIMITER"),
)
RESERVED = (
    *KEYS,
    "celeryev.1",
    "w1@h.celery.pidbox",
    "1.reply.celery.pidbox",
    "celery_delayed_27",
    "amq.gen-1",
)
UNLIKELY = ("a b", "a\x06\x164", "a\nb", "a\n", " ", "\x00", "x" * 128, "火", "../x", ".hidden", "-Q", "a/b")
REFUSED = (*RESERVED, *UNLIKELY)
SOME = ("celeriac:hold-new", "_kombu.binding.default", "w1@h.celery.pidbox", "a b", "a\x06\x164", "\x00")
LETTERS = "A queue's name has letters, digits"
TAKEN = "is not free for a queue"

SCHEDULE = {
    "name": "S",
    "task_name": "sample_tasks.plain",
    "args": [1],
    "task_type": "interval",
    "interval_seconds": 60,
}


@pytest.mark.parametrize(
    "name", ["default", "billing", "a.b:c@d-e_9", "unacked-orders", "celeriac", "kombu", "x" * 127]
)
def test_other_names_are_free(name: str) -> None:
    assert problem(name) == ""


@pytest.mark.parametrize("name", REFUSED)
def test_these_are_not(name: str) -> None:
    assert (TAKEN if name in RESERVED else LETTERS) in problem(name)


@pytest.mark.parametrize("value", [None, 5, ["default"], {"name": "default"}, b"default"])
def test_what_is_no_text_is_no_name(value: Any) -> None:
    assert LETTERS in problem(value)


def test_every_key_of_a_deployment_at_work_is_reserved(
    app: Flask, redis: Redis, processes: Any, caller: Any, eventually: Any
) -> None:
    """What really lies in Redis, rather than a list: queues' own lists aside, no name is free."""
    processes.recorder()
    processes.worker("-c", "1", "-Q", "default")
    operator, admin = caller("operator"), caller("admin")
    operator.post("/queues/files/hold", json={})
    operator.post("/queues/mail/pause", json={})
    for queue in ("files", "mail"):
        operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": [1], "queue": queue})
    done = operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": [1]}).json["id"]
    slow = operator.post("/runs", json={"task_name": "sample_tasks.sleep", "args": [5]}).json["id"]
    admin.post("/tasks/sample_tasks.plain/limits", json={"rate_limit": "10/s"})
    eventually(lambda: runs.get(done).state == states.SUCCESS and runs.get(slow).state == states.STARTED, 60)
    separator = broker.keys().separator
    others = [key.decode().partition(separator)[0] for key in redis.scan_iter()]
    assert {"unacked", WORKERS} <= set(others)
    assert [name for name in others if name != "mail" and not is_key(name)] == []


class TestDoors:
    """Each door asks the same rule, refuses at the field, and leaves Redis and the tables as they were."""

    @pytest.fixture(autouse=True)
    def nothing_comes_of_it(
        self, redis: Redis, waiting: str, schedule_id: int, heard_worker: str
    ) -> Iterator[None]:
        def lies_there() -> set[bytes]:
            return {
                key
                for key in redis.scan_iter()
                if not key.startswith((b"celeriac:topic:", b"celeriac:limits:"))
            }

        before = lies_there()
        yield
        assert lies_there() == before
        db.session.rollback()
        assert [row.queue for row in schedules.everything()] == [None]
        assert [run.queue for run in db.session.query(Run)] == ["default"]

    def test_rest(self, caller: Any, waiting: str, schedule_id: int) -> None:
        operator, own = caller("operator"), f"/schedules/{schedule_id}"
        for name in REFUSED:
            run = {"task_name": "sample_tasks.plain", "args": [1], "queue": name}
            answer = operator.post("/runs", json=run)
            assert (answer.status_code, list(answer.json["errors"])) == (422, ["queue"]), name
        for name in SOME:
            answers = [
                operator.post("/schedules", json=SCHEDULE | {"name": "other", "queue": name}),
                operator("PUT", own, json=SCHEDULE | {"queue": name}),
                operator("PATCH", own, json={"queue": name}),
                operator("PATCH", f"/queues/default/messages/{waiting}", json={"queue": name}),
            ]
            assert [answer.status_code for answer in answers] == [422] * 4, name
            assert [list(answer.json["errors"]) for answer in answers] == [["queue"]] * 4, name

    def test_rest_of_a_queue(self, caller: Any, waiting: str) -> None:
        admin = caller("admin")
        for name in SOME[:3]:
            address = f"/queues/{name}"
            answers = [
                *(admin.get(f"{address}{part}") for part in ("", "/messages", "/depths")),
                *(admin.post(f"{address}/{act}", json={}) for act in ("hold", "release", "pause", "resume")),
                *(admin.post(f"{address}/{act}", json={"id": waiting}) for act in ("hold", "release")),
                admin.post(f"{address}/move", json={"id": waiting, "to": "front"}),
                admin("PATCH", f"{address}/messages/{waiting}", json={"priority": 9}),
                admin.delete(f"{address}/messages/{waiting}"),
                admin.delete(f"{address}/messages"),
            ]
            assert [answer.status_code for answer in answers] == [404] * len(answers), name

    def test_rest_of_a_worker(self, caller: Any, heard_worker: str) -> None:
        admin = caller("admin")
        for name in SOME:
            answer = admin.post(f"/workers/{heard_worker}/queues", json={"add": ["default", name]})
            assert (answer.status_code, list(answer.json["errors"])) == (422, ["add"]), name

    def test_pages(
        self, signed_in: Any, post: Any, waiting: str, schedule_id: int, heard_worker: str
    ) -> None:
        browser, run = signed_in("admin"), {"p-a": "1", "p-b": "2", "priority": "5"}
        form = {"task_name": "sample_tasks.plain", "task_type": "interval", "interval_seconds": "60"} | run
        form |= {"version": "1", "timezone": "UTC", "overlap": "skip", "on_missed": "", "name": "other"}
        later = {"start": "delay", "delay_seconds": "3600"}
        for name in SOME:
            given = {"queue": name}
            for path, data in (
                ("/tasks/sample_tasks.plain/run", run | given),
                ("/tasks/sample_tasks.plain/run", run | given | later),
                ("/schedules/new", form | given),
                (f"/schedules/{schedule_id}/edit", form | given),
                ("/schedules/bulk", {"action": "queue", "id": str(schedule_id)} | {"new_queue": name}),
                ("/queues/default/send", {"id": waiting} | given),
                ("/queues/default/bulk", {"action": "send", "id": waiting} | given),
                (f"/workers/{heard_worker}/queues", {"add": name}),
            ):
                assert post(browser, path, data).status_code < 500, (path, name)

    def test_pages_of_a_queue(self, signed_in: Any, post: Any, waiting: str) -> None:
        browser = signed_in("admin")
        acts = (
            "pause",
            "resume",
            "hold-new",
            "let-new-in",
            "release-all",
            "purge",
            "restore",
            "move",
            "hold",
        )
        sent = {
            "id": waiting,
            "to": "front",
            "token": "x",
            "action": "hold",
            "confirmed": "1",
            "queue": "files",
        }
        for name in SOME[:3]:
            assert browser.get(f"/queues/{name}").status_code == 404
            for act in acts:
                assert post(browser, f"/queues/{name}/{act}", sent).status_code in (404, 409, 422), (
                    name,
                    act,
                )
            for act in ("bulk", "send-back"):
                assert post(browser, f"/queues/{name}/{act}", sent).status_code < 500, (name, act)

    def test_imported_files(self, app: Flask) -> None:
        for name in SOME:
            text = json.dumps({"schedules": [SCHEDULE | {"name": "other", "queue": name}]})
            answer = app.test_cli_runner().invoke(args=["schedules", "import", "-"], input=text)
            assert answer.exit_code == 1, name
            assert "queue" in answer.output, name

    def test_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in REFUSED:
            if "\x00" in name:
                continue  # no environment holds it
            given = {"CELERIAC_QUEUE_DETAILS": json.dumps({name: {}})}
            if name.strip() == name:
                given["CELERIAC_QUEUES"] = f"good,{name}"
            for setting, value in given.items():
                with monkeypatch.context() as patch:
                    patch.setenv(setting, value)
                    with pytest.raises(ConfigError, match=setting):
                        load_settings()

    def test_a_task_that_sends_there_itself(self, celery_app: Celery) -> None:
        for name in KEYS:
            for sends in (
                lambda: celery_app.send_task("sample_tasks.plain", [1], queue=name),  # noqa: B023
                lambda: celery_app.tasks["sample_tasks.plain"].apply_async([1], queue=name),  # noqa: B023
            ):
                with pytest.raises(ValueError, match="is not free for a queue"):
                    sends()
            celery_app.amqp.queues.pop(name)


def test_a_schedule_in_code() -> None:
    for name in REFUSED:
        celery_app = Celery("code", set_as_current=False)
        entry = {"task": "t", "schedule": schedule(60), "options": {"queue": name}}
        celery_app.conf.beat_schedule = {"nightly": entry}
        found = read(celery_app, [], "UTC", utcnow(), True)
        assert found.definitions == {}
        assert LETTERS in found.problems[0].message or TAKEN in found.problems[0].message


@pytest.mark.parametrize("name", ["celeriac:hold-new", "unacked", "a b", "a\x06\x164"])
def test_a_row_written_by_sql(name: str, schedule_id: int) -> None:
    good = make_schedule("Good")
    with db.engine.begin() as connection:
        connection.execute(update(Schedule).where(Schedule.id == schedule_id).values(queue=name))
    firing.fire_due(good.next_run_at)
    db.session.rollback()
    assert "queue" in schedules.get(schedule_id).last_error
    assert [(run.schedule_id, run.queue) for run in db.session.query(Run)] == [(good.id, "default")]
    with pytest.raises(Invalid, match="queue"):
        schedules.run_now(schedule_id, "ada", utcnow(), overlap="allow")


def make_schedule(name: str) -> Schedule:
    definition = schedules.Definition(
        name=name, task_name="sample_tasks.plain", args=[1], task_type="interval", interval_seconds=60
    )
    return schedules.create(definition, "ada", utcnow())


@pytest.fixture
def schedule_id(app: Flask) -> int:
    return make_schedule("S").id


@pytest.fixture
def waiting(app: Flask) -> str:
    """A run that waits in the queue `default`."""
    return runs.submit(runs.RunRequest("sample_tasks.plain", [1]), utcnow()).id


@pytest.fixture
def heard_worker(redis: Redis) -> str:
    at = utcnow().timestamp()
    entry = {
        "hostname": "w1@h", "state": "online", "heartbeat_at": at, "started_at": at, "pid": 1,
        "pool": "prefork", "slots": 2, "queues": ["default"], "running": [], "finished": 0,
        "memory_bytes": 0, "load": 0.5, "versions": {},
    }  # fmt: skip
    redis.hset(WORKERS, "w1@h", json.dumps(entry))
    return "w1@h"


def push_there(url: str, queue: str, run_id: str = "r1") -> None:
    """A plain producer sends a task to a queue of this name, as any version before could."""
    plain = Connection(url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="))
    plain.transport_cls = kombu_redis.Transport
    with plain as connection, connection.channel() as channel:
        headers = {"id": run_id, "task": "sample_tasks.plain", "lang": "py"}
        target = Queue(queue, exchange=Exchange(queue), routing_key=queue)
        producer = connection.Producer(channel)
        producer.publish(
            [[1], {}, {}],
            exchange=queue,
            routing_key=queue,
            declare=[target],
            headers=headers,
            serializer="json",
        )


def test_a_worker_is_not_told_so_past_the_pages(processes: Any, celery_app: Celery) -> None:
    """`celery control add_consumer`, or any tool that does the same."""
    worker = processes.worker("-c", "1")
    processes.goes_on()  # its loop listens
    for queue in ("unacked", "celeriac:workers", "w1@h.celery.pidbox"):
        (answer,) = celery_app.control.add_consumer(queue, reply=True, destination=["w1@test"], timeout=20)
        assert TAKEN in answer["w1@test"]["error"]
    (answer,) = celery_app.control.add_consumer("fine", reply=True, destination=["w1@test"], timeout=20)
    assert answer == {"w1@test": {"ok": "add consumer fine"}}
    assert worker.poll() is None


class TestMending:
    """A Redis in which a plain producer, or an older version, used names of keys as queues."""

    def test_bindings_are_undone_and_lists_set_aside(
        self, app: Flask, redis: Redis, redis_server: str, waiting: str
    ) -> None:
        for name in KEYS:
            if not redis.exists(name):
                push_there(redis_server, name, f"to {name}")
        assert redis.type("celeriac:hold-new") == b"list"
        redis.sadd("_kombu.binding.files", "files\x06\x16\x06\x16unacked", "files\x06\x16\x06\x16files")
        second = runs.submit(runs.RunRequest("sample_tasks.plain", [2]), utcnow()).id
        assert [message.id for message in broker.page("default")] == [waiting, second]
        lost = broker.mend()
        assert {"to celeriac:hold-new", "to unacked", "to _kombu.binding_deadlines"} <= lost
        for key in redis.scan_iter():
            name = key.decode().partition("\x06\x16")[0]
            own_list = name.startswith(("celeriac:aside:", "celeriac:held:", "celery-taskset-meta-"))
            assert not (redis.type(key) == b"list" and is_key(name)) or own_list, key
            if name.startswith("_kombu.binding."):
                members = [one.decode().split("\x06\x16")[-1] for one in redis.smembers(key)]
                assert not [one for one in members if is_key(one)], key
        assert broker.known_queues() == {"default", "files"}

    def test_keys_that_hold_no_list_are_no_queues(
        self, app: Flask, redis: Redis, redis_server: str, caller: Any
    ) -> None:
        push_there(redis_server, "theirs")
        push_there(redis_server, "fine")
        redis.delete("theirs")
        redis.hset("theirs", "a", "b")
        answer = caller("viewer").get("/queues")
        names = [queue["name"] for queue in answer.json["items"]]
        assert ("fine" in names, "theirs" in names) == (True, False)

    def test_all_goes_on(
        self, app: Flask, redis: Redis, redis_server: str, processes: Any, caller: Any, eventually: Any
    ) -> None:
        """Publishing, worker, recorder and pages, in a Redis that was poisoned before and while they run."""
        poisons = (
            "celeriac:hold-new",
            "celeriac:workers",
            "_kombu.binding.default",
            "unacked",
            "celeriac:paused",
        )
        for name in poisons:
            push_there(redis_server, name, f"to {name}")
        recorder, worker = processes.recorder(), processes.worker("-c", "1")
        operator = caller("operator")

        def runs_through() -> None:
            answer = operator.post("/runs", json={"task_name": "sample_tasks.plain", "args": [1]})
            assert answer.status_code == 202
            eventually(lambda: runs.get(answer.json["id"]).state == states.SUCCESS, 30)
            assert operator.get("/queues").status_code == 200

        runs_through()
        for name in ("celeriac:hold-new", "celeriac:paused-workers", "celeriac:held-facts:default"):
            redis.delete(name)
            push_there(redis_server, name, f"again to {name}")
        runs_through()
        assert (recorder.poll(), worker.poll()) == (None, None)

    def test_a_run_that_was_sent_there_has_failed(
        self, app: Flask, redis: Redis, redis_server: str, processes: Any, waiting: str, eventually: Any
    ) -> None:
        """Its row from an older version says what became of it, whether its message was out or not."""
        other = str(uuid.uuid4())
        with db.engine.begin() as connection:
            row = dict(connection.execute(select(Run.__table__)).mappings().one())
            later = {"outbox": row["outbox"], "send_at": utcnow()}
            connection.execute(insert(Run).values(row | later | {"id": other, "queue": "celeriac:limits"}))
            connection.execute(update(Run).where(Run.id == waiting).values(queue="celeriac:hold-new"))
        push_there(redis_server, "celeriac:hold-new", waiting)
        processes.recorder()
        for run_id in (waiting, other):
            eventually(lambda: runs.get(run_id).state == states.FAILURE, 30)  # noqa: B023
            assert "queue" in (runs.get(run_id).error or "")


def test_a_foreign_message_that_names_another_key(
    app: Flask, redis: Redis, processes: Any, eventually: Any
) -> None:
    """It is given back, retried and recorded by the queue that it came from."""
    sent = [runs.submit(runs.RunRequest("sample_tasks.flaky"), utcnow()).id for _ in range(2)]
    (level,) = [one.key for one in broker.keys().levels("default") if redis.exists(one.key)]
    for _ in sent:
        message = json.loads(redis.rpop(level))
        message["properties"]["delivery_info"] = {"exchange": "", "routing_key": "celeriac:workers"}
        message["headers"].pop("celeriac")
        redis.lpush(level, json.dumps(message))
    with db.engine.begin() as connection:
        connection.execute(update(Run).values(queue=None))
    processes.recorder()
    processes.worker("-c", "1")
    for run_id in sent:
        eventually(lambda: runs.get(run_id).state == states.SUCCESS, 40)  # noqa: B023
        assert runs.get(run_id).queue == "default"
    record(
        [{"type": "sent", "id": "x", "task": "t", "at": 1.0, "queue": "celeriac:workers"}],
        lambda t, a, k: (a, k, []),
    )
    assert runs.get("x").queue is None
