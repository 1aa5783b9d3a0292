"""What other schedulers keep is read as they mean it; what spoils one entry spoils no other."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import celery
import pytest
import redis as redis_client
from celery.schedules import crontab, schedule, solar
from flask import Flask
from sqlalchemy import create_engine, text

from app.catalog import published
from app.errors import Invalid
from app.schedules import foreign
from app.schedules.foreign.entries import Clocked, Crontab, Entry, Interval, Other
from app.setting_values import scheduler_url
from celeriac_agent import tasks
from tests.schedules.foreign.conftest import RECORDED, Sqlite, url_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MASK = "••••••"


def by_name(source: foreign.Source) -> dict[str, Entry]:
    return {one.name: one for one in foreign.read(source).entries}


def test_django_celery_beat(django: foreign.Source) -> None:
    found = by_name(django)
    assert len(found) == 18
    nightly = found["Nightly"]
    assert nightly.timing == Crontab("30", "3", "*", "*", "*")
    assert (nightly.task_name, nightly.args, nightly.timezone) == ("sample_tasks.plain", [1], "Europe/Berlin")
    assert (nightly.enabled, nightly.run_count, nightly.note) == (True, 40, "The nightly totals")
    assert nightly.last_run_at == datetime(2026, 11, 20, 2, 30, 0, 8000, tzinfo=UTC)
    assert found["First Monday"].timing == Crontab("0", "6", "1-7", "*", "1")
    assert found["Every ten minutes"].timing == Interval(600.0)
    assert found["At Christmas"].timing == Clocked(datetime(2026, 12, 24, 17, tzinfo=UTC))
    assert isinstance(found["Sunset"].timing, Other)
    assert (found["Off there"].enabled, found["Only once"].one_off) == (False, True)
    window = found["In a window"]
    assert window.starts_at == datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
    assert window.ends_at == datetime(2026, 12, 31, 8, 30, tzinfo=UTC)
    options = found["With options"]
    assert (options.queue, options.priority, options.message_ttl_seconds) == ("mail", 2, 120)
    assert options.kwargs == {"b": {"token": "abc"}}
    assert "tenant" in found["With headers"].problems[0]
    assert "routing key" in found["By a route"].problems[0]
    assert "JSON" in found["Not JSON"].problems[0]


def test_one_bad_value_spoils_one_entry(django: foreign.Source) -> None:
    with closing(sqlite3.connect(django.url.removeprefix("sqlite:///"))) as connection:
        connection.execute(
            "UPDATE django_celery_beat_periodictask SET last_run_at = 'soon' WHERE name = 'Nightly'"
        )
        connection.execute("DELETE FROM django_celery_beat_intervalschedule WHERE id = 1")
        connection.commit()
    found = by_name(django)
    assert "last_run_at" in found["Nightly"].problems[0]
    assert found["Every ten minutes"].timing == Other("", "Its timing is not there.")
    assert len(found) == 18


def test_an_older_version_has_fewer_columns(django: foreign.Source) -> None:
    with closing(sqlite3.connect(django.url.removeprefix("sqlite:///"))) as connection:
        for column in ("headers", "expire_seconds"):
            connection.execute(f"ALTER TABLE django_celery_beat_periodictask DROP COLUMN {column}")
        connection.execute("DROP TABLE django_celery_beat_clockedschedule")
        connection.commit()
    assert by_name(django)["Nightly"].problems == []


def alike(found: dict[str, Entry]) -> None:
    """What the recordings of sqlalchemy-celery-beat have in common."""
    assert found["Nightly"].timing == Crontab("30", "3", "*", "*", "*")
    assert (found["Nightly"].timezone, found["Nightly"].note) == ("Europe/Berlin", "The nightly totals")
    assert found["Nightly"].last_run_at == datetime(2026, 11, 20, 2, 30, 0, 8000, tzinfo=UTC)
    assert found["Every ten minutes"].timing == Interval(600.0)
    assert found["At Christmas"].timing == Clocked(datetime(2026, 12, 24, 17, tzinfo=UTC))
    assert found["Sunset"].timing.name.startswith("sunset (52.5")  # type: ignore[union-attr]
    assert (found["Off there"].enabled, found["Only once"].one_off) == (False, True)
    assert found["With options"].message_ttl_seconds == 120
    assert [one.problems for one in found.values() if one.problems] == []


def test_sqlalchemy_celery_beat(app: Flask, sqlite: Sqlite) -> None:
    alike(by_name(foreign.of_url("sqlalchemy-celery-beat", sqlite("sqlalchemy-celery-beat"))))


def test_sqlalchemy_celery_beat_in_a_schema_of_postgresql(app: Flask, postgresql_url: str) -> None:
    """Enums, moments with zones, a schema that nobody named; and nothing can be written there."""
    (recorded,) = RECORDED.glob("sqlalchemy-*.postgresql.sql")
    source = foreign.of_url("sqlalchemy-celery-beat", postgresql_url)
    engine = create_engine(source.url)
    try:
        with engine.begin() as connection:
            connection.execute(text(recorded.read_text()))
        alike(by_name(source))
        assert "postgres:" not in source.taken_from
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA IF EXISTS celery_schema CASCADE"))
            connection.execute(text("DROP TYPE IF EXISTS period, solarevent"))
        engine.dispose()


def test_redbeat(redbeat: str) -> None:
    source = foreign.of_url("redbeat", f"{redbeat}&timezone=Europe/Berlin")
    found = by_name(source)
    assert len(found) == 12
    assert found["Nightly"].timing == Crontab("30", "3", "*", "*", "*")
    assert found["Nightly"].timezone == "Europe/Berlin"
    assert found["Nightly"].last_run_at == datetime(2026, 11, 20, 2, 30, 0, 8000, tzinfo=UTC)
    assert found["Lists"].timing == Crontab("0,30", "8,20", "*", "*", "mon-fri")
    assert found["Every ten minutes"].timing == Interval(600.0)
    assert found["On the hour"].timing == Interval(3600.0, relative=True)
    assert found["Every other week"].timing.name == "rrule"  # type: ignore[union-attr]
    assert found["Off there"].enabled is False
    assert found["Group:a"].args == [1]
    options = found["With options"]
    assert (options.queue, options.priority, options.message_ttl_seconds) == ("mail", 2, 120)
    assert "countdown" in found["With a countdown"].problems[0]


def test_a_lock_of_redbeat_says_that_it_runs(redbeat: str, redis: redis_client.Redis) -> None:
    source = foreign.of_url("redbeat", redbeat)
    assert foreign.read(source).alive is False
    redis.set("redbeat::lock", "c55601aae62c11f1bfc902fc00000001", ex=1500)
    assert foreign.read(source).alive is True


def test_a_broken_hash_of_redbeat_spoils_no_other(redbeat: str, redis: redis_client.Redis) -> None:
    redis.hset("redbeat:Nightly", "definition", "{")
    redis.delete("redbeat:Lists")
    found = by_name(foreign.of_url("redbeat", redbeat))
    assert "cannot be read" in found["Nightly"].timing.why  # type: ignore[union-attr]
    assert "cannot be read" in found["Lists"].timing.why  # type: ignore[union-attr]
    assert found["Group:a"].timing == Interval(45.0)


class Moon(schedule):  # type: ignore[misc]
    """A schedule of somebody's own."""


