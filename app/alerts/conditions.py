"""What is wrong at a moment, by the kind of a rule: from facts, without changing anything."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from app import catalog
from app.alerts.counts import UNFIRED, news_from
from app.alerts.facts import LOOKED_BACK, Facts
from app.alerts.kinds import KINDS
from app.alerts.models import AlertRule, AlertState
from app.runs import states
from app.runs.failures import Failure
from app.runs.failures.models import Key
from app.runs.statistics.queries import Task
from celeriac_agent.settings import OWN_APP

WORKER_STARTS = 30.0  # so long nobody listens after all was stopped for an upgrade
ROW_READ = 200  # of failures in a row in each look; all are counted for a message
SUBJECTS_MOST = 200  # of one rule at a time; what is beyond is told when there is room
EVENTS_END_AFTER = timedelta(days=7)  # a task that never ran again is not wrong for ever


@dataclass(frozen=True)
class Found:
    """One subject that is wrong. `at` is when it last was; of `facts` the words of messages are made.

    `path` is the page that tells more. `hold` says that it only fires once it has been so for that long.
    """

    subject: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    path: str = "/"
    since: datetime | None = None
    hold: float = 0.0


def find(rule: AlertRule, before: Iterable[AlertState], facts: Facts) -> list[Found]:
    """What is wrong by a rule; `before` is what was. Raises `BrokerUnavailable`: then nobody knows."""
    conditions = islice(_FINDERS[rule.kind](rule, list(before), facts), SUBJECTS_MOST)
    return list(
        {
            condition.subject[:255]: replace(condition, subject=condition.subject[:255])
            for condition in conditions
        }.values()
    )


def is_over(rule: AlertRule, state: AlertState, facts: Facts) -> bool:
    """Whether an occurrence that was told of once is well again: its task succeeded since, or it is old."""
    if facts.now - state.last_at > EVENTS_END_AFTER or is_closed(state, facts):
        return True
    if not KINDS[rule.kind].recovers:  # it has no end of its own; it is shown for as long as a message lasts
        return facts.now - state.last_at > max(timedelta(seconds=rule.window_seconds), timedelta(minutes=10))
    ends = facts.last_ends(state.task, rule.queue, rule.schedule_id)
    return any(end == states.SUCCESS and at > state.last_at for end, at in ends)


def is_closed(state: AlertState, facts: Facts) -> bool:
    """Whether somebody resolved what was told of, or lets it be ignored: that is no news to anybody."""
    kind = state.facts.get("kind")
    return kind is not None and (*state.task, str(kind)) in facts.closed


def is_well(rule: AlertRule, state: AlertState, facts: Facts) -> bool:
    """Whether the end of what was told of is worth a message: not when it was only closed."""
    if rule.kind == "failures_in_row":
        ends = facts.last_ends(state.task, rule.queue, rule.schedule_id, number(rule))
        return any(end == states.SUCCESS and at > state.since_at for end, at in ends)
    return not is_closed(state, facts)


def threshold(rule: AlertRule) -> int:
    """The rule's seconds, or those that are usual for its kind."""
    return rule.seconds if rule.seconds is not None else KINDS[rule.kind].seconds or 0


def number(rule: AlertRule) -> int:
    """The rule's number, or the one that is usual for its kind."""
    return rule.number if rule.number is not None else KINDS[rule.kind].number or 0


def path(*parts: object, **query: object) -> str:
    """The address of a page."""
    given = {name: value for name, value in query.items() if value is not None}
    address = "/" + "/".join(quote(str(part), safe="") for part in parts)
    return address + (f"?{urlencode(given)}" if given else "")


def _failures(rule: AlertRule, facts: Facts) -> Iterator[Failure]:
    for failure in facts.failures:
        if (
            failure.at >= rule.since_at
            and rule.task_name in (None, failure.task_name)
            and rule.queue in (None, failure.queue)
            and rule.schedule_id in (None, failure.schedule_id)
        ):
            yield failure


def _called(app: str, task_name: str) -> str:
    """What tells a task from all others, as a subject."""
    return task_name if app == OWN_APP else f"{app} {task_name}"


def _named(app: str, task_name: str) -> dict[str, str]:
    """What facts say of whose task it is."""
    return {"name": task_name} | ({"app": app} if app != OWN_APP else {})


