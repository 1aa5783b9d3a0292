"""The connection and the key names are kombu's, whatever its configuration; an outage has a name."""

import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask
from redis import Redis

from app import broker
from app.broker import ownership, topics
from app.broker.connection import require_own
from app.broker.transport import publishing_held
from app.errors import BrokerUnavailable
from celeriac_agent.keys import OWN_PREFIX

MakeApp = Callable[..., Flask]


def check_round_trip(celery_app: Celery, priorities: list[int], now: Any) -> list[str]:
    """Publish with kombu, change with ours, consume with kombu: both must mean the same keys."""
    require_own()  # it is, when we come first
    for n, priority in enumerate(priorities):
        celery_app.send_task("demo.task", task_id=f"r{n}", queue="default", priority=9 - priority)
    broker.move("default", "r0", to="back")
    broker.hold("default", "r1", "ann", "", now)
    broker.release("default", "r1", "front")
    line = [message.id for message in broker.page("default")]
    assert broker.depth("default") == len(priorities) == len(line)
    with celery_app.connection_for_read() as connection:
        channel = connection.channel()
        taken = []
        while message := channel.basic_get("default"):
            taken.append(message.headers["id"])
            assert list(broker.unacked()) == [message.headers["id"]]
            message.ack()
        channel.close()
    assert taken == line
    assert (taken[0], taken[-1]) == ("r1", "r0")
    return taken


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"global_keyprefix": "team-a:"},
        {"priority_steps": [0, 3, 6, 9]},
        {"priority_steps": [0]},
        {"priority_steps": [2, 5]},
        {"sep": "::"},
        {"unacked_key": "mine", "unacked_index_key": "mine_index", "global_keyprefix": "b-"},
    ],
)
def test_whatever_kombu_is_told(
    make_app: MakeApp, redis_server: str, data_dir: Path, redis: Redis, now: Any, options: dict[str, Any]
) -> None:
    app = make_app(redis_server, data_dir, **options)
    with app.app_context():
        check_round_trip(app.extensions["celery"], [5, 5, 9, 0, 3, 7, 5], now)
        broker.pause("default", "ann", "", now)
        broker.reset()
    app.extensions["celery"].close()
    prefix = options.get("global_keyprefix", "")
    lies_there = set(redis.scan_iter("*")) - {ownership.HOME.encode()}  # which is one for all prefixes
    assert all(key.startswith(prefix.encode()) for key in lies_there)
    assert redis.exists(f"{prefix}{OWN_PREFIX}paused")


def test_holding_works_under_a_prefix(
    make_app: MakeApp, redis_server: str, data_dir: Path, redis: Redis, now: Any
) -> None:
    app = make_app(redis_server, data_dir, global_keyprefix="team-a:")
    with app.app_context():
        require_own()
        with publishing_held("ann", "", now):
            app.extensions["celery"].send_task("demo.task", task_id="r", queue="default", priority=2)
        assert [one.message.id for one in broker.held("default")] == ["r"]
        assert broker.release("default", "r").priority == 2
        broker.reset()
    app.extensions["celery"].close()


def test_another_database_number(
    make_app: MakeApp, redis_server: str, data_dir: Path, redis: Redis, now: Any
) -> None:
    app = make_app(redis_server.replace("db=0", "db=3"), data_dir)
    with app.app_context():
        check_round_trip(app.extensions["celery"], [5, 4, 5], now)
        assert broker.client().connection_pool.connection_kwargs["db"] == 3
        broker.reset()
    app.extensions["celery"].close()
    assert redis.keys() == []


def test_tcp_with_a_password(make_app: MakeApp, data_dir: Path) -> None:
    app = make_app("redis://user:p%40ss@example.org:7000/2", data_dir)
    with app.app_context():
        options = broker.client().connection_pool.connection_kwargs
        assert (options["host"], options["port"], options["db"]) == ("example.org", 7000, 2)
        assert (options["username"], options["password"]) == ("user", "p@ss")
        assert options["socket_timeout"] == 5
        assert options["socket_connect_timeout"] == 5


