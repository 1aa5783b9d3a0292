"""The pages of schedules: the list, one schedule, and what is done there."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from celery import schedules as celery_schedules
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from app import broker, runs, schedules
from app.extensions import db, transaction
from app.health import checks
from app.heartbeats import BEATS
from app.heartbeats.beat import BeatHeartbeat
from app.pages.schedules.listing import PAGE_SIZE
from app.runs import states
from app.schedules.models import Schedule
from tests.rows import make_run

SignedIn = Callable[..., FlaskClient]
Post = Callable[..., TestResponse]
Make = Callable[..., Schedule]


@pytest.fixture
def now() -> datetime:
    """The pages read the real clock."""
    return datetime.now(UTC)


@pytest.fixture
def new(make: Make, now: datetime) -> Make:
    """`new(name, **fields)`: a schedule made now that fires daily at noon in London."""

    def create(name: str = "Daily", **fields: Any) -> Schedule:
        if not {"run_at", "interval_seconds"} & set(fields):
            fields = {"cron_schedule": "0 12 * * *", "timezone": "Europe/London"} | fields
        return make(name, now, **fields)

    return create


def put(schedule: Schedule, **values: Any) -> None:
    """Write columns as beat or SQL would."""
    with transaction() as session:
        session.execute(update(Schedule).where(Schedule.id == schedule.id).values(**values))


def add_run(schedule: Schedule, state: str, at: datetime, **fields: Any) -> str:
    run_id = f"{schedule.id}-{state}-{at:%d%H%M%S%f}"
    values = {"task_name": schedule.task_name, "due_at": at, "schedule_id": schedule.id}
    return make_run(run_id, at, state, **values | fields)


def fresh(schedule: Schedule | int) -> Schedule:
    db.session.rollback()
    return schedules.get(schedule if isinstance(schedule, int) else schedule.id)


def row_of(page: str, schedule: Schedule) -> str:
    found = re.search(rf'<tr id="schedule-{schedule.id}".*?</tr>', page, re.S)
    assert found, f"no line of {schedule.name}"
    return found[0]


def names_on(page: str) -> list[str]:
    return re.findall(r'class="schedule-name"[^>]*>([^<]+)<', page)


@pytest.mark.database
def test_a_line_says_when_and_how_it_went(app: Flask, signed_in: SignedIn, new: Make, now: datetime) -> None:
    row = new("Digest", task_name="sample_tasks.weekday", kwargs={"day": "2026-11-20"}, note="for sales")
    add_run(row, states.SUCCESS, now - timedelta(hours=2), runtime_seconds=41.0)
    add_run(row, states.FAILURE, now - timedelta(hours=1), runtime_seconds=3.0)
    line = row_of(signed_in("viewer").get("/schedules").text, row)
    for text in (
        "Digest", "sample_tasks.weekday", "Every day at 12:00", "0 12 * * *", "Europe/London",
        "Failed", "3 s", "Last 2: Succeeded: 1, Failed: 1", "for sales",
    ):  # fmt: skip
        assert text in line
    assert 'class="good"' in line
    assert 'class="bad"' in line
    assert "disabled" in line  # a viewer may not switch
    assert "popovertarget" not in line


def test_the_list_is_sorted_by_next_fire_or_name(
    app: Flask, signed_in: SignedIn, new: Make, now: datetime
) -> None:
    for name, hours in (("B later", 9), ("C soon", 1), ("A last", 30)):
        new(name, run_at=now + timedelta(hours=hours))
    browser = signed_in("viewer")
    assert names_on(browser.get("/schedules").text) == ["C soon", "B later", "A last"]
    assert names_on(browser.get("/schedules?order=name").text) == ["A last", "B later", "C soon"]
    assert names_on(browser.get("/schedules?order=nonsense").text) == ["C soon", "B later", "A last"]


def test_pages_follow_each_other_without_gaps(app: Flask, signed_in: SignedIn, new: Make) -> None:
    for number in range(PAGE_SIZE + 3):
        new(f"S{number:02}")
    browser = signed_in("viewer")
    first = browser.get("/schedules").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = browser.get(following[1].replace("&amp;", "&")).text
    assert len(names_on(first)) == PAGE_SIZE
    assert sorted(names_on(first) + names_on(second)) == [f"S{number:02}" for number in range(PAGE_SIZE + 3)]


@pytest.mark.parametrize("cursor", ["x", "////", "WzEsMl0", "bnVsbA", "é"])
def test_a_bad_cursor_is_refused(app: Flask, signed_in: SignedIn, new: Make, cursor: str) -> None:
    new()
    assert signed_in("viewer").get("/schedules", query_string={"cursor": cursor}).status_code == 422


@pytest.mark.database
def test_filters_stand_in_the_address(app: Flask, signed_in: SignedIn, new: Make) -> None:
    new("Here", timezone="Asia/Shanghai", queue="files", note="quarterly")
    new("There", task_name="sample_tasks.resize", kwargs={"folder": "a"}, args=[])
    browser = signed_in("viewer")
    for query, found in (
        ({"timezone": "Asia/Shanghai"}, ["Here"]),
        ({"queue": "files"}, ["Here"]),
        ({"task_name": "sample_tasks.resize"}, ["There"]),
        ({"q": "QUARTER"}, ["Here"]),
        ({"q": "resize"}, ["There"]),
        ({"q": "e"}, ["Here", "There"]),
        ({"q": "100%"}, []),
        ({"state": "weird"}, ["Here", "There"]),
        ({"timezone": "Asia/Shanghai", "q": "there"}, []),
    ):
        page = browser.get("/schedules", query_string=query).text
        assert sorted(names_on(page)) == found, query
        assert ("No schedules match" in page) == (not found), query
    page = browser.get("/schedules?timezone=Asia/Shanghai").text
    assert "<option selected>Asia/Shanghai" in page
    assert "Clear filters" in page


def test_chips_count_states(app: Flask, signed_in: SignedIn, new: Make, now: datetime) -> None:
    new("Fine")
    off = new("Off")
    schedules.disable(off.id, "tom", now, "until Monday")
    late = new("Late")
    put(late, next_run_at=now - timedelta(minutes=12), next_due_at=now - timedelta(minutes=12))
    failing = new("Failing")
    add_run(failing, states.SUCCESS, now - timedelta(hours=3))
    add_run(failing, states.FAILURE, now - timedelta(hours=2))
    add_run(failing, states.SKIPPED, now - timedelta(hours=1))
    better = new("Better")
    add_run(better, states.FAILURE, now - timedelta(hours=3))
    add_run(better, states.SUCCESS, now - timedelta(hours=2))
    browser = signed_in("viewer")
    page = browser.get("/schedules").text
    chips = re.findall(r'class="chip[^>]*>\s*(?:<svg.*?</svg>\s*)?(\w+)\s+<span class="count">(\d+)<', page)
    assert chips == [("All", "5"), ("On", "4"), ("Off", "1"), ("Late", "1"), ("Failing", "1")]
    for state, name in (("off", "Off"), ("late", "Late"), ("failing", "Failing")):
        assert names_on(browser.get(f"/schedules?state={state}").text) == [name]
    line = row_of(page, off)
    assert "tom" in line
    assert "until Monday" in line
    assert "12 min late" in row_of(page, late)
    assert "no beat has fired it" in row_of(page, late)
    assert "1 late schedule" in page  # in the sidebar, on every page
    assert "1 late schedule" in browser.get("/runs").text


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (states.PENDING, "waits in default"),
        (states.HELD, "held by a person"),
        (states.RECEIVED, "a worker has it"),
        (states.SCHEDULED, "an earlier run has not ended"),
    ],
)
def test_a_fire_that_does_not_start_is_late_and_says_why(
    app: Flask, signed_in: SignedIn, new: Make, now: datetime, state: str, why: str
) -> None:
    row = new()
    add_run(row, state, now - timedelta(minutes=5))
    line = row_of(signed_in("viewer").get("/schedules").text, row)
    assert "5 min late" in line
    assert why in line


def test_a_paused_queue_makes_late(app: Flask, signed_in: SignedIn, new: Make, now: datetime) -> None:
    row = new()
    add_run(row, states.PENDING, now - timedelta(minutes=5))
    broker.pause("default", "mei", "", now)
    assert "queue paused" in row_of(signed_in("viewer").get("/schedules").text, row)


@pytest.mark.parametrize("state", [states.STARTED, states.RETRY, states.SUCCESS])
def test_what_has_started_is_not_late(
    app: Flask, signed_in: SignedIn, new: Make, now: datetime, state: str
) -> None:
    row = new()
    add_run(row, state, now - timedelta(minutes=5), started_at=now - timedelta(minutes=4))
    assert " late" not in row_of(signed_in("viewer").get("/schedules").text, row)


def test_drift_is_said_before_it_fails(app: Flask, signed_in: SignedIn, new: Make) -> None:
    row = new(task_name="sample_tasks.resize", kwargs={"folder": "a"})
    put(row, kwargs={"folder": "a", "region": "emea"})
    gone = new("Gone")
    put(gone, task_name="old.gone")
    broken = new("Broken")
    put(broken, last_error="ValueError: no such zone", last_error_at=datetime.now(UTC))
    browser = signed_in("operator")
    page = browser.get("/schedules").text
    assert re.search(r"Will fail at [^:]+:.*region", row_of(page, row))
    assert "No task named old.gone is known any more." in row_of(page, gone)
    assert "ValueError: no such zone" in row_of(page, broken)
    assert "It will fail at its next fire" in browser.get(f"/schedules/{row.id}").text
    assert "is not known any more" in browser.get(f"/schedules/{gone.id}").text
    assert "Beat could not fire it" in browser.get(f"/schedules/{broken.id}").text
    assert browser.get(f"/schedules/{gone.id}/edit").status_code == 200


def test_a_row_that_cannot_be_read_does_not_break_the_page(
    app: Flask, signed_in: SignedIn, new: Make
) -> None:
    row = new()
    put(row, cron_schedule="nonsense", timezone="Nowhere/Land")
    browser = signed_in("operator")
    assert "Timing cannot be read" in row_of(browser.get("/schedules").text, row)
    for path in ("", "/edit", "/run", "/delete", "/disable"):
        assert browser.get(f"/schedules/{row.id}{path}").status_code == 200, path


def test_the_table_is_asked_again_only_when_something_moved(
    app: Flask, signed_in: SignedIn, new: Make, now: datetime
) -> None:
    row = new()
    browser = signed_in("viewer")

    def version() -> str:
        found = re.search(r'hx-get="/schedules/table\?version=([^"&]+)', browser.get("/schedules").text)
        assert found
        return found[1]

    answers = [browser.get(f"/schedules/table?version={version()}") for _ in range(2)]
    assert 204 in [answer.status_code for answer in answers]  # a period may have ended between the two
    shown = version()
    schedules.disable(row.id, "mei", now)
    answer = browser.get(f"/schedules/table?version={shown}")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert answer.text.count('id="schedules"') == 1


def test_beats_are_told(app: Flask, signed_in: SignedIn, new: Make, redis: Any) -> None:
    row = new()
    browser = signed_in("viewer")
    assert "No beat is running" in browser.get("/schedules").text
    presence = BeatHeartbeat(str(app.config["SETTINGS"].redis_url))
    presence.send(broker.client())
    page = browser.get("/schedules").text
    assert "No beat is running" not in page
    assert presence.name in page
    assert presence.name in browser.get(f"/schedules/{row.id}").text
    assert redis.exists(BEATS)


def test_the_first_page_explains_and_suggests(app: Flask, signed_in: SignedIn, now: datetime) -> None:
    for _ in range(3):
        runs.submit(runs.RunRequest("sample_tasks.weekday", ["2026-11-20"], requested_by="mei"), now)
    runs.submit(runs.RunRequest("sample_tasks.plain", [1], requested_by="mei"), now)
    page = signed_in("operator").get("/schedules").text
    assert "No schedules yet" in page
    assert "No worker is online" in page
    assert "Run by hand 3 times this week" in page
    assert "/schedules/new?task_name=sample_tasks.weekday&amp;cron_schedule=" in page
    assert "task_name=sample_tasks.plain" not in page  # once is no habit
    viewer = signed_in("viewer").get("/schedules").text
    assert "/schedules/new" not in viewer
    assert "may look" in viewer


def test_upkeep_alone_is_still_the_first_page(app: Flask, signed_in: SignedIn, new: Make) -> None:
    upkeep = new("Clean up the history", task_name="maintenance.clean_history", kwargs={})
    page = signed_in("admin").get("/schedules").text
    assert "No schedules" not in page  # one that a person made is a schedule
    with transaction():
        upkeep.origin = "code"
    page = signed_in("admin").get("/schedules").text
    assert "No schedules of your own yet" in page
    assert 'id="schedule-list"' in page
    new("Weekly")
    assert "No schedules" not in signed_in("admin").get("/schedules").text


@pytest.mark.database
def test_the_page_of_a_schedule(app: Flask, signed_in: SignedIn, new: Make, now: datetime) -> None:
    row = new(
        "Report", task_name="sample_tasks.report",
        kwargs={"day": {"$due": "-P1D"}, "api_key": "s3cret"}, args=[],
        jitter_seconds=3600, max_runs=10, overlap="buffer_one", message_ttl_seconds=1800, note="month end",
    )  # fmt: skip
    at = now - timedelta(days=1)
    add_run(row, states.SUCCESS, at, started_at=at + timedelta(seconds=2.5), runtime_seconds=5.0)
    add_run(row, states.MISSED, at - timedelta(days=1), notices={"reason": "on_missed"})
    add_run(row, states.SKIPPED, at - timedelta(days=2), notices={"reason": "overlap"})
    add_run(row, states.SUCCESS, at - timedelta(days=3), due_at=None, requested_by="tom")
    schedules.update(row.id, {"name": "Daily report", "max_runs": 12}, "tom", now)
    page = signed_in("viewer").get(f"/schedules/{row.id}").text
    for text in (
        "Daily report", "month end", "of 12", "Queue one", "30 min", "Day before the fire", "+2.5 s",
        "missed fires of this schedule are skipped", "An earlier run of this schedule had not finished.",
        "by hand", "goes out", "Changed it", "<del>Report</del>", "<ins>Daily report</ins>", "tom",
        "Created it",
    ):  # fmt: skip
        assert text in page, text
    assert "s3cret" not in page
    assert ">None<" not in page
    assert page.count('class="fire-number"') == 10
    assert "/edit" not in page
    live = signed_in("viewer").get(f"/schedules/{row.id}/live")
    assert live.status_code == 200
    assert "<html" not in live.text


def test_the_ledger_has_pages(app: Flask, signed_in: SignedIn, new: Make, now: datetime) -> None:
    row = new()
    for minutes in range(23):
        add_run(row, states.SUCCESS, now - timedelta(minutes=minutes))
    browser = signed_in("viewer")
    first = browser.get(f"/schedules/{row.id}").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = browser.get(following[1].replace("&amp;", "&")).text
    assert (first.count('<tr id="run-'), second.count('<tr id="run-')) == (20, 3)


def test_a_schedule_runs_now(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new(jitter_seconds=60)
    before = (row.next_run_at, row.run_count)
    answer = post(signed_in("operator", "ann"), f"/schedules/{row.id}/run")
    assert (answer.status_code, answer.location) == (303, f"/schedules/{row.id}")
    (run,) = runs.page(runs.RunFilter(schedule_id=row.id)).items
    assert (run.requested_by, run.due_at, run.state) == ("ann", None, states.PENDING)
    row = fresh(row)
    assert (row.next_run_at, row.run_count) == before


def test_an_unfinished_run_asks_how_to_go_on(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new()
    browser = signed_in("operator")
    post(browser, f"/schedules/{row.id}/run")
    asked = post(browser, f"/schedules/{row.id}/run")
    assert asked.status_code == 409
    assert "An earlier run of this schedule has not finished." in asked.text
    dialog = post(browser, f"/schedules/{row.id}/run", htmx=True)
    assert (dialog.status_code, dialog.headers["HX-Retarget"]) == (200, "#dialog")
    assert len(runs.page(runs.RunFilter(schedule_id=row.id)).items) == 1
    post(browser, f"/schedules/{row.id}/run", {"overlap": "allow"})
    assert len(runs.page(runs.RunFilter(schedule_id=row.id)).items) == 2
    assert post(browser, f"/schedules/{row.id}/run", {"overlap": "perhaps"}).status_code == 422
    assert len(runs.page(runs.RunFilter(schedule_id=row.id)).items) == 2


def test_a_vanished_task_does_not_run_now(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new()
    put(row, task_name="old.gone")
    assert post(signed_in("operator"), f"/schedules/{row.id}/run").status_code == 409
    assert runs.page(runs.RunFilter(schedule_id=row.id)).items == []


def undo_moment(text: str) -> dict[str, str]:
    found = re.search(r'name="done_at" value="([^"]+)"', text)
    assert found, "no undo is offered"
    return {"done_at": found[1]}


def test_the_switch_of_a_line_can_be_undone(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new()
    browser = signed_in("operator")
    answer = post(browser, f"/schedules/{row.id}/switch", {}, htmx=True)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert answer.text.count("<tr") == 1
    assert "Turned off" in answer.text
    assert not fresh(row).enabled
    post(browser, "/schedules/undo", undo_moment(answer.text))
    assert fresh(row).enabled
    on = post(browser, f"/schedules/{row.id}/switch", {"enabled": "1"}, htmx=True)
    assert "Turned on" not in on.text  # it was on: nothing was done
    plain = post(browser, f"/schedules/{row.id}/switch", {})
    assert plain.status_code == 303
    assert not fresh(row).enabled


def test_a_schedule_that_is_over_stays_off(
    app: Flask, signed_in: SignedIn, post: Post, new: Make, now: datetime
) -> None:
    row = new(run_at=now + timedelta(hours=1))
    put(row, run_at=now - timedelta(hours=1), enabled=False, next_run_at=None, next_due_at=None)
    answer = post(signed_in("operator"), f"/schedules/{row.id}/switch", {"enabled": "1"}, htmx=True)
    assert "It stays off" in answer.text
    assert "passed already" in answer.text
    assert not fresh(row).enabled


def test_turning_off_takes_a_note(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new()
    browser = signed_in("operator", "ann")
    assert "<html" not in browser.get(f"/schedules/{row.id}/disable", headers={"HX-Request": "true"}).text
    post(browser, f"/schedules/{row.id}/disable", {"note": "until the move"})
    row = fresh(row)
    assert (row.enabled, row.disabled_by, row.disabled_note) == (False, "ann", "until the move")
    assert "until the move" in browser.get(f"/schedules/{row.id}").text
    post(browser, f"/schedules/{row.id}/enable")
    assert fresh(row).enabled
    assert post(browser, f"/schedules/{row.id}/disable", {"note": "x" * 2001}).status_code == 422
    assert fresh(row).enabled


def test_a_fire_is_skipped_and_restored(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new()
    browser = signed_in("operator")
    post(browser, f"/schedules/{row.id}/skip")
    assert schedules.skipped_moments(fresh(row)) == [row.next_due_at]
    page = browser.get(f"/schedules/{row.id}").text
    assert "is-skipped" in page
    dues = re.findall(r'/skip" name="due_at" value="([^"]+)"', page)
    assert len(dues) == 9
    post(browser, f"/schedules/{row.id}/skip", {"due_at": dues[3]})
    assert len(schedules.skipped_moments(fresh(row))) == 2
    post(browser, f"/schedules/{row.id}/restore", {"due_at": dues[3]})
    undone = post(browser, "/schedules/undo", undo_moment(browser.get(f"/schedules/{row.id}").text))
    assert undone.status_code == 303
    assert len(schedules.skipped_moments(fresh(row))) == 2


@pytest.mark.parametrize(
    "due_at", ["", "tomorrow", "2026-11-20T12:00", "2026-11-20T12:00:01+00:00", "9999-12-31T23:59:59-12:00"]
)
@pytest.mark.parametrize("action", ["skip", "restore"])
def test_only_fires_are_skipped(
    app: Flask, signed_in: SignedIn, post: Post, new: Make, due_at: str, action: str
) -> None:
    row = new()
    if action == "skip" and not due_at:
        return  # the next one is meant
    assert post(signed_in("operator"), f"/schedules/{row.id}/{action}", {"due_at": due_at}).status_code == 422
    assert schedules.skipped_moments(fresh(row)) == []


def test_a_copy_is_off_and_opens(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new("Sync")
    answer = post(signed_in("operator"), f"/schedules/{row.id}/duplicate")
    found = re.fullmatch(r"/schedules/(\d+)/edit", answer.location)
    assert found
    copy = fresh(int(found[1]))
    assert (copy.name, copy.enabled, copy.cron_schedule) == ("Sync copy", False, row.cron_schedule)


def test_deleting_asks_and_can_be_undone(
    app: Flask, signed_in: SignedIn, post: Post, new: Make, now: datetime
) -> None:
    row = new("Sync")
    address = f"/schedules/{row.id}"
    add_run(row, states.SUCCESS, now)
    browser = signed_in("operator", "ann")
    question = browser.get(f"{address}/delete").text
    assert "Delete Sync?" in question
    assert "Its runs stay in the history" in question
    answer = post(browser, f"{address}/delete")
    assert answer.location == "/schedules"
    listed = browser.get("/schedules").text
    gone = browser.get(address)
    assert gone.status_code == 404
    assert "This schedule was deleted" in gone.text
    assert "ann" in gone.text
    post(browser, "/schedules/undo", undo_moment(listed))
    assert browser.get(address).status_code == 200
    post(browser, f"{address}/delete")
    post(browser, f"{address}/undelete")
    assert browser.get(address).status_code == 200


def test_what_code_defines_can_be_reset_not_deleted(
    app: Flask, signed_in: SignedIn, post: Post, new: Make, now: datetime
) -> None:
    row = new("nightly")
    code = {name: getattr(row, name) for name in ("task_name", "task_type", "cron_schedule", "timezone")}
    put(row, origin="code", code_key="nightly", code_definition=code)
    browser = signed_in("operator")
    assert "A change of the code moves it" in browser.get(f"/schedules/{row.id}").text
    assert "Reset to code" not in browser.get(f"/schedules/{row.id}").text
    schedules.update(row.id, {"cron_schedule": "5 5 * * *"}, "mei", now)
    page = browser.get(f"/schedules/{row.id}").text
    assert "Changed here, so that the code does not move it any more: Cron expression." in page
    assert post(browser, f"/schedules/{row.id}/delete").status_code == 409
    post(browser, f"/schedules/{row.id}/reset")
    assert fresh(row).cron_schedule == "0 12 * * *"
    put(row, retired_at=now)
    page = browser.get(f"/schedules/{row.id}").text
    assert "It has vanished from the code" in page
    assert post(browser, f"/schedules/{row.id}/enable").status_code == 409


POSTS = ["switch", "enable", "disable", "run", "skip", "restore", "duplicate", "reset", "delete", "undelete"]
POSTS += ["edit"]


@pytest.mark.parametrize("action", POSTS)
def test_a_viewer_may_only_look(app: Flask, signed_in: SignedIn, post: Post, new: Make, action: str) -> None:
    row = new()
    browser = signed_in("viewer")
    assert post(browser, f"/schedules/{row.id}/{action}").status_code == 403
    after = fresh(row)
    assert (after.version, after.enabled) == (1, True)
    assert runs.page(runs.RunFilter(schedule_id=row.id)).items == []


@pytest.mark.parametrize("path", ["/new", "/bulk", "/undo", "/form"])
def test_a_viewer_changes_nothing_at_all(app: Flask, signed_in: SignedIn, post: Post, path: str) -> None:
    assert post(signed_in("viewer"), f"/schedules{path}").status_code == 403


@pytest.mark.parametrize("path", ["/new", "/1/edit", "/1/run", "/1/delete", "/1/disable", "/parameters"])
def test_a_viewer_gets_no_forms(app: Flask, signed_in: SignedIn, path: str) -> None:
    assert signed_in("viewer").get(f"/schedules{path}").status_code == 403


@pytest.mark.parametrize("action", ["switch", "enable", "skip", "restore", "duplicate", "reset", "undelete"])
def test_changes_are_posted(app: Flask, signed_in: SignedIn, new: Make, action: str) -> None:
    row = new()
    assert signed_in("operator").get(f"/schedules/{row.id}/{action}").status_code == 405
    assert fresh(row).version == 1


def test_changes_need_the_token_of_the_page(app: Flask, signed_in: SignedIn, new: Make) -> None:
    row = new()
    browser = signed_in("operator")
    for path in (f"/schedules/{row.id}/disable", "/schedules/bulk", "/schedules/new", "/schedules/undo"):
        assert browser.post(path).status_code == 400, path
    assert fresh(row).enabled


@pytest.mark.parametrize("schedule_id", [0, 999_999, 2**31, 10**30])
def test_an_unknown_schedule_is_not_found(
    app: Flask, signed_in: SignedIn, post: Post, schedule_id: int
) -> None:
    browser = signed_in("operator")
    for path in ("", "/edit", "/live", "/delete", "/run"):
        assert browser.get(f"/schedules/{schedule_id}{path}").status_code == 404
    for action in POSTS:
        moment = {"due_at": "2026-11-20T12:00:00+00:00"}
        assert post(browser, f"/schedules/{schedule_id}/{action}", moment).status_code == 404, action


def test_only_ones_own_last_change_is_undone(app: Flask, signed_in: SignedIn, post: Post, new: Make) -> None:
    row = new()
    ann, tom = signed_in("operator", "ann"), signed_in("operator", "tom")
    token = undo_moment(post(ann, f"/schedules/{row.id}/switch", {}, htmx=True).text)
    assert post(tom, "/schedules/undo", token).status_code == 404
    assert post(ann, "/schedules/undo", {"done_at": "now"}).status_code == 422
    assert post(ann, "/schedules/undo", {"done_at": "2026-01-01T00:00:00+00:00"}).status_code == 404
    post(tom, f"/schedules/{row.id}/enable")
    post(tom, f"/schedules/{row.id}/disable", {"note": "tom's own reason"})
    page = post(ann, "/schedules/undo", token)
    assert "1 was not done" in ann.get(page.location).text
    assert fresh(row).disabled_note == "tom's own reason"


def test_entries_of_code_that_are_not_taken_over_are_named(
    celery_app: Celery, signed_in: SignedIn, new: Make, publish_tasks: Callable[[], str]
) -> None:
    class Odd(celery_schedules.BaseSchedule):  # type: ignore[misc]
        """A kind of schedule of the team's own."""

    class Sunset(celery_schedules.solar):  # type: ignore[misc]
        """What `solar("sunset", 51.5, 0.1)` is; that needs a library of its own to be made."""

        def __init__(self) -> None:
            """Compute nothing."""

    before = celery_app.conf.beat_schedule
    celery_app.conf.beat_schedule = before | {
        "too often": {"task": "sample_tasks.plain", "schedule": 0.5},
        "sunset": {"task": "sample_tasks.plain", "schedule": Sunset()},
        "odd": {"task": "sample_tasks.plain", "schedule": Odd()},
    }
    publish_tasks()
    try:
        for number in range(2):  # without any schedule, and beside one
            page = signed_in("viewer").get("/schedules").get_data(as_text=True)
            for key, reason in (
                ("too often", "An interval takes whole seconds, from 1 on."),
                ("sunset", "Sunrise and sunset are not times that a schedule can have here."),
                ("odd", "A schedule of the kind Odd is not known here."),
            ):
                assert f"The beat_schedule entry {key} is not taken over" in page
                assert reason in page
            new(f"Daily {number}")
        check = checks.code_schedules(datetime.now(UTC))
        assert not check.ok
        assert "sunset: Sunrise" in check.detail
    finally:
        celery_app.conf.beat_schedule = before
    publish_tasks()
    assert checks.code_schedules(datetime.now(UTC)).ok