def publish(entries: dict[str, Any], change: Any = None, **conf: Any) -> foreign.Source:
    theirs = celery.Celery("shop", broker="redis://127.0.0.1:1/0", set_as_current=False)
    theirs.conf.update(beat_schedule=entries, **conf)
    told = json.loads(json.dumps({"app": "shop"} | tasks.document(theirs), default=str))
    if change:
        change(told["schedules"])
    published.take_in("shop", tasks.digest(told), told, NOW)
    published.forget_what_was_read()
    return foreign.of_url("beat-schedule", "shop")


def test_the_beat_schedule_of_an_app_with_the_agent(app: Flask) -> None:
    sunset = object.__new__(solar)  # which would ask for the package ephem
    sunset.event, sunset.lat, sunset.lon = "sunset", 52.5, 13.4
    every: dict[str, Any] = {
        "nightly": {"task": "shop.totals", "schedule": crontab(30, 3, day_of_week="mon-fri"), "args": (1,)},
        "lists": {"task": "shop.totals", "schedule": crontab({0, 30}, [8])},
        "plain": {"task": "shop.totals", "schedule": 90, "options": {"queue": "mail", "expires": 60}},
        "delta": {"task": "shop.totals", "schedule": timedelta(minutes=5), "relative": True},
        "object": {"task": "shop.totals", "schedule": schedule(90)},
        "sunset": {"task": "shop.totals", "schedule": sunset},
        "moon": {"task": "shop.totals", "schedule": Moon(60)},
        "clock": {"task": "shop.totals", "schedule": crontab(nowfun=lambda: NOW)},
        "secret": {"task": "shop.totals", "schedule": 60, "kwargs": {"password": "hunter2", "a": 1}},
        "broken": {"schedule": 60},
    }
    source = publish(every, timezone="Europe/Berlin")
    assert [one.id for one in foreign.sources()] == ["beat-schedule:shop"]
    found = by_name(source)
    assert found["nightly"].timing == Crontab("30", "3", "*", "*", "mon-fri")
    assert (found["nightly"].timezone, found["nightly"].args) == ("Europe/Berlin", [1])
    assert found["lists"].timing == Crontab("0,30", "8")
    assert found["plain"].timing == found["object"].timing == Interval(90.0)
    assert (found["plain"].queue, found["plain"].message_ttl_seconds) == ("mail", 60)
    assert found["delta"].timing == Interval(300.0, relative=True)
    kinds = {name: found[name].timing.name for name in ("moon", "clock", "sunset")}  # type: ignore[union-attr]
    assert kinds == {"moon": "Moon", "clock": "crontab with a nowfun", "sunset": "sunset (52.5, 13.4)"}
    assert found["secret"].kwargs == {"password": MASK, "a": 1}
    assert "do not leave its process" in found["secret"].problems[0]
    assert "cannot be read" in found["broken"].timing.why  # type: ignore[union-attr]


