"""A timing in words, clock-change warnings and the preview, in English and Simplified Chinese."""
# ruff: noqa: RUF001 - the Chinese sentences need Chinese punctuation

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from flask import Flask
from flask_babel import Babel
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.schedules import timing as timing_package
from app.schedules.timing import Timing, TimingError, actual_at, fires, is_fire, preview, warnings, words
from app.schedules.timing.phrases import CHINESE, Phrases

NOW = datetime(2026, 10, 20, 13, 32, 10, tzinfo=UTC)
LONDON, NEW_YORK = "Europe/London", "America/New_York"


def cron(expression: str, zone: str = "UTC", **others: Any) -> Timing:
    return Timing(task_type="cron", cron_schedule=expression, timezone=zone, **others)


@pytest.mark.parametrize(
    ("expression", "english", "chinese"),
    [
        ("30 1 * * *", "Every day at 01:30", "每天 01:30"),
        ("@daily", "Every day at 00:00", "每天 00:00"),
        ("0 10 * * 1-5", "Weekdays at 10:00", "工作日 10:00"),
        ("0 10 * * MON-FRI", "Weekdays at 10:00", "工作日 10:00"),
        ("0 0 * * 6,0", "Weekends at 00:00", "周末 00:00"),
        ("20 14 * * 2", "Tuesdays at 14:20", "每周二 14:20"),
        ("0 3 * * 7", "Sundays at 03:00", "每周日 03:00"),
        ("0 3 * * FRI,1", "Mondays and Fridays at 03:00", "每周一和周五 03:00"),
        ("0 8,20 * * *", "Every day at 08:00 and 20:00", "每天 08:00 和 20:00"),
        ("30 0 1 * * *", "Every day at 01:00:30", "每天 01:00:30"),
        ("* * * * *", "Every minute", "每分钟"),
        ("*/10 * * * *", "Every 10 minutes", "每 10 分钟"),
        ("0,30 * * * *", "Every 30 minutes", "每 30 分钟"),
        ("5-59/15 * * * *", "Every 15 minutes, from :05", "每 15 分钟，从 5 分开始"),
        ("13 * * * *", "Hourly at 13 past", "每小时第 13 分"),
        ("@hourly", "Every hour", "每小时"),
        ("*/90 * * * *", "Every hour", "每小时"),
        ("0 */6 * * *", "Every 6 hours", "每 6 小时"),
        ("30 1-23/6 * * *", "Every 6 hours, from 01:30", "每 6 小时，从 01:30 开始"),
        ("* * * * * *", "Every second", "每秒"),
        ("*/15 * * * * *", "Every 15 seconds", "每 15 秒"),
        ("5 * * * * *", "Every minute, at second 5", "每分钟第 5 秒"),
        (
            "*/5 9-17 * * MON-FRI",
            "Every 5 minutes from 09:00 to 17:55 on weekdays",
            "工作日，09:00 到 17:55 每 5 分钟",
        ),
        ("0 22-6 * * *", "Every hour from 22:00 to 06:00", "22:00 到 06:00 每小时"),
        ("*/10 * 1 * *", "Every 10 minutes on day 1 of every month", "每月 1 日，每 10 分钟"),
        ("0 0 1 * *", "Every month on day 1 at 00:00", "每月 1 日 00:00"),
        ("0 0 1,15 * *", "Every month on day 1 and 15 at 00:00", "每月 1 和 15 日 00:00"),
        ("0 0 31 * *", "In months that have it, on day 31 at 00:00", "每逢 31 日 00:00"),
        ("0 0 L * *", "On the last day of every month at 00:00", "每月最后一天 00:00"),
        ("0 0 * * 5L", "On the last Friday of every month at 00:00", "每月最后一个周五 00:00"),
        ("0 0 * * 1#2", "On the second Monday of every month at 00:00", "每月第二个周一 00:00"),
        (
            "0 0 * * 1#3,1#1",
            "On the first Monday and third Monday of every month at 00:00",
            "每月第一个周一和第三个周一 00:00",
        ),
        ("0 0 25 12 *", "Every year on 25 December at 00:00", "每年 12月25日 00:00"),
        ("0 0 29 2 *", "Every leap year on 29 February at 00:00", "每逢闰年 2月29日 00:00"),
        # From here on cron-descriptor speaks, corrected.
        (
            "0 0 1,15 * 1",
            "At 00:00, on day 1 and 15 of the month, or on Monday",
            "每月 1 和 15 日，或周一，00:00",
        ),
        (
            "0 0 */2 * 1",
            "At 00:00, every 2 days from day 1 of the month, but only on Monday",
            "每月从 1 日起每 2 天，且须为周一，00:00",
        ),
        (
            "*/7 * * * *",
            "At 0, 7, 14, 21, 28, 35, 42, 49 and 56 minutes past the hour",
            "每小时第 0、7、14、21、28、35、42、49 和 56 分",
        ),
        (
            "* 1-5/2 * * *",
            "Every minute, within the hours 01, 03 and 05",
            "每分钟，01、03 和 05 点内",
        ),
        (
            "0 9 * JAN-MAR *",
            "At 09:00, only in January, February and March",
            "仅在 1月、2月和3月，09:00",
        ),
        (
            "0 0 * * 1#1,5",
            "At 00:00, on Friday and the first Monday of the month",
            "周五和当月第一个周一，00:00",
        ),
        (
            "0 0 1,L * *",
            "At 00:00, on day 1 and the last day of the month",
            "每月 1 日和最后一天，00:00",
        ),
        (
            "0-30/10 8-10,14 1-5 6 2-4",
            "Every 10 minutes, minutes 0 through 30 past the hour, within the hours 08, 09, 10 and 14,"
            " between day 1 and 5 of the month, or on Tuesday through Thursday, only in June",
            "仅在 6月，每月 1 到 5 日，或周二至周四，每 10 分钟，每小时第 0 到 30 分，08、09、10 和 14 点内",
        ),
    ],
)
def test_cron_in_words(expression: str, english: str, chinese: str) -> None:
    assert words(cron(expression), "en") == english
    assert words(cron(expression), "zh_Hans_CN") == chinese


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (1, "Every second", "每秒"),
        (60, "Every minute", "每分钟"),
        (90, "Every 90 seconds", "每 90 秒"),
        (600, "Every 10 minutes", "每 10 分钟"),
        (3600, "Every hour", "每小时"),
        (5400, "Every 90 minutes", "每 90 分钟"),
        (86_400, "Every day", "每天"),
        (604_800, "Every 7 days", "每 7 天"),
    ],
)
def test_intervals_in_words(seconds: int, english: str, chinese: str) -> None:
    timing = Timing(task_type="interval", interval_seconds=seconds, anchor_at=NOW)
    assert words(timing, "en") == english
    assert words(timing, "zh") == chinese


