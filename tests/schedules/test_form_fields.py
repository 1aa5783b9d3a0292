"""What a form shows of moments and spans is read as the same again; what nobody can mean is refused."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form

from app.pages.schedules.form_fields import MomentField, SpanField, WholeField, wall_text

ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1971, 2200))
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


class Sample(Form):
    at = MomentField()
    span = SpanField()
    count = WholeField()


def read(**texts: Any) -> Any:
    return Sample(MultiDict(texts))


@given(moments, st.sampled_from(ZONES))
def test_a_moment_that_was_not_touched_stays_exact(moment: datetime, name: str) -> None:
    place = ZoneInfo(name)
    assert read(at=wall_text(moment, place)).at.moment(place, moment) == moment


@given(moments, st.sampled_from(ZONES))
def test_a_wall_time_is_read_as_the_first_moment_that_shows_it(moment: datetime, name: str) -> None:
    place, moment = ZoneInfo(name), moment.replace(microsecond=0)
    found = read(at=wall_text(moment, place)).at.moment(place, None)
    assert wall_text(found, place) == wall_text(moment, place)
    assert found <= moment
    assert (moment - found).total_seconds() in (0, 1800, 3600, 7200)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2027-03-28T01:30", "Europe/London"),
        ("2026-10-04T02:15", "Australia/Lord_Howe"),
        ("2011-12-30T12:00", "Pacific/Apia"),  # a whole day was skipped
        ("soon", "UTC"),
        ("2026-02-30T10:00", "UTC"),
        ("0001-01-01T00:00", "Asia/Kolkata"),
        ("9999-12-31T23:59", "America/New_York"),
    ],
)
def test_what_no_clock_shows_is_refused(app: Flask, text: str, zone: str) -> None:
    with app.test_request_context(), pytest.raises(ValueError, match=r"Give a date|skip this time"):
        read(at=text).at.moment(ZoneInfo(zone), None)


def test_a_date_alone_means_its_midnight() -> None:
    assert read(at="2026-11-20").at.moment(ZoneInfo("UTC"), None) == datetime(2026, 11, 20, tzinfo=UTC)


def test_an_offset_is_taken_at_its_word() -> None:
    assert read(at="2026-11-20T10:00+08:00").at.moment(ZoneInfo("UTC"), None) == datetime(
        2026, 11, 20, 2, tzinfo=UTC
    )


@given(st.integers(1, 10 * 366 * 86_400))
def test_a_span_is_shown_in_its_largest_whole_unit(seconds: int) -> None:
    shown: Any = Sample(data={"span": seconds}).span
    again = Sample(MultiDict([("span", shown.text), ("span", shown.unit)]))
    assert again.span.data == seconds
    assert again.span.process_errors == []


@pytest.mark.parametrize("text", ["-1", "1.5", "soon", "9" * 30, "1e3", "٣"])
def test_what_is_no_span(app: Flask, text: str) -> None:
    with app.test_request_context():
        field: Any = Sample(MultiDict([("span", text), ("span", "s")])).span
    assert field.data is None
    assert field.process_errors


@pytest.mark.parametrize(("text", "value"), [("7", 7), (" 12 ", 12), ("", None), ("  ", None), ("0", 0)])
def test_whole_numbers(text: str, value: int | None) -> None:
    assert read(count=text).count.data == value


@pytest.mark.parametrize("text", ["1.0", "-1", "+1", "1e3", "٣", "0x10", "1_000", "9" * 13, "one"])
def test_what_is_no_whole_number(app: Flask, text: str) -> None:
    with app.test_request_context():
        field = read(count=text).count
    assert field.data is None
    assert [str(error) for error in field.process_errors] == ["Give a whole number, such as 30."]
    assert field.text == text
