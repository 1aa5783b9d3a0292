"""The form of a schedule: what can be entered, what is refused, and two people at once."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import catalog, runs, schedules
from app.extensions import db
from app.runs import states
from app.schedules import edits
from app.schedules.models import Schedule

SignedIn = Callable[..., FlaskClient]
Post = Callable[..., TestResponse]
Make = Callable[..., Schedule]

GOOD = {
    "task_name": "sample_tasks.resize",
    "name": "Resize",
    "p-folder": "photos",
    "p-fmt": "png",
    "task_type": "cron",
    "cron_schedule": "30 1 * * *",
    "timezone": "Europe/London",
    "priority": "5",
    "queue": "",
    "overlap": "skip",
    "on_missed": "",
    "enabled": "1",
}
SPANS = ("jitter_seconds", "grace_seconds", "message_ttl_seconds")


def only() -> Schedule:
    db.session.rollback()
    (row,) = schedules.page(schedules.ScheduleFilter()).items
    return row


def fresh(row: Schedule) -> Schedule:
    db.session.rollback()
    return schedules.get(row.id)


def shown_in(page: str) -> dict[str, Any]:
    """What a browser would send of the form on a page, as it stands there."""
    form = page[
        page.index('<form id="schedule-form"') : page.index("</form>", page.index('id="schedule-form"'))
    ]
    data: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if "name" not in attributes or (
            attributes.get("type") in ("checkbox", "radio") and " checked" not in tag
        ):
            continue
        data.setdefault(attributes["name"], []).append(attributes.get("value", ""))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        data.setdefault(name, []).append(html.unescape(chosen[1] or "") if chosen else "")
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        data[name] = [html.unescape(text).removeprefix("\r\n")]  # HTML drops a first line break
    return data


def test_a_schedule_is_made(app: Flask, signed_in: SignedIn, post: Post) -> None:
    answer = post(signed_in("operator", "ann"), "/schedules/new", GOOD)
    row = only()
    assert (answer.status_code, answer.location) == (303, f"/schedules/{row.id}")
    assert (row.name, row.cron_schedule, row.timezone, row.kwargs) == (
        "Resize", "30 1 * * *", "Europe/London", {"folder": "photos"},
    )  # fmt: skip
    assert (row.created_by, row.queue, row.priority, row.on_missed, row.enabled) == (
        "ann",
        None,
        None,
        None,
        True,
    )
    assert row.next_run_at is not None


def test_every_field_is_kept(app: Flask, signed_in: SignedIn, post: Post) -> None:
    data = GOOD | {
        "queue": "files", "priority": "9", "overlap": "cancel_running", "on_missed": "run_all",
        "jitter_seconds": ["2", "min"], "grace_seconds": ["3", "h"], "message_ttl_seconds": ["90", "s"],
        "max_runs": "7", "note": "two\nlines", "starts_at": "2030-01-01T09:00", "ends_at": "2030-07-01 09:00",
    }  # fmt: skip
    data.pop("enabled")
    assert post(signed_in("operator"), "/schedules/new", data).status_code == 303
    row = only()
    assert (row.queue, row.priority, row.overlap, row.on_missed) == ("files", 9, "cancel_running", "run_all")
    assert (row.jitter_seconds, row.grace_seconds, row.message_ttl_seconds) == (120, 10_800, 90)
    assert (row.max_runs, row.note.splitlines(), row.enabled) == (7, ["two", "lines"], False)
    assert row.starts_at == datetime(2030, 1, 1, 9, tzinfo=UTC)
    assert row.ends_at == datetime(2030, 7, 1, 8, tzinfo=UTC)  # summer time


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"task_type": "interval", "interval_seconds": ["15", "min"]}, ("interval", 900, None, None)),
        (
            {"task_type": "one_time", "run_at": "2030-03-31T12:00"},
            ("one_time", None, datetime(2030, 3, 31, 11, tzinfo=UTC), None),
        ),
        ({"cron_schedule": " @daily "}, ("cron", None, None, "@daily")),
    ],
)
def test_each_timing(
    app: Flask, signed_in: SignedIn, post: Post, change: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    assert post(signed_in("operator"), "/schedules/new", GOOD | change).status_code == 303
    row = only()
    assert (row.task_type, row.interval_seconds, row.run_at, row.cron_schedule) == expected


def test_made_and_run_now(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    answer = post(browser, "/schedules/new", GOOD | {"then": "run"})
    (run,) = runs.page(runs.RunFilter(schedule_id=only().id)).items
    assert run.state == states.PENDING
    assert f"/runs/{run.id}" in browser.get(answer.location).text


BAD: list[tuple[str, Any]] = [  # one of a kind; the others are in test_checks and test_form_fields
    ("name", ""),
    ("name", "two\nlines"),
    ("task_name", ""),
    ("task_name", "celery.chord"),
    ("timezone", "../../etc/passwd"),
    ("task_type", "hourly"),
    ("cron_schedule", ""),
    ("cron_schedule", "* " * 200),
    ("queue", "no spaces allowed"),
    ("priority", "high"),
    ("overlap", "perhaps"),
    ("on_missed", "weep"),
    ("max_runs", "9" * 30),
    ("note", "x" * 2001),
    ("starts_at", "2030-02-30T09:00"),
    ("ends_at", "99999-01-01T09:00"),
    ("p-folder", ""),
    ("p-width", "wide"),
    ("p-fmt", "gif"),
    ("jitter_seconds", ["25", "h"]),
    ("jitter_seconds", ["9" * 30, "s"]),
    ("message_ttl_seconds", ["soon", "s"]),
    ("grace_seconds", ["1", "weeks"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_is_refused_at_its_field(
    app: Flask, signed_in: SignedIn, post: Post, field: str, value: Any
) -> None:
    answer = post(signed_in("operator"), "/schedules/new", GOOD | {field: value})
    assert answer.status_code == 422
    page = answer.text
    problems = page[page.index('id="problems"') :]
    assert "Fix 1 problem first" in problems or field in ("task_name",)
    anchor = "task_type" if field == "task_type" else field
    assert f'href="#{anchor}"' in problems
    assert f'id="{anchor}-error"' in page
    assert schedules.page(schedules.ScheduleFilter()).items == []
    if field != "name":  # what was typed stays
        assert re.search(r'name="name" value="Resize"', page)
    typed = value[0] if isinstance(value, list) else value
    if typed.strip() and field not in ("task_type", "priority", "overlap", "on_missed", "queue", "p-fmt"):
        assert html.escape(typed, quote=False).splitlines()[0] in page


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("interval", "interval_seconds", [["", "s"], ["0", "s"], ["-5", "s"], ["x", "min"], ["4000", "d"]]),
        ("interval", "interval_seconds", [["1", "eon"], ["1", ""]]),
        ("one_time", "run_at", ["", "later", "2020-01-01T00:00", "2031-03-30T01:30", "10000-01-01T00:00"]),
    ],
)  # fmt: skip
def test_a_bad_timing_is_refused(
    app: Flask, signed_in: SignedIn, post: Post, kind: str, field: str, values: list[Any]
) -> None:
    for value in values:
        answer = post(signed_in("operator"), "/schedules/new", GOOD | {"task_type": kind, field: value})
        assert answer.status_code == 422, value
        assert f'id="{field}-error"' in answer.text, value
    assert schedules.page(schedules.ScheduleFilter()).items == []
    assert runs.page(runs.RunFilter()).items == []


def test_the_end_comes_after_the_start(app: Flask, signed_in: SignedIn, post: Post) -> None:
    data = GOOD | {"starts_at": "2030-01-02T09:00", "ends_at": "2030-01-01T09:00"}
    answer = post(signed_in("operator"), "/schedules/new", data)
    assert "The end is before the start." in answer.text
    nothing = GOOD | {"starts_at": "2030-01-02T09:00", "ends_at": "2030-01-02T10:00"}
    assert (
        "Nothing fires between the start and the end."
        in post(signed_in("operator"), "/schedules/new", nothing).text
    )


def test_all_that_is_wrong_is_said_at_once(app: Flask, signed_in: SignedIn, post: Post) -> None:
    bad = {
        "name": "", "cron_schedule": "x", "max_runs": "many", "jitter_seconds": ["y", "s"],
        "p-width": "wide", "p-folder": "", "overlap": "no",
    }  # fmt: skip
    answer = post(signed_in("operator"), "/schedules/new", GOOD | bad)
    problems = answer.text[answer.text.index('id="problems"') :]
    assert "Fix 7 problems first" in problems
    for field in bad:
        assert f'href="#{field}"' in problems


def test_what_an_edit_cannot_read_is_said_with_all_else(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    """Unreadable fields, what may not stand, and a secret of somebody else's: one answer, nothing saved."""
    kwargs = {"day": "2026-11-20", "api_key": "s3cret"}
    row = make("Secret", datetime.now(UTC), task_name="sample_tasks.report", args=[], kwargs=kwargs)
    browser = signed_in("operator", "tom")  # somebody else entered the secret
    bad = {
        "name": "", "max_runs": "many", "task_type": "interval", "interval_seconds": ["often", "min"],
        "ends_at": "soon", "jitter_seconds": ["90000", "s"], "timezone": "UTC", "p-region": "apac",
    }  # fmt: skip
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | bad
    answer = post(browser, f"/schedules/{row.id}/edit", data)
    assert answer.status_code == 422
    problems = answer.text[answer.text.index('id="problems"') :]
    for field in ("name", "max_runs", "interval_seconds", "ends_at", "jitter_seconds", "p-api_key"):
        assert f'href="#{field}"' in problems
    assert "Enter this secret again" in problems
    assert fresh(row).version == 1