def _failed_runs(rule: AlertRule, app: str, task_name: str, error: str | None = None) -> str:
    return path(
        "runs",
        state="failed",
        task_name=task_name,
        app=catalog.app_named(app, task_name),
        queue=rule.queue,
        schedule_id=rule.schedule_id,
        error=error,
    )


def _run_failed(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    known = {state.subject: state for state in before}
    by_task: dict[Task, list[Failure]] = defaultdict(list)
    for failure in _failures(rule, facts):
        state = known.get(_called(*failure.task))
        if state is None or failure.at >= news_from(state):
            by_task[failure.task].append(failure)
    for task, failed in by_task.items():
        newest, state = failed[0], known.get(_called(*task))
        times = [failure.at for failure in failed]
        if facts.failures_are_cut and (state is None or state.ended_at is not None):
            earliest = max(rule.since_at, news_from(state) if state else facts.now - LOOKED_BACK)
            times = facts.failed_since(task, rule, earliest) or times
        details = _named(*task) | {"count": len(times), "error": newest.error, "run_id": newest.run_id}
        details["kind"] = newest.kind
        goes_on = state is not None and state.ended_at is None
        if facts.failures_are_cut and goes_on:
            details["more"] = True
        earlier = goes_on and state and state.told_of_at is None and times[-1] > state.since_at
        one = len(times) == 1 and not (details.get("more") or earlier)
        where = path("runs", newest.run_id) if one else _failed_runs(rule, *task)
        yield Found(_called(*task), newest.at, details, where, since=times[-1])


def _failures_in_row(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    candidates = dict.fromkeys(state.task for state in before if state.ended_at is None)
    candidates |= dict.fromkeys(failure.task for failure in _failures(rule, facts))
    wanted = number(rule)
    for task in candidates:
        ends = facts.last_ends(task, rule.queue, rule.schedule_id, wanted)
        in_row = next((n for n, (end, _at) in enumerate(ends) if end == states.SUCCESS), len(ends))
        if in_row >= wanted:
            number_failed = facts.failed_in_row(task, rule, wanted, ROW_READ)
            details: dict[str, Any] = _named(*task) | {"count": number_failed}
            if number_failed >= ROW_READ:
                details["more"] = True
            yield Found(_called(*task), ends[0][1], details, _failed_runs(rule, *task))


def _new_failure(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    away = timedelta(seconds=threshold(rule))
    seen: set[Key] = set()
    for failure in _failures(rule, facts):
        known = facts.known_kinds.get(failure.key)
        last_at = known.seen_at if known else None
        is_back = known is not None and known.is_back(failure.at)
        if failure.key in seen or (last_at is not None and failure.at - last_at < away and not is_back):
            continue
        seen.add(failure.key)
        details: dict[str, Any] = _named(*failure.task)
        details |= {"kind": failure.kind, "error": failure.error, "back": last_at is not None}
        if is_back and known and known.closed_by:
            details["closed_by"] = known.closed_by
        where = path("runs", "failures", known.id) if known else _failed_runs(rule, *failure.key)
        yield Found(f"{_called(*failure.task)}: {failure.kind}"[:255], failure.at, details, where)


def _schedule_late(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    late = facts.overdue if rule.schedule_id is None else facts.overdue_one(rule.schedule_id)
    for schedule in late:
        seconds = (facts.now - schedule.due_at).total_seconds()
        if seconds >= threshold(rule):
            details = {"name": schedule.name, "seconds": int(seconds)}
            where = path("schedules", schedule.schedule_id)
            yield Found(str(schedule.schedule_id), facts.now, details, where, since=schedule.due_at)


def _unfired(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    known, of = {state.subject: state for state in before}, UNFIRED[rule.kind]
    newest = {
        schedule_id: at
        for schedule_id, at in facts.unfired(of).items()
        if at >= rule.since_at and rule.schedule_id in (None, schedule_id)
    }
    names = facts.schedule_names(set(newest)) if newest else {}
    for schedule_id, at in newest.items():
        state = known.get(str(schedule_id))
        earliest = max(rule.since_at, news_from(state) if state else facts.now - LOOKED_BACK)
        if at >= earliest:
            fires = facts.unfired_since(of, schedule_id, earliest)
            details = {"name": names.get(schedule_id, str(schedule_id)), "count": len(fires)}
            yield Found(str(schedule_id), at, details, path("schedules", schedule_id), min(fires, default=at))


def _queue_oldest(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    for queue in facts.queues:
        if rule.queue in (None, queue.name) and (queue.oldest_seconds or 0) >= threshold(rule):
            details = {"name": queue.name, "seconds": int(queue.oldest_seconds or 0), "count": queue.waiting}
            yield Found(queue.name, facts.now, details, path("queues", queue.name), since=queue.oldest_at)


def _queue_depth(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    for queue in facts.queues:
        if rule.queue in (None, queue.name) and queue.waiting >= number(rule):
            yield Found(
                queue.name,
                facts.now,
                {"name": queue.name, "count": queue.waiting},
                path("queues", queue.name),
            )


def _queue_paused(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    for queue in facts.queues:
        if queue.pause is None or rule.queue not in (None, queue.name):
            continue
        seconds = (facts.now - queue.pause.at).total_seconds()
        if seconds >= threshold(rule):
            details = {
                "name": queue.name,
                "seconds": int(seconds),
                "by": queue.pause.by,
                "count": queue.waiting,
            }
            yield Found(queue.name, facts.now, details, path("queues", queue.name), since=queue.pause.at)


def _queue_unattended(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    for queue in facts.queues:
        if not queue.unattended or rule.queue not in (None, queue.name):
            continue
        least = threshold(rule)
        waits = queue.oldest_seconds or 0.0  # where nobody knows since when, it has to be so for as long
        starts = min(least, WORKER_STARTS)
        if waits >= least - starts or queue.oldest_seconds is None:
            details = {"name": queue.name, "count": queue.waiting}
            hold = max(least - waits, starts)
            yield Found(queue.name, facts.now, details, path("queues", queue.name), queue.oldest_at, hold)


def _worker_died(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    for worker in facts.workers:
        seconds = (facts.now - worker.heartbeat_at).total_seconds()
        if worker.silent and worker.heartbeat_at >= rule.since_at and seconds >= threshold(rule):
            details = {"name": worker.hostname, "seconds": int(seconds), "count": len(worker.running)}
            where = path("workers", worker.hostname, app=worker.app)
            yield Found(worker.key, facts.now, details, where, since=worker.heartbeat_at)


def _silent(rule: AlertRule, name: str, heard: Mapping[str, datetime], facts: Facts) -> Iterator[Found]:
    last = max(heard.values(), default=None)
    seconds = None if last is None else (facts.now - last).total_seconds()
    if seconds is None or seconds >= threshold(rule):
        details = {"name": name} | ({"seconds": int(seconds)} if seconds is not None else {})
        hold = threshold(rule) if seconds is None else 0
        yield Found(name, facts.now, details, path("workers"), last, hold)


def _redis_silent(rule: AlertRule, before: list[AlertState], facts: Facts) -> Iterator[Found]:
    if not facts.redis_answers:
        since = min((state.since_at for state in before if state.ended_at is None), default=facts.now)
        details = {"name": "Redis", "seconds": int((facts.now - since).total_seconds())}
        yield Found("redis", facts.now, details, since=since, hold=threshold(rule))


def _share(rule: AlertRule, name: str, used: int, most: int, facts: Facts) -> Iterator[Found]:
    if most and 100 * used >= number(rule) * most:
        yield Found(name, facts.now, {"percent": 100 * used // most, "used": used, "most": most})


Finder = Callable[[AlertRule, list[AlertState], Facts], Iterable[Found]]
_FINDERS: dict[str, Finder] = {
    "run_failed": _run_failed,
    "failures_in_row": _failures_in_row,
    "new_failure": _new_failure,
    "schedule_late": _schedule_late,
    "schedule_missed": _unfired,
    "schedule_skipped": _unfired,
    "queue_oldest": _queue_oldest,
    "queue_depth": _queue_depth,
    "queue_paused": _queue_paused,
    "queue_unattended": _queue_unattended,
    "worker_died": _worker_died,
    "recorder_silent": lambda rule, before, facts: _silent(rule, "recorder", facts.recorders, facts),
    "beat_silent": lambda rule, before, facts: _silent(rule, "beat", facts.beats, facts),
    "redis_silent": _redis_silent,
    "redis_memory": lambda rule, before, facts: _share(rule, "redis", *facts.memory, facts),
    "disk": lambda rule, before, facts: _share(rule, "disk", *facts.disk, facts),
}
