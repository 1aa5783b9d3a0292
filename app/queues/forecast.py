"""How long the runs of a queue took lately and how many left it: what estimates are made from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Select, select

from app.extensions import db
from app.runs import states
from app.runs.models import Run
from app.runs.statistics.queries import mean_seconds
from app.short_cache import cached
from celeriac_agent.settings import OWN_APP

SAMPLE = {states.SUCCESS: 1000, states.FAILURE: 200}  # the newest of each, over all queues
SAMPLED_AHEAD = 100  # so many of the next are judged by their task, what is behind them by the average
LOOKED_AT = 10  # times as many are looked at where other apps' are among them
ENOUGH = 20  # below it an estimate would be a guess
WINDOW = timedelta(minutes=5)
COUNTED_AT_MOST = 1000


class Consumer(Protocol):
    """What is asked of a worker: whether it is there, what it listens to and how much of it is free.

    `online`: it lives; `taking`: it also takes runs. `running` holds `{"id", "task", "started_at"}`; `rates`
    by task `{"limit": "10/m", "per_second": 0.17, "next_at": epoch second or None}`.
    """

    @property
    def hostname(self) -> str: ...
    @property
    def online(self) -> bool: ...
    @property
    def taking(self) -> bool: ...
    @property
    def slots(self) -> int: ...
    @property
    def queues(self) -> Sequence[str]: ...
    @property
    def running(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def rates(self) -> Mapping[str, dict[str, Any]]: ...


@dataclass(frozen=True)
class ServiceRate:
    """The latest runs of one queue: how many were looked at, their mean seconds, and by task.

    Tasks that are not among them have the mean of their last week, from the hourly numbers.
    `in_per_minute` and `out_per_minute` count the last five minutes.
    """

    runs: int = 0
    mean_seconds: float = 0.0
    by_task: dict[str, float] = field(default_factory=dict)
    in_per_minute: float = 0.0
    out_per_minute: float = 0.0

    def seconds_of(self, task_name: str | None) -> float:
        return self.by_task.get(task_name or "", self.mean_seconds)


def service_rates(now: datetime) -> dict[str, ServiceRate]:
    """The service rate of every queue that had runs lately; costs the same however long the history is.

    Other apps may have queues and tasks of the same names: their runs say nothing of ours.
    """
    samples: dict[str, list[Any]] = {}
    for row in [row for state, most in SAMPLE.items() for row in _newest(state, most)]:
        samples.setdefault(row.queue, []).append(row)
    came_in, usual = _came_in(now), mean_seconds(OWN_APP, now)
    return {
        queue: _service_rate(samples.get(queue, []), usual, came_in.get(queue, 0), now)
        for queue in {*samples, *came_in}
    }


def shared_rates(now: datetime) -> dict[str, ServiceRate]:
    """The same, read once a second for all who look at queues and at runs that wait."""
    return cached("service rates", lambda: service_rates(now))


def seconds_ahead(rate: ServiceRate, ahead: int, next_tasks: Sequence[str | None]) -> float:
    """How long `ahead` runs take together; the tasks of the next are known, the others count as average."""
    known = next_tasks[:ahead]
    return sum(map(rate.seconds_of, known)) + (ahead - len(known)) * rate.mean_seconds


def estimated_start(
    rate: ServiceRate, ahead: int, ahead_seconds: float, consumers: Sequence[Consumer], now: datetime
) -> datetime | None:
    """One answer of a `Forecast`."""
    return Forecast(rate, consumers, now).start(ahead, ahead_seconds)


class Forecast:
    """When runs of a queue are likely to start, from its latest runs and what its slots do at `now`.

    `consumers` are the workers that take from it.
    """

    def __init__(self, rate: ServiceRate, consumers: Sequence[Consumer], now: datetime) -> None:
        self._now, self._enough = now, rate.runs >= ENOUGH
        self._free_in = sorted(seconds for worker in consumers for seconds in _free_in(rate, worker, now))
        self._idle = sum(max(0, worker.slots - len(worker.running)) for worker in consumers)

    def start(self, ahead: int, ahead_seconds: float) -> datetime | None:
        """When a run is likely to start that `ahead` others (of so many seconds in all) go before.

        That is when the slots, each from when it is likely to be free, have had time for what goes before.
        None when there are no slots, or fewer than 20 runs to judge by.
        """
        if not self._free_in or not self._enough:
            return None
        if ahead < self._idle:
            return self._now
        return self._now + timedelta(seconds=_had_time(self._free_in, ahead_seconds))


def _free_in(rate: ServiceRate, consumer: Consumer, now: datetime) -> list[float]:
    """In how many seconds each slot is free; a pool that shrinks runs more than it has slots for."""
    left = sorted((_left(rate, run, now) for run in consumer.running), reverse=True)[: consumer.slots]
    return [0.0] * (consumer.slots - len(left)) + left


def _had_time(free_in: Sequence[float], work: float) -> float:
    """In how many seconds slots, the first to be free first, have had `work` seconds of time together."""
    moment = total = 0.0
    for count, seconds in enumerate(free_in, 1):
        total += seconds
        moment = (work + total) / count
        if count == len(free_in) or moment <= free_in[count]:
            break
    return moment


def _left(rate: ServiceRate, running: Mapping[str, Any], now: datetime) -> float:
    """Seconds that a running run is likely to need still.

    Up to its usual time, the rest of that. Beyond it nothing tells its end, and the best guess about
    something that has run for so long is that it is half done: as long again. Many runs take a little longer
    than usual and end soon after, so that guess is reached at twice the usual time, by an even rise.
    """
    usual, started = rate.seconds_of(running.get("task")), running.get("started_at")
    if started is None:
        return usual
    elapsed = max(0.0, (now - datetime.fromtimestamp(started, UTC)).total_seconds())
    return usual - elapsed if elapsed <= usual else min(elapsed, 2 * (elapsed - usual))


def _newest(state: str, most: int) -> Sequence[Any]:
    columns = (Run.queue, Run.app, Run.task_name, Run.runtime_seconds, Run.ended_at)
    newest = select(*columns).where(Run.state == state).order_by(Run.created_at.desc(), Run.id.desc())
    return _ours(newest, most)


def _came_in(now: datetime) -> dict[str, float]:
    """Runs a minute by queue, of the last minutes or of the newest thousand runs."""
    newest = select(Run.queue, Run.app, Run.created_at).where(Run.created_at >= now - WINDOW)
    rows = _ours(newest.order_by(Run.created_at.desc()), COUNTED_AT_MOST)
    seconds = WINDOW.total_seconds()
    if len(rows) == COUNTED_AT_MOST:
        seconds = max(1.0, (now - min(row.created_at for row in rows)).total_seconds())
    return {queue: 60 * count / seconds for queue, count in Counter(row.queue for row in rows).items()}


def _ours(newest: Select[*tuple[Any, ...]], most: int) -> Sequence[Any]:
    """The newest runs of our own queues: both databases keep the order, and stop when they have enough."""
    rows = newest.limit(LOOKED_AT * most).subquery()
    ours = select(rows).where(rows.c.app.is_(None), rows.c.queue.is_not(None))
    return db.session.execute(ours.limit(most)).all()


def _service_rate(
    sample: Sequence[Any], usual: Mapping[str, float], in_per_minute: float, now: datetime
) -> ServiceRate:
    by_task: dict[str, list[float]] = {}
    for row in sample:
        if row.runtime_seconds is not None:
            by_task.setdefault(row.task_name, []).append(row.runtime_seconds)
    times = [seconds for runtimes in by_task.values() for seconds in runtimes]
    minutes = WINDOW.total_seconds() / 60
    ended = [row.ended_at for row in sample if row.ended_at]
    if (
        len(sample) >= min(SAMPLE.values()) and ended
    ):  # perhaps cut off: do not count minutes it does not reach
        minutes = min(minutes, max((now - min(ended)).total_seconds(), 1.0) / 60)
    out = sum(at >= now - WINDOW for at in ended)
    return ServiceRate(
        runs=len(times),
        mean_seconds=sum(times) / len(times) if times else 0.0,
        by_task={**usual, **{name: sum(runtimes) / len(runtimes) for name, runtimes in by_task.items()}},
        in_per_minute=in_per_minute,
        out_per_minute=out / minutes,
    )
