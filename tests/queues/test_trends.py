"""How the depth of a queue went, and what is said of it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app import broker, queues
from app.broker import Sample
from app.clock import utcnow
from app.pages.queues import trends
from app.queues import Trend, tendency
from app.recorder.recorder import Recorder
from app.workers import deploys

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)


def trend(*depths: int, waiting: int = 0, now: datetime = NOW) -> Trend:
    """One sample each half minute, the last of them half a minute ago."""
    first = now - len(depths) * HALF_MINUTE
    return Trend([Sample(first + n * HALF_MINUTE, depth, 0) for n, depth in enumerate(depths)], waiting, now)


def sampled(queue: str, *depths: int, now: datetime) -> None:
    for number, depth in enumerate(depths):
        slot = broker.slot_of(now) - len(depths) + number
        broker.client().hset(broker.keys().samples(queue), str(slot % 240), f"{slot} {depth} 0")


@pytest.mark.parametrize(
    ("came_in", "went_out", "waiting", "lately", "word"),
    [
        (6.4, 6.0, 37, None, "growing-slowly"),
        (6.4, 6.0, 37, 2, "growing-slowly"),
        (6.4, 6.0, 37, -2, None),
        (6.4, 6.0, 0, None, None),
        (8.0, 6.1, 5, 0, "growing-slowly"),
        (8.0, 6.0, 5, 10, "growing"),
        (8.0, 0.0, 5, None, "growing"),
        (0.0, 8.0, 5, -40, "draining"),
        (7.5, 8.0, 5, None, "draining"),
        (7.5, 8.0, 5, 1, None),
        (0.0, 8.0, 0, None, None),
        (6.3, 6.0, 5, None, "steady"),
        (6.0, 6.0, 0, None, "steady"),
        (100.0, 104.9, 5, None, "steady"),
        (1.0, 0.8, 5, None, "steady"),
        (0.8, 0.0, 5, None, None),
        (0.0, 0.0, 5, 5, None),
    ],
)
def test_the_word_for_a_rate(
    came_in: float, went_out: float, waiting: int, lately: int | None, word: str | None
) -> None:
    assert tendency(came_in, went_out, waiting, lately) == word


RATES = st.floats(0, 1e6)


@given(RATES, RATES, st.integers(0, 100), st.none() | st.integers(-1000, 1000))
def test_no_word_contradicts_the_figures(
    came_in: float, went_out: float, waiting: int, lately: int | None
) -> None:
    word = tendency(came_in, went_out, waiting, lately)
    if word and word.startswith("growing"):
        assert came_in > went_out
        assert waiting
        assert lately is None or lately >= 0
    if word == "draining":
        assert came_in < went_out
        assert waiting
        assert lately is None or lately <= 0


def test_a_trend_needs_ten_samples(app: Flask) -> None:
    few = trend(*range(9), waiting=4)
    assert not few.known
    assert trends.change(few) == ""
    assert trends.drawn(few) is None
    enough = trend(*range(10), waiting=4)
    assert (enough.known, enough.change, enough.minutes, enough.most) == (True, 4, 5, 9)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (25, 37, "up 12 in the last 30 min"),
        (12_037, 37, "down 12,000 in the last 30 min"),
        (4, 4, "unchanged in the last 30 min"),
    ],
)
def test_what_is_said_of_half_an_hour(app: Flask, first: int, last: int, words: str) -> None:
    assert trends.change(trend(first, *[9] * 59, waiting=last)) == words


def test_the_last_five_minutes() -> None:
    assert trend(*[3] * 20, waiting=5).lately == 2
    assert trend(*[3] * 9, waiting=5).lately is None
    old = Trend([Sample(NOW - timedelta(minutes=20), 3, 0)], 5, NOW)
    assert old.lately is None


@given(st.lists(st.integers(0, 10**9), min_size=10, max_size=61), st.integers(0, 10**9))
def test_the_drawing_is_small_and_stays_within_its_edges(depths: list[int], waiting: int) -> None:
    drawn = trends.drawn(trend(*depths, waiting=waiting))
    assert drawn
    assert len(drawn.line) + len(drawn.area) < 3000
    numbers = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", drawn.line)]
    assert len(numbers) == len(depths) + 1
    assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in numbers)
    assert [x for x, _y in numbers] == sorted(x for x, _y in numbers)


def test_the_drawing_breaks_where_nobody_sampled() -> None:
    whole = trends.drawn(trend(*[1] * 12, waiting=1))
    samples = trend(*[1] * 20, waiting=1).samples
    broken = trends.drawn(Trend([*samples[:6], *samples[14:]], 1, NOW))
    assert whole
    assert broken
    assert (whole.line.count("M"), broken.line.count("M")) == (1, 2)


def test_one_half_minute_that_is_missing_does_not_break_it() -> None:
    samples = trend(*[1] * 20, waiting=1).samples
    drawn = trends.drawn(Trend([*samples[:6], *samples[7:]], 1, NOW))
    assert drawn
    assert drawn.line.count("M") == 1


@pytest.fixture
def viewer(signed_in: Callable[..., FlaskClient]) -> FlaskClient:
    return signed_in("viewer", "vic")


def test_the_page_draws_and_says_it(viewer: FlaskClient, submit: Callable[..., str]) -> None:
    submit()
    assert "sparkline" not in viewer.get("/queues/default").text
    sampled("default", *range(25, 5, -1), now=utcnow())
    text = viewer.get("/queues/default").text
    assert re.search(r"down 24 in the last \d+ min", text)
    drawing = re.search(r"<svg class=\"sparkline\".*?</svg>", text)
    assert drawing
    assert len(drawing[0]) < 4096
    assert "style=" not in drawing[0]
    svg = ElementTree.fromstring(drawing[0])
    assert svg.get("role") == "img"
    assert re.fullmatch(
        r"Waiting in the last \d+ min: 25 at first, at most 25, now 1\.", svg.get("aria-label", "")
    )


def test_the_page_marks_a_deploy_in_it(viewer: FlaskClient) -> None:
    sampled("default", *range(25, 5, -1), now=utcnow())
    for minutes, code in ((60, "a"), (4, "b")):
        deploys.note("celeriac", "w1", {"code": code}, utcnow() - timedelta(minutes=minutes))
    drawing = re.search(r"<svg class=\"sparkline\".*?</svg>", viewer.get("/queues/default").text)
    assert drawing
    svg = ElementTree.fromstring(drawing[0])
    assert "deploy: w1 with other code" in svg.get("aria-label", "")
    assert len(svg.findall("path[@class='happened deploy']")) == 1


def test_the_list_draws_what_moved(viewer: FlaskClient) -> None:
    sampled("default", *range(20), now=utcnow())
    sampled("mail", *[0] * 20, now=utcnow())
    assert viewer.get("/queues").text.count('class="sparkline"') == 1


def test_a_queue_without_workers_says_so(viewer: FlaskClient) -> None:
    assert "no worker listens to it" in viewer.get("/queues").text
    assert "no worker listens to it" in viewer.get("/queues/mail").text


def test_the_api_tells_two_hours(viewer: FlaskClient) -> None:
    assert viewer.get("/api/v1/queues/default/depths").json == {"items": [], "next_cursor": None}
    sampled("default", *range(100), now=utcnow())
    found = viewer.get("/api/v1/queues/default/depths").get_json()["items"]
    assert [one["waiting"] for one in found] == list(range(100))
    assert set(found[0]) == {"at", "waiting", "held"}
    assert viewer.get("/api/v1/queues/nowhere/depths").status_code == 404


def test_the_recorder_samples_each_half_minute_once(
    app: Flask, redis: Any, submit: Callable[..., str]
) -> None:
    recorder, other = Recorder(app, redis, "one"), Recorder(app, redis, "two")
    start = datetime.fromtimestamp(utcnow().timestamp() // 30 * 30, UTC)
    submit()
    submit(queue="seldom")
    recorder.turn(start)
    submit()
    recorder.turn(start + timedelta(seconds=20))  # the same half minute: nothing is looked at again
    until = start + timedelta(minutes=1)
    assert [one.waiting for one in queues.history("default", until)] == [1]
    recorder.turn(start + HALF_MINUTE)
    other.turn(start + HALF_MINUTE)
    assert [one.waiting for one in queues.history("default", until)] == [1, 2]
    assert [one.waiting for one in queues.history("seldom", until)] == [1, 1]
    assert [one.waiting for one in queues.history("mail", until)] == [0, 0]


def test_the_recorder_goes_on_without_the_samples(app: Flask, redis: Any, submit: Callable[..., str]) -> None:
    submit()
    Recorder(app, redis, "one").turn(NOW)
    redis.delete(broker.keys().samples("default"))
    assert queues.history("default", NOW) == []
    assert queues.find("default", NOW).trend.known is False
    Recorder(app, redis, "one").turn(NOW)
    assert len(queues.history("default", NOW)) == 1