def test_a_beat_schedule_that_is_none_spoils_no_catalog(app: Flask) -> None:
    theirs = celery.Celery("shop", broker="redis://127.0.0.1:1/0", set_as_current=False)
    theirs.conf.update(beat_schedule=["nightly"])
    told = tasks.document(theirs)
    assert told["schedules"] is None
    published.take_in("shop", tasks.digest(told), json.loads(json.dumps(told, default=str)), NOW)
    published.forget_what_was_read()
    assert foreign.sources() == []


def test_agents_of_other_versions(app: Flask) -> None:
    """What is not known is kept out and said; an older agent tells of no schedules at all."""
    entries = {"a": {"task": "t", "schedule": 60}}

    def more(told: dict[str, Any]) -> None:
        told["entries"][0]["moon"] = "full"

    assert "moon" in by_name(publish(entries, more))["a"].problems[0]
    source = publish(entries, lambda told: told.update(v=2), timezone="Asia/Tokyo")
    assert [one.id for one in foreign.sources()] == ["beat-schedule:shop"]
    with pytest.raises(foreign.Unreadable, match="version 2"):
        foreign.read(source)
    with pytest.raises(foreign.Unreadable, match="No worker of the app mail"):
        foreign.read(foreign.of_url("beat-schedule", "mail"))


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("django-celery-beat", "sqlite:////nowhere/beat.db", "unable to open"),
        ("django-celery-beat", "sqlite:////dev/null", "no table django_celery_beat_periodictask"),
        ("django-celery-beat", "mysql://a:b@127.0.0.1/x", "no driver"),
        ("sqlalchemy-celery-beat", "postgresql://u:hunter2@127.0.0.1:1/x", "cannot be read"),
        ("redbeat", "redis://:hunter2@127.0.0.1:1/0", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said_without_its_password(
    app: Flask, kind: str, url: str, words: str
) -> None:
    with pytest.raises(foreign.Unreadable, match=words) as caught:
        foreign.read(foreign.of_url(kind, url))
    assert "hunter2" not in caught.value.detail


def test_a_redis_without_redbeat(app: Flask, redis: redis_client.Redis) -> None:
    source = foreign.of_url("redbeat", f"{url_of(redis)}&key_prefix=shop:")
    with pytest.raises(foreign.Unreadable, match="no keys of RedBeat that begin with shop:"):
        foreign.read(source)


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("cron", "x", "Choose one of"),
        ("redbeat", "http://a", "redis://"),
        ("redbeat", "redis://a/0?timezone=Mars", "time zone"),
        ("django-celery-beat", "beat.db", "sqlite:"),
        ("django-celery-beat", "postgresql://a:port/x", "sqlite:"),
    ],
)
def test_a_wrong_url_says_what_is_allowed(app: Flask, kind: str, url: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        foreign.of_url(kind, url)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (
            "django-celery-beat",
            "postgres://u:p@localhost/shop",
            "postgresql+psycopg://me@127.0.0.1:5432/shop",
        ),
        ("redbeat", "redis://:p@localhost", "redis://127.0.0.1:6379/0?timezone=Europe/Berlin"),
    ],
)
def test_a_place_is_the_same_however_it_is_spelled(app: Flask, kind: str, one: str, other: str) -> None:
    assert foreign.of_url(kind, one).taken_from == foreign.of_url(kind, other).taken_from
    assert scheduler_url(kind, one)


def test_prefixes_of_redbeat_are_other_places(app: Flask) -> None:
    places = {foreign.of_url("redbeat", f"redis://a/1{more}").taken_from for more in ("", "?key_prefix=b:")}
    assert len(places) == 2


def test_reading_writes_no_file(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(foreign.Unreadable):
        foreign.read(foreign.of_url("django-celery-beat", f"sqlite:///{tmp_path}/none.db"))
    assert list(tmp_path.iterdir()) == []