def test_one_time_in_words_stands_in_the_schedules_zone() -> None:
    timing = Timing(
        task_type="one_time", run_at=datetime(2026, 11, 27, 5, tzinfo=UTC), timezone="America/New_York"
    )
    assert words(timing, "en") == "Once, 27 Nov 2026 00:00"
    assert words(timing, "zh") == "仅一次，2026年11月27日 00:00"


def test_locales() -> None:
    timing = cron("0 10 * * 1-5")
    for locale in ("zh", "zh_CN", "zh-Hans", Locale.parse("zh_Hans_CN")):
        assert words(timing, locale) == "工作日 10:00"
    for locale in (None, "en", "en_GB", "fr", Locale.parse("en")):
        assert words(timing, locale) == "Weekdays at 10:00"


def test_without_a_locale_the_request_says_it() -> None:
    app = Flask("words")
    Babel(app, locale_selector=lambda: "zh_Hans_CN")
    with app.test_request_context():
        assert words(cron("0 10 * * 1-5")) == "工作日 10:00"
        assert told(cron("30 1 * * *", LONDON), None)[0].startswith("10月25日时钟拨慢。")
        assert words(cron("0 10 * * 1-5"), "en") == "Weekdays at 10:00"


def test_words_of_what_cannot_be_evaluated() -> None:
    with pytest.raises(TimingError):
        words(cron("61 * * * *"))
    with pytest.raises(ValueError, match="run_at"):
        words(Timing(task_type="one_time"))
    with pytest.raises(ValueError, match="interval_seconds"):
        words(Timing(task_type="interval"))


