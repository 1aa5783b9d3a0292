"""The error of a timing that cannot be taken, with the field it stands at."""

from typing import Any


class TimingError(ValueError):
    """A timing field holds something that cannot fire; `str()` is a sentence that says what is allowed.

    `field` is the field of the schedule (`cron_schedule`, `timezone`, …); within a cron expression `part`
    names the column: second, minute, hour, day_of_month, month or day_of_week. `sentence` is what was given:
    a lazy one can still be put into the words of another reader.
    """

    def __init__(self, field: str, sentence: Any, part: str | None = None) -> None:
        super().__init__(str(sentence))
        self.field = field
        self.sentence = sentence
        self.message = str(sentence)
        self.part = part