@pytest.mark.parametrize("bad", [{}, {"name": ""}, {"max_runs": "many"}])
def test_a_save_is_checked_once(
    app: Flask, signed_in: SignedIn, post: Post, monkeypatch: pytest.MonkeyPatch, bad: dict[str, str]
) -> None:
    checked, check = [], edits.check
    monkeypatch.setattr(edits, "check", lambda *args, **more: checked.append(1) or check(*args, **more))
    browser = signed_in("operator")
    post(browser, "/schedules/new", GOOD | bad)
    assert checked == [1]
    if not bad:
        address = f"/schedules/{only().id}/edit"
        data = shown_in(browser.get(address).text) | {"name": "Other"}
        assert post(browser, address, data).status_code == 303
        assert checked == [1, 1]


def test_a_taken_name(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    post(browser, "/schedules/new", GOOD)
    answer = post(browser, "/schedules/new", GOOD)
    assert answer.status_code == 409
    assert "Another schedule has this name." in answer.text
    assert 'id="name-error"' in answer.text
    only()


def test_an_empty_form_is_refused_not_an_error(app: Flask, signed_in: SignedIn, post: Post) -> None:
    assert post(signed_in("operator"), "/schedules/new", {"x": "y"}).status_code == 422


def test_the_form_of_each_task(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("operator")
    for number, info in enumerate(catalog.listing()):
        part = browser.get("/schedules/parameters", query_string={"task_name": info.name}).text
        assert "<html" not in part
        assert 'id="destination"' in part
        pages = [part]
        if number % 8 == 0:  # the page draws the same part
            pages.append(browser.get("/schedules/new", query_string={"task_name": info.name}).text)
        for parameter in info.parameters:
            field = re.compile(f'name="p-{parameter.name}["._]')  # a model has fields of its own
            assert all(field.search(page) for page in pages), info.name
        assert "Fix " not in pages[-1]


def test_the_form_can_be_asked_for_filled_in(app: Flask, signed_in: SignedIn) -> None:
    query = {"task_name": "sample_tasks.weekday", "cron_schedule": "0 9 * * 1-5", "name": "Morning"}
    page = signed_in("operator").get("/schedules/new", query_string=query).text
    assert 'value="0 9 * * 1-5"' in page
    assert 'value="Morning"' in page
    assert "Weekdays at 09:00" in page
    unknown = signed_in("operator").get("/schedules/new?task_name=no.such&cron_schedule=bad")
    assert unknown.status_code == 200
    assert "No task of this name is known." in unknown.text


def test_another_task_keeps_what_was_entered(app: Flask, signed_in: SignedIn, post: Post) -> None:
    """Without JavaScript: the button beside the task's name."""
    page = post(signed_in("operator"), "/schedules/form", GOOD | {"task_name": "sample_tasks.weekday"}).text
    assert 'name="p-day"' in page
    assert 'name="name" value="Resize"' in page
    assert 'value="30 1 * * *"' in page
    assert schedules.page(schedules.ScheduleFilter()).items == []


DAY_BEFORE = '{"$due":"-P1D"}'


def test_a_date_can_refer_to_the_fire(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    data = GOOD | {
        "task_name": "sample_tasks.report",
        "due-day": DAY_BEFORE,
        "p-day": "2026-01-01",
        "p-region": "apac",
    }
    data |= {"due-since": '{"$due":"P0D","floor":"month"}'}
    assert post(browser, "/schedules/new", data).status_code == 303
    row = only()
    assert row.kwargs == {
        "day": {"$due": "-P1D"}, "since": {"$due": "P0D", "floor": "month"}, "region": "apac",
    }  # fmt: skip
    page = browser.get(f"/schedules/{row.id}/edit").text
    chosen = re.search(r'<option value="([^"]+)" selected>\s*Day before the fire', page)
    assert chosen
    assert json.loads(html.unescape(chosen[1])) == {"$due": "-P1D"}
    assert row.next_due_at is not None
    day = (row.next_due_at - timedelta(days=1)).date().isoformat()
    assert f"At the next fire: {day}" in page


@pytest.mark.parametrize(
    "marker",
    [
        "yesterday",
        "5",
        "[]",
        "{}",
        '{"due": 1}',
        '{"$due": 5}',
        '{"$due":"-P1D","floor":"decade"}',
        "{" * 5000,
    ],
)
def test_a_bad_reference_is_refused_at_its_field(
    app: Flask, signed_in: SignedIn, post: Post, marker: str
) -> None:
    data = GOOD | {"task_name": "sample_tasks.weekday", "due-day": marker}
    answer = post(signed_in("operator"), "/schedules/new", data)
    assert answer.status_code == 422
    assert 'id="p-day-error"' in answer.text
    assert schedules.page(schedules.ScheduleFilter()).items == []


def test_a_reference_made_elsewhere_stays(app: Flask, signed_in: SignedIn, post: Post, make: Make) -> None:
    marker = {"$due": "-P3D", "floor": "week"}
    row = make("Odd", datetime.now(UTC), task_name="sample_tasks.weekday", args=[marker])
    browser = signed_in("operator")
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"name": "Renamed"}
    assert post(browser, f"/schedules/{row.id}/edit", data).status_code == 303
    row = fresh(row)
    assert (row.name, row.args, row.kwargs) == ("Renamed", [marker], {})


def preview(browser: FlaskClient, post: Post, **change: Any) -> str:
    answer = post(browser, "/schedules/preview", GOOD | change, htmx=True)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    return answer.text


def test_the_preview_shows_ten_fires_and_clock_changes(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator")
    browser.set_cookie("timezone", "Asia/Shanghai")
    start = "2030-10-24T00:00"  # clocks go back on the 27th
    text = preview(browser, post, starts_at=start)
    assert text.count('class="fire-number"') == 10
    assert "Every day at 01:30" in text
    assert "Clocks go back on" in text[text.index("27 Oct") : text.index("28 Oct")]
    assert "08:30 CST for you" in text
    assert "BST" in text
    assert "GMT" in text
    assert "up to 30 s of random delay" in preview(browser, post, jitter_seconds=["30", "s"])


@pytest.mark.parametrize(
    "change",
    [
        {"cron_schedule": "0 0 31 2 *"}, {"cron_schedule": "x"}, {"timezone": "Nowhere"}, {"task_type": "?"},
        {"task_type": "interval"}, {"task_type": "one_time"}, {"starts_at": "?"},
        {"jitter_seconds": ["x", "s"]},
    ],
)  # fmt: skip
def test_the_preview_says_what_it_cannot_read(
    app: Flask, signed_in: SignedIn, post: Post, change: dict[str, Any]
) -> None:
    text = preview(signed_in("operator"), post, **change)
    assert ('class="fire-number"' in text) is ("jitter_seconds" in change)


def test_the_preview_resolves_dates(app: Flask, signed_in: SignedIn, post: Post) -> None:
    change = {"task_name": "sample_tasks.weekday", "due-day": DAY_BEFORE, "starts_at": "2030-05-01T00:00"}
    text = preview(signed_in("operator"), post, **change)
    assert "day = 2030-04-30" in text
    assert 'hx-target="#p-day-resolved"' in text
    assert "At the next fire: 2030-04-30" in text


def test_saving_what_was_not_changed_changes_nothing(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    now = datetime.now(UTC)
    moment = now.replace(microsecond=123_456) + timedelta(days=3)
    secret = {"day": "2026-11-20", "api_key": "k"}
    rows = [
        make(
            "Cron", now, cron_schedule="*/7 * * * *", queue="files", priority=5, note=" a note\nof two lines"
        ),
        make("Policies", now, cron_schedule="@daily", jitter_seconds=61, message_ttl_seconds=3600),
        make("Interval", now, interval_seconds=86_400, starts_at=moment, max_runs=3),
        make("Once", now, run_at=moment, timezone="America/New_York"),
        make("Explicit", now, task_name="sample_tasks.resize", args=["a", 800], kwargs={"fmt": "png"}),
        make("Secret", now, task_name="sample_tasks.report", args=[], kwargs=secret),
    ]
    browser = signed_in("operator")
    for row in rows:
        before = schedules.Definition.of(row)
        data = shown_in(browser.get(f"/schedules/{row.id}/edit").text)
        assert post(browser, f"/schedules/{row.id}/edit", data).status_code == 303, row.name
        after = fresh(row)
        assert schedules.Definition.of(after) == before
        assert after.version == 1


def test_secrets_are_kept_unless_typed(app: Flask, signed_in: Any, post: Post, make: Make) -> None:
    kwargs = {"day": "2026-11-20", "api_key": "s3cret"}
    row = make("Secret", datetime.now(UTC), task_name="sample_tasks.report", args=[], kwargs=kwargs)
    browser = signed_in("operator", "mei")  # who entered them
    page = browser.get(f"/schedules/{row.id}/edit").text
    assert "s3cret" not in page
    assert "kept; type to replace it" in page
    data = shown_in(page) | {"p-region": "apac"}
    post(browser, f"/schedules/{row.id}/edit", data)
    assert fresh(row).kwargs == kwargs | {"region": "apac"}
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"p-api_key": "n3w"}
    post(browser, f"/schedules/{row.id}/edit", data)
    assert fresh(row).kwargs["api_key"] == "n3w"
    assert "n3w" not in browser.get(f"/schedules/{row.id}").text
    # Another task gets none of it.
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text)
    data |= {"task_name": "sample_tasks.fail", "p-password": ""}
    post(browser, f"/schedules/{row.id}/edit", data)
    assert fresh(row).kwargs == {}


def test_arguments_that_do_not_fit_any_more_can_be_mended(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    row = make("Drifted", datetime.now(UTC), task_name="sample_tasks.resize", args=[], kwargs={"folder": "a"})
    row.kwargs = {"folder": "a", "colour": 1}
    db.session.commit()
    browser = signed_in("operator")
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text)
    assert post(browser, f"/schedules/{row.id}/edit", data).status_code == 303
    assert fresh(row).kwargs == {"folder": "a"}


def test_a_schedule_of_a_vanished_task_can_be_edited(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    row = make("Old", datetime.now(UTC), cron_schedule="0 1 * * *")
    row.task_name, row.kwargs, row.args = "old.gone", {"a": 1}, []
    db.session.commit()
    browser = signed_in("operator")
    page = browser.get(f"/schedules/{row.id}/edit").text
    assert "its arguments are kept as they are" in page
    data = shown_in(page) | {"name": "Renamed"}
    assert post(browser, f"/schedules/{row.id}/edit", data).status_code == 303
    after = fresh(row)
    assert (after.name, after.task_name, after.kwargs) == ("Renamed", "old.gone", {"a": 1})
    moved = data | {"task_name": "sample_tasks.plain", "p-a": "3", "version": str(after.version)}
    assert post(browser, f"/schedules/{row.id}/edit", moved).status_code == 303
    assert (fresh(row).task_name, fresh(row).kwargs) == ("sample_tasks.plain", {"a": 3})


def test_what_has_passed_can_still_be_renamed(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    early = datetime.now(UTC) - timedelta(days=3)
    row = make("Once", early, run_at=early + timedelta(hours=1))
    row.enabled, row.next_run_at, row.next_due_at = False, None, None
    db.session.commit()
    browser = signed_in("operator")
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"name": "Renamed"}
    assert post(browser, f"/schedules/{row.id}/edit", data).status_code == 303
    again = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"enabled": "1"}
    refused = post(browser, f"/schedules/{row.id}/edit", again)
    assert refused.status_code == 422
    assert 'id="run_at-error"' in refused.text
    later = again | {"run_at": "2030-01-01T00:00"}
    assert post(browser, f"/schedules/{row.id}/edit", later).status_code == 303
    assert fresh(row).enabled


@pytest.mark.database
def test_two_people_editing_do_not_undo_each_other(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    row = make("Report", datetime.now(UTC), cron_schedule="0 9 * * *", timezone="UTC")
    ann, tom = signed_in("operator", "ann"), signed_in("operator", "tom")
    address = f"/schedules/{row.id}/edit"
    anns, toms = shown_in(ann.get(address).text), shown_in(tom.get(address).text)
    assert post(ann, address, anns | {"cron_schedule": "0 10 * * *", "note": "later"}).status_code == 303
    answer = post(tom, address, toms | {"name": "Daily report", "note": "earlier"})
    assert answer.status_code == 412
    assert fresh(row).name == "Report"
    page = answer.text
    assert "Somebody else changed this schedule meanwhile" in page
    assert "ann" in page
    assert "<del>0 9 * * *</del>" in page
    assert "Both of you changed: Note." in page
    merged = shown_in(page)
    assert (merged["name"], merged["cron_schedule"], merged["note"]) == (
        ["Daily report"],
        ["0 10 * * *"],
        ["earlier"],
    )
    assert post(tom, address, merged).status_code == 303
    row = fresh(row)
    assert (row.name, row.cron_schedule, row.note) == ("Daily report", "0 10 * * *", "earlier")


def test_both_change_the_arguments(app: Flask, signed_in: SignedIn, post: Post, make: Make) -> None:
    row = make("Args", datetime.now(UTC), task_name="sample_tasks.plain", args=[1], kwargs={"b": 2})
    ann, tom = signed_in("operator", "ann"), signed_in("operator", "tom")
    address = f"/schedules/{row.id}/edit"
    anns, toms = shown_in(ann.get(address).text), shown_in(tom.get(address).text)
    post(ann, address, anns | {"p-a": "7"})
    untouched = post(tom, address, toms | {"name": "Renamed"})
    assert untouched.status_code == 412
    assert shown_in(untouched.text)["p-a"] == ["7"]
    both = post(tom, address, toms | {"p-a": "9"})
    assert "Both of you changed: Arguments" in both.text
    assert shown_in(both.text)["p-a"] == ["9"]
    post(tom, address, shown_in(both.text))
    assert fresh(row).kwargs == {"a": 9, "b": 2}


@pytest.mark.parametrize("version", ["", "-1", "x", "0", "9" * 20, "²", None])
def test_a_form_that_does_not_say_its_version_is_refused(
    app: Flask, signed_in: SignedIn, post: Post, make: Make, version: str | None
) -> None:
    row = make("Report", datetime.now(UTC), task_name="sample_tasks.resize", kwargs={"folder": "a"})
    browser = signed_in("operator")
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"version": version, "name": "X"}
    data |= {"p-folder": "b"}
    answer = post(browser, f"/schedules/{row.id}/edit", {k: v for k, v in data.items() if v is not None})
    assert answer.status_code == 422
    assert "The form does not say which version it changes. Load the page again." in answer.text
    assert fresh(row).name == "Report"


def test_a_form_of_a_version_that_never_was_is_stale(
    app: Flask, signed_in: SignedIn, post: Post, make: Make
) -> None:
    row = make("Report", datetime.now(UTC), cron_schedule="0 9 * * *")
    browser = signed_in("operator")
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"version": "99", "name": "X"}
    assert post(browser, f"/schedules/{row.id}/edit", data).status_code == 412
    assert fresh(row).name == "Report"


def test_a_run_can_start_later(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator", "ann")
    data = {
        "p-folder": "a",
        "start": "delay",
        "delay_seconds": ["90", "min"],
        "priority": "5",
        "queue": "default",
    }
    before = datetime.now(UTC)
    answer = post(browser, "/tasks/sample_tasks.resize/run", data)
    (run,) = runs.page(runs.RunFilter()).items
    assert answer.location == f"/runs/{run.id}"
    assert run.state == states.SCHEDULED
    assert run.eta_at is not None
    assert timedelta(minutes=90) <= run.eta_at - before < timedelta(minutes=91)


def test_a_run_at_a_time_is_a_one_time_schedule(app: Flask, signed_in: SignedIn, post: Post) -> None:
    browser = signed_in("operator", "ann")
    browser.set_cookie("timezone", "America/New_York")
    data = {"p-folder": "a", "start": "at", "start_at": "2030-07-01T09:00", "priority": "9", "queue": "files"}
    answer = post(browser, "/tasks/sample_tasks.resize/run", data)
    row = only()
    assert answer.location == f"/schedules/{row.id}"
    assert (row.task_type, row.run_at, row.timezone) == (
        "one_time", datetime(2030, 7, 1, 13, tzinfo=UTC), "America/New_York",
    )  # fmt: skip
    assert (row.kwargs, row.queue, row.priority, row.created_by) == ({"folder": "a"}, "files", 9, "ann")
    assert runs.page(runs.RunFilter()).items == []


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"start": "at", "start_at": ""}, "start_at"),
        ({"start": "at", "start_at": "soon"}, "start_at"),
        ({"start": "at", "start_at": "2020-01-01T00:00"}, "start_at"),
        ({"start": "at", "start_at": "2031-13-01T00:00"}, "start_at"),
        ({"start": "delay", "delay_seconds": ["", "s"]}, "delay_seconds"),
        ({"start": "delay", "delay_seconds": ["-1", "s"]}, "delay_seconds"),
        ({"start": "delay", "delay_seconds": ["x", "s"]}, "delay_seconds"),
        ({"start": "delay", "delay_seconds": ["1", "year"]}, "delay_seconds"),
        ({"start": "delay", "delay_seconds": ["367", "d"]}, "delay_seconds"),
        ({"start": "someday"}, "start"),
    ],
)
def test_a_start_that_cannot_be_read_never_means_now(
    app: Flask, signed_in: SignedIn, post: Post, data: dict[str, Any], field: str
) -> None:
    for mode in ({"p-folder": "a"}, {"mode": "raw", "raw": '{"folder": "a"}'}):
        answer = post(signed_in("operator"), "/tasks/sample_tasks.resize/run", mode | data)
        assert answer.status_code == 422
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}-error"' in answer.text
    assert runs.page(runs.RunFilter()).items == []
    assert schedules.page(schedules.ScheduleFilter()).items == []


