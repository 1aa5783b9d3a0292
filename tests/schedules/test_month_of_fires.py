"""A month of a mixed set under a stepped clock, compared with what an independent evaluator expects."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from app.extensions import db
from app.runs import states
from app.schedules import firing

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 10, 12, 5, 17, 3, tzinfo=UTC)  # the clocks of Europe and America change
CRONS = [
    ("*/30 1-3 * * *", "Europe/Berlin"),
    ("0 0-4 * * *", "America/New_York"),
    ("30 2 * * *", "America/New_York"),
    ("30 1 * * *", "Europe/London"),
    ("0 9 * * MON-FRI", "Asia/Kolkata"),
    ("15 3 1,15 * *", "Australia/Lord_Howe"),
    ("0 0 1 * FRI", "UTC"),  # the first of the month or a Friday
    ("59 23 L * *", "Asia/Shanghai"),
    ("45 6 * * MON#2", "America/St_Johns"),
]
OUTAGES = [(timedelta(days=9, hours=2), timedelta(hours=5)), (timedelta(days=20), timedelta(minutes=20))]


def expected_cron(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    local = (begin - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    found = []
    for moment in CronSim(expression, local):
        at = moment.astimezone(UTC)
        if at > end:
            return found
        if at >= begin:
            found.append(at)
    return found


def expected_interval(seconds: int, begin: datetime, end: datetime) -> list[datetime]:
    found, at = [], begin + timedelta(seconds=seconds)
    while at <= end:
        found.append(at)
        at += timedelta(seconds=seconds)
    return found


def test_a_month_of_fires(make: Any, fire: Any, history: Any) -> None:
    """The months of spring are tried without a database, in test_timing_month.py."""
    begin, end = BEGIN, BEGIN + timedelta(days=31)
    expected: dict[int, list[datetime]] = {}
    for policy in ("skip", "run_all"):
        for expression, zone in CRONS if policy == "skip" else CRONS[:1]:
            name = f"{expression} {zone} {policy}"
            row = make(
                name, at=begin, cron_schedule=expression, timezone=zone, on_missed=policy, overlap="allow"
            )
            expected[row.id] = expected_cron(expression, zone, begin, end)
    for seconds, jitter in ((7 * 3600, 0), (86_400, 3600), (5 * 3600 + 1, 600)):
        row = make(
            f"every {seconds}", at=begin, interval_seconds=seconds, jitter_seconds=jitter, overlap="allow"
        )
        expected[row.id] = [
            at
            for at in expected_interval(seconds, begin, end)
            if at + (row.next_run_at - row.next_due_at) <= end
        ]
    row = make("ten", at=begin, interval_seconds=3600, max_runs=10, overlap="allow")
    expected[row.id] = expected_interval(3600, begin, end)[:10]
    row = make("half", at=begin, interval_seconds=43_200, ends_at=begin + timedelta(days=15), overlap="allow")
    expected[row.id] = expected_interval(43_200, begin, begin + timedelta(days=15))
    once = begin + timedelta(days=11, seconds=5)
    row = make("once", at=begin, run_at=once)
    expected[row.id] = [once]

    sent = step_through(fire, begin, end)

    away = [(begin + start, begin + start + length) for start, length in OUTAGES]
    ran = 0
    for schedule_id, moments in expected.items():
        runs = history(schedule_id)
        assert [run.due_at for run in runs] == moments, runs[0].requested_by
        for run in runs:
            in_outage = any(low <= run.due_at < high for low, high in away)
            assert run.state == states.PENDING or (run.state == states.MISSED and in_outage)
        ran += sum(run.state == states.PENDING for run in runs)
    assert sent == ran > 600
    assert len({run.id for schedule_id in expected for run in history(schedule_id)}) == sum(
        map(len, expected.values())
    )


def step_through(fire: Any, begin: datetime, end: datetime) -> int:
    """Let the clock stand at each due moment in turn, a little late, as a beat would look; not in outages."""
    sent, steps = 0, 0
    away = [(begin + start, begin + start + length) for start, length in OUTAGES]
    while True:
        db.session.rollback()
        due_at = firing.agenda().fire_at
        if due_at is None or due_at > end:
            return sent
        now = due_at + timedelta(milliseconds=steps % 7 * 30)
        steps += 1
        for low, high in away:
            if low <= now < high:
                now = high
        sent += fire(now).sent
