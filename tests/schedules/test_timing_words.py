"""A timing in words, clock-change warnings and the preview, in English and Simplified Chinese."""
# ruff: noqa: RUF001 - the Chinese sentences need Chinese punctuation

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.schedules.timing import Timing, TimingError, actual_at, fires, is_fire, preview, warnings, words

NOW = datetime(2026, 10, 20, 13, 32, 10, tzinfo=UTC)
LONDON, NEW_YORK = "Europe/London", "America/New_York"


def cron(expression: str, zone: str = "UTC", **others: Any) -> Timing:
    return Timing(task_type="cron", cron_schedule=expression, timezone=zone, **others)


@pytest.fixture
def chinese(app: Flask) -> Iterator[None]:
    """A request of somebody who reads Chinese."""
    with app.test_request_context(headers={"Accept-Language": "zh-CN"}):
        yield


CRON = [
    ("30 1 * * *", "Every day at 01:30", "每天 01:30"),
    ("@daily", "Every day at 00:00", "每天 00:00"),
    ("0 10 * * MON-FRI", "Weekdays at 10:00", "工作日 10:00"),
    ("0 0 * * 6,0", "Weekends at 00:00", "周末 00:00"),
    ("20 14 * * 2", "Tuesdays at 14:20", "每周二 14:20"),
    ("0 3 * * 7", "Sundays at 03:00", "每周日 03:00"),
    ("0 3 * * FRI,1", "Mondays and Fridays at 03:00", "每周一、周五 03:00"),
    ("0 8,20 * * *", "Every day at 08:00 and 20:00", "每天 08:00、20:00"),
    ("30 0 1 * * *", "Every day at 01:00:30", "每天 01:00:30"),
    ("* * * * *", "Every minute", "每分钟"),
    ("*/10 * * * *", "Every 10 minutes", "每 10 分钟"),
    ("0,30 * * * *", "Every 30 minutes", "每 30 分钟"),
    ("5-59/15 * * * *", "Every 15 minutes, from :05", "每 15 分钟，从 05 分开始"),
    ("13 * * * *", "Hourly at 13 past", "每小时第 13 分"),
    ("*/90 * * * *", "Every hour", "每小时"),
    ("0 */6 * * *", "Every 6 hours", "每 6 小时"),
    ("30 1-23/6 * * *", "Every 6 hours, from 01:30", "每 6 小时，从 01:30 开始"),
    ("0 8-18/2 * * *", "Every 2 hours from 08:00 to 18:00", "08:00 到 18:00 每 2 小时"),
    ("0 */5 * * *", "Every 5 hours from 00:00 to 20:00", "00:00 到 20:00 每 5 小时"),
    ("0 22-6 * * *", "Every hour from 22:00 to 06:00", "22:00 到 06:00 每小时"),
    ("*/15 * * * * *", "Every 15 seconds", "每 15 秒"),
    (
        "*/5 9-17 * * 1-5",
        "Every 5 minutes from 09:00 to 17:55 on weekdays",
        "工作日，09:00 到 17:55 每 5 分钟",
    ),
    ("0 * * * 0,6", "Every hour at weekends", "周末，每小时"),
    ("*/20 * * * 2,4", "Every 20 minutes on Tuesdays and Thursdays", "每周二、周四，每 20 分钟"),
    ("0 0 1,15 * *", "Every month on day 1 and 15 at 00:00", "每月 1、15 日 00:00"),
    ("0 0 31 * *", "In months that have it, on day 31 at 00:00", "每逢 31 日 00:00"),
    ("0 0 25 12 *", "On day 25 of December at 00:00", "每年 12月的 25 日 00:00"),
    ("0 0 L * *", "At 00:00, on the last day of the month", "每月最后一天 00:00"),
    ("0 9 * * 1#1", "At 09:00, on the first Monday of the month", "每月第一个星期一 09:00"),
    (
        "0 9,17 * * 5L",
        "At 09:00 and 17:00, on the last Friday of the month",
        "每月最后一个星期五 09:00、17:00",
    ),
    ("30 8 1 */6 *", "On day 1 of January and July at 08:30", "每年 1月、7月的 1 日 08:30"),
]
RARE = [  # cron-descriptor's; in Chinese where it needs no name of a day or a month
    ("7,9,11,13 9-17 * * *", "At 7, 9, 11, and 13 minutes past the hour, between 09:00 and 17:59",
     "在每小时的 7、9、11 和 13 分，在 09:00 和 17:59 之间"),
    ("0 9 1-7 * *", "At 09:00, between day 1 and 7 of the month", "在 09:00，在每月的 1 和 7 号之间"),
    ("0 0 1,15 * 1", "At 00:00, on day 1 and 15 of the month, or on Monday", "0 0 1,15 * 1"),
    ("0 9 * jan-mar *", "At 09:00, January through March", "0 9 * jan-mar *"),
    ("0 0 30 2,4 *", "At 00:00, on day 30 of the month, only in February and April", "0 0 30 2,4 *"),
]  # fmt: skip
AS_WRITTEN = [  # cron-descriptor's sentence would be wrong
    "*/7 * * * *",  # begins anew at each full hour
    "0 0 */2 * *",  # … and month
    "0 0 */2 * 1",  # both days must match
    "0 0 1 * 1-5",  # one of the two days must match
    "0 0 * * 1#3,1#1",
    "0 0 1,L * *",
    "0,7,11 8,12,18 * * *",  # which minutes of which hours
    "*/10 8,12,18 * * *",
    "0 22-6 * * 1-5",  # the night after Friday is not Saturday's
    "5 * * * * *",
]


