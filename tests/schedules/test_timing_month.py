"""A month of a mixed set of schedules under a stepped clock, fire by fire against independent oracles.

The beat here is the smallest possible one: it looks at the clock, plans every schedule whose next actual
moment has come, and keeps a ledger. The real one adds transactions, not rules.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from app.schedules.policies import PlannedFire, Policies, ScheduleState, plan
from app.schedules.timing import Timing, actual_at, first_fire

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86_400))
CRONS = [
    ("30 1 * * *", "Europe/London"),
    ("*/15 * * * *", "America/New_York"),
    ("0 10 * * 1-5", "America/New_York"),
    ("0 */6 * * *", "Europe/Berlin"),
    ("30 2 * * *", "America/New_York"),
    ("5 2 * * SUN", "Australia/Lord_Howe"),
    ("0 0 L * *", "Asia/Kolkata"),
    ("0 9 1-7 * MON", "Europe/London"),
    ("17 3 * * 5L", "Pacific/Auckland"),
    ("0 0 31 * *", "UTC"),
]
MONTHS = [
    datetime(2026, 10, 10, tzinfo=UTC),  # Europe goes back on the 25th, New York on 1 November
    datetime(2027, 3, 8, tzinfo=UTC),  # New York goes forward on the 14th, Europe on the 28th, Lord Howe back
]


@dataclass
class Row:
    """A schedule as the table holds it, what should become of it, and what did."""

    timing: Timing
    policies: Policies
    expected: list[datetime]
    state: ScheduleState = field(init=False)
    ledger: list[tuple[datetime, PlannedFire]] = field(default_factory=list)

    def begin(self, now: datetime) -> None:
        self.state = ScheduleState(
            timing=self.timing, policies=self.policies, next_due_at=first_fire(self.timing, now)
        )

    def look(self, now: datetime) -> None:
        if self.state.next_due_at is None or self.state.next_due_at > now:
            return
        planned = plan(self.state, now)
        self.ledger.extend((now, fire) for fire in planned.fires)
        self.state = replace(self.state, next_due_at=planned.next_due_at, run_count=planned.run_count)


def mixed_set(begin: datetime, end: datetime, policies: Policies) -> list[Row]:
    rows = []
    for number, (expression, zone) in enumerate(CRONS):
        peer = CronSim(expression, (begin - SECOND).astimezone(ZoneInfo(zone)))
        every = (fire.astimezone(UTC) for fire in peer)
        timing = Timing(
            task_type="cron",
            cron_schedule=expression,
            timezone=zone,
            jitter_seconds=45 * (number % 3),
            schedule_id=number,
        )
        expected = list(takewhile(lambda fire: actual_at(timing, fire) <= end, every))  # noqa: B023 - used at once
        rows.append(Row(timing, policies, expected))
    for seconds in (7, 600, 5400, 86_400):
        anchor = begin - 1234 * SECOND
        last = begin + DAY if seconds == 7 else end  # a day is enough of these
        count = int((last - anchor).total_seconds()) // seconds
        grid = [anchor + n * seconds * SECOND for n in range(1, count + 1)]
        timing = Timing(task_type="interval", interval_seconds=seconds, anchor_at=anchor, ends_at=grid[-1])
        rows.append(Row(timing, policies, [fire for fire in grid if fire >= begin]))
    once = begin + 11 * DAY + 5 * HOUR
    rows.append(Row(Timing(task_type="one_time", run_at=once), policies, [once]))
    return rows


def simulate(
    rows: list[Row], begin: datetime, end: datetime, steps: random.Random, longest: timedelta
) -> None:
    """Steps the clock by up to `longest`, now and then back, and lets every schedule look at it."""
    now = begin
    for row in rows:
        row.begin(now)
    while now < end:
        for row in rows:
            row.look(now)
        if steps.random() < 0.01:
            now -= steps.random() * 90 * SECOND
        now = min(end, now + steps.random() * longest)
    for row in rows:
        row.look(end)


@pytest.mark.parametrize("begin", MONTHS)
def test_a_month_fires_exactly_what_the_oracle_says(begin: datetime) -> None:
    end = begin + 31 * DAY
    rows = mixed_set(begin, end, Policies(on_missed="run_all", overlap="allow"))
    simulate(rows, begin, end, random.Random(20261120), 100 * SECOND)
    for row in rows:
        assert [fire.due_at for _now, fire in row.ledger] == row.expected, row.timing
        assert {fire.outcome for _now, fire in row.ledger} <= {"run"}
        for now, fire in row.ledger:
            assert timedelta(0) <= now - actual_at(row.timing, fire.due_at) <= 200 * SECOND
    assert sum(len(row.expected) for row in rows) > 18_000


@pytest.mark.parametrize("begin", MONTHS)
@pytest.mark.parametrize("on_missed", ["skip", "run_once", "run_all"])
def test_a_month_with_outages_leaves_no_hole(begin: datetime, on_missed: str) -> None:
    """Beat is away for up to five hours at a time; every fire is in the ledger once."""
    end = begin + 31 * DAY
    policies = Policies(on_missed=on_missed, grace_seconds=7200, overlap="allow")  # type: ignore[arg-type]
    rows = mixed_set(begin, end, policies)
    simulate(rows, begin, end, random.Random(4), 5 * HOUR)
    for row in rows:
        told = [fire for _now, fire in row.ledger]
        assert sum(fire.count for fire in told) == len(row.expected), row.timing
        alone = {fire.due_at for fire in told if fire.count == 1}
        assert len(alone) == sum(fire.count == 1 for fire in told)
        for fire in told:
            if fire.count > 1:
                among = [due for due in row.expected if fire.due_at <= due <= (fire.last_due_at or due)]
                assert len(among) == fire.count
                assert not alone & set(among)
        assert alone <= set(row.expected)
        late = [now - fire.due_at for now, fire in row.ledger if fire.outcome == "run"]
        assert all(by <= 7200 * SECOND + 90 * SECOND for by in late)
        if on_missed == "skip":
            assert all(by <= 60 * SECOND + 90 * SECOND for by in late)
        elif len(row.expected) > 20:  # a rare one may have been out of grace each time
            assert late, row.timing
