"""Numbers per task: counted once when a run ends, added up over a day, a week, a month."""

import statistics
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.extensions import db, transaction
from app.runs import outbox, states
from app.runs import statistics as numbers
from app.runs.history import record
from app.runs.models import Run
from app.runs.statistics import Ended, RunSlot, TaskHour
from app.runs.statistics.histogram import bucket, merged, percentile
from celeriac_agent.settings import OWN_APP

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
T = (OWN_APP, "t")
LONDON, KOLKATA, UTC_ZONE = ZoneInfo("Europe/London"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
seconds = st.floats(0.002, 1_000_000)


def plain(task: Any, args: Any, kwargs: Any) -> tuple[Any, Any, list[str]]:
    return args, kwargs, []


def life(
    run_id: str, end: str = "succeeded", at: datetime = NOW, run: float = 2.0, wait: float = 0.5
) -> list[Any]:
    start = at.timestamp() - run
    base = {"id": run_id, "task": "t", "attempt": 0}
    return [
        base | {"type": "sent", "at": start - wait, "queue": "default"},
        base | {"type": "started", "at": start, "worker": "w@h"},
        base | {"type": end, "at": at.timestamp(), "worker": "w@h", "runtime": run},
    ]


def hours() -> list[TaskHour]:
    db.session.expire_all()
    return list(db.session.scalars(select(TaskHour).order_by(TaskHour.task_name, TaskHour.hour_at)))


@given(st.lists(seconds, min_size=1, max_size=60), st.sampled_from([0.5, 0.95]))
def test_percentiles_are_within_five_percent(values: list[float], share: float) -> None:
    found = percentile(merged({bucket(value): 1} for value in values), share)
    assert found is not None
    assert sum(value <= 1.05 * found for value in values) >= share * len(values)
    assert sum(value < 0.95 * found for value in values) < max(1.0, share * len(values))


def test_percentiles_of_nothing_and_of_the_smallest() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({bucket(0.0): 3}, 0.95) == 0.0005


@pytest.mark.database
class TestCounting:
    def test_a_run_counts_once_in_the_hour_of_its_end(self, app: Flask) -> None:
        for _again in range(2):
            record(life("a"), plain)
        for one in life("b", "failed", run=4.0):
            record([one], plain)
        record(life("c", "revoked"), plain)
        (hour,) = hours()
        assert (hour.task_name, hour.hour_at) == ("t", NOW.replace(minute=0))
        assert (hour.succeeded, hour.failed, hour.others) == (1, 1, 1)
        assert (hour.timed, hour.run_seconds) == (2, 6.0)
        assert hour.waits == {bucket(0.5): 3}

    def test_late_events_of_an_ended_run_change_no_number(self, app: Flask) -> None:
        record(life("a")[1:], plain)
        record(life("a")[:1], plain)
        record(life("a", "failed", NOW + timedelta(hours=2))[2:], plain)
        assert [(hour.succeeded, hour.failed) for hour in hours()] == [(1, 0)]

    def test_many_hours_and_tasks_in_one_batch(self, app: Flask) -> None:
        record([one for n in range(50) for one in life(str(n), at=NOW - timedelta(hours=n % 5))], plain)
        assert [hour.succeeded for hour in hours()] == [10] * 5

    def test_several_recorders_lose_no_count(self, app: Flask) -> None:
        def work(part: int) -> None:
            with app.app_context():
                for n in range(10):
                    record(life(f"{part}-{n}") + life(f"common-{n}"), plain)

        threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [hour.succeeded for hour in hours()] == [50]

    def test_a_run_for_later_waits_from_its_time(self, app: Flask) -> None:
        sent, started, ended = life("a", wait=3600.0)
        sent["eta"] = (NOW - timedelta(seconds=3)).isoformat()
        record([sent, started, ended], plain)
        assert hours()[0].waits == {bucket(1.0): 1}

    def test_a_run_that_cannot_be_sent_counts_as_failed(self, app: Flask) -> None:
        with transaction() as session:
            session.add(Run(id="a", task_name="t", state=states.PENDING, created_at=NOW, updated_at=NOW))
        for _again in range(2):
            outbox.fail({"a": "too large"}, NOW)
        assert [(hour.failed, hour.timed) for hour in hours()] == [(1, 0)]

    def test_numbers_are_kept_for_400_days(self, app: Flask) -> None:
        record(life("old", at=NOW - timedelta(days=401)) + life("new", at=NOW - timedelta(days=399)), plain)
        assert numbers.forget_before(NOW) == 1
        assert [hour.hour_at for hour in hours()] == [NOW.replace(minute=0) - timedelta(days=399)]


@pytest.mark.database
class TestReading:
    def test_a_day_of_hours(self, app: Flask) -> None:
        record(life("a") + life("b", "failed", NOW - timedelta(hours=2), run=9.0), plain)
        record(life("too old", at=NOW - timedelta(hours=24)), plain)
        found = numbers.numbers_of(OWN_APP, "t", "24h", NOW, LONDON)
        assert len(found.intervals) == 24
        assert found.intervals[-1].from_at == NOW.replace(minute=0)
        assert [one.runs for one in found.intervals[-3:]] == [1, 0, 1]
        whole = found.whole
        assert (whole.succeeded, whole.failed, whole.success_rate) == (1, 1, 0.5)
        assert whole.run_p95 == pytest.approx(9.0, rel=0.05)
        assert whole.wait_p50 == pytest.approx(0.5, rel=0.05)

    def test_days_begin_at_the_viewers_midnight(self, app: Flask) -> None:
        record(life("a", at=datetime(2026, 11, 19, 23, 10, tzinfo=UTC)), plain)
        assert [
            one.runs for one in numbers.numbers_of(OWN_APP, "t", "30d", NOW, UTC_ZONE).intervals[-2:]
        ] == [1, 0]
        assert [one.runs for one in numbers.numbers_of(OWN_APP, "t", "30d", NOW, KOLKATA).intervals[-2:]] == [
            0,
            1,
        ]

    @pytest.mark.parametrize("zone", [LONDON, KOLKATA, ZoneInfo("Australia/Lord_Howe")])
    @pytest.mark.parametrize("span", numbers.SPANS)
    def test_intervals_follow_one_another_over_a_clock_change(
        self, app: Flask, span: str, zone: ZoneInfo
    ) -> None:
        found = numbers.numbers_of(OWN_APP, "t", span, datetime(2026, 10, 27, 5, 10, tzinfo=UTC), zone)
        edges = [one.from_at for one in found.intervals] + [found.whole.until_at]
        assert edges == sorted(set(edges))
        assert [one.until_at for one in found.intervals] == edges[1:]
        assert edges[-2] <= datetime(2026, 10, 27, 5, 10, tzinfo=UTC) < edges[-1]

    def test_a_task_that_never_ran(self, app: Flask) -> None:
        whole = numbers.numbers_of(OWN_APP, "unknown", "7d", NOW, LONDON).whole
        assert (whole.runs, whole.success_rate, whole.run_p50, whole.wait_p95) == (0, None, None, None)

    def test_another_span_is_refused(self, app: Flask) -> None:
        with pytest.raises(KeyError):
            numbers.numbers_of(OWN_APP, "t", "1h", NOW, LONDON)

    def test_usual_time_needs_a_few_runs(self, app: Flask) -> None:
        times = [1.0, 2.0, 3.0, 4.0, 50.0]
        record([one for n, run in enumerate(times[:4]) for one in life(str(n), run=run)], plain)
        assert numbers.typical_seconds([T], NOW) == {}
        record(life("5", run=times[4], at=NOW - timedelta(days=3)), plain)
        assert numbers.typical_seconds([T, (OWN_APP, "never"), ("shop", "t")], NOW) == {
            T: pytest.approx(statistics.median(times), rel=0.05)
        }
        assert numbers.typical_seconds([], NOW) == {}
        assert numbers.mean_seconds(OWN_APP, NOW) == {"t": pytest.approx(12.0)}


SLOT_AT = NOW  # half past is the beginning of five minutes


def slots() -> list[tuple[datetime, int, int]]:
    db.session.expire_all()
    found = db.session.scalars(select(RunSlot).order_by(RunSlot.slot_at))
    return [(slot.slot_at, slot.succeeded, slot.failed) for slot in found]


def test_a_slot_begins_every_five_minutes() -> None:
    assert numbers.slot_of(datetime(2026, 11, 20, 12, 34, 59, 999_999, tzinfo=UTC)) == SLOT_AT
    assert numbers.slot_of(SLOT_AT) == SLOT_AT


def test_the_share_of_failures() -> None:
    assert Ended(3, 1).failed_share == 0.25
    assert Ended().failed_share is None


@pytest.mark.database
class TestSlots:
    def test_a_run_counts_once_in_the_slot_of_its_end(self, app: Flask) -> None:
        for _again in range(2):
            record(life("a") + life("b", at=NOW + timedelta(seconds=299)), plain)
        for one in life("c", "failed", NOW + timedelta(minutes=5)):
            record([one], plain)
        record(life("d", "revoked"), plain)
        record(life("a", "failed", NOW + timedelta(hours=2))[2:], plain)  # it has ended
        assert slots() == [(SLOT_AT, 2, 0), (SLOT_AT + timedelta(minutes=5), 0, 1)]

    def test_several_recorders_of_several_tasks_lose_no_count(self, app: Flask) -> None:
        def work(part: int) -> None:
            with app.app_context():
                for n in range(10):
                    events = life(f"{part}-{n}") + life(f"later-{part}-{n}", at=NOW + timedelta(minutes=7))
                    record([event | {"task": f"t{part}"} for event in events], plain)

        threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [succeeded for _at, succeeded, _failed in slots()] == [40, 40]

    def test_runs_that_cannot_be_sent_count_as_failed(self, app: Flask) -> None:
        with transaction() as session:
            for name in ("a", "b"):
                session.add(
                    Run(id=name, task_name=name, state=states.PENDING, created_at=NOW, updated_at=NOW)
                )
        for _again in range(2):
            outbox.fail({"b": "too large", "a": "too large", "gone": "too large"}, NOW)
        assert slots() == [(SLOT_AT, 0, 2)]

    def test_slots_are_kept_for_8_days(self, app: Flask) -> None:
        old, kept = NOW - timedelta(days=8, minutes=5), NOW - timedelta(days=8)
        record(life("old", at=old) + life("kept", at=kept), plain)
        assert numbers.forget_before(NOW) == 0  # their hours stay
        assert slots() == [(kept, 1, 0)]
        assert [hour.succeeded for hour in hours()] == [2]

    def test_what_ended_in_each_step(self, app: Flask) -> None:
        for minutes, end in (
            (-1, "failed"),
            (0, "succeeded"),
            (14, "failed"),
            (15, "succeeded"),
            (30, "failed"),
        ):
            record(life(str(minutes), end, NOW + timedelta(minutes=minutes)), plain)
        assert numbers.ended_by(NOW, timedelta(minutes=15), 2) == [Ended(1, 1), Ended(1, 0)]
        assert numbers.ended_by(NOW, timedelta(minutes=30), 1) == [Ended(2, 1)]
        assert numbers.counted_from() == NOW - timedelta(minutes=5)

    def test_nothing_ended(self, app: Flask) -> None:
        assert numbers.ended_by(NOW, timedelta(hours=1), 2) == [Ended(), Ended()]
        assert numbers.counted_from() is None
