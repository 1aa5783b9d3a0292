"""Reading cron expressions: what they mean, and what is refused, in which column and how fast."""

import time
from datetime import UTC, datetime

import pytest

from app.schedules.timing import Timing, TimingError, allowed, errors, fires, parse_cron

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def days(expression: str, count: int = 6, start: datetime = NOW) -> list[str]:
    timing = Timing(task_type="cron", cron_schedule=expression)
    return [f"{fire:%a %Y-%m-%d}" for fire in fires(timing, start, count)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("7", {7}),
        ("*/20", {0, 20, 40}),
        ("*/90", {0}),
        ("10-12", {10, 11, 12}),
        ("5-5", {5}),
        ("5-5/3", {5}),
        ("10-30/10", {10, 20, 30}),
        ("45/5", {45, 50, 55}),
        ("59/15", {59}),
        ("58-2", {58, 59, 0, 1, 2}),
        ("1,3,50-52", {1, 3, 50, 51, 52}),
        ("*", set(range(60))),
        ("0-59", set(range(60))),
    ],
)
def test_minutes(column: str, values: set[int]) -> None:
    assert set(parse_cron(f"{column} * * * *", "UTC", NOW).minutes) == values


@pytest.mark.parametrize(
    ("column", "weekdays"),
    [
        ("0", {0}),
        ("7", {0}),
        ("0-7", set(range(7))),
        ("0,7", {0}),
        ("MON-FRI", {1, 2, 3, 4, 5}),
        ("fri-mon", {5, 6, 0, 1}),
        ("sat-sun", {6, 0}),
        ("5-7", {5, 6, 0}),
        ("5-0", {5, 6, 0}),
        ("5-7/2", {5, 0}),
        ("1/2", {1, 3, 5, 0}),
        ("sun-sun", {0}),
        ("7-7", {0}),
        ("*/2", {0, 2, 4, 6}),
    ],
)
def test_days_of_the_week(column: str, weekdays: set[int]) -> None:
    assert parse_cron(f"0 0 * * {column}", "UTC", NOW).weekdays == weekdays


def test_months_by_name_and_wrapping() -> None:
    assert parse_cron("0 0 1 NOV-FEB,Jun *", "UTC", NOW).months == {11, 12, 1, 2, 6}


@pytest.mark.parametrize(
    ("macro", "same"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@Hourly", "0 * * * *"),
    ],
)
def test_macros(macro: str, same: str) -> None:
    assert days(macro) == days(same)
    assert parse_cron(macro, "UTC", NOW).fixed is (macro.lower() != "@hourly")


def test_both_day_columns_restricted_means_either() -> None:
    assert days("0 0 13 * FRI") == [
        "Fri 2026-11-27",
        "Fri 2026-12-04",
        "Fri 2026-12-11",
        "Sun 2026-12-13",
        "Fri 2026-12-18",
        "Fri 2026-12-25",
    ]


def test_a_day_column_that_starts_with_a_star_means_both_as_in_debian() -> None:
    assert days("0 0 */10 * MON", 3) == ["Mon 2026-12-21", "Mon 2027-01-11", "Mon 2027-02-01"]
    assert days("0 0 1 * */2", 3) == ["Tue 2026-12-01", "Thu 2027-04-01", "Sat 2027-05-01"]


def test_last_day_of_the_month() -> None:
    assert days("0 0 L * *", 4) == ["Mon 2026-11-30", "Thu 2026-12-31", "Sun 2027-01-31", "Sun 2027-02-28"]
    assert days("0 0 1,L * *", 3) == ["Mon 2026-11-30", "Tue 2026-12-01", "Thu 2026-12-31"]


@pytest.mark.parametrize("spelling", ["5L", "L5", "FRIL", "lfri"])
def test_last_friday_of_the_month(spelling: str) -> None:
    assert days(f"0 0 * * {spelling}", 3) == ["Fri 2026-11-27", "Fri 2026-12-25", "Fri 2027-01-29"]


def test_nth_weekday_of_the_month() -> None:
    assert days("0 0 * * 1#2", 2) == ["Mon 2026-12-14", "Mon 2027-01-11"]
    assert days("0 0 * * MON#5", 2) == ["Mon 2026-11-30", "Mon 2027-03-29"]
    assert days("0 0 * * 7#1", 2) == ["Sun 2026-12-06", "Sun 2027-01-03"]
    assert days("0 0 * 12 1#1,FRI", 3) == ["Fri 2026-12-04", "Mon 2026-12-07", "Fri 2026-12-11"]


def test_six_columns_have_the_second_first() -> None:
    expression = parse_cron("*/20 30 1 * * *", "UTC", NOW)
    assert (expression.seconds, expression.minutes, expression.hours) == ((0, 20, 40), (30,), (1,))