@pytest.mark.parametrize(("expression", "english", "_chinese"), CRON + RARE)
def test_cron_in_words(expression: str, english: str, _chinese: str) -> None:
    assert words(cron(expression)) == english


@pytest.mark.usefixtures("chinese")
def test_cron_in_chinese() -> None:
    for expression, _english, chinese in CRON + RARE:
        assert words(cron(expression)) == chinese


@pytest.mark.parametrize("expression", AS_WRITTEN)
def test_an_expression_that_has_no_right_words_stands_as_it_is_written(expression: str) -> None:
    assert words(cron(f" {expression}")) == expression


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1, "Every second"),
        (60, "Every minute"),
        (90, "Every 90 seconds"),
        (3600, "Every hour"),
        (5400, "Every 90 minutes"),
        (86_400, "Every day"),
        (604_800, "Every 7 days"),
    ],
)
def test_intervals_in_words(seconds: int, expected: str) -> None:
    assert words(Timing(task_type="interval", interval_seconds=seconds, anchor_at=NOW)) == expected


ONCE = Timing(task_type="one_time", run_at=datetime(2026, 11, 27, 5, tzinfo=UTC), timezone=NEW_YORK)


def test_one_time_in_words_stands_in_the_schedules_zone() -> None:
    assert words(ONCE) == "Once, 27 Nov 2026 00:00"


@pytest.mark.usefixtures("chinese")
def test_other_timings_in_chinese() -> None:
    assert words(ONCE) == "仅一次，2026年11月27日 00:00"
    assert words(Timing(task_type="interval", interval_seconds=5400, anchor_at=NOW)) == "每 90 分钟"
    assert told(cron("30 1 * * *", LONDON)) == [
        "10月25日时钟拨慢。当晚 01:30 出现两次。只触发一次，在第一个 01:30（BST）。",
        "3月28日时钟拨快。当晚没有 01:30。改为触发一次，在 02:00（BST）。",
    ]


def test_words_of_what_cannot_be_evaluated() -> None:
    with pytest.raises(TimingError):
        words(cron("61 * * * *"))
    with pytest.raises(ValueError, match="run_at"):
        words(Timing(task_type="one_time"))
    with pytest.raises(ValueError, match="interval_seconds"):
        words(Timing(task_type="interval"))


