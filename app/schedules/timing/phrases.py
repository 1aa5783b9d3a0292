"""The sentences that describe a timing, in English and Simplified Chinese.

cron-descriptor, which supplies the rarer half of these sentences, brings its own languages; those beside it
stand here, complete in both, instead of in the message catalogue: they are the same with and without an
app context. The English sentence is the key, as with gettext.
"""
# ruff: noqa: RUF001 - the Chinese sentences need Chinese punctuation

import re
from collections.abc import Sequence
from datetime import date, datetime

from babel import Locale
from babel.dates import format_date, get_day_names, get_month_names
from babel.lists import format_list
from flask_babel import get_locale

CHINESE = {
    "Once, %(when)s": "仅一次，%(when)s",
    # Repeating
    "Every second": "每秒",
    "Every minute": "每分钟",
    "Every hour": "每小时",
    "Every day": "每天",
    "Every %(n)s seconds": "每 %(n)s 秒",
    "Every %(n)s minutes": "每 %(n)s 分钟",
    "Every %(n)s hours": "每 %(n)s 小时",
    "Every %(n)s days": "每 %(n)s 天",
    "Every minute, at second %(second)s": "每分钟第 %(second)s 秒",
    "Every %(n)s minutes, from :%(minute)s": "每 %(n)s 分钟，从 %(short)s 分开始",
    "Every %(n)s hours, from %(time)s": "每 %(n)s 小时，从 %(time)s 开始",
    "Hourly at %(short)s past": "每小时第 %(short)s 分",
    "Every minute from %(first)s to %(last)s": "%(first)s 到 %(last)s 每分钟",
    "Every %(n)s minutes from %(first)s to %(last)s": "%(first)s 到 %(last)s 每 %(n)s 分钟",
    "Every hour from %(first)s to %(last)s": "%(first)s 到 %(last)s 每小时",
    # Days, alone before a time of day and within a sentence
    "Weekdays": "工作日",
    "on weekdays": "工作日",
    "Weekends": "周末",
    "at weekends": "周末",
    "%(weekdays)s": "每%(weekdays)s",
    "on %(weekdays)s": "每%(weekdays)s",
    "Every month on day %(days)s": "每月 %(days)s 日",
    "on day %(days)s of every month": "每月 %(days)s 日",
    "In months that have it, on day %(days)s": "每逢 %(days)s 日",
    "in months that have it, on day %(days)s": "每逢 %(days)s 日",
    "On the last day of every month": "每月最后一天",
    "on the last day of every month": "每月最后一天",
    "On the %(days)s of every month": "每月%(days)s",
    "on the %(days)s of every month": "每月%(days)s",
    "Every year on %(date)s": "每年 %(date)s",
    "every year on %(date)s": "每年 %(date)s",
    "Every leap year on %(date)s": "每逢闰年 %(date)s",
    "every leap year on %(date)s": "每逢闰年 %(date)s",
    "%(days)s at %(times)s": "%(days)s %(times)s",
    "%(repeat)s %(days)s": "%(days)s，%(repeat)s",
    # The nth weekday of a month
    "first %(day)s": "第一个%(day)s",
    "second %(day)s": "第二个%(day)s",
    "third %(day)s": "第三个%(day)s",
    "fourth %(day)s": "第四个%(day)s",
    "fifth %(day)s": "第五个%(day)s",
    "last %(day)s": "最后一个%(day)s",
    # Parts of the descriptions that cron-descriptor puts together
    "within the hours %(hours)s": "%(hours)s 点内",
    ", on day %(days)s and the last day of the month": "，每月 %(days)s 日和最后一天",
    ", on %(days)s": "，%(days)s",
    ", or on %(days)s": "，或%(days)s",
    ", but only on %(days)s": "，且须为%(days)s",
    "the %(day)s of the month": "当月%(day)s",
    "%(first)s through %(last)s": "%(first)s至%(last)s",
    ", only in %(months)s": "，仅在 %(months)s",
    # Clock changes
    "Clocks go back on %(date)s.": "%(date)s时钟拨慢。",
    "Clocks go forward on %(date)s.": "%(date)s时钟拨快。",
    "%(time)s comes twice that night.": "当晚 %(time)s 出现两次。",
    "%(times)s come twice that night.": "当晚 %(times)s 各出现两次。",
    "%(n)s fire times from %(first)s to %(last)s come twice that night.": (
        "当晚从 %(first)s 到 %(last)s 的 %(n)s 个触发时间各出现两次。"
    ),
    "%(time)s does not exist that night.": "当晚没有 %(time)s。",
    "%(times)s do not exist that night.": "当晚没有 %(times)s。",
    "%(n)s fire times from %(first)s to %(last)s do not exist that night.": (
        "当晚没有从 %(first)s 到 %(last)s 的 %(n)s 个触发时间。"
    ),
    "This fires once, at the first %(time)s (%(zone)s).": "只触发一次，在第一个 %(time)s（%(zone)s）。",
    "Each fires once, the first time (%(zone)s).": "各触发一次，都在第一次出现时（%(zone)s）。",
    "This fires both times (%(first)s, then %(second)s).": "两次都触发（先 %(first)s，后 %(second)s）。",
    "This fires once instead, at %(time)s (%(zone)s).": "改为触发一次，在 %(time)s（%(zone)s）。",
    "The next fire is at %(time)s (%(zone)s).": "下一次触发在 %(time)s（%(zone)s）。",
    "The next fire is on %(date)s at %(time)s (%(zone)s).": "下一次触发在%(date)s %(time)s（%(zone)s）。",
    "This is the first %(time)s (%(zone)s).": "这里是第一个 %(time)s（%(zone)s）。",
    "This is the second %(time)s (%(zone)s).": "这里是第二个 %(time)s（%(zone)s）。",
    "Days are counted as 24 hours: from then on this fires at %(after)s, not at %(before)s.": (
        "一天按 24 小时计：此后在 %(after)s 触发，而不是 %(before)s。"
    ),
}
_NTH = ("last", "first", "second", "third", "fourth", "fifth")


