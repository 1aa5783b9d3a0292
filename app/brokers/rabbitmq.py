"""What a RabbitMQ of another app tells of its queues over AMQP: their lengths, by name. It lists none."""

from collections.abc import Iterator
from typing import Any

from amqp.exceptions import NotFound

from app.broker import pidbox
from app.brokers.places import Place
from app.catalog.published import published

Facts = tuple[str, int, dict[int, int], tuple[str, ...], int, int]


def queues(place: Place, only: str = "", known: frozenset[str] = frozenset()) -> list[Facts]:
    """Name, length and consumers of the queues whose names are known: given, published, Celery's own."""
    tasks = [info.queue for info in published().tasks.values() if info.app == place.name]
    names = [only] if only else sorted({"celery", *tasks, *known})
    return pidbox.over(place.url, place.options, lambda connection: list(_sizes(connection, names)))


def _sizes(connection: Any, names: list[str]) -> Iterator[Facts]:
    for name in names:
        try:
            with connection.channel() as channel:
                declared = channel.queue_declare(name, passive=True)
        except NotFound:
            continue
        yield name, int(declared.message_count), {}, (), 0, int(declared.consumer_count)
