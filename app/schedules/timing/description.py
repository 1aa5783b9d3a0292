"""cron-descriptor's words for what `words` has no shape for, put right where they are known to be wrong.

What version 2.2 says wrongly: names of days and months are English in every language; "or" where two day
columns must both match; several `1#2` in one list, steps in a list; "every 7 minutes" for `*/7` although that
starts again at each full hour, "every 2 days" for `*/2` likewise; "every minute, every 2 hours"; and Chinese
has English word order and punctuation.
"""
# ruff: noqa: RUF001 - the Chinese sentences need Chinese punctuation

import re
from collections.abc import Iterable

from cron_descriptor import ExpressionDescriptor, Options

from app.schedules.timing.local_times import CronExpression
from app.schedules.timing.phrases import Phrases

# Message of cron-descriptor: better Chinese. Leading commas are its way of joining parts.
_CHINESE = {
    "At ": "",
    "At": "",
    " and": " 和",
    "at {0}": "{0}",
    "between {0} and {1}": "{0} 到 {1}",
    "Every minute between {0} and {1}": "{0} 到 {1} 每分钟",
    "at {0} minutes past the hour": "每小时第 {0} 分",
    "minutes {0} through {1} past the hour": "每小时第 {0} 到 {1} 分",
    "at {0} seconds past the minute": "每分钟第 {0} 秒",
    "seconds {0} through {1} past the minute": "每分钟第 {0} 到 {1} 秒",
    ", starting {0}": "，从 {0} 开始",
    "starting {0}": "从 {0} 开始",
    ", every day": "",
    ", every {0} days": "，每月从 1 日起每 {0} 天",
    ", on day {0} of the month": "，每月 {0} 日",
    ", between day {0} and {1} of the month": "，每月 {0} 到 {1} 日",
    ", on the last day of the month": "，每月最后一天",
}
_ENGLISH = {
    ", every {0} days": ", every {0} days from day 1 of the month",
}


def describe(expression: CronExpression, phrases: Phrases) -> str:
    """The expression in words, long but right."""
    return _Descriptor(expression, phrases).get_full_description()


class _Descriptor(ExpressionDescriptor):  # type: ignore[misc]  # cron-descriptor ships no types
    def __init__(self, expression: CronExpression, phrases: Phrases) -> None:
        self._cron = expression
        self._phrases = phrases
        options = Options(
            locale_code="zh_CN" if phrases.chinese else "en_US", use_24hour_time_format=True, verbose=False
        )
        super().__init__(" ".join(_spelt_out(expression)), options)

    def translate(self, message: str) -> str:
        better = (_CHINESE if self._phrases.chinese else _ENGLISH).get(message)
        return super().translate(message) if better is None else better

    def get_full_description(self) -> str:
        if not self._phrases.chinese:
            return str(super().get_full_description()).replace(", and ", " and ")
        # Chinese names the day before the time of day.
        parts = (
            self.get_month_description(),
            self.get_day_of_month_description(),
            self.get_day_of_week_description(),
            # What follows from the words before it goes without saying.
            re.sub(r", (每分钟|每小时)(?=,|$)", "", self.get_time_of_day_description()),
        )
        sentence = "，".join(part.strip(" ,，") for part in parts if part.strip(" ,，"))
        sentence = re.sub(r",? 和 ", " 和 ", sentence).replace(", ", "，")
        sentence = re.sub(r" 和 (?!\d)", " 和", sentence)
        sentence = re.sub(r"从 (\D[^，]*) 开始", r"从\1开始", sentence)
        return re.sub(r"(?<=\d)，(?=\d)", "、", sentence)

    def get_hours_description(self) -> str:
        hours = self._cron.hours
        if len(self._cron.minutes) == 1 or len(hours) == 24 or hours[-1] - hours[0] == len(hours) - 1:
            return str(super().get_hours_description())
        # "Every minute, every 2 hours" would leave open whether it rests in between.
        return self._phrases.say(
            "within the hours %(hours)s", hours=self._phrases.listed([f"{hour:02}" for hour in hours])
        )

    def get_day_of_month_description(self) -> str:
        if self._cron.last_day and self._cron.days:
            days = self._phrases.listed(sorted(self._cron.days))
            return self._phrases.say(", on day %(days)s and the last day of the month", days=days)
        return str(super().get_day_of_month_description())

    def get_day_of_week_description(self) -> str:
        if self._cron.columns[5] == "*":
            return ""
        days = self._phrases.listed(
            [
                *self._literal_days(),
                *(
                    self._phrases.say("the %(day)s of the month", day=self._phrases.nth_weekday(*pair))
                    for pair in sorted(self._cron.nth)
                ),
            ]
        )
        if self._cron.columns[3] == "*":
            return self._phrases.say(", on %(days)s", days=days)
        if self._cron.days_and:
            return self._phrases.say(", but only on %(days)s", days=days)
        return self._phrases.say(", or on %(days)s", days=days)

    def _literal_days(self) -> list[str]:
        """Weekdays by name from Monday on, three or more in a row as a range."""
        days = sorted((day - 1) % 7 for day in self._cron.weekdays)  # 0 = Monday
        names = [self._phrases.weekday((day + 1) % 7) for day in days]
        if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
            return [self._phrases.say("%(first)s through %(last)s", first=names[0], last=names[-1])]
        return names

    def get_month_description(self) -> str:
        if self._cron.columns[4] == "*":
            return ""
        names = [self._phrases.month(month) for month in sorted(self._cron.months)]
        return self._phrases.say(", only in %(months)s", months=self._phrases.listed(names))


def _spelt_out(expression: CronExpression) -> list[str]:
    """The six columns as cron-descriptor reads them rightly."""
    columns = [column.upper() for column in expression.columns]
    # The numbers that a column means, and after how many of them the clock starts again.
    meanings = ((expression.seconds, 60), (expression.minutes, 60), (expression.hours, 24))
    for index, (values, cycle) in enumerate(meanings):
        if "/" in columns[index] and ("," in columns[index] or cycle % _step(columns[index])):
            columns[index] = _listed(values)
    if "/" in columns[3] and ("," in columns[3] or not columns[3].startswith("*")):
        columns[3] = _listed(expression.days)
    return columns


def _step(column: str) -> int:
    return int(column.rpartition("/")[2])


def _listed(values: Iterable[int]) -> str:
    return ",".join(str(value) for value in sorted(values))