class Phrases:
    """Speaks one of the two languages: sentences, lists, names of days and months, dates."""

    def __init__(self, locale: str | Locale | None = None) -> None:
        """Chinese for any `zh…` locale, else English; None takes that of the current request, if any."""
        self.chinese = str(locale or get_locale() or "en").lower().startswith("zh")
        self._locale = Locale.parse("zh_Hans_CN" if self.chinese else "en_GB")

    def say(self, sentence: str, **values: object) -> str:
        """The sentence with its values filled in."""
        return (CHINESE[sentence] if self.chinese else sentence) % values

    def join(self, sentences: Sequence[str]) -> str:
        """Sentences one after the other."""
        return ("" if self.chinese else " ").join(sentences)

    def listed(self, items: Sequence[object]) -> str:
        """`a, b and c`."""
        listed = format_list([str(item) for item in items], locale=self._locale)
        return re.sub(r"(?<=\d)和(?=\d)", " 和 ", listed)  # figures stand apart from Chinese

    def weekday(self, number: int) -> str:
        """The name of a day of the week, 0 = Sunday: `Tuesday`, 周二."""
        names = get_day_names("abbreviated" if self.chinese else "wide", locale=self._locale)
        return str(names[(number - 1) % 7])

    def weekdays(self, numbers: Sequence[int]) -> str:
        """`Mondays and Fridays`, 周一和周五."""
        return self.listed([self.weekday(number) + ("" if self.chinese else "s") for number in numbers])

    def nth_weekday(self, number: int, n: int) -> str:
        """`second Monday`; n = 0 is the last."""
        return self.say(f"{_NTH[n]} %(day)s", day=self.weekday(number))

    def month(self, number: int) -> str:
        """`November`, 11月."""
        names = get_month_names("abbreviated" if self.chinese else "wide", locale=self._locale)
        return str(names[number])

    def day(self, day: date) -> str:
        """`25 October`, 10月25日."""
        return format_date(day, "M月d日" if self.chinese else "d MMMM", locale=self._locale)

    def moment(self, moment: datetime) -> str:
        """`27 Nov 2026 00:00`, 2026年11月27日 00:00, as that aware moment reads in its own zone."""
        day = format_date(moment, "y年M月d日" if self.chinese else "d MMM y", locale=self._locale)
        return f"{day} {moment:%H:%M:%S}" if moment.second else f"{day} {moment:%H:%M}"
