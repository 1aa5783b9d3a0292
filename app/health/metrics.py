"""What Prometheus reads: depths, ages and workers, taken at the moment of the scrape."""

from collections.abc import Iterable
from datetime import datetime

import redis
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app import broker, heartbeats, runs
from app.broker import aside, starts
from app.config import settings
from app.errors import BrokerUnavailable
from celeriac_agent.stream import STREAM


class _Snapshot(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterable[Metric]:
        yield from _runs()
        up = GaugeMetricFamily("celeriac_redis_up", "1 when Redis answers")
        try:
            yield from _broker(self._now)
            up.add_metric([], 1)
        except (redis.RedisError, BrokerUnavailable):
            up.add_metric([], 0)
        yield up
        yield from _waiting()


def registry(now: datetime) -> CollectorRegistry:
    """A registry that holds this moment's figures."""
    made = CollectorRegistry()
    made.register(_Snapshot(now))
    return made


def _runs() -> Iterable[Metric]:
    by_state = GaugeMetricFamily(
        "celeriac_runs", "Runs in the history by state, counted up to 10001", labels=["state"]
    )
    for state, number in runs.counts().items():
        by_state.add_metric([state], number)
    yield by_state


def _waiting() -> Iterable[Metric]:
    """The depths, and whether the RabbitMQ that holds the queues answers."""
    waiting = GaugeMetricFamily("celeriac_queue_waiting", "Messages waiting in a queue", labels=["queue"])
    up = GaugeMetricFamily("celeriac_rabbitmq_up", "1 when the RabbitMQ that holds the queues answers")
    try:
        for queue, depth in broker.depths(settings().declared_queues).items():
            waiting.add_metric([queue], depth.waiting)
        up.add_metric([], 1)
        yield waiting
    except BrokerUnavailable:
        up.add_metric([], 0)
    if broker.capabilities().apart:
        yield up


def _broker(now: datetime) -> Iterable[Metric]:
    events = GaugeMetricFamily("celeriac_stream_events", "Events in the stream, recorded or not")
    events.add_metric([], int(str(broker.client().xlen(STREAM))))
    yield events
    set_aside = CounterMetricFamily(
        "celeriac_set_aside", "Events, heartbeats and messages that could not be worked with", labels=["kind"]
    )
    counts = aside.aside(broker.client()).counts
    for kind in sorted({*aside.KINDS, *counts}):
        set_aside.add_metric([kind], counts.get(kind, 0))
    yield set_aside
    restarting = GaugeMetricFamily(
        "celeriac_restarting", "Processes that start again and again without having been stopped"
    )
    restarting.add_metric([], len(starts.again_and_again(broker.client(), now)))
    yield restarting
    online = [worker for worker in heartbeats.workers(broker.client(), now) if worker.online]
    for name, words, value in (
        ("celeriac_workers_online", "Workers whose heartbeat was heard within 10 s", len(online)),
        (
            "celeriac_worker_slots",
            "Runs the online workers can take at once",
            sum(one.slots for one in online),
        ),
        (
            "celeriac_worker_busy",
            "Runs the online workers are running",
            sum(len(one.running) for one in online),
        ),
    ):
        gauge = GaugeMetricFamily(name, words)
        gauge.add_metric([], value)
        yield gauge
