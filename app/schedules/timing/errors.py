"""The error of a timing that cannot be taken, with the field it stands at."""


class TimingError(ValueError):
    """A timing field holds something that cannot fire; `str()` is a sentence that says what is allowed.

    `field` is the field of the schedule (`cron_schedule`, `timezone`, …); within a cron expression `part`
    names the column: second, minute, hour, day_of_month, month or day_of_week.
    """

    def __init__(self, field: str, message: str, part: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.part = part