def test_the_code_of_a_later_run(app: Flask, signed_in: SignedIn, post: Post) -> None:
    data = {"p-folder": "a", "start": "at", "start_at": "2030-07-01T09:00"}
    answer = post(signed_in("operator"), "/tasks/sample_tasks.resize/same-as", data, htmx=True).text
    assert "eta=" in answer
    assert "2030" in answer
    bad = post(
        signed_in("operator"), "/tasks/sample_tasks.resize/same-as", data | {"start_at": "x"}, htmx=True
    ).text
    assert "apply_async" not in bad


@pytest.mark.parametrize(
    ("path", "nasty"),
    [
        ("/schedules/{}/edit", "<script>alert(1)</script>%(n)s {}\u202e"),
        ("/schedules/preview", "<script>alert(1)</script>" + "x" * 100_000),
    ],
)
def test_no_text_breaks_the_form(
    app: Flask, signed_in: SignedIn, post: Post, make: Make, nasty: str, path: str
) -> None:
    fill_every_field(signed_in("operator"), post, make, nasty, path)


@pytest.mark.database
def test_no_null_character_breaks_the_form(app: Flask, signed_in: SignedIn, post: Post, make: Make) -> None:
    fill_every_field(signed_in("operator"), post, make, "a\x00b", "/schedules/{}/edit")


def fill_every_field(browser: FlaskClient, post: Post, make: Make, nasty: str, path: str) -> None:
    row = make("Report", datetime.now(UTC), task_name="sample_tasks.report", args=["2026-11-20"])
    data = shown_in(browser.get(f"/schedules/{row.id}/edit").text) | {"csrf_token": ""}
    for field in [*data, "due-day", "schedule_id", "then"]:
        value = [nasty, nasty] if field in SPANS else nasty
        answer = post(browser, path.format(row.id), data | {field: value})
        assert answer.status_code in (200, 303, 400, 404, 409, 412, 422), field
        assert "<script>alert" not in answer.text
    assert browser.get(f"/schedules/{row.id}").status_code == 200
    assert browser.get("/schedules").status_code == 200
