"""Schedules in a real browser: the form follows what is typed, the list follows what is done."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app import runs, schedules
from app.extensions import db
from app.schedules.models import Schedule
from tests.schedules.test_shared_names import NAME, NUMBERS, publish

Visit = Callable[..., Page]


@pytest.fixture
def new(app: Flask) -> Callable[..., Schedule]:
    """`new(name, **fields)`: a schedule that fires daily."""

    def create(name: str = "Daily", **fields: Any) -> Schedule:
        fields = {"task_name": "sample_tasks.plain", "args": [1], "task_type": "cron"} | fields
        fields = {"cron_schedule": "0 12 * * *", "timezone": "Europe/London"} | fields
        definition = schedules.Definition(name=name, **fields)
        return schedules.create(definition, "mei", datetime.now(UTC))

    return create


def names() -> list[str]:
    db.session.rollback()
    return [row.name for row in schedules.page(schedules.ScheduleFilter()).items]


def is_on(row: Schedule) -> bool:
    db.session.rollback()
    return schedules.get(row.id).enabled


def runs_of(row: Schedule) -> int:
    db.session.rollback()
    return len(runs.page(runs.RunFilter(schedule_id=row.id)).items)


def test_a_picker_writes_the_expression_for_who_reads_none(app: Flask, visit: Visit) -> None:
    page = visit("/schedules/new?task_name=sample_tasks.plain")
    page.locator("[name=task_type][value=cron]").check(force=True)
    whole, said = page.locator("#cron_schedule"), page.locator("#timing-said")
    kind = page.locator("#pick-kind")
    for choice, expression, words in (
        ("minutes", "*/15 * * * *", "Every 15 minutes"),
        ("weekdays", "0 9 * * 1-5", "Weekdays at 09:00"),
        ("last", "0 9 L * *", "last day"),
        ("nth", "0 9 * * 1#1", "first Monday"),
    ):
        kind.select_option(choice)
        expect(whole).to_have_value(expression)
        expect(said).to_contain_text(re.compile(words, re.IGNORECASE))
    kind.select_option("days")
    page.get_by_label("Monday", exact=True).check()
    page.get_by_label("Thursday").check()
    page.locator("[data-time]").first.fill("08:30")
    page.get_by_role("button", name="Another time").click()
    expect(whole).to_have_value("30 8,9 * * 1,4")
    expect(said).to_contain_text("Next:")
    expect(said).to_be_in_viewport()
    page.set_viewport_size({"width": 380, "height": 900})
    expect(said).to_be_in_viewport()
    page.locator(".cron-raw summary").click()
    whole.fill("99 * * * *")
    expect(said.locator(".field-error")).to_be_visible()
    expect(whole).to_have_attribute("aria-invalid", "true")
    expect(kind).to_have_value("own")
    whole.fill("0 7 1 * *")
    expect(kind).to_have_value("date")
    expect(said.locator(".field-error")).to_have_count(0)
    expect(whole).to_have_attribute("aria-invalid", "false")
    page.evaluate("toasts.append(document.getElementById('toast-unknown').content.cloneNode(true))")
    toast, save = page.locator(".toast").bounding_box(), page.locator(".form-foot").bounding_box()
    assert toast
    assert save
    assert toast["y"] + toast["height"] <= save["y"]  # what is said does not cover the button


def test_five_columns_and_the_whole_expression_stay_in_step(app: Flask, visit: Visit) -> None:
    page = visit("/schedules/new")
    page.locator(".cron-raw summary").click()
    whole, hour = page.get_by_label("Whole expression"), page.get_by_label("Hour", exact=True)
    expect(hour).to_have_value("9")
    hour.fill("7,19")
    expect(whole).to_have_value("0 7,19 * * *")
    expect(page.get_by_text("Hour takes 0 to 23")).to_be_visible()
    expect(page.locator("#preview")).to_contain_text("07:00")
    whole.fill("*/15 9-17 * * MON-FRI")
    expect(page.get_by_label("Minute", exact=True)).to_have_value("*/15")
    expect(page.get_by_label("Day of week")).to_have_value("MON-FRI")
    whole.fill("30 0 12 * * *")
    expect(page.get_by_label("Second", exact=True)).to_have_value("30")
    page.get_by_label("Second", exact=True).fill("15")
    expect(whole).to_have_value("15 0 12 * * *")
    whole.fill("@weekly")
    expect(hour).to_have_value("")
    expect(page.get_by_label("Second", exact=True)).to_be_hidden()
    hour.fill("3")
    expect(whole).to_have_value("* 3 * * *")


def test_the_preview_follows_what_is_typed(app: Flask, visit: Visit) -> None:
    page = visit("/schedules/new", timezone_id="Asia/Shanghai")
    page.locator(".cron-raw summary").click()
    preview = page.locator("#preview")
    page.get_by_label("Time zone").fill("America/New_York")
    expect(preview).to_contain_text("for you")
    page.get_by_label("Whole expression").fill("0 25 * * *")
    expect(preview).to_contain_text("Hour takes 0 to 23")
    page.locator("[name=task_type][value=interval]").check(force=True)
    expect(page.get_by_label("Whole expression")).to_be_hidden()
    page.get_by_label("Every", exact=True).fill("90")
    expect(preview).to_contain_text("Every 90 minutes")
    expect(preview.locator(".fire-number")).to_have_count(10)
    page.locator("[name=task_type][value=one_time]").check(force=True)
    page.get_by_label("At", exact=True).fill("2030-01-01T09:00")
    expect(preview.locator(".fire-number")).to_have_count(1)


def test_choosing_a_task_brings_its_fields(app: Flask, visit: Visit) -> None:
    page = visit("/schedules/new")
    page.get_by_role("combobox", name="Task").fill("sample_tasks.report")
    page.get_by_label("Name", exact=True).fill("Daily report")
    region = page.locator("[name=p-region]")
    expect(region).to_be_visible()
    expect(page.locator("#task_name-hint")).to_have_text("Build the report of a day.")
    expect(page.get_by_role("combobox", name="Queue")).to_contain_text("default (task default)")
    picker = page.locator("[name=p-day]")
    expect(picker).to_be_visible()
    page.locator("[name=due-day]").select_option(label="Day before the fire")
    expect(picker).to_be_hidden()
    expect(page.locator("#p-day-resolved")).to_contain_text(re.compile(r"At the next fire: 20\d\d-"))
    expect(page.locator("#preview")).to_contain_text("day = 20")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Daily report")
    (row,) = schedules.page(schedules.ScheduleFilter()).items
    assert row.kwargs == {"day": {"$due": "-P1D"}}


def test_a_refused_form_has_the_focus_on_its_problems(app: Flask, visit: Visit) -> None:
    page = visit("/schedules/new")
    page.get_by_label("Name", exact=True).fill("Kept")
    page.get_by_label("Name", exact=True).press("Enter")  # saves, and nothing else
    problems = page.locator("#problems")
    expect(problems).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Kept")
    problems.get_by_role("link", name="Task").click()
    expect(page.get_by_role("combobox", name="Task")).to_be_focused()


def test_the_switch_acts_at_once_and_can_be_undone(
    app: Flask, visit: Visit, new: Callable[..., Schedule]
) -> None:
    row = new()
    page = visit("/schedules")
    switch = page.get_by_role("switch", name="Enable Daily")
    switch.uncheck(force=True)
    expect(page.locator("#toasts")).to_contain_text("Turned off")
    expect(page.locator(f"#schedule-{row.id}")).to_contain_text("Off")
    assert not is_on(row)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("switch", name="Enable Daily")).to_be_checked()
    assert is_on(row)


def test_chosen_rows_stay_chosen_while_the_list_is_asked_again(
    app: Flask, visit: Visit, new: Callable[..., Schedule], ask: Any
) -> None:
    rows = [new(f"S{n}", enabled=n < 2) for n in range(3)]
    page = visit("/schedules")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    page.get_by_label("Choose S0").check(force=True)
    expect(bar).to_contain_text("1 chosen")
    expect(bar.get_by_role("button", name="Turn on")).to_be_hidden()  # it is on
    page.get_by_label("Choose all of this page").check(force=True)
    expect(bar).to_contain_text("3 chosen")
    expect(bar.get_by_role("button", name="Turn on")).to_be_visible()
    schedules.update(rows[2].id, {"name": "Renamed"}, "tom", datetime.now(UTC))
    ask(page, "schedules")
    expect(bar).to_contain_text("3 chosen")
    expect(page.locator(".pick:checked")).to_have_count(3)
    bar.get_by_role("button", name="Choose none").click()
    expect(bar).to_be_hidden()
    expect(page.get_by_role("link", name="Renamed")).to_be_visible()


def test_deleting_many_asks_in_a_dialog(app: Flask, visit: Visit, new: Callable[..., Schedule]) -> None:
    for number in range(2):
        new(f"S{number}")
    page = visit("/schedules")
    page.get_by_label("Choose all of this page").check(force=True)
    page.locator("#bulk").get_by_role("button", name="Delete").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("Delete 2 schedules?")
    expect(dialog.get_by_role("link", name="Keep them")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#bulk").get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete 2 schedules").click()
    expect(page.locator("#toasts")).to_contain_text("Deleted")
    assert names() == []
    page.locator("#toasts").get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="S1")).to_be_visible()
    expect(page.locator("main")).to_be_focused()  # nothing in it had the focus before


def test_the_menu_of_a_row_runs_it_and_asks_when_one_runs(
    app: Flask, visit: Visit, new: Callable[..., Schedule]
) -> None:
    row = new()
    page = visit("/schedules")
    button = page.get_by_role("button", name="Actions for Daily")
    button.click()
    menu = page.locator(f"#menu-{row.id}")
    expect(menu).to_be_visible()
    at, hangs = button.bounding_box(), menu.bounding_box()
    assert at is not None
    assert hangs is not None
    assert abs(hangs["y"] - (at["y"] + at["height"])) < 12  # it hangs at its button
    menu.get_by_role("button", name="Run now").click()
    expect(page.locator("#toasts")).to_contain_text("Sent to the queue default")
    expect(menu).to_be_hidden()
    assert runs_of(row) == 1
    button.click()
    menu.get_by_role("button", name="Run now").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("An earlier run of this schedule has not finished.")
    dialog.get_by_text("Run side by side").click()
    dialog.get_by_role("button", name="Run now").click()
    expect(page.locator("#toasts")).to_contain_text("Sent to the queue default")
    assert runs_of(row) == 2


def test_a_note_is_asked_for_in_a_dialog(app: Flask, visit: Visit, new: Callable[..., Schedule]) -> None:
    row = new()
    page = visit(f"/schedules/{row.id}")
    page.get_by_role("link", name="Turn off").click()
    page.locator("#dialog").get_by_label("Note").fill("until the move")
    page.locator("#dialog").get_by_role("button", name="Turn off").click()
    expect(page.locator("#schedule")).to_contain_text("until the move")
    assert not is_on(row)


def test_a_fire_is_skipped_and_restored_on_the_page(
    app: Flask, visit: Visit, new: Callable[..., Schedule]
) -> None:
    row = new()
    page = visit(f"/schedules/{row.id}")
    page.get_by_role("button", name=re.compile("^Skip ")).nth(2).click()
    expect(page.locator(".is-skipped")).to_have_count(1)
    page.get_by_role("button", name=re.compile("^Restore ")).click()
    expect(page.locator(".is-skipped")).to_have_count(0)


def test_without_javascript(app: Flask, visit: Visit, new: Callable[..., Schedule]) -> None:
    row = new()
    page = visit("/schedules", java_script_enabled=False)
    page.locator(f"#schedule-{row.id}").get_by_role("button", name="Turn off").click()
    assert not is_on(row)
    page.get_by_label("Choose Daily").check(force=True)
    page.locator("#bulk").get_by_role("button", name="Turn on").click()
    assert is_on(row)
    page.get_by_role("link", name="New schedule").click()
    page.get_by_role("combobox", name="Task").fill("sample_tasks.weekday")
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_label("Whole expression").fill("5 4 * * *")
    page.get_by_role("button", name="Show its parameters").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Plain")
    page.locator("[name=due-day]").select_option(label="Day of the fire")
    page.get_by_role("button", name="Show the next fires").click()
    expect(page.locator("#preview")).to_contain_text("Every day at 04:05")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plain")
    assert sorted(names()) == ["Daily", "Plain"]


def test_a_run_is_asked_for_at_a_time(app: Flask, visit: Visit) -> None:
    page = visit("/tasks/sample_tasks.weekday", timezone_id="Europe/London")
    form = page.locator("#run-form")
    form.locator("[name=p-day]").fill("2026-11-20")
    expect(form.get_by_label("Starts at")).to_be_hidden()
    form.get_by_text("At a time").click()
    form.get_by_label("Starts at").fill("2030-07-01T09:00")
    form.get_by_role("button", name="Run later").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("sample_tasks.weekday at 2030-07-01 09:00")
    (row,) = schedules.page(schedules.ScheduleFilter()).items
    assert row.run_at == datetime(2030, 7, 1, 8, tzinfo=UTC)


def test_one_chooses_whose_task_it_is(
    app: Flask, visit: Visit, monkeypatch: pytest.MonkeyPatch, eventually: Any
) -> None:
    monkeypatch.setattr(app.config["SETTINGS"], "brokers", dict.fromkeys(NUMBERS, "redis://127.0.0.1:1/0"))
    for name in NUMBERS:
        publish(name, NAME)
    page = visit("/schedules/new?task_name=sample_tasks.plain")
    whose = page.locator("select#app")
    expect(page.locator("#app")).to_be_hidden()
    page.locator("#task_name").fill(NAME)
    page.locator("#name").fill("Of the shop")
    expect(page.locator("#parameters")).to_contain_text("Choose the app first")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.locator("#app-field .field-error")).to_contain_text("mail, shop")
    whose.select_option("mail")
    expect(page.locator("[name=p-mail]")).to_be_visible()
    whose.select_option("shop")
    page.locator("[name=p-shop]").fill("5")
    expect(whose).to_have_value("shop")
    page.get_by_role("button", name="Create schedule").click()
    eventually(lambda: names() == ["Of the shop"])
    (row,) = schedules.page(schedules.ScheduleFilter()).items
    assert (row.app, row.kwargs) == ("shop", {"shop": 5})
