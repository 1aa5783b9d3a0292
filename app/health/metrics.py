"""What Prometheus reads, taken from what the processes share: every web process says the same."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import redis
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app import broker, heartbeats, queues, schedules
from app.broker import dead_letters, starts
from app.errors import BrokerUnavailable
from app.health import run_metrics
from celeriac_agent.stream import STREAM

QUEUES_AT_MOST = 200


class _Snapshot(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterable[Metric]:
        yield from run_metrics.collect()
        yield from _schedules(self._now)
        up = GaugeMetricFamily("celeriac_redis_up", "1 when Redis answers")
        try:
            yield from _redis(self._now)
            yield from _workers(self._now)
            yield from _processes(self._now)
            up.add_metric([], 1)
        except (redis.RedisError, BrokerUnavailable):
            up.add_metric([], 0)
        yield up
        yield from _queues(self._now)


def registry(now: datetime) -> CollectorRegistry:
    """A registry that holds this moment's figures."""
    made = CollectorRegistry()
    made.register(_Snapshot(now))
    return made


def _gauge(name: str, words: str, values: Mapping[str, float], label: str = "queue_name") -> Metric:
    """A family with one label."""
    gauge = GaugeMetricFamily(name, words, labels=[label])
    for value, number in values.items():
        gauge.add_metric([value], number)
    return gauge


def _single(name: str, words: str, number: float) -> Metric:
    gauge = GaugeMetricFamily(name, words)
    gauge.add_metric([], number)
    return gauge


def _schedules(now: datetime) -> Iterable[Metric]:
    late = schedules.overdue(now)
    longest = max(((now - lateness.due_at).total_seconds() for lateness in late), default=0.0)
    yield _single("celeriac_schedules_enabled", "Schedules that are on", schedules.enabled_count())
    yield _single("celeriac_schedules_late", "Schedules with a late fire", schedules.late_count(now))
    yield _single("celeriac_schedule_lateness_seconds", "How late the latest fire is", longest)


def _queues(now: datetime) -> Iterable[Metric]:
    """The queues, at most 200, and whether the RabbitMQ that holds them answers."""
    answers = 1
    try:
        by_name = {queue.name: queue for queue in queues.listing(now)[:QUEUES_AT_MOST]}
        waiting = {name: queue.waiting for name, queue in by_name.items()}
        yield _gauge("celery_queue_length", "Runs that wait in a queue", waiting)
        yield _gauge("celeriac_queue_waiting", "The same by an older name", waiting, "queue")
        held = {name: queue.held for name, queue in by_name.items()}
        yield _gauge("celeriac_queue_held", "Runs that are held in a queue", held)
        oldest = {name: queue.oldest_seconds or 0.0 for name, queue in by_name.items()}
        yield _gauge("celeriac_queue_oldest_seconds", "How long the one that waits longest does", oldest)
        paused = {name: float(queue.paused) for name, queue in by_name.items()}
        yield _gauge("celeriac_queue_paused", "1 when the queue is paused", paused)
        listen = {name: queue.consumers for name, queue in by_name.items()}
        yield _gauge("celery_active_consumer_count", "Workers that listen to a queue", listen)
        slots = {name: queue.slots for name, queue in by_name.items()}
        yield _gauge("celery_active_process_count", "Slots of the workers that take from a queue", slots)
    except BrokerUnavailable:
        answers = 0
    if broker.capabilities().apart:
        yield _single("celeriac_rabbitmq_up", "1 when the RabbitMQ that holds the queues answers", answers)


def _redis(now: datetime) -> Iterable[Metric]:
    length = int(str(broker.client().xlen(STREAM)))
    yield _single("celeriac_stream_events", "Events in the stream, recorded or not", length)
    set_aside = CounterMetricFamily(
        "celeriac_set_aside", "What could not be worked with, whole or in part", labels=["kind"]
    )
    counts = dead_letters.counted(broker.client()).counts
    for kind in sorted({*dead_letters.KINDS, *counts}):
        set_aside.add_metric([kind], counts.get(kind, 0))
    yield set_aside
    restarting = len(starts.again_and_again(broker.client(), now))
    words = "Processes that start again and again without having been stopped"
    yield _single("celeriac_restarting", words, restarting)


def _workers(now: datetime) -> Iterable[Metric]:
    known = heartbeats.workers(broker.client(), now)
    online = [worker for worker in known if worker.online]
    up = {worker.hostname: float(worker.online) for worker in known}
    yield _gauge("celery_worker_up", "1 when the worker's heartbeat was heard within 10 s", up, "hostname")
    active = {worker.hostname: len(worker.running) for worker in online}
    yield _gauge("celery_worker_tasks_active", "Runs that a worker is running", active, "hostname")
    yield _single("celeriac_workers_online", "Workers whose heartbeat was heard within 10 s", len(online))
    slots, busy = sum(worker.slots for worker in online), sum(worker.busy for worker in online)
    yield _single("celeriac_worker_slots", "Runs the online workers can take at once", slots)
    yield _single("celeriac_worker_busy", "Slots of the online workers that run something", busy)
    yield from _workers_of_apps(now)


def _workers_of_apps(now: datetime) -> Iterable[Metric]:
    """The same of other apps that have the agent, by app."""
    by_app: dict[str, list[heartbeats.Worker]] = {}
    for worker in heartbeats.app_workers(broker.client(), now):
        by_app.setdefault(str(worker.app), []).extend([worker] if worker.online else [])
    online = {app: float(len(theirs)) for app, theirs in by_app.items()}
    yield _gauge(
        "celeriac_app_workers_online", "Workers of an app that were heard within 10 s", online, "app"
    )
    slots = {app: float(sum(worker.slots for worker in theirs)) for app, theirs in by_app.items()}
    yield _gauge("celeriac_app_worker_slots", "Runs the online workers of an app can take", slots, "app")
    busy = {app: float(sum(worker.busy for worker in theirs)) for app, theirs in by_app.items()}
    yield _gauge("celeriac_app_worker_busy", "Slots of an app's workers that run something", busy, "app")


def _processes(now: datetime) -> Iterable[Metric]:
    """What beat and the recorders last said; no line where none was ever heard of."""
    recorders = [recorder for recorder in heartbeats.recorders(broker.client(), now) if recorder.alive]
    yield _single("celeriac_recorders_alive", "Recorders heard within 15 s", len(recorders))
    if recorders:
        behind = max(recorder.behind_seconds for recorder in recorders)
        yield _single("celeriac_recorder_lag_seconds", "How far the history is behind", behind)
    if beats := heartbeats.beats(broker.client(), now):
        tick = max(beat.tick_at for beat in beats).timestamp()
        yield _single("celeriac_beat_last_tick_timestamp_seconds", "When a beat last looked", tick)
