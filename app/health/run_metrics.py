"""What Prometheus reads of runs: counters and histograms by app, task and queue, from totals that only grow.

Names are those of celery-exporter where they mean the same, so that its dashboards work.
"""

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from app import runs
from app.runs import states
from app.runs.statistics import totals

_LABELS = ("app", "name", "queue_name")
_COUNTERS = {
    totals.SENT: ("celery_task_sent", "Runs whose message was sent"),
    totals.STARTED: ("celery_task_started", "Attempts that started"),
    states.SUCCESS: ("celery_task_succeeded", "Runs that succeeded"),
    states.FAILURE: ("celery_task_failed", "Runs that failed for good"),
    totals.RETRIED: ("celery_task_retried", "Attempts that ended in a retry"),
    states.REVOKED: ("celery_task_revoked", "Runs that were cancelled or terminated"),
    states.REJECTED: ("celery_task_rejected", "Runs that a worker or their task rejected"),
    states.EXPIRED: ("celeriac_task_expired", "Runs that nobody took in time"),
    states.LOST: ("celeriac_task_lost", "Runs whose worker died, or could not tell how they ended"),
    states.MISSED: ("celeriac_fires_missed", "Fires of schedules that were missed and did not run"),
    states.SKIPPED: ("celeriac_fires_skipped", "Fires of schedules that were skipped"),
}


def collect() -> Iterable[Metric]:
    """Every family; those of a task and queue that had no runs have no line."""
    by_task = totals.totals()
    for counted, (name, words) in _COUNTERS.items():
        counter = CounterMetricFamily(name, words, labels=_LABELS)
        for task in by_task:
            if counted in task.counts:
                counter.add_metric([task.app, task.task_name, task.queue], task.counts[counted])
        yield counter
    run_time = HistogramMetricFamily("celery_task_runtime", "Seconds from start to end", labels=_LABELS)
    wait = HistogramMetricFamily(
        "celeriac_task_wait_seconds", "Seconds from when a run could start until it did", labels=_LABELS
    )
    for task in by_task:
        for family, durations in ((run_time, task.run_time), (wait, task.wait)):
            if any(durations.counts):
                labels = [task.app, task.task_name, task.queue]
                family.add_metric(labels, _buckets(durations), durations.seconds)
    yield run_time
    yield wait
    yield _in_history()


def _buckets(durations: totals.Durations) -> list[tuple[str, float]]:
    """Each bound with how many were at most that."""
    bounds = [*(str(bound) for bound in totals.BOUNDS), "+Inf"]
    return list(zip(bounds, accumulate(durations.counts), strict=True))


def _in_history() -> Metric:
    by_state = GaugeMetricFamily(
        "celeriac_runs", "Runs in the history by state, counted up to 10001", labels=["state"]
    )
    for state, number in runs.counts().items():
        by_state.add_metric([state], number)
    return by_state
