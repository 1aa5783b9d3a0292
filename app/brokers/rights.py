"""Whether the URL of a named broker may do what is asked of it: found without changing anything there.

Redis checks a command's rights when it is queued in MULTI, so each is queued and none is run.
"""

from dataclasses import dataclass
from typing import Any

import redis
from amqp.exceptions import AccessRefused
from flask_babel import gettext as _

from app.broker import pidbox
from app.brokers import places, queues
from app.brokers.places import Place
from app.catalog.published import published
from app.errors import BrokerUnavailable

PROBE = "celeriac.answers.probe"
LOOK, ASK, SEND, CHANGE = "look", "ask", "send", "change"


@dataclass(frozen=True)
class Finding:
    """What is right or wrong at a named broker; `hint` says what to do."""

    place: Place
    wrong: str
    hint: str = ""


def findings() -> list[Finding]:
    """One for each broker that the settings name."""
    return [_finding(place) for place in places.all_places()]


def acts(place: Place) -> list[str]:
    """What is asked of a broker: look, ask workers; send where its tasks are known, change where allowed."""
    sends = any(app == place.name for app, _task in published().tasks)
    return [LOOK, ASK, *([SEND] if sends else []), *([CHANGE] if place.may_change else [])]


def _finding(place: Place) -> Finding:
    try:
        if not place.on_redis:
            return Finding(place, _answers_of(place))
        lacking = _lacking(place)
    except BrokerUnavailable as error:
        hint = _(
            "Check its address, user and password in CELERIAC_BROKERS, and that it can be reached from here."
        )
        return Finding(place, error.detail, hint)
    if not lacking:
        return Finding(place, "")
    said = {
        LOOK: _("its queues cannot be looked at"),
        ASK: _("its workers cannot be asked"),
        SEND: _("runs cannot be sent"),
        CHANGE: _("changes are allowed here, and not by the server"),
    }
    words = [
        _("%(problem)s (no right to %(commands)s)", problem=said[act], commands=", ".join(commands))
        for act, commands in lacking.items()
    ]
    hint = _("Give the user of its URL these rights: docs/existing-project.md, What its URL must be allowed.")
    return Finding(place, "; ".join(words), hint)


def _commands(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """What each act needs, by Redis command."""
    names = places.redis_of(place).keys
    queue, own = names.level("celery", 0).key, f"{names.prefix}celeriac:probe"
    channel = f"{names.prefix}/{queues.broker_db(place)}.celery.pidbox"
    answers = names.prefix + PROBE
    return {
        LOOK: [
            ("LLEN", queue), ("LRANGE", queue, 0, 0), ("TYPE", queue), ("SCAN", 0), ("HLEN", names.unacked),
            ("HMGET", names.unacked, "x"), ("ZRANGE", names.unacked_index, 0, 0),
            ("SMEMBERS", names.binding % "celery"), ("HGETALL", names.paused),
        ],
        ASK: [("PUBLISH", channel, ""), ("RPOP", answers), ("LLEN", answers)],
        SEND: [("LPUSH", queue, "x")],
        CHANGE: [
            ("EVALSHA", "0" * 40, 1, queue), ("SCRIPT", "LOAD", "return 1"), ("LREM", queue, 1, "x"),
            ("LINSERT", queue, "BEFORE", "x", "x"), ("LSET", queue, 0, "x"), ("RENAME", queue, own),
            ("HSET", own, "x", "x"), ("HDEL", own, "x"), ("EXPIRE", own, 1), ("DEL", own),
        ],
    }  # fmt: skip


def _lacking(place: Place) -> dict[str, list[str]]:
    """The commands that the user of the URL may not give, by act."""
    needed = _commands(place)
    pool = places.redis_of(place).redis.connection_pool
    with places.at(place):
        connection: Any = pool.get_connection()
        try:
            _say(connection, "MULTI")
            found = {
                act: [str(one[0]) for one in needed[act] if not _may(connection, one)] for act in acts(place)
            }
        finally:
            connection.disconnect()  # nothing that was queued is run
            pool.release(connection)
    return {act: commands for act, commands in found.items() if commands}


def _may(connection: Any, command: tuple[Any, ...]) -> bool:
    try:
        _say(connection, *command)
    except redis.exceptions.NoPermissionError:
        return False
    except redis.exceptions.ResponseError:  # of a server that does not know it, which is not about rights
        return True
    return True


def _say(connection: Any, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _answers_of(place: Place) -> str:
    """What is wrong with a RabbitMQ; empty when its workers can be asked."""

    def declare(connection: Any) -> str:
        try:
            with connection.channel() as channel:
                channel.queue_declare(PROBE, exclusive=True, auto_delete=True, durable=False)
        except AccessRefused as error:
            return _("its workers cannot be asked (%(error)s)", error=error.reply_text)
        return ""

    return pidbox.over(place.url, place.options, declare)
