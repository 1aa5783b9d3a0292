"""The throughput: steps on the viewer's clock, failures that stand out, a small drawing."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app.extensions import transaction
from app.overview import SPANS, Throughput
from app.overview.throughput import Cluster, throughput
from app.pages.overview.throughput import DOWN, UP, _bars, _stairs, chart, table
from app.runs import SLOT, Ended
from app.runs.statistics import RunSlot, slot_of
from app.web.charts import count_axis

Count = Callable[..., None]
SignedIn = Callable[[str], FlaskClient]
NOW = datetime(2026, 11, 20, 12, 33, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
counts = st.builds(Ended, st.integers(0, 100_000), st.integers(0, 5000))


def of(*failed: int, span: str = "6h") -> Throughput:
    return Throughput(span, NOW - timedelta(hours=6), SLOT, [Ended(50, one) for one in failed])


@pytest.mark.database
@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York"])
def test_steps_are_those_of_the_viewers_clock(app: Flask, ended: Count, span: str, zone: str) -> None:
    length, step = SPANS[span]
    ended(NOW, succeeded=2)
    ended(NOW - length, failed=9)  # before the first step, or in it where it began earlier
    found = throughput(span, NOW, ZoneInfo(zone))
    assert len(found.ended) == length / step
    assert found.at(len(found.ended) - 1) <= NOW < found.at(len(found.ended))
    local = found.from_at.astimezone(ZoneInfo(zone))
    assert (timedelta(minutes=local.minute, seconds=local.second) % step) == timedelta()
    assert found.ended[-1].succeeded == 2
    assert found.whole.failed == 0


def test_another_span_is_refused(app: Flask) -> None:
    with pytest.raises(KeyError):
        throughput("99y", NOW, ZONE)


@pytest.mark.parametrize(
    ("failed", "cluster"),
    [
        ([0] * 60 + [3, 7, 5, 2] + [0] * 8, Cluster(60, 63, 17)),
        ([1] + [0] * 30 + [5] + [0] * 20 + [4, 4] + [0] * 20, Cluster(52, 53, 8)),
        ([0] * 71 + [4], None),  # too few to be worth a word
        ([0] * 71 + [5], Cluster(71, 71, 5)),
        ([3, 4, 2, 5, 3, 4] * 12, None),  # they fail all the time
        ([1] * 72, None),
        ([0] * 72, None),
    ],
)
def test_failures_that_stand_out(failed: list[int], cluster: Cluster | None) -> None:
    assert of(*failed).cluster == cluster


@given(
    st.sampled_from([12, 72, 96, 168]).flatmap(lambda steps: st.lists(counts, min_size=steps, max_size=steps))
)
def test_the_paths_are_short_and_stay_inside(ended_runs: list[Ended]) -> None:
    above = count_axis(max(one.succeeded for one in ended_runs), most=2)
    below = count_axis(max(one.failed for one in ended_runs), most=1)
    area = _stairs([one.succeeded for one in ended_runs], above)
    bars = _bars([one.failed for one in ended_runs], below)
    assert len(area) + len(bars) <= 2900
    start = re.match(rf"M-1 {UP}V(\d+)h1", area)
    assert start is not None
    y, x = int(start[1]), 0
    for across, up in re.findall(r"h(\d+)v(-?\d+)", area[start.end() :]):
        x, y = x + int(across), y + int(up)
        assert 0 <= y <= UP
    last = re.search(rf"h(\d+)V{UP}Z$", area)
    assert last is not None
    assert x + int(last[1]) == len(ended_runs) + 1
    assert abs(y - UP * (1 - ended_runs[-1].succeeded / above.top)) <= 0.5
    lengths = [int(text) for text in re.findall(r"v(\d+)", bars)]
    assert all(0 < length <= DOWN for length in lengths)
    assert len(lengths) == sum(one.failed > 0 for one in ended_runs)


def test_words_and_the_table(app: Flask) -> None:
    with app.test_request_context():
        found = of(*[0] * 60, 3, 7, 5, 2, *[0] * 8)
        drawn = chart(found)
        assert drawn.event is not None
        assert (drawn.event.label, drawn.event.before) == ("17 failed, 11:33 to 11:53", True)
        assert "3600 runs succeeded; 17 failed; 17 failed, 11:33 to 11:53" in drawn.summary
        assert [line.ended.failed for line in table(found)][:13] == [*[0] * 8, 2, 5, 7, 3, 0]
        early = chart(of(0, 9, 0, *[0] * 60))
        assert early.event is not None
        assert (early.event.at, early.event.before) == (round(200 / 63, 2), False)


def test_nothing_failed_has_an_axis_all_the_same(app: Flask) -> None:
    with app.test_request_context():
        drawn = chart(of(0, 0, 0))
        assert (drawn.bad, drawn.event, [tick.label for tick in drawn.failures]) == ("", None, ["0"])


class TestPage:
    def test_the_card(self, app: Flask, signed_in: SignedIn) -> None:
        chance, at = random.Random(4), slot_of(datetime.now(UTC))
        with transaction() as session:
            for back in range(7 * 288):
                good, bad = chance.randrange(90_000), chance.randrange(900)
                session.add(RunSlot(slot_at=at - back * SLOT, succeeded=good, failed=bad))
        browser = signed_in("viewer")
        for span in SPANS:
            page = browser.get("/", query_string={"last": span}).text
            card = page[page.index('id="throughput"') : page.index('id="next-hour"')]
            figure = card[card.index("<figure") : card.index("</figure>")]
            assert len(figure) <= 4096
            assert "style=" not in figure
            assert f'last={span}" aria-current="true"' in card
            assert "Show as table" in card
            assert "<table" not in card

    def test_the_table_is_an_address_of_its_own(self, ended: Count, signed_in: SignedIn) -> None:
        ended(datetime.now(UTC) - timedelta(hours=8), succeeded=123, failed=4)
        page = signed_in("viewer").get("/?last=24h&table=1").text
        assert re.search(r"<td>123</td>\s*<td>4</td>", page)
        assert "Hide the table" in page
        assert "last=24h&amp;table=1" in page  # the spans and the live part keep it

    @pytest.mark.parametrize("last", ["99y", "", "6H", "6h'--"])
    def test_an_unknown_span_is_the_usual_one(self, signed_in: SignedIn, last: str) -> None:
        answer = signed_in("viewer").get("/", query_string={"last": last})
        assert answer.status_code == 200
        assert 'last=6h" aria-current="true"' in answer.text
        assert ("1 filter cannot be used" in answer.text) == (last != "")

    def test_nothing_ended_is_one_calm_line(self, signed_in: SignedIn) -> None:
        page = signed_in("viewer").get("/?table=1").text
        assert "No run succeeded or failed in this time" in page
        assert "<figure" not in page

    def test_the_live_part_moves_with_the_counts(self, ended: Count, signed_in: SignedIn) -> None:
        browser = signed_in("viewer")
        ended(datetime.now(UTC), succeeded=1)
        for _again in range(2):  # should five minutes end in between
            page = browser.get("/?last=1h").text
            poll = re.search(r'hx-get="(/overview/live\?[^"]+)"', page)
            assert poll is not None
            address = poll[1].replace("&amp;", "&")
            assert "last=1h" in address
            if browser.get(address).status_code == 204:
                break
        else:
            pytest.fail("the live part is drawn again though nothing changed")
        ended(datetime.now(UTC), failed=1)
        answer = browser.get(address)
        assert answer.status_code == 200
        assert 'last=1h" aria-current="true"' in answer.text
