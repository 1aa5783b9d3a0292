"""Arguments that refer to the fire: read, refused by place, and resolved in the schedule's zone."""

import copy
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.schedules.due_arguments import FLOORS, check, has_markers, resolve

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
DUE_AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)  # a Friday


def one(marker: dict[str, Any], due_at: datetime = DUE_AT, tz: ZoneInfo = LONDON, kind: Any = None) -> str:
    """What a marker in the keyword argument `day` becomes."""
    args, kwargs = resolve([], {"day": marker}, due_at, tz, {"day": kind} if kind else None)
    assert args == []
    return str(kwargs["day"])


@pytest.mark.parametrize(
    ("marker", "resolved"),
    [
        ({"$due": "P0D"}, "2026-11-20T01:30:00+00:00"),
        ({"$due": "-P1D"}, "2026-11-19T01:30:00+00:00"),
        ({"$due": "+P1D"}, "2026-11-21T01:30:00+00:00"),
        ({"$due": "P1W"}, "2026-11-27T01:30:00+00:00"),
        ({"$due": "-P1M"}, "2026-10-20T01:30:00+01:00"),
        ({"$due": "-P1Y2M3DT4H5M6S"}, "2025-09-16T21:24:54+01:00"),
        ({"$due": "-PT90M"}, "2026-11-20T00:00:00+00:00"),
        ({"$due": "P0D", "floor": "hour"}, "2026-11-20T01:00:00+00:00"),
        ({"$due": "P0D", "floor": "day"}, "2026-11-20T00:00:00+00:00"),
        ({"$due": "P0D", "floor": "week"}, "2026-11-16T00:00:00+00:00"),
        ({"$due": "P0D", "floor": "month"}, "2026-11-01T00:00:00+00:00"),
        ({"$due": "P0D", "floor": "year"}, "2026-01-01T00:00:00+00:00"),
        ({"$due": "-P1M", "floor": "month"}, "2026-10-01T00:00:00+01:00"),
        ({"$due": "-P1D", "as": "date"}, "2026-11-19"),
        ({"$due": "P0D", "floor": "month", "as": "date"}, "2026-11-01"),
        ({"$due": "-P1D", "as": "datetime"}, "2026-11-19T01:30:00+00:00"),
    ],
)
def test_markers(marker: dict[str, Any], resolved: str) -> None:
    assert one(marker) == resolved


def test_the_day_is_that_of_the_schedules_zone() -> None:
    # 01:30 UTC is still Thursday evening in New York.
    assert one({"$due": "P0D"}, tz=NEW_YORK, kind="date") == "2026-11-19"
    assert one({"$due": "P0D", "floor": "day"}, tz=NEW_YORK) == "2026-11-19T00:00:00-05:00"


def test_the_parameter_says_whether_it_takes_dates_unless_the_marker_does() -> None:
    marker, own = {"$due": "-P1D"}, {"$due": "-P1D", "as": "datetime"}
    args, kwargs = resolve(
        [marker, marker],
        {"day": marker, "days": [marker, own], "at": marker},
        DUE_AT,
        LONDON,
        {"day": "date", "days": "date", "args.0": "date"},
    )
    assert args == ["2026-11-19", "2026-11-19T01:30:00+00:00"]
    assert kwargs == {
        "day": "2026-11-19",
        "days": ["2026-11-19", "2026-11-19T01:30:00+00:00"],
        "at": "2026-11-19T01:30:00+00:00",
    }


def test_the_end_of_a_month_is_kept_within_it() -> None:
    assert one({"$due": "-P1M"}, datetime(2027, 3, 31, 9, tzinfo=UTC), kind="date") == "2027-02-28"
    assert one({"$due": "-P1Y"}, datetime(2028, 2, 29, 9, tzinfo=UTC), kind="date") == "2027-02-28"


def test_days_keep_the_time_of_day_and_hours_are_real_time() -> None:
    after_change = datetime(2026, 10, 25, 12, tzinfo=UTC)  # 12:00 GMT; the clocks went back that night
    assert one({"$due": "-P1D"}, after_change) == "2026-10-24T12:00:00+01:00"
    assert one({"$due": "-PT24H"}, after_change) == "2026-10-24T13:00:00+01:00"


def test_readings_that_do_not_exist_move_on_and_those_that_come_twice_are_the_first() -> None:
    assert one({"$due": "P1D"}, datetime(2027, 3, 27, 1, 30, tzinfo=UTC)) == "2027-03-28T02:30:00+01:00"
    assert one({"$due": "P1D"}, datetime(2026, 10, 24, 0, 30, tzinfo=UTC)) == "2026-10-25T01:30:00+01:00"
    # Midnight itself is skipped in Havana on 14 March 2027.
    noon = datetime(2027, 3, 14, 16, tzinfo=UTC)
    assert (
        one({"$due": "P0D", "floor": "day"}, noon, ZoneInfo("America/Havana")) == "2027-03-14T01:00:00-04:00"
    )


def test_the_second_of_two_hours_stays_the_second() -> None:
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert one({"$due": "P0D"}, second) == "2026-10-25T01:30:00+00:00"
    assert one({"$due": "P0D", "floor": "hour"}, second) == "2026-10-25T01:00:00+00:00"


