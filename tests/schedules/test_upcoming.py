"""Which schedules fire in the next hour, and which are late."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import schedules
from app.extensions import db, transaction
from app.runs import states
from app.runs.models import Run
from app.schedules import timing
from app.schedules.models import Schedule
from app.schedules.timing import Timing
from app.schedules.upcoming import LISTED_AT_MOST, _fires

Make = Callable[..., Schedule]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(*minutes: float) -> list[datetime]:
    return [NOON + timedelta(minutes=minute) for minute in minutes]


def coming(now: datetime = NOON) -> dict[str, schedules.Coming]:
    db.session.rollback()
    return {one.name: one for one in schedules.coming(now, now + HOUR).schedules}


def change(schedule: Schedule, **values: Any) -> None:
    with transaction():
        row = schedules.get(schedule.id)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.database
class TestComing:
    def test_the_fires_of_the_hour_soonest_schedule_first(self, make: Make) -> None:
        make("Every 20", cron_schedule="*/20 * * * *", at=NOON + timedelta(seconds=1))
        make("Once", run_at=NOON + timedelta(minutes=7))
        make("Tomorrow", cron_schedule="0 9 * * *")
        make("In an hour", run_at=NOON + HOUR)
        make("A second later", run_at=NOON + HOUR + timedelta(seconds=1))
        found = coming()
        assert list(found) == ["Once", "Every 20", "In an hour"]
        assert list(found["Every 20"].fires) == at(20, 40, 60)
        assert (list(found["Once"].fires), found["Once"].count) == (at(7), 1)

    def test_bounds_and_switches_count(self, make: Make) -> None:
        make("Off", run_at=NOON + timedelta(minutes=7), enabled=False)
        make("Until", cron_schedule="*/10 * * * *", ends_at=NOON + timedelta(minutes=20))
        make("From", cron_schedule="*/10 * * * *", starts_at=NOON + timedelta(minutes=45))
        make("Twice", cron_schedule="*/10 * * * *", max_runs=2)
        found = coming()
        assert list(found["Until"].fires) == at(0, 10, 20)
        assert list(found["From"].fires) == at(50, 60)
        assert list(found["Twice"].fires) == at(0, 10)
        assert "Off" not in found

    def test_skipped_occurrences_are_no_fires_and_use_up_nothing(self, make: Make) -> None:
        one = make("Twice", cron_schedule="*/10 * * * *", max_runs=2)
        schedules.skip(one.id, "mei", NOON)
        schedules.skip(one.id, "mei", NOON, due_at=NOON + timedelta(minutes=20))
        assert list(coming()["Twice"].fires) == at(10, 30)

    def test_jitter_moves_the_fires_as_beat_does(self, make: Make) -> None:
        one = make("Spread", cron_schedule="*/15 * * * *", jitter_seconds=600)
        first = schedules.get(one.id).next_run_at
        assert first is not None
        delay = first - NOON
        assert timedelta() < delay
        assert list(coming()["Spread"].fires) == [moment + delay for moment in at(0, 15, 30, 45)]

    def test_many_fires_are_counted_not_listed(self, make: Make) -> None:
        make("Busy", interval_seconds=10)
        make("Busy for a while", interval_seconds=10, max_runs=3)
        found = coming()
        assert (found["Busy"].fires, found["Busy"].count, found["Busy"].interval_seconds) == ((), 360, 10)
        assert list(found["Busy for a while"].fires) == at(1 / 6, 2 / 6, 3 / 6)

    def test_a_fire_that_beat_is_about_to_take_stands_at_the_beginning(self, make: Make) -> None:
        make("Now", run_at=NOON + timedelta(minutes=1))
        assert list(coming(NOON + timedelta(minutes=1, seconds=30))["Now"].fires) == at(1.5)
        assert coming(NOON + timedelta(minutes=3)) == {}  # late: no fire of the next hour

    def test_what_beat_missed_is_not_to_come(self, make: Make) -> None:
        make("Was away", cron_schedule="*/20 * * * *")
        assert list(coming(NOON + timedelta(hours=5, minutes=1))["Was away"].fires) == at(320, 340, 360)

    def test_a_row_that_waits_after_an_error_is_not_looked_at_before(self, make: Make) -> None:
        one = make("Failing", cron_schedule="*/20 * * * *")
        change(one, next_run_at=NOON + timedelta(minutes=30), failures=3)
        assert list(coming()["Failing"].fires) == at(30, 40, 60)

    def test_rows_edited_in_sql(self, make: Make) -> None:
        one = make("Without due", cron_schedule="*/20 * * * *")
        change(one, next_due_at=None, next_run_at=NOON + timedelta(minutes=1))
        broken = make("Broken", cron_schedule="*/20 * * * *")
        change(broken, cron_schedule="every now and then")
        ended = make("Ended", cron_schedule="*/20 * * * *")
        change(ended, next_due_at=None, ends_at=NOON - HOUR)
        found = coming()
        assert list(found["Without due"].fires) == at(20, 40, 60)
        assert list(found) == ["Without due"]

    def test_only_so_many_are_read(self, make: Make) -> None:
        for minute in (3, 1, 2):
            make(f"At {minute}", run_at=NOON + timedelta(minutes=minute))
        found = schedules.coming(NOON, NOON + HOUR, limit=2)
        assert ([one.name for one in found.schedules], found.whole) == (["At 1", "At 2"], False)

    def test_how_many_are_on(self, make: Make) -> None:
        assert schedules.enabled_count() == 0
        make("On")
        make("Off", enabled=False)
        assert schedules.enabled_count() == 1


@pytest.mark.database
class TestOverdue:
    def test_fires_nobody_took_and_runs_that_wait_the_latest_first(self, make: Make) -> None:
        waits = make("Waits", cron_schedule="0 * * * *")
        make("Not taken", run_at=NOON + timedelta(minutes=30))
        make("To come", run_at=NOON + timedelta(hours=9))
        with transaction() as session:
            for number, minute in enumerate((10, 20)):
                session.add(
                    Run(
                        id=str(number),
                        task_name="t",
                        state=states.PENDING,
                        attempt=0,
                        created_at=NOON,
                        updated_at=NOON,
                        schedule_id=waits.id,
                        due_at=NOON + timedelta(minutes=minute),
                    )
                )
            waits = schedules.get(waits.id)
            waits.next_due_at = waits.next_run_at = NOON + timedelta(hours=2)
        now = NOON + timedelta(minutes=40)
        found = schedules.overdue(now)
        assert [(one.name, one.due_at) for one in found] == list(
            zip(("Waits", "Not taken"), at(10, 30), strict=True)
        )
        assert schedules.late_count(now) == len(found)

    def test_nothing_is_late_before_its_time_is_up(self, make: Make) -> None:
        make("Soon", run_at=NOON + timedelta(minutes=1))
        assert schedules.overdue(NOON + timedelta(minutes=1, seconds=59)) == []
        assert len(schedules.overdue(NOON + timedelta(minutes=2, seconds=1))) == 1


@given(
    interval=st.integers(1, 7200),
    past=st.integers(0, 100_000),
    jitter=st.integers(0, 900),
    left=st.none() | st.integers(0, 50),
)
def test_the_number_is_that_of_the_fires(interval: int, past: int, jitter: int, left: int | None) -> None:
    """What is listed is what the evaluator says, and what is counted is what is listed."""
    own = Timing(
        task_type="interval",
        interval_seconds=interval,
        anchor_at=NOON - timedelta(seconds=past),
        jitter_seconds=jitter,
        schedule_id=7,
    )
    due_at = timing.first_fire(own, NOON)
    assert due_at is not None
    sent_at = timing.actual_at(own, due_at)
    count, fires = _fires(own, due_at, sent_at, frozenset(), left, NOON, NOON + HOUR)
    nominal = timing.fires_between(own, due_at, NOON + HOUR, 3601)
    expected = [timing.actual_at(own, one) for one in nominal][:left]
    if fires:
        assert list(fires) == [one for one in expected if one <= NOON + HOUR]
        assert count == len(fires) <= LISTED_AT_MOST
    else:
        assert count in (0, len(expected))
        assert count == 0 or count > LISTED_AT_MOST
