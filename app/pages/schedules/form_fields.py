"""Form fields for spans, whole numbers and moments: what was typed stays, what it means is `data`."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field
from wtforms.widgets import TextInput

UNITS: dict[str, tuple[int, Any]] = {
    "s": (1, _l("seconds")),
    "min": (60, _l("minutes")),
    "h": (3_600, _l("hours")),
    "d": (86_400, _l("days")),
}
_PICKED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,12}", re.ASCII)


class WholeField(Field):
    """A whole number; `data` is None when it was left empty, or cannot be read."""

    widget = TextInput()
    kind = "whole"
    data: int | None
    text = ""

    def __init__(self, label: Any = None, unit_word: Any = "", **kwargs: Any) -> None:
        self.unit_word = unit_word
        super().__init__(label, **kwargs)

    def process_data(self, value: Any) -> None:
        self.data = value
        self.text = "" if value is None else str(value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.text, self.data = _first(valuelist), None
        if self.text.strip():
            self.data = _whole(self.text)

    def _value(self) -> str:
        return self.text


class SpanField(WholeField):
    """A number and its unit, two inputs of one name; `data` is in seconds."""

    kind = "span"
    unit = "min"

    def __init__(self, label: Any = None, unit: str = "min", **kwargs: Any) -> None:
        self.unit = unit
        super().__init__(label, **kwargs)

    @property
    def units(self) -> list[tuple[str, Any]]:
        return [(key, label) for key, (_seconds, label) in UNITS.items()]

    def process_data(self, value: Any) -> None:
        super().process_data(value)
        if value:
            self.unit = next(key for key in reversed(UNITS) if value % UNITS[key][0] == 0)
            self.text = str(value // UNITS[self.unit][0])

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        unit = str(valuelist[1]) if len(valuelist) > 1 else "s"
        if unit not in UNITS:
            self.data = None
            raise ValueError(_("Choose a unit."))
        self.unit = unit
        if self.data is not None:
            self.data *= UNITS[unit][0]


class MomentField(Field):
    """A date and time as a clock on the wall of some zone shows it; `moment` says which instant it is."""

    widget = TextInput()
    kind = "moment"
    text = ""

    def show(self, moment: datetime | None, tz: ZoneInfo) -> None:
        self.text = wall_text(moment, tz)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.text = _first(valuelist).strip()

    @property
    def picker_text(self) -> str | None:
        """The text as a browser's own picker takes it; None for one that it could not show."""
        text = self.text.replace(" ", "T", 1)
        return text if not text or _PICKED.fullmatch(text) else None

    def moment(self, tz: ZoneInfo, known: datetime | None) -> datetime | None:
        """The instant in UTC, None when left empty; the first of two that read alike.

        `known` comes back as it is when the field still shows it: a page shows no fractions of a second.
        Raises ValueError with a sentence.
        """
        if not self.text:
            return None
        if known is not None and self.text == wall_text(known, tz):
            return known
        try:
            local = datetime.fromisoformat(self.text)
            value = (local if local.tzinfo else local.replace(tzinfo=tz)).astimezone(UTC)
            shown = value.astimezone(tz).replace(tzinfo=None)
        except (ValueError, OverflowError):
            raise ValueError(_("Give a date and a time, such as 2026-11-27 09:30.")) from None
        if local.tzinfo is None and shown != local:
            raise ValueError(
                _("The clocks of %(zone)s skip this time: after the change it is %(time)s.",
                  zone=tz.key, time=f"{shown:%H:%M}")
            )  # fmt: skip
        return value

    def _value(self) -> str:
        return self.text


def wall_text(moment: datetime | None, tz: ZoneInfo) -> str:
    """A moment as a browser's own picker takes it: `2026-11-27T09:30`, with seconds where there are some."""
    if moment is None:
        return ""
    local = moment.astimezone(tz)
    return f"{local:%Y-%m-%dT%H:%M:%S}" if local.second else f"{local:%Y-%m-%dT%H:%M}"


def _first(valuelist: list[Any]) -> str:
    return str(valuelist[0]) if valuelist else ""


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(_("Give a whole number, such as 30."))
    return int(text)
