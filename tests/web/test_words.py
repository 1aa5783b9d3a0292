"""Times, durations, sizes and arguments in words."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from app.web import words

NOW = datetime(2026, 10, 20, 13, 32, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def london(flask_app: Flask) -> Iterator[None]:
    """A viewer who reads English and lives in London, an hour ahead of UTC in October."""
    with flask_app.test_request_context(headers={"Cookie": "timezone=Europe/London"}), force_locale("en"):
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "flask_app" in metafunc.fixturenames and "app" not in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite"], scope="session", indirect=True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "under 0.1 s"),
        (0.4, "0.4 s"),
        (9.94, "9.9 s"),
        (9.97, "10 s"),
        (18, "18 s"),
        (59.7, "1 min"),
        (124, "2 min 4 s"),
        (3600, "1 h"),
        (4020, "1 h 7 min"),
        (86400, "1 day"),
        (2 * 86400 + 3 * 3600, "2 days 3 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@given(st.floats(0, 1e8))
def test_every_duration_has_words(seconds: float) -> None:
    said = words.duration(seconds)
    assert said
    assert "60 s" not in said
    assert "60 min" not in said
    assert "24 h" not in said


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(seconds=-1), "1 s ago"),
        (timedelta(minutes=-3), "3 min ago"),
        (timedelta(minutes=28), "in 28 min"),
        (timedelta(hours=-5), "5 h ago"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=-12), "12 days ago"),
        (timedelta(days=-40), "10 September 2026"),
        (timedelta(0), "0 s ago"),
    ],
)
def test_relative_times(away: timedelta, said: str) -> None:
    assert words.ago(NOW + away, NOW) == said


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(minutes=-3), "14:29:10"),
        (timedelta(days=-1), "yesterday 14:32"),
        (timedelta(days=1), "tomorrow 14:32"),
        (timedelta(days=-2), "Sun 18 Oct, 14:32"),
        (timedelta(days=-180), "Thu 23 Apr, 14:32"),
        (timedelta(days=365), "20 Oct 2027 14:32"),
        (timedelta(hours=10), "tomorrow 00:32"),  # another day in London, still the same in UTC
    ],
)
def test_absolute_times_are_in_the_viewers_zone(away: timedelta, said: str) -> None:
    assert words.at(NOW + away, NOW) == said


def test_a_tooltip_has_the_whole_moment() -> None:
    assert words.full(NOW) == "Tue 20 October 2026, 14:32:10 BST"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (2500, "2.5 KB"),
        (999_600, "1 MB"),
        (41_000_000_000, "41 GB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert words.size(count) == said


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON)
def test_values_are_shown_exactly(value: Any) -> None:
    assert json.loads(words.pretty(value)) == value


def test_a_number_longer_than_a_float_keeps_every_digit() -> None:
    assert words.pretty(2**70 + 1) == "1180591620717411303425"


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ([], {}, ""),
        (None, None, ""),
        (["emea"], {"max_rows": 5000}, '"emea", max_rows=5000'),
        ([None], {"name": "Ünal"}, 'null, name="Ünal"'),
    ],
)
def test_arguments_on_one_line(args: Any, kwargs: Any, said: str) -> None:
    assert words.arguments(args, kwargs) == said


def test_a_long_line_of_arguments_is_cut() -> None:
    assert len(words.arguments(["x" * 900], {}, limit=50)) == 50


def test_each_language_has_its_own_words_in_one_request() -> None:
    """A message to somebody else is written in their language; the page goes on in the viewer's."""
    english = words.full(NOW), words.amount(180)
    with force_locale("zh_Hans_CN"):
        assert (words.full(NOW), words.amount(180)) == ("2026年10月20日 周二 14:32:10 BST", "3 分钟")
    assert (words.full(NOW), words.amount(180)) == english == ("Tue 20 October 2026, 14:32:10 BST", "3 min")
