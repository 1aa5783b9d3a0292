"""Schedules are found in pages, with how their last runs ended."""

from datetime import timedelta
from typing import Any

import pytest

from app import schedules
from app.runs import states
from app.schedules import ScheduleFilter

pytestmark = pytest.mark.database


def names(limit: int, **wanted: Any) -> list[str]:
    """All names, read page by page."""
    found, cursor = [], None
    while True:
        page = schedules.page(ScheduleFilter(**wanted), limit, cursor)
        found += [row.name for row in page.items]
        if not page.next_cursor:
            return found
        cursor = page.next_cursor


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_in_both_orders(make: Any, limit: int) -> None:
    for number, seconds in enumerate((50, 10, 30, 30, 20)):
        make(f"s{number}", interval_seconds=seconds)
    make("off 1", enabled=False)
    make("off 2", enabled=False)
    assert names(limit) == ["off 1", "off 2", "s0", "s1", "s2", "s3", "s4"]
    assert names(limit, order="next") == ["s1", "s4", "s2", "s3", "s0", "off 1", "off 2"]
    assert names(limit, order="next", enabled=True, q="s3") == ["s3"]


def test_the_strip_of_the_last_outcomes(make: Any, fire: Any, now: Any) -> None:
    row, quiet = make(overlap="skip"), make("quiet", interval_seconds=86_400)
    for number in range(1, 26):
        fire(now + timedelta(minutes=number))
    strips = schedules.strips([row.id, quiet.id], 20)
    assert [one.due_at for one in strips[row.id]] == [
        now + timedelta(minutes=number) for number in range(6, 26)
    ]
    assert {one.state for one in strips[row.id]} == {states.SKIPPED}
    assert strips[quiet.id] == []
    assert schedules.strips([]) == {}


def test_the_version_moves_with_edits_and_fires(make: Any, fire: Any, now: Any) -> None:
    seen = [schedules.version()]
    make()
    seen.append(schedules.version())
    fire(now + timedelta(minutes=1))
    seen.append(schedules.version())
    assert len(set(seen)) == 3
    fire(now + timedelta(minutes=1))
    assert schedules.version() == seen[-1]