COLUMN = st.sampled_from(["*", "*/7", "*/5", "3", "3-5", "1,4", "2/3", "1-6/2", "2,4-6,7/2"])


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(COLUMN, COLUMN, COLUMN | st.just("L"), COLUMN, COLUMN | st.sampled_from(["1#2", "1#2,3", "5L"]))
)
def test_every_expression_has_words_in_one_language(columns: tuple[str, ...]) -> None:
    timing = cron(" ".join(columns))
    try:
        english, chinese = words(timing, "en"), words(timing, "zh")
    except TimingError:
        assume(False)
    assert re.search(r"[^\x00-\x7f]", english) is None
    assert re.search(r"[A-Za-z]", chinese) is None, chinese
    for sentence in (english, chinese):
        assert "%(" not in sentence
        assert "  " not in sentence
        assert sentence == sentence.strip(" ,，")


def test_every_phrase_used_has_chinese_with_the_same_values() -> None:
    sources = "".join(path.read_text() for path in Path(timing_package.__file__).parent.glob("*.py"))
    used = set(re.findall(r'say\(\s*"([^"]+)"', sources))
    assert used <= set(CHINESE)
    assert len(used) > 40
    names = re.compile(r"%\((\w+)\)s")
    for english, chinese in CHINESE.items():
        missing = set(names.findall(chinese)) - set(names.findall(english))
        assert missing <= {"short"}, english


def test_unknown_phrases_fail_in_chinese() -> None:
    with pytest.raises(KeyError):
        Phrases("zh").say("Every blue moon")


# Clock changes


def told(timing: Timing, locale: str | None = "en", now: datetime = NOW) -> list[str]:
    return [warning.text for warning in warnings(timing, now, locale)]


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


def test_clock_changes_in_chinese() -> None:
    assert told(cron("30 1 * * *", LONDON), "zh") == [
        "10月25日时钟拨慢。当晚 01:30 出现两次。只触发一次，在第一个 01:30（BST）。",
        "3月28日时钟拨快。当晚没有 01:30。改为触发一次，在 02:00（BST）。",
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
    first, second = warnings(timing, NOW, "en")
    assert first.text == (
        "Clocks go back on 25 October."
        " Days are counted as 24 hours: from then on this fires at 13:32:10, not at 14:32:10."
    )
    assert first.due_at == datetime(2026, 10, 25, 13, 32, 10, tzinfo=UTC)
    assert second.text.startswith("Clocks go forward on 28 March.")


@pytest.mark.parametrize(("hour", "which"), [(0, "first 01:30 (BST)"), (1, "second 01:30 (GMT)")])
def test_one_time_in_the_repeated_hour(hour: int, which: str) -> None:
    run_at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    (warning,) = warnings(Timing(task_type="one_time", run_at=run_at, timezone=LONDON), NOW, "en")
    assert warning.text == (
        f"Clocks go back on 25 October. 01:30 comes twice that night. This is the {which}."
    )
    assert warning.due_at == run_at


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["30 1 * * *", "*/20 * * * *", "0 2,3 * * *", "15 */2 * * 0", "0 0 * * *"]),
    st.sampled_from([LONDON, NEW_YORK, "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca"]),
    st.integers(0, 400),
    st.sampled_from(["en", "zh"]),
)
def test_each_warning_belongs_to_a_fire(expression: str, zone: str, days: int, locale: str) -> None:
    now = NOW + timedelta(days=days)
    timing = cron(expression, zone)
    for warning in warnings(timing, now, locale):
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
