"""A pytest plugin that puts our transport, base task and worker into the test suites of kombu and Celery.

Loaded by `bench/conformance.py`; `CONFORMANCE` says what of ours is in use:

transport  kombu's suites: our channel wherever kombu's own Redis transport is asked for
fakes      the same, for kombu's unit tests, whose stand-in for Redis runs no scripts: each script is played
           as what it does while nothing is paused or held
worker     Celery's suite: our transport, app, base task, signals and worker, with the suite's own settings
settings   the same, with our settings too
"""

import os
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

from kombu.transport import redis as kombu_redis
from kombu.utils import eventio

from app.broker import transport

OURS = os.environ.get("CONFORMANCE", "transport")


def use_transport() -> None:
    transport.install()
    kombu_redis.Channel = transport.Channel
    kombu_redis.Transport = transport.Transport


def use_fakes() -> None:
    """Kombu's stand-ins know what kombu's own channel asks of them, and no more."""
    use_transport()
    kombu_redis.poll = lambda: eventio.poll()  # the tests replace it before they import the transport
    collect = kombu_redis.PublishBatch.add

    def add(batch: Any, name: str, *given: Any) -> None:
        if name == "eval" and given[0] == transport.PUT:
            name, given = "lpush", (given[2], given[2 + given[1]])
        collect(batch, name, *given)

    kombu_redis.PublishBatch.add = add
    transport.Channel._run = play  # type: ignore[method-assign]
    transport.Channel._read_pauses = lambda channel: None  # type: ignore[method-assign]


def play(channel: Any, script: str, lists: list[str], *arguments: Any) -> Any:
    """A script of ours as the commands that kombu would send."""
    with channel.conn_or_acquire() as client:
        if script == transport.PUT:
            return client.lpush(lists[0], arguments[0])
        assert script == transport.TAKE
        tag, at, raw, address = arguments[:4]
        pipe = client.pipeline()
        pipe.zadd(lists[1], {tag: float(at)}).hset(lists[0], tag, f"[{raw}, {address}]").execute()
    return b"taken"


def use_worker(with_settings: bool) -> None:
    """Every app that the suite makes is one of ours."""
    from celery.contrib.testing import app as testing

    from app import create_app
    from app.celery import heartbeat as presence
    from app.celery.adoption import CeleriacApp
    from app.celery.factory import configuration
    from app.config import Settings

    settings = Settings(redis_url=os.environ["TEST_BROKER"], data_dir=Path(os.environ["CONFORMANCE_DATA"]))
    flask_app = create_app(settings, pages=False, commands=False)
    base = flask_app.extensions["celery"].Task
    ours = {"broker_transport_options": configuration(settings)["broker_transport_options"]}
    if with_settings:
        ours = configuration(settings)
        for name in ("task_default_queue", "task_queues", "task_routes", "beat_schedule", "beat_scheduler"):
            del ours[name]  # the suite speaks of Celery's own queue, and sends tasks that only it knows

    def make(
        name: str | None = None,
        config: dict[str, Any] | None = None,
        enable_logging: bool = False,
        set_as_current: bool = False,
        log: Any = testing.UnitLogging,
        backend: Any = None,
        broker: Any = None,
        **options: Any,
    ) -> CeleriacApp:
        from celery.contrib.testing import tasks  # noqa: F401 -- `celery.ping`, which its worker asks for

        log = None if enable_logging else log
        options |= {"set_as_current": set_as_current, "log": log, "backend": backend, "broker": broker}
        made = CeleriacApp(name or "celery.tests", task_cls=base, **options)
        made.add_defaults(testing.DEFAULT_TEST_CONFIG | ours | (config or {}))
        presence.install(made, settings.redis)
        return made

    testing.TestApp = make


{
    "transport": use_transport,
    "fakes": use_fakes,
    "worker": lambda: use_worker(with_settings=False),
    "settings": lambda: use_worker(with_settings=True),
}[OURS]()