COLUMN = st.sampled_from(["*", "*/7", "*/5", "3", "3-5", "1,4", "2/3", "1-6/2", "2,4-6,7/2"])
EXPRESSIONS = st.tuples(
    COLUMN, COLUMN, COLUMN | st.just("L"), COLUMN, COLUMN | st.sampled_from(["1#2", "1#2,3", "5L"])
).map(" ".join)


def words_or_expression(expression: str) -> str:
    """What is left of the words: nothing where the expression stands as it is written."""
    try:
        sentence = words(cron(expression))
    except TimingError:
        assume(False)
    assert "%(" not in sentence
    assert sentence == sentence.strip(" ,，")
    return "" if sentence == expression else sentence


@given(EXPRESSIONS)
def test_every_expression_has_words_or_itself(expression: str) -> None:
    assert re.search(r"[*/#L]|[^\x00-\x7f]", words_or_expression(expression)) is None


@pytest.mark.usefixtures("chinese")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EXPRESSIONS)
def test_every_expression_has_chinese_words_or_itself(expression: str) -> None:
    assert re.search(r"[*/#A-Za-z,]", words_or_expression(expression)) is None


# Clock changes


def told(timing: Timing) -> list[str]:
    return [warning.text for warning in warnings(timing, NOW)]


def test_the_picture() -> None:
    """The example of the design: 30 1 * * * in London, seen on 20 October 2026."""
    shown = preview(cron("30 1 * * *", LONDON), NOW, 10)
    assert shown.words == "Every day at 01:30"
    assert [f"{fire.local_at:%a %d %b %H:%M} {fire.zone_name}" for fire in shown.fires] == [
        "Wed 21 Oct 01:30 BST",
        "Thu 22 Oct 01:30 BST",
        "Fri 23 Oct 01:30 BST",
        "Sat 24 Oct 01:30 BST",
        "Sun 25 Oct 01:30 BST",
        "Mon 26 Oct 01:30 GMT",
        "Tue 27 Oct 01:30 GMT",
        "Wed 28 Oct 01:30 GMT",
        "Thu 29 Oct 01:30 GMT",
        "Fri 30 Oct 01:30 GMT",
    ]
    (at_change,) = [fire for fire in shown.fires if fire.warning]
    assert at_change.local_at.day == 25
    assert at_change.warning is not None
    assert at_change.warning.text == (
        "Clocks go back on 25 October. 01:30 comes twice that night."
        " This fires once, at the first 01:30 (BST)."
    )
    assert at_change.warning.date == date(2026, 10, 25)
    assert at_change.warning.at == datetime(2026, 10, 25, 1, tzinfo=UTC)
    assert len(shown.warnings) == 2  # the one in spring has no fire among these ten


@pytest.mark.parametrize(
    ("expression", "autumn", "spring"),
    [
        (
            "30 1 * * *",
            "01:30 comes twice that night. This fires once, at the first 01:30 (BST).",
            "01:30 does not exist that night. This fires once instead, at 02:00 (BST).",
        ),
        (
            "0,30 1 * * *",
            "01:00 and 01:30 come twice that night. Each fires once, the first time (BST).",
            "01:00 and 01:30 do not exist that night. This fires once instead, at 02:00 (BST).",
        ),
        (
            "0-59/5 1 * * *",
            "12 fire times from 01:00 to 01:55 come twice that night. Each fires once, the first time (BST).",
            "12 fire times from 01:00 to 01:55 do not exist that night."
            " This fires once instead, at 02:00 (BST).",
        ),
        (
            "0 * * * *",
            "01:00 comes twice that night. This fires both times (BST, then GMT).",
            "01:00 does not exist that night. The next fire is at 02:00 (BST).",
        ),
        (
            "*/30 1 * * *",
            "01:00 and 01:30 come twice that night. This fires both times (BST, then GMT).",
            "01:00 and 01:30 do not exist that night. The next fire is on 29 March at 01:00 (BST).",
        ),
        (
            "* * * * * *",
            "3600 fire times from 01:00 to 01:59:59 come twice that night."
            " This fires both times (BST, then GMT).",
            "3600 fire times from 01:00 to 01:59:59 do not exist that night."
            " The next fire is at 02:00 (BST).",
        ),
    ],
)
def test_clock_changes_in_words(expression: str, autumn: str, spring: str) -> None:
    assert told(cron(expression, LONDON)) == [
        f"Clocks go back on 25 October. {autumn}",
        f"Clocks go forward on 28 March. {spring}",
    ]


