"""The page of other schedulers, and the same over REST: look, take over, undo, say that they are stopped."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.config import ConfigError, load_settings
from app.extensions import db
from app.schedules import Schedule, foreign
from tests.schedules.foreign.conftest import Sqlite

SignedIn = Callable[..., FlaskClient]
Post = Callable[..., TestResponse]
SHOP = "django-celery-beat:shop"
OTHERS = "/schedules/others"


@pytest.fixture
def shop(app: Flask, sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch) -> foreign.Source:
    """django-celery-beat, as CELERIAC_SCHEDULERS names it."""
    named = {"shop": ("django-celery-beat", sqlite("django-celery-beat"))}
    monkeypatch.setattr(app.config["SETTINGS"], "schedulers", named)
    return foreign.by_id(SHOP)


def rows() -> dict[str, Schedule]:
    db.session.rollback()
    return {row.name: row for row in db.session.scalars(select(Schedule))}


def test_the_page_shows_both_and_says_how_nothing_fires_twice(
    shop: foreign.Source, signed_in: SignedIn
) -> None:
    browser = signed_in("viewer")
    page = browser.get(OTHERS).text
    assert "Nothing fires twice" in page
    assert "Every day at 03:30" in page
    nightly = page.split("<b>Nightly</b>")[1].split("</tr>")[0]
    times = re.findall(r'datetime="([^"]+)"', nightly)
    assert times[:3] == times[3:6] != []
    once = page.split("<b>Only once</b>")[1].split("</tr>")[0]
    assert once.count("<time") == 2  # one there and one here
    assert "both the day of month and the day of week match" in page
    assert "Sunrise and sunset" in page
    assert "abc" not in page.split("<b>With options</b>")[1].split("</tr>")[0]  # a token
    assert "take-over" not in page  # a viewer's page has no buttons


def test_who_has_no_schedules_yet_is_led_there(shop: foreign.Source, signed_in: SignedIn) -> None:
    for role in ("viewer", "operator"):
        page = signed_in(role).get("/schedules").text
        assert "No schedules yet" in page
        assert 'href="/schedules/others"' in page


def test_one_is_taken_over_and_undone(shop: foreign.Source, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    assert f"{OTHERS}/take-over?source=" in browser.get(OTHERS).text
    asked = browser.get(f"{OTHERS}/take-over?source={SHOP}&entry=Nightly").text
    assert "Take over 1 schedule" in asked
    assert "django_celery_beat.schedulers:DatabaseScheduler" in asked
    answer = post(browser, f"{OTHERS}/take-over", {"source": SHOP, "entry": "Nightly"})
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.location).text
    assert "1 schedule is off until it is stopped" in page
    row = rows()["Nightly"]
    assert row.enabled is False
    shown = browser.get(f"/schedules/{row.id}").text
    assert "Taken over from" in shown
    assert "off until that is stopped" in shown
    undo = re.search(r'name="done_at" value="([^"]+)"', page)
    assert undo
    post(browser, "/schedules/undo", {"done_at": undo[1]})
    assert rows() == {}


def test_all_are_taken_over_and_turned_on_when_it_is_stopped(
    shop: foreign.Source, signed_in: SignedIn, post: Post
) -> None:
    browser = signed_in("operator")
    asked = browser.get(f"{OTHERS}/take-over?source={SHOP}").text
    names = re.findall(r'name="entry" value="([^"]+)"', asked)
    assert len(names) == 9
    post(browser, f"{OTHERS}/take-over", {"source": SHOP, "entry": names})
    assert {row.enabled for row in rows().values()} == {False}
    switch = post(browser, f"/schedules/{rows()['Nightly'].id}/switch", {"enabled": "1"}, htmx=True)
    assert "Stop the other scheduler" in switch.text
    form = {"taken_from": shop.taken_from}
    asked = browser.get(f"{OTHERS}/stopped", query_string=form).text
    assert "8 schedules are turned on here" in asked
    assert post(browser, f"{OTHERS}/stopped", form).status_code == 422
    assert {row.enabled for row in rows().values()} == {False}
    answer = post(browser, f"{OTHERS}/stopped", form | {"sure": "1"})
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.location).text
    assert "It is stopped" in page
    assert "Nightly, Only once" in page  # and not what was off there
    assert sum(row.enabled for row in rows().values()) == 8


def test_a_scheduler_that_fires_is_named_in_the_question(
    shop: foreign.Source, signed_in: SignedIn, post: Post
) -> None:
    browser = signed_in("operator")
    post(browser, f"{OTHERS}/take-over", {"source": SHOP, "entry": "Nightly"})
    with closing(sqlite3.connect(shop.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE django_celery_beat_periodictask SET last_run_at = datetime('now')")
        connection.commit()
    answer = post(browser, f"{OTHERS}/stopped", {"taken_from": shop.taken_from, "sure": "1"}, htmx=True)
    assert answer.status_code == 422
    assert "Stop it, and say so five minutes after its last fire" in answer.text
    assert "Is the other scheduler stopped?" in answer.text
    assert not rows()["Nightly"].enabled


def test_what_cannot_be_read_is_said(
    app: Flask, signed_in: SignedIn, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"mail": ("redbeat", "redis://:hunter2@127.0.0.1:1/0")}
    monkeypatch.setattr(app.config["SETTINGS"], "schedulers", named)
    page = signed_in("viewer").get(OTHERS).text
    assert "It cannot be read" in page
    assert "hunter2" not in page


def test_who_may_and_what_is_refused(shop: foreign.Source, signed_in: SignedIn, post: Post) -> None:
    form = {"source": SHOP, "entry": "Nightly"}
    for path in ("take-over", "stopped"):
        assert post(signed_in("viewer"), f"{OTHERS}/{path}", form).status_code == 403
    browser = signed_in("operator")
    assert post(browser, f"{OTHERS}/take-over", {"source": "none", "entry": "x"}).status_code == 404
    assert post(browser, f"{OTHERS}/take-over", {"source": SHOP}).status_code == 422
    assert post(browser, f"{OTHERS}/take-over", {"source": SHOP, "entry": "None such"}).status_code == 422
    assert "No other scheduler" not in browser.get(OTHERS).text
    assert rows() == {}


def test_over_rest(shop: foreign.Source, caller: Callable[[str], Any]) -> None:
    api = caller("operator")
    (item,) = api.get("/schedulers").json["items"]
    assert (item["id"], item["entries"], item["waiting"], item["problem"]) == (SHOP, 18, 0, "")
    page = api.get(f"/schedulers/{SHOP}/entries?limit=10").json
    more = api.get(f"/schedulers/{SHOP}/entries?limit=10&cursor={page['next_cursor']}").json
    entries = {one["name"]: one for one in [*page["items"], *more["items"]]}
    assert (len(entries), more["next_cursor"]) == (18, None)
    nightly = entries["Nightly"]
    assert nightly["fires"] == nightly["here"] != []
    assert (nightly["timing"], nightly["timezone"]) == ("30 3 * * *", "Europe/Berlin")
    assert entries["With options"]["kwargs"] == {"b": {"token": "••••••"}}
    assert entries["Sunset"]["problems"] != []
    for _ in range(2):
        answer = api.post(f"/schedulers/{SHOP}/take-over", json={"entries": ["Nightly", "Sunset"]})
        outcomes = {one["name"]: one for one in answer.json["outcomes"]}
        assert (outcomes["Nightly"]["done"], outcomes["Sunset"]["done"]) == (True, False)
        assert outcomes["Nightly"]["id"] == rows()["Nightly"].id
    assert api.post(f"/schedules/{rows()['Nightly'].id}/enable").json["code"] == "other-scheduler"
    answer = api.post(f"/schedulers/{SHOP}/stopped")
    assert [one["done"] for one in answer.json["outcomes"]] == [True]
    assert rows()["Nightly"].enabled


def test_rest_refuses(shop: foreign.Source, caller: Callable[[str], Any]) -> None:
    api = caller("operator")
    assert caller("viewer").post(f"/schedulers/{SHOP}/take-over", json={}).status_code == 403
    assert api.get("/schedulers/none/entries").status_code == 404
    assert "cursor" in api.get(f"/schedulers/{SHOP}/entries?cursor=x").json["errors"]
    assert "entries" in api.post(f"/schedulers/{SHOP}/take-over", json={"entries": ["x"]}).json["errors"]
    assert "entries" in api.post(f"/schedulers/{SHOP}/take-over", json={"entries": []}).json["errors"]


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CELERIAC_SCHEDULERS",
        "shop=django-celery-beat+postgresql://u:a,b@db/shop"
        ",mail=redbeat+redis://10.0.0.5/1?timezone=Europe/Berlin",
    )
    assert load_settings().schedulers == {
        "shop": ("django-celery-beat", "postgresql+psycopg://u:a,b@db/shop"),
        "mail": ("redbeat", "redis://10.0.0.5/1?timezone=Europe/Berlin"),
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("shop", "name=kind\\+URL"),
        ("shop=cron+sqlite:///x", "django-celery-beat, sqlalchemy-celery-beat, redbeat"),
        ("shop=redbeat+http://x", "redis://"),
        ("shop=redbeat+redis://x/0?timezone=Mars", "time zone"),
        ("shop=django-celery-beat+x", "sqlite:"),
        ("shop=redbeat+redis://u:hunter,2@h/x", "//\\*\\*\\*@h"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    monkeypatch.setenv("CELERIAC_SCHEDULERS", value)
    with pytest.raises(ConfigError, match=f"CELERIAC_SCHEDULERS.*{words}"):
        load_settings()
