"""What a RabbitMQ of another app tells of its queues over AMQP: their lengths, by name. It lists none."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from amqp.exceptions import AMQPError, NotFound
from flask_babel import gettext as _
from kombu.exceptions import OperationalError

from app.broker import foreign
from app.brokers.places import Place
from app.catalog.published import published
from app.errors import BrokerUnavailable

Facts = tuple[str, int, dict[int, int], tuple[str, ...], int, int]

T = TypeVar("T")


def queues(place: Place, only: str = "", told: frozenset[str] = frozenset()) -> list[Facts]:
    """Name, length and consumers of the queues whose names are known: `told`, published, Celery's own."""
    tasks = [info.queue for info in published().tasks.values() if info.app == place.name]
    names = [only] if only else sorted({"celery", *tasks, *told})
    return asked(place, lambda connection: list(_sizes(connection, names)))


def asked(place: Place, question: Callable[[Any], T]) -> T:
    """The answer to a question, over a connection of its own. Raises `BrokerUnavailable`."""
    connection = foreign.kombu_connection(place.url, place.options)
    try:
        with connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=foreign.CONNECT_SECONDS)
            return question(connection)
    except (OperationalError, AMQPError, OSError) as error:
        raise BrokerUnavailable(_("The broker does not answer: %(error)s", error=error)) from error


def _sizes(connection: Any, names: list[str]) -> Iterator[Facts]:
    for name in names:
        try:
            with connection.channel() as channel:
                found = channel.queue_declare(name, passive=True)
        except NotFound:
            continue
        yield name, int(found.message_count), {}, (), 0, int(found.consumer_count)