def test_the_rarest_dates_are_found() -> None:
    # A leap day on a Sunday: 28 years apart, 40 over the year 2100, which has no leap day.
    start = datetime(2089, 1, 1, tzinfo=UTC)
    assert days("0 0 29 2 */7", 2, start) == ["Sun 2128-02-29", "Sun 2156-02-29"]
    assert days("0 0 29 2 1", 1) == ["Mon 2027-02-01"]  # either of the two


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("60 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("1- * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("10-5/2 * * * *", "minute"),
        ("٣ * * * *", "minute"),
        ("1.5 * * * *", "minute"),
        ("jan * * * *", "minute"),
        ("H * * * *", "minute"),
        ("0~30 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* mon * * *", "hour"),
        ("0 0 0 * *", "day_of_month"),
        ("0 0 32 * *", "day_of_month"),
        ("0 0 15W * *", "day_of_month"),
        ("0 0 LW * *", "day_of_month"),
        ("0 0 L-3 * *", "day_of_month"),
        ("0 0 ? * MON", "day_of_month"),
        ("0 0 1#2 * *", "day_of_month"),
        ("0 0 31 2 *", "day_of_month"),
        ("0 0 30,31 2 *", "day_of_month"),
        ("0 0 31 4,6,9,11 *", "day_of_month"),
        ("0 0 1 0 *", "month"),
        ("0 0 1 13 *", "month"),
        ("0 0 1 foo *", "month"),
        ("0 0 * * 8", "day_of_week"),
        ("0 0 * * 1#6", "day_of_week"),
        ("0 0 * * 1#0", "day_of_week"),
        ("0 0 * * 8L", "day_of_week"),
        ("0 0 * * L", "day_of_week"),
        ("0 0 * * 1-5#2", "day_of_week"),
        ("0 0 * * fry", "day_of_week"),
        ("60 * * * * *", "second"),
        ("", None),
        ("   ", None),
        ("* * * *", None),
        ("* * * * * * *", None),
        ("@reboot", None),
        ("@every 5m", None),
        ("@", None),
        ("every day", None),
    ],
)
def test_refused_with_the_column_named(expression: str, part: str | None) -> None:
    with pytest.raises(TimingError) as refused:
        parse_cron(expression, "UTC", NOW)
    assert (refused.value.field, refused.value.part) == ("cron_schedule", part)
    assert str(refused.value).endswith(".")
    assert errors(Timing(task_type="cron", cron_schedule=expression), NOW) == {
        "cron_schedule": [str(refused.value)]
    }


def test_a_refusal_says_what_is_allowed() -> None:
    with pytest.raises(TimingError, match=r"“25” does not fit\. Hour takes 0 to 23, a list 1,13, a range"):
        parse_cron("0 25 * * *", "UTC", NOW)
    assert allowed("hour") == "Hour takes 0 to 23, a list 1,13, a range 9-17 or a step */2."


@pytest.mark.parametrize(
    "expression",
    [
        "1" * 5_000_000,
        ",".join(["1"] * 1_000_000) + " * * * *",
        "* " * 1_000_000,
        "0-1000000000 * * * *",
        "*/1000000000000 * * * *",
        "0-59/1 * * * *" + "," * 10_000,
        "0 0 30 2 */7",
        "0 0 31 2,4,6,9,11 *",
        ",".join(["*/1"] * 60) + " * * * *",
        "(" * 200,
        "@" + "a" * 1_000_000,
    ],
)
def test_hostile_expressions_are_refused_or_read_at_once(expression: str) -> None:
    began = time.process_time()
    try:
        parse_cron(expression, "Europe/London", NOW)
        refused = False
    except TimingError:
        refused = True
    assert time.process_time() - began < 0.1
    assert refused or len(expression) <= 256


@pytest.mark.parametrize("expression", ["0 0 29 2 *", "0 0 29 2 */7", "* * * 2 5#5", "0 0 L 2 */2"])
def test_sparse_expressions_cost_little(expression: str) -> None:
    began = time.process_time()
    assert len(days(expression, 3)) == 3
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Lodnon", "Did you mean Europe/London?"),
        ("../../etc/passwd", "Take an IANA name"),
        ("", "Take an IANA name"),
        ("localtime", ""),
        ("x" * 100_000, "Take an IANA name"),
        ("GMT+25", ""),
    ],
)
def test_unknown_zones_are_refused(name: str, hint: str) -> None:
    with pytest.raises(TimingError) as refused:
        parse_cron("0 0 * * *", name, NOW)
    assert refused.value.field == "timezone"
    assert hint in str(refused.value)
    assert len(str(refused.value)) < 200
    assert list(errors(Timing(task_type="cron", cron_schedule="0 0 * * *", timezone=name), NOW)) == [
        "timezone"
    ]
