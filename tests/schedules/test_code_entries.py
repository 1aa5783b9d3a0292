"""Celery's beat_schedule entries become definitions that fire alike, or are refused with the reason."""

import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery.schedules import crontab, schedule
from flask import Flask
from flask_babel import Babel, force_locale
from hypothesis import given
from hypothesis import strategies as st

from app.catalog import Said
from app.schedules import timing
from app.schedules.code_entries import CodeEntries, read
from app.schedules.definition import Definition, timing_of
from tests.conftest import PROJECT

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def entries(given: dict[str, Any]) -> CodeEntries:
    celery_app = SimpleNamespace(conf=SimpleNamespace(beat_schedule={}))
    return read(celery_app, [SimpleNamespace(beat_schedule=given)], "Europe/London", NOON, whole=True)


def one(value: Any, **fields: Any) -> Definition:
    found = entries({"nightly": {"task": "a.b", "schedule": value} | fields})
    assert found.problems == []
    return found.definitions["nightly"]


def refused(value: Any, **fields: Any) -> str:
    found = entries({"nightly": {"task": "a.b", "schedule": value} | fields})
    assert found.definitions == {}
    (problem,) = found.problems
    assert problem.key == "nightly"
    return problem.message


@pytest.mark.parametrize(
    ("value", "cron"),
    [
        (crontab(), "* * * * *"),
        (crontab(minute="*/15"), "*/15 * * * *"),
        (crontab(30, 3), "30 3 * * *"),
        (crontab(0, 0, day_of_week="mon-fri"), "0 0 * * 1,2,3,4,5"),
        (crontab(0, 0, day_of_week="sunday"), "0 0 * * 0"),
        (crontab(0, "9-17/4"), "0 9,13,17 * * *"),
        (crontab(minute={5, 35}, hour=[1, 2]), "5,35 1,2 * * *"),
        (crontab(0, 0, day_of_month="1", month_of_year="*/3"), "0 0 1 */3 *"),
        (crontab(0, 0, day_of_month="*/2", day_of_week="1"), "0 0 */2 * 1"),  # both say AND here
        (crontab(0, 0, day_of_month="1-7", day_of_week="mon"), "0 0 * * 1#1"),
        (crontab(0, 0, day_of_month="1-7,15-21", day_of_week="0,2"), "0 0 * * 0#1,0#3,2#1,2#3"),
        (crontab(0, 0, day_of_month="29-31", day_of_week="5"), "0 0 * * 5#5"),
    ],
)
def test_crontabs(value: crontab, cron: str) -> None:
    found = one(value)
    assert (found.task_type, found.cron_schedule, found.timezone) == ("cron", cron, "Europe/London")


@pytest.mark.parametrize(
    "value", [90, 90.0, timedelta(seconds=90), schedule(90), schedule(timedelta(seconds=90))]
)
def test_intervals(value: Any) -> None:
    found = one(value)
    assert (found.task_type, found.interval_seconds) == ("interval", 90)


def test_arguments_and_options() -> None:
    options = {"queue": "mail", "priority": 9, "expires": timedelta(minutes=2)}
    found = one(60, args=(1, date(2026, 1, 2)), kwargs={"b": {3}}, options=options)
    assert (found.args, found.kwargs) == ([1, "2026-01-02"], {"b": [3]})
    assert (found.queue, found.priority, found.message_ttl_seconds) == ("mail", 9, 120)


def test_what_cannot_be_said_exactly_is_refused() -> None:
    class Sunrise(schedule):  # type: ignore[misc]
        pass

    assert "match" in refused(crontab(0, 0, day_of_month="13", day_of_week="fri"))
    assert "Sunrise" in refused(Sunrise(60))
    assert "whole seconds" in refused(0.5)
    assert "whole seconds" in refused(timedelta(milliseconds=1500))
    assert "int" not in refused(None)
    assert "countdown" in refused(60, options={"countdown": 5})
    assert "expires" in refused(60, options={"expires": NOON})
    found = entries(
        {
            "a": None,
            "b": {"schedule": 60},
            "c" * 201: {"task": "a.b", "schedule": 60},
            "ok": {"task": "t", "schedule": 1},
        }
    )
    assert (len(found.problems), list(found.definitions)) == (3, ["ok"])


def test_a_module_wins_over_the_configuration() -> None:
    celery_app = SimpleNamespace(conf=SimpleNamespace(beat_schedule={"a": {"task": "x", "schedule": 1}}))
    module = SimpleNamespace(
        CELERY_BEAT_SCHEDULE={"a": {"task": "y", "schedule": 1}}, beat_schedule="no mapping"
    )
    found = read(celery_app, [module], "UTC", NOON, whole=True)
    assert found.definitions["a"].task_name == "y"


numbers = st.sets(st.integers(0, 59), min_size=1, max_size=5)


@given(
    minute=st.one_of(st.just("*"), st.integers(2, 30).map("*/{}".format), numbers),
    hour=st.one_of(
        st.just("*"), st.integers(2, 12).map("*/{}".format), st.sets(st.integers(0, 23), min_size=1)
    ),
    day=st.one_of(st.just("*"), st.sets(st.integers(1, 28), min_size=1, max_size=4)),
)
def test_a_crontab_fires_as_celery_fires_it(minute: Any, hour: Any, day: Any) -> None:
    """In UTC, where the two do not differ about clock changes."""
    celery_app = SimpleNamespace(timezone=UTC, conf=SimpleNamespace(enable_utc=True), now=lambda: NOON)
    value = crontab(minute, hour, day_of_month=day, nowfun=lambda: at, app=celery_app)
    found = entries({"x": {"task": "t", "schedule": value}}).definitions["x"]
    ours = timing_of(found, None)
    ours = timing.Timing(task_type="cron", cron_schedule=ours.cron_schedule, timezone="UTC")
    at = NOON
    for _ in range(5):
        expected = at + value.remaining_estimate(at)
        following = timing.next_fire(ours, at)
        assert following == expected.replace(microsecond=0)
        at = following


def test_what_a_worker_tells_of_them_is_read_in_the_words_of_the_reader() -> None:
    """Also the sentence within the sentence that says what is allowed."""
    reader = Flask("reader")
    Babel(reader, default_translation_directories=str(PROJECT / "app" / "translations"))
    for cron, english, chinese in (
        ("0 0 31 2 *", "This never fires", "永远不会触发"),
        ("61 * * * *", "“61” does not fit. Minute takes", "0 到 59"),
    ):
        with pytest.raises(timing.TimingError) as error:
            timing.parse_cron(cron, "UTC", NOON)
        sentence = error.value.sentence
        assert error.value.message.startswith(english)
        told = json.loads(json.dumps(Said.of(sentence).model_dump()))
        with reader.test_request_context(), force_locale("zh_Hans_CN"):
            words = str(Said.model_validate(told))
        assert chinese in words
        assert "takes" not in words
