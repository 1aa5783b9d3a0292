"""What is taken over fires when Celery fired it: a month of each, by Celery's own crontab and by ours."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app.schedules import timing
from app.schedules.definition import Definition, timing_of
from app.schedules.foreign import conversion
from app.schedules.foreign.entries import Clocked, Crontab, Entry, EntryTiming, Interval
from app.schedules.foreign.fires import next_fires

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)  # a month without a clock change, in Europe and in America
MONTH = timedelta(days=30)


def entry(how: EntryTiming, **fields: object) -> Entry:
    return Entry(name="x", task_name="sample_tasks.plain", args=[1], timing=how, **fields)  # type: ignore[arg-type]


def taken(one: Entry, now: datetime = BEGIN) -> Definition:
    made = conversion.convert(one, now)
    assert made.problems == ()
    assert made.definition
    return made.definition


def problem(one: Entry, now: datetime = BEGIN) -> str:
    made = conversion.convert(one, now)
    assert made.definition is None
    return " ".join(made.problems)


def both(one: Entry, now: datetime = BEGIN, span: timedelta = MONTH) -> tuple[list[datetime], list[datetime]]:
    """Their fires and ours."""
    theirs = [at for at in next_fires(one, now, 10_000) if at <= now + span]
    return theirs, timing.fires_between(timing_of(taken(one, now), None), now, now + span, 10_000)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "columns",
    [
        ("30", "3", "*", "*", "*"),
        ("*/15", "*", "*", "*", "*"),
        ("0,30", "8-18/2", "*", "*", "mon-fri"),
        ("0", "0", "1,15", "*", "*"),
        ("0", "0", "*/2", "*", "*"),
        ("0", "6", "*", "*", "0"),
        ("0", "6", "*", "*", "sunday"),
        ("0", "6", "1-7", "*", "1"),
        ("0", "6", "8-14,22-28", "*", "2,4"),
        ("0", "6", "29-31", "*", "*"),
        ("0", "6", "*/2", "*", "1"),
        ("0", "6", "14", "*", "*/2"),
        ("5", "4", "*", "*/3", "*"),
        ("5", "4", "*", "11", "6"),
        ("59", "23", "30", "*", "*"),
        ("7", "*/5", "*", "*", "*"),
    ],
    ids=" ".join,
)
def test_a_month_of_a_crontab(app: Flask, columns: tuple[str, ...], zone: str) -> None:
    theirs, ours = both(entry(Crontab(*columns), timezone=zone))
    assert theirs == ours
    assert ours or columns[3] == "*/3"  # December is no third month


def test_days_that_only_celery_can_say_are_refused(app: Flask) -> None:
    assert "both the day of month and the day of week" in problem(
        entry(Crontab("0", "6", day_of_month="13", day_of_week="5"))
    )


def test_at_a_clock_change_celery_goes_other_ways(app: Flask) -> None:
    """Which the docs say: the fires of a fixed time in the gap and the repeated hour, and of wild ones."""
    autumn = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 01:00 UTC: 3:00 becomes 2:00 in Berlin
    day = timedelta(hours=6)
    theirs, ours = both(entry(Crontab("0"), timezone="Europe/Berlin"), autumn, day)
    assert len(ours) == 7
    assert len(theirs) < len(ours)
    theirs, ours = both(entry(Crontab("30", "2"), timezone="Europe/Berlin"), autumn - timedelta(hours=1), day)
    assert theirs == ours == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
    spring = datetime(2027, 3, 28, 0, tzinfo=UTC)  # 01:00 UTC: 2:00 becomes 3:00
    theirs, ours = both(entry(Crontab("30", "2"), timezone="Europe/Berlin"), spring, day)
    assert (theirs, ours) == ([spring + timedelta(minutes=90)], [spring + timedelta(hours=1)])


def test_an_interval_goes_on_in_step(app: Flask) -> None:
    last = BEGIN - timedelta(minutes=4, microseconds=250_000)
    theirs, ours = both(entry(Interval(600.0), last_run_at=last))
    assert len(theirs) == len(ours) == 4320
    assert all(abs(one - other) < timedelta(seconds=1) for one, other in zip(theirs, ours, strict=True))


def test_an_interval_that_begins_later_begins_alike(app: Flask) -> None:
    begin = BEGIN + timedelta(days=2)
    one = entry(
        Interval(3600.0), starts_at=begin, fires_at_start=True, ends_at=begin + timedelta(hours=2, minutes=5)
    )
    theirs, ours = both(one)
    assert theirs == ours == [begin, begin + timedelta(hours=1), begin + timedelta(hours=2)]


def test_a_crontab_that_begins_later_says_what_differs(app: Flask) -> None:
    begin = BEGIN + timedelta(days=2)
    one = entry(Crontab("0", "6"), starts_at=begin, fires_at_start=True)
    theirs, ours = both(one)
    assert theirs == [begin, *ours]
    assert "also fires at its start" in " ".join(conversion.convert(one, BEGIN).remarks)


def test_once(app: Flask) -> None:
    at = BEGIN + timedelta(days=3)
    theirs, ours = both(entry(Clocked(at), one_off=True))
    assert theirs == ours == [at]
    one = entry(Crontab("0", "6"), one_off=True)
    assert taken(one).max_runs == 1
    assert next_fires(one, BEGIN, 5) == [BEGIN.replace(hour=6)]
    assert "has run" in problem(entry(Crontab("0", "6"), one_off=True, run_count=1))
    assert "passed" in problem(entry(Clocked(BEGIN - timedelta(days=1)), one_off=True))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (entry(Interval(0.5)), "whole seconds"),
        (entry(Interval(1.5)), "whole seconds"),
        (entry(Interval(float("inf"))), "whole seconds"),
        (entry(Interval(float("nan"))), "whole seconds"),
        (entry(Interval(3600.0, relative=True)), "of the clock"),
        (entry(Crontab("75")), "cannot be read"),
        (entry(Crontab("0", "soon")), "cannot be read"),
        (entry(Crontab("0"), timezone="Mars/Olympus"), "time zone"),
        (entry(Crontab("0", "0", "31", "2")), "cannot be read"),
        (entry(Crontab("0"), ends_at=BEGIN - timedelta(days=1)), "ends_at: The end has passed"),
        (entry(Crontab("0"), queue="no such name"), "queue:"),
        (entry(Crontab("0"), kwargs={"c": 1}), "c:"),
        (Entry(name="x", task_name="shop.gone", timing=Interval(60.0)), "There is no task named shop.gone"),
        (Entry(name="", task_name="sample_tasks.plain", timing=Interval(60.0), args=[1]), "name:"),
    ],
)
def test_what_cannot_be_taken_over_says_exactly_why(app: Flask, one: Entry, words: str) -> None:
    assert words in problem(one)


def test_a_priority_of_an_unknown_broker_is_left_out_and_said(app: Flask) -> None:
    made = conversion.convert(entry(Interval(60.0), priority=2), BEGIN)
    assert made.definition
    assert made.definition.priority is None
    assert "priority 2" in made.remarks[0]