def test_markers_deep_inside_are_resolved_and_the_input_stays() -> None:
    args = [{"filters": [{"since": {"$due": "-P1D", "as": "date"}, "n": 3}]}, 12345678901234567890, None]
    kwargs = {"options": {"days": [{"$due": "P0D", "as": "date"}, "2020-01-01"], "ok": True}}
    before = copy.deepcopy((args, kwargs))
    assert resolve(args, kwargs, DUE_AT, LONDON) == (
        [{"filters": [{"since": "2026-11-19", "n": 3}]}, 12345678901234567890, None],
        {"options": {"days": ["2026-11-20", "2020-01-01"], "ok": True}},
    )
    assert (args, kwargs) == before
    assert has_markers(args, {})
    assert has_markers([], kwargs)


def test_without_markers_nothing_changes() -> None:
    args, kwargs = [1, "x", [2.5, {"a": None}]], {"due": "-P1D", "$dues": 1}
    check(args, kwargs)
    assert not has_markers(args, kwargs)
    assert resolve(args, kwargs, DUE_AT, LONDON) == (args, kwargs)


@pytest.mark.parametrize(
    "marker",
    [
        {"$due": ""},
        {"$due": "P"},
        {"$due": "-P"},
        {"$due": "PT"},
        {"$due": "P1DT"},
        {"$due": "1D"},
        {"$due": "P1H"},
        {"$due": "PT1D"},
        {"$due": "P1.5D"},
        {"$due": "p1d"},
        {"$due": "P1D "},
        {"$due": "P1D\n"},
        {"$due": "P\u0661D"},
        {"$due": "--P1D"},
        {"$due": "P-1D"},
        {"$due": "P1M1Y"},
        {"$due": "P9999999999999999999D"},
        {"$due": "P999999Y"},
        {"$due": "-P101Y"},
        {"$due": "PT9999999999S"},
        {"$due": 1},
        {"$due": None},
        {"$due": ["-P1D"]},
        {"$due": {"$due": "-P1D"}},
        {"$due": "-P1D", "floor": "minute"},
        {"$due": "-P1D", "floor": ["day"]},
        {"$due": "-P1D", "as": "time"},
        {"$due": "-P1D", "zone": "UTC"},
    ],
)
def test_bad_markers_are_refused_at_their_place(marker: dict[str, Any]) -> None:
    args, kwargs = [0, [marker]], {"region": "emea", "filters": [{"since": marker}], "good": {"$due": "-P1D"}}
    with pytest.raises(Invalid) as refused:
        check(args, kwargs)
    assert sorted(refused.value.errors) == ["args.1.0", "filters.0.since"]
    assert all(messages[0].endswith(".") for messages in refused.value.errors.values())
    with pytest.raises(Invalid) as refused_late:
        resolve(args, kwargs, DUE_AT, LONDON)
    assert refused_late.value.errors == refused.value.errors


def test_beyond_the_calendar() -> None:
    with pytest.raises(Invalid, match="out of the calendar"):
        resolve([], {"day": {"$due": "P50Y"}}, datetime(9970, 1, 1, tzinfo=UTC), LONDON)


def test_nesting_is_bounded() -> None:
    deep: Any = {"$due": "-P1D"}
    for _n in range(60):
        deep = [deep]
    with pytest.raises(Invalid, match="nested"):
        check([], {"deep": deep})


def test_resolved_text_is_what_tasks_read() -> None:
    _args, kwargs = resolve(
        [], {"day": {"$due": "-P1D"}, "at": {"$due": "P0D"}}, DUE_AT, LONDON, {"day": "date"}
    )
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert date.fromisoformat(kwargs["day"]) == date(2026, 11, 19)
    assert datetime.fromisoformat(kwargs["at"]) == DUE_AT


@given(
    st.datetimes(
        datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(2040, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Havana"]),
    st.integers(-400, 400),
    st.sampled_from([None, *FLOORS]),
)
def test_days_and_floors(due_at: datetime, zone: str, days: int, floor: str | None) -> None:
    tz = ZoneInfo(zone)
    marker = {"$due": f"{'-' if days < 0 else ''}P{abs(days)}D"} | ({"floor": floor} if floor else {})
    found = datetime.fromisoformat(one(marker, due_at, tz))
    local = due_at.astimezone(tz)
    moved = (local + timedelta(days=days)).astimezone(UTC).astimezone(tz)
    if floor is None:
        assert found == (moved if days else due_at)
        return
    assert found <= (moved if days else due_at)
    shown = found.astimezone(tz)
    assert shown.isoformat() == found.isoformat()
    assert shown.date() <= moved.date()
    if floor != "hour":
        assert shown.hour * 60 + shown.minute <= 60  # midnight, or where the skipped one ends
    expected = {
        "hour": lambda day: day,
        "day": lambda day: day,
        "week": lambda day: day - timedelta(days=day.weekday()),
        "month": lambda day: day.replace(day=1),
        "year": lambda day: day.replace(month=1, day=1),
    }[floor]
    assert shown.date() == expected(moved.date())