@pytest.mark.parametrize(
    "timing",
    [
        cron("0 10 * * *", LONDON),
        cron("30 1 * * 3", LONDON),
        cron("30 1 * * *", "Asia/Shanghai"),
        cron("30 1 * * *", "UTC"),
        cron("30 1 * * *", LONDON, ends_at=NOW + timedelta(days=2)),
        cron("30 1 * * *", LONDON, starts_at=NOW + timedelta(days=365)),
        cron("* * * * *", LONDON, starts_at=NOW + timedelta(days=365)),
        Timing(task_type="interval", interval_seconds=600, anchor_at=NOW, timezone=LONDON),
        Timing(task_type="one_time", run_at=NOW + timedelta(days=1), timezone=LONDON),
    ],
)
def test_no_warning_where_the_change_does_not_matter(timing: Timing) -> None:
    assert told(timing) == []


def test_daily_intervals_move_on_the_clock() -> None:
    timing = Timing(task_type="interval", interval_seconds=86_400, anchor_at=NOW, timezone=LONDON)
    first, second = warnings(timing, NOW)
    assert first.text == (
        "Clocks go back on 25 October."
        " Days are counted as 24 hours: from then on this fires at 13:32:10, not at 14:32:10."
    )
    assert first.due_at == datetime(2026, 10, 25, 13, 32, 10, tzinfo=UTC)
    assert second.text.startswith("Clocks go forward on 28 March.")


@pytest.mark.parametrize(("hour", "which"), [(0, "first 01:30 (BST)"), (1, "second 01:30 (GMT)")])
def test_one_time_in_the_repeated_hour(hour: int, which: str) -> None:
    run_at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    (warning,) = warnings(Timing(task_type="one_time", run_at=run_at, timezone=LONDON), NOW)
    assert warning.text == (
        f"Clocks go back on 25 October. 01:30 comes twice that night. This is the {which}."
    )
    assert warning.due_at == run_at


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["30 1 * * *", "*/20 * * * *", "0 2,3 * * *", "15 */2 * * 0", "0 0 * * *"]),
    st.sampled_from([LONDON, NEW_YORK, "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca"]),
    st.integers(0, 400),
)
def test_each_warning_belongs_to_a_fire(expression: str, zone: str, days: int) -> None:
    now = NOW + timedelta(days=days)
    timing = cron(expression, zone)
    for warning in warnings(timing, now):
        assert warning.at > now
        assert is_fire(timing, warning.due_at)
        assert abs(warning.due_at - warning.at) < timedelta(days=7)


# Preview


def test_preview_from_a_start_with_jitter() -> None:
    timing = cron("0 3 * * *", NEW_YORK, jitter_seconds=600, schedule_id=12)
    start = datetime(2027, 3, 1, tzinfo=UTC)
    shown = preview(timing, NOW, 3, start=start)
    assert [fire.due_at for fire in shown.fires] == fires(timing, start, 3)
    assert [fire.actual_at for fire in shown.fires] == [
        actual_at(timing, fire.due_at) for fire in shown.fires
    ]
    assert {fire.zone_name for fire in shown.fires} == {"EST"}


def test_preview_of_an_interval_that_is_not_saved_counts_from_now() -> None:
    shown = preview(Timing(task_type="interval", interval_seconds=600), NOW, 2)
    assert [fire.due_at for fire in shown.fires] == [NOW + timedelta(minutes=10), NOW + timedelta(minutes=20)]


def test_preview_ends_with_the_schedule() -> None:
    shown = preview(cron("0 0 * * *", ends_at=NOW + timedelta(days=2)), NOW, 10)
    assert len(shown.fires) == 2
