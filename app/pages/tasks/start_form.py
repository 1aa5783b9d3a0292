"""When a run that is asked for on a task's page starts: now, after a delay, or at a time."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import Form, RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types

from app.errors import Invalid
from app.pages.schedules.form_fields import MomentField, SpanField

_l: Any = lazy_gettext  # WTForms shows lazy text as well as plain; its types do not say so

NOW, DELAY, AT = "now", "delay", "at"
LONGEST_DELAY_SECONDS = 366 * 86_400


class Start(Form):
    """The choice and what it needs; a moment that cannot be read is refused, never taken for now."""

    start = RadioField(
        _l("Start"),
        choices=[
            SelectChoice(NOW, _l("Now")),
            SelectChoice(DELAY, _l("After a delay")),
            SelectChoice(AT, _l("At a time")),
        ],
        default=NOW,
    )
    delay_seconds = SpanField(_l("Delay"))
    start_at = MomentField(_l("Starts at"))

    @property
    def choice(self) -> str:
        """now, delay or at; a form that says nothing means now."""
        return str(self.start.data or NOW)

    def moment(self, tz: ZoneInfo, now: datetime) -> datetime | None:
        """When the run starts; None for now. Raises `Invalid` by field."""
        match self.choice:
            case "now":
                return None
            case "delay":
                return now + timedelta(seconds=self._delay())
            case "at":
                return self._moment(tz, now)
        raise Invalid({"start": [_("Choose now, after a delay, or at a time.")]})

    def _delay(self) -> int:
        field: Any = self.delay_seconds
        seconds = field.data
        if field.process_errors:
            raise Invalid({"delay_seconds": [str(message) for message in field.process_errors]})
        if seconds is None or not 1 <= seconds <= LONGEST_DELAY_SECONDS:
            raise Invalid({"delay_seconds": [_("Give a delay from 1 second to 366 days.")]})
        return int(seconds)

    def _moment(self, tz: ZoneInfo, now: datetime) -> datetime:
        field: Any = self.start_at
        try:
            value: datetime | None = field.moment(tz, None)
        except ValueError as error:
            raise Invalid({"start_at": [str(error)]}) from None
        if value is None:
            raise Invalid({"start_at": [_("Give the date and time to start at.")]})
        if value <= now:
            raise Invalid({"start_at": [_("This moment has passed already.")]})
        return value