def test_tls(make_app: MakeApp, data_dir: Path) -> None:
    app = make_app("rediss://example.org/0?ssl_cert_reqs=required", data_dir)
    with app.app_context():
        pool = broker.client().connection_pool
        assert pool.connection_class.__name__ == "SSLConnection"
        assert pool.connection_kwargs["ssl_cert_reqs"] == ssl.CERT_REQUIRED


def test_one_client_an_app(celery_only: Celery, broker_flask: Flask) -> None:
    first = broker.client()
    assert broker.client() is broker.client(broker_flask) is first
    broker.reset()
    assert broker.client() is not first
    assert broker.client().ping()


def test_a_fork_makes_connections_of_its_own(celery_only: Celery) -> None:
    broker.client().set("mark", "parent")
    child = os.fork()
    if child == 0:
        good = all(broker.client().get("mark") == b"parent" for _ in range(200))
        os._exit(0 if good else 1)
    assert all(broker.client().get("mark") == b"parent" for _ in range(200))
    assert os.waitpid(child, 0)[1] == 0


def test_an_outage_has_a_name_and_an_end(make_app: MakeApp, own_redis: Any, now: Any) -> None:
    app = make_app(own_redis.url, own_redis.folder)
    with app.app_context():
        require_own()
        app.extensions["celery"].send_task("demo.task", task_id="r", queue="default", priority=4)
        broker.hold("default", "r", "ann", "", now)
        version = topics.version(broker.client(), "runs")
        own_redis.kill()
        for call in (
            lambda: broker.page("default"),
            lambda: broker.depth("default"),
            lambda: broker.depths(["default"]),
            lambda: broker.find("default", "r"),
            lambda: broker.locate("r", ["default"]),
            lambda: broker.is_out("r", ["default"]),
            lambda: broker.unacked(),
            lambda: broker.held("default"),
            lambda: broker.move("default", "r", to="front"),
            lambda: broker.reprioritise("default", "r", 3),
            lambda: broker.send_to("default", "r", "mail"),
            lambda: broker.remove("default", "r"),
            lambda: broker.hold("default", "r", "ann", "", now),
            lambda: broker.release("default", "r"),
            lambda: broker.release_all("default"),
            lambda: broker.purge("default", now),
            lambda: broker.restore("default", "token"),
            lambda: list(broker.purged("default", "token")),
            lambda: broker.pause("default", "ann", "", now),
            lambda: broker.resume("default"),
            lambda: broker.paused(),
            lambda: broker.hold_new("default", "ann", "", now),
            lambda: broker.stop_holding_new("default"),
            lambda: broker.sweep(now),
            lambda: broker.known_queues(),
            lambda: broker.oldest_sent_at(["default"]),
        ):
            with pytest.raises(BrokerUnavailable) as error:
                call()
            assert error.value.status == 503
        assert topics.version(broker.client(), "runs") == "" != version
        own_redis.start()
        assert broker.release("default", "r").position == 1  # the append-only file kept it
        broker.reset()
    app.extensions["celery"].close()


def test_a_redis_that_hangs_is_unavailable(make_app: MakeApp, own_redis: Any) -> None:
    app = make_app(own_redis.url, own_redis.folder, socket_timeout=0.2)
    with app.app_context():
        assert broker.depth("default") == 0
        own_redis.process.send_signal(signal.SIGSTOP)
        with pytest.raises(BrokerUnavailable):
            broker.depth("default")
        own_redis.process.send_signal(signal.SIGCONT)
        assert broker.depth("default") == 0
        broker.reset()


def test_scripts_are_loaded_again_after_they_were_forgotten(
    celery_only: Celery, send: Callable[..., str], order: Any
) -> None:
    for run_id in "abc":
        send(run_id)
    broker.move("default", "c", to="front")
    broker.client().script_flush()
    broker.move("default", "b", to="front")
    assert "".join(order()) == "bca"
