"""The next hour: what is late, then what fires soonest; the fullest minute; facts of schedules and days."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import overview, runs, schedules
from app.overview.next_hour import NextHour, next_hour
from app.overview.summary import Day, LateSchedules
from app.pages.overview import facts
from app.pages.overview.next_hour import PITCH, drawing, summary
from app.runs import Ended
from app.schedules import Overdue, Schedule

Count = Callable[..., None]
SignedIn = Callable[[str], FlaskClient]
NOW = datetime(2026, 11, 20, 14, 32, 10, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def make(app: Flask) -> Callable[..., Schedule]:
    def create(name: str, cron: str = "", at: datetime = NOW, **fields: Any) -> Schedule:
        fields |= {"task_type": "cron", "cron_schedule": cron} if cron else {"task_type": "interval"}
        definition = schedules.Definition(name=name, task_name="sample_tasks.plain", args=[1], **fields)
        return schedules.create(definition, "mei", at)

    return create


def hour() -> NextHour:
    return next_hour(schedules.overdue(NOW), NOW)


def test_late_ones_first_then_the_soonest_and_the_rest_is_counted(make: Any) -> None:
    make("Weekly digest", "20 14 * * 5", at=NOW - timedelta(minutes=20))
    for minute in range(40, 50):
        make(f"At {minute}", f"{minute} * * * *")
    found = hour()
    names = [line.name for line in found.lines]
    assert names == ["Weekly digest", *(f"At {minute}" for minute in range(40, 47))]
    assert found.lines[0].late_since == NOW.replace(minute=20, second=0)
    assert (found.more, found.fires, found.number, found.whole) == (3, 10, 10, True)


def test_the_fullest_minute(make: Any) -> None:
    for number in range(3):
        make(f"Hourly {number}", "0 * * * *")
    make("Each ten minutes", "*/10 * * * *")
    make("Each half", "*/30 * * * *")
    make("All the time", interval_seconds=10)
    assert hour().fullest == (NOW.replace(hour=15, minute=0, second=0), 5)


def test_two_together_are_nothing_to_tell(make: Any) -> None:
    make("One", "0 * * * *")
    make("Two", "0 * * * *")
    assert hour().fullest is None


def test_the_drawing(app: Flask, make: Any) -> None:
    make("Weekly digest", "20 14 * * 5", at=NOW - timedelta(minutes=20))
    make("All the time", interval_seconds=10)
    for number in range(3):
        make(f"Hourly {number}", "0 * * * *")
    with app.test_request_context():
        found = hour()
        drawn = drawing(found, NOW)
        assert [row.late for row in drawn.rows][:2] == ["12 min late", ""]
        assert drawn.rows[1].often == "every 10 s"
        assert drawn.dots == "".join(f"M1680 {PITCH * place + PITCH // 2}h0" for place in (2, 3, 4))
        assert drawn.together == "3 start together"
        assert [tick.label for tick in drawn.ticks if tick.strong] == ["15:00"]
        assert [tick.label for tick in drawn.ticks] == ["14:50", "15:00", "15:10", "15:20", "15:30"]
        assert summary(found) == "362 fires from 4 schedules"
        assert drawn.rows[2].summary == "15:00"


def test_now_keeps_its_room(app: Flask, make: Any) -> None:
    for number in range(3):
        make(f"Hourly {number}", "34 * * * *")
    with app.test_request_context():
        drawn = drawing(hour(), NOW)
        assert drawn.fullest == round(100 * 2 / 60, 2)
        assert not [tick for tick in drawn.ticks if tick.strong or tick.at < 9]


def test_times_are_the_viewers(app: Flask, make: Any) -> None:
    make("Hourly", "0 * * * *")
    with app.test_request_context(headers={"Cookie": "timezone=Asia/Kolkata"}):
        drawn = drawing(hour(), NOW)
        assert drawn.rows[0].summary == "20:30"
        assert {tick.label[-1] for tick in drawn.ticks} == {"0"}


def test_more_than_can_be_read_is_said(app: Flask) -> None:
    found = NextHour(NOW, NOW, [], more=92, fires=300, number=100, whole=False, fullest=None)
    with app.test_request_context():
        assert summary(found) == "over 300 fires from over 100 schedules"


class TestFacts:
    @pytest.mark.parametrize(
        ("succeeded", "failed", "words"),
        [
            (12_082, 23, "0.19 %"),
            (95, 5, "5 %"),
            (978, 22, "2.2 %"),
            (80, 20, "20 %"),
            (0, 3, "100 %"),
            (1_000_000, 1, "under 0.01 %"),
            (10, 0, ""),
            (0, 0, ""),
        ],
    )
    def test_the_share(self, app: Flask, succeeded: int, failed: int, words: str) -> None:
        with app.test_request_context():
            assert facts.share(Ended(succeeded, failed)) == words

    @pytest.mark.parametrize(
        ("before", "words"),
        [
            (Ended(9, 14), "9 more than the day before"),
            (Ended(0, 24), "1 fewer than the day before"),
            (Ended(3, 23), "as many as the day before"),
            (None, ""),
        ],
    )
    def test_beside_the_day_before(self, app: Flask, before: Ended | None, words: str) -> None:
        with app.test_request_context():
            assert facts.compared(Day(Ended(1, 23), before)) == words

    def test_very_many_failures_are_those_counted(self, app: Flask) -> None:
        found = overview.summary([], NOW, "6h", UTC_ZONE)
        group = runs.FailureGroup("celeriac", "t.a", "KeyError", 2000, runs.Run(id="a"), NOW, [])
        read = replace(found, grouped=runs.Failures([group], count=2000), day=Day(Ended(1, 5000), None))
        assert read.failed == 2000
        assert replace(read, grouped=runs.Failures([group], back_to=NOW, count=2000)).failed == 5000

    def test_the_latest(self, app: Flask) -> None:
        with app.test_request_context():
            late = LateSchedules([Overdue(1, "Digest", NOW - timedelta(minutes=12, seconds=30))], 1, 24)
            assert facts.latest(late, NOW) == "Digest, 12 min late"
            assert facts.latest(LateSchedules([], 0, 24), NOW) == ""

    def test_the_day_before_is_unknown_until_two_days_were_counted(self, app: Flask, ended: Count) -> None:
        def day() -> Day:
            return overview.summary([], NOW, "6h", UTC_ZONE).day

        ended(NOW - timedelta(hours=1), succeeded=3, failed=2)
        ended(NOW - timedelta(hours=30), failed=5)
        assert (day().ended, day().before) == (Ended(3, 2), None)
        ended(NOW - timedelta(hours=49), failed=1)
        assert (day().before, day().more_failed) == (Ended(0, 5), -3)


class TestPage:
    def test_the_card_and_the_fact(self, make: Any, signed_in: SignedIn) -> None:
        now = datetime.now(UTC)
        late = make("Send <weekly> digest", "* * * * *", at=now - timedelta(minutes=12))
        make("All the time", interval_seconds=10, at=now)
        page = signed_in("viewer").get("/").text
        assert "Send &lt;weekly&gt; digest, 1" in page  # 11 or 12 min late
        assert f'href="/schedules/{late.id}"' in page
        assert "every 10 s" in page
        assert re.search(r"\bof 2\s*</span>", page)
        assert "/schedules?state=late" in page

    def test_an_empty_hour_is_one_calm_line(self, signed_in: SignedIn) -> None:
        page = signed_in("viewer").get("/").text
        assert "No schedule fires in the next hour" in page
        assert "hour-plot" not in page

    def test_an_empty_hour_stays_as_it_is(self, app: Flask, make: Any) -> None:
        at = NOW.replace(minute=31)
        one, two = (
            overview.summary(["default"], moment, "6h", UTC_ZONE).version
            for moment in (at, at + timedelta(minutes=1))
        )
        assert one == two
        make("Hourly", "0 * * * *")
        version = overview.summary(["default"], at, "6h", UTC_ZONE).version
        assert version not in (
            one,
            overview.summary(["default"], at + timedelta(minutes=1), "6h", UTC_ZONE).version,
        )
        assert version == overview.summary(["default"], at + timedelta(seconds=20), "6h", UTC_ZONE).version

    def test_who_may_make_schedules_is_offered_to(self, signed_in: SignedIn) -> None:
        assert "/schedules/new" not in signed_in("viewer").get("/").text
        assert "/schedules/new" in signed_in("operator").get("/").text
