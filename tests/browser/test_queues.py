"""A queue in a browser: rows are dragged, moved by keys and by menu, and hold still under one's hand."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from redis import Redis

from app import broker, queues, runs
from app.clock import utcnow
from app.heartbeats import WORKERS

Visit = Callable[..., Page]
Q = "/queues/default"


@pytest.fixture
def submit(app: Flask) -> Callable[..., str]:
    def make(number: int = 0, **options: Any) -> str:
        request = runs.RunRequest("sample_tasks.plain", [number], **options)
        return runs.submit(request, utcnow()).id

    return make


@pytest.fixture
def ids(submit: Callable[..., str]) -> list[str]:
    """Six waiting runs: two of priority 9, four of 5."""
    return [submit(n, priority=9 if n < 2 else 5) for n in range(6)]


def order() -> list[str]:
    return [message.id for message in broker.page("default")]


def shown(page: Page) -> list[str]:
    found: list[str] = page.locator("#line-rows tr[data-id]:not(.drag-lift)").evaluate_all(
        "rows => rows.map(row => row.dataset.id)"
    )
    return found


def drag(page: Page, run_id: str, to: str, below: bool = False, drop: bool = True) -> None:
    """Drag a row by its handle to the upper (or lower) part of another."""
    grip = page.locator(f"#wait-{run_id} .grip").bounding_box()
    goal = page.locator(f"#wait-{to}").bounding_box()
    assert grip
    assert goal
    x, y = grip["x"] + 10, grip["y"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5, y + 10, steps=3)
    page.mouse.move(x + 5, goal["y"] + goal["height"] * (0.9 if below else 0.1), steps=6)
    if drop:
        page.mouse.up()


def test_a_row_is_dragged_to_another_place(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    drag(page, ids[5], ids[1], drop=False)
    expect(page.locator(".drop-line")).to_have_text("Position 2, priority becomes 9")
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 2 of 6")
    assert order() == [ids[0], ids[5], ids[1], ids[2], ids[3], ids[4]] == shown(page)
    expect(page.locator(f"#wait-{ids[5]} .priority b")).to_have_text("9")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone")
    assert order() == ids == shown(page)


def test_a_row_keeps_its_priority_where_that_fits(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    drag(page, ids[4], ids[1], below=True, drop=False)
    expect(page.locator(".drop-line")).to_have_text("Position 3")
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 3 of 6")
    assert order() == [ids[0], ids[1], ids[4], ids[2], ids[3], ids[5]]
    assert broker.by_priority("default") == {9: 2, 5: 4}


def test_a_drag_can_be_given_up(visit: Visit, ids: list[str], ask: Any) -> None:
    page = visit(Q)
    drag(page, ids[5], ids[0], drop=False)
    page.keyboard.press("Escape")
    page.mouse.up()
    drag(page, ids[5], ids[5])
    ask(page, "queue")
    assert order() == ids == shown(page)


def test_a_worker_was_faster(visit: Visit, ids: list[str], redis: Redis) -> None:
    """The row goes where the truth is, and a toast says why."""
    page = visit(Q)
    drag(page, ids[0], ids[5], below=True, drop=False)
    raw: Any = redis.rpop(broker.keys().level("default", 0).key)
    redis.hset("unacked", "tag", json.dumps([json.loads(raw), "", "default"]))
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text("A worker has already taken")
    expect(page.locator(f"#wait-{ids[0]}")).to_have_count(0)
    assert order() == ids[1:] == shown(page)


def test_nothing_moves_during_a_drag(visit: Visit, ids: list[str], submit: Any, ask: Any) -> None:
    page = visit(Q)
    drag(page, ids[5], ids[2], drop=False)
    broker.move("default", ids[0], to="back")
    ask(page, "queue")
    assert shown(page) == ids
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text("Moved to position")
    assert shown(page) == order()
    assert order().index(ids[5]) < order().index(ids[2])


def test_rows_hold_still_under_the_pointer_and_pale_when_they_went(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    page.hover(f"#wait-{ids[3]}")
    broker.remove("default", ids[1])
    expect(page.locator("#line-moved")).to_be_visible()
    assert shown(page) == ids
    expect(page.locator(f"#wait-{ids[1]}")).to_have_class("gone")
    expect(page.locator(f"#wait-{ids[3]} .position-cell")).to_have_text("3")
    page.click("#line-moved [data-release]")
    expect(page.locator(f"#wait-{ids[1]}")).to_have_count(0)
    expect(page.locator("#line-moved")).to_be_hidden()


def test_new_runs_come_in_while_nobody_touches_the_page(visit: Visit, ids: list[str], submit: Any) -> None:
    page = visit(Q)
    new = submit(7)
    expect(page.locator(f"#wait-{new}")).to_be_visible()


def test_keys_move_the_focused_row_and_say_where_it_is(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    more = page.locator(f"#wait-{ids[4]} .row-more")
    more.focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#toasts")).to_contain_text("Moved to position 4 of 6")
    expect(more).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("#toasts")).to_contain_text("Moved to position 5 of 6")
    expect(more).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator("#toasts")).to_contain_text("Moved to position 1 of 6")
    assert order()[0] == ids[4]
    page.keyboard.press("b")
    expect(page.locator("#toasts")).to_contain_text("Moved to position 6 of 6")
    page.keyboard.press("h")
    expect(page.locator(f"#held-{ids[4]}")).to_be_visible()
    assert [one.message.id for one in broker.held("default")] == [ids[4]]
    below = page.locator(f"#wait-{order()[-1]} .row-more")
    expect(below).to_be_focused()  # what stands where it stood
    page.get_by_role("button", name="Undo").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#wait-{ids[4]}")).to_be_visible()
    expect(below).to_be_focused()


def test_letters_do_nothing_elsewhere(visit: Visit, ids: list[str], ask: Any) -> None:
    page = visit(Q)
    page.locator("#search").press_sequentially("bth")
    page.keyboard.press("Escape")
    page.locator("body").press("b")
    ask(page, "queue")
    assert order() == ids


def test_the_menu_of_a_row(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    more = page.locator(f"#wait-{ids[3]} .row-more")
    more.click()
    menu = page.locator("#queue-menu")
    expect(menu.get_by_role("button", name="Move to top")).to_be_focused()
    expect(menu.get_by_role("button", name="Priority 5")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(more).to_be_focused()
    more.click()
    menu.get_by_role("button", name="Priority 9").click()
    expect(page.locator("#toasts")).to_contain_text("Priority is now 9")
    assert order() == [ids[0], ids[1], ids[3], ids[2], ids[4], ids[5]]
    more.click()
    menu.get_by_text("Move to queue").click()
    menu.get_by_role("button", name="mail", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Sent to the queue mail")
    assert [message.id for message in broker.page("mail")] == [ids[3]]


def test_to_a_place_and_remove_by_dialogs(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    page.locator(f"#wait-{ids[5]} .row-more").click()
    page.get_by_role("button", name="Move to a place").click()
    page.fill("#place-after", ids[2])
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 4 of 6")
    page.locator(f"#wait-{ids[5]} .row-more").click()
    page.get_by_role("button", name="Remove from queue").click()
    expect(page.get_by_role("link", name="Keep it")).to_be_focused()
    page.get_by_role("button", name="Remove run").click()
    expect(page.locator("#toasts")).to_contain_text("1 run removed")
    assert order() == ids[:5]


def test_a_row_explains_itself_when_it_is_clicked(visit: Visit, ids: list[str], redis: Redis) -> None:
    worker = {
        "hostname": "w1@host", "state": "online", "heartbeat_at": utcnow().timestamp() + 600, "started_at": 0,
        "pid": 1, "pool": "prefork", "slots": 1, "queues": ["default"],
        "running": [{"id": "x", "task": "t", "started_at": None}],
    }  # fmt: skip
    redis.hset(WORKERS, "w1@host", json.dumps(worker))
    page = visit(Q)
    page.locator(f"#wait-{ids[3]} .task-cell").click(position={"x": 300, "y": 20})
    why = page.locator("#why")
    for words in ("The only slot is busy", "1 of 1", "3 runs go first", "2 have a higher priority."):
        expect(why).to_contain_text(words)
    expect(why).to_contain_text("1 has the same priority and stands before it.")
    expect(why).to_contain_text("The queue is not paused.")
    assert f"run={ids[3]}" in page.url
    why.get_by_role("button", name="Move to top").click()
    expect(why).to_contain_text("It is the next one")
    expect(page.locator(f"#wait-{ids[3]}")).to_have_class("selected")
    page.reload()
    expect(why).to_contain_text("It is the next one")
    why.get_by_role("button", name="Hold", exact=True).click()
    expect(page.locator("#held")).to_contain_text("1 run waits here")
    assert broker.held_count("default") == 1


def test_chosen_rows_are_changed_together_and_stay_chosen_meanwhile(
    visit: Visit, ids: list[str], submit: Any, ask: Any
) -> None:
    page = visit(Q)
    for run_id in (ids[2], ids[4]):
        page.locator(f"#wait-{run_id} .pick").check()
    expect(page.locator("#bulk")).to_contain_text("2 chosen")
    page.mouse.move(5, 5)
    submit(9)
    ask(page, "queue")
    assert shown(page) == ids
    expect(page.locator(f"#wait-{ids[2]} .pick")).to_be_checked()
    page.locator("#bulk").get_by_role("button", name="Hold").click()
    expect(page.locator("#toasts")).to_contain_text("2 runs are held")
    assert {one.message.id for one in broker.held("default")} == {ids[2], ids[4]}


def test_purge_waits_for_the_name_and_is_undone(visit: Visit, ids: list[str]) -> None:
    page = visit(Q, role="admin")
    page.get_by_role("link", name="Purge").click()
    purge = page.get_by_role("dialog").get_by_role("button", name="Purge 6 runs")
    expect(page.locator("#typed-name")).to_be_focused()
    expect(purge).to_be_disabled()
    page.keyboard.type("defaul")
    page.keyboard.press("Enter")
    expect(purge).to_be_disabled()
    assert order() == ids
    page.keyboard.type("t")
    purge.click()
    expect(page.locator("#toasts")).to_contain_text("6 runs purged")
    assert order() == []
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("6 runs are back")
    assert order() == ids


def test_pause_with_a_note(visit: Visit, ids: list[str]) -> None:
    page = visit(Q)
    page.get_by_role("link", name="Pause").click()
    page.fill("#pause-note", "month end")
    page.get_by_role("button", name="Pause queue").click()
    expect(page.locator("#queue-notices")).to_contain_text("month end")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#queue-notices")).not_to_contain_text("month end")


def test_everything_works_without_javascript(visit: Visit, ids: list[str]) -> None:
    page = visit(Q, java_script_enabled=False)
    page.locator(f"#wait-{ids[5]} .row-more").click()
    why = page.locator("#why")
    why.get_by_role("button", name="Up").click()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 5 of 6")
    why.get_by_role("button", name="Move to top").click()
    assert order()[0] == ids[5]
    page.locator("#why select[name=priority]").select_option("3")
    why.get_by_role("button", name="Set").click()
    assert order()[-1] == ids[5]
    why.get_by_role("link", name="To a place…").click()
    page.fill("#place-position", "2")
    page.get_by_role("button", name="Move").click()
    assert order()[1] == ids[5]
    page.locator(f"#wait-{ids[0]} .row-more").click()
    why.get_by_role("button", name="Hold", exact=True).click()
    page.get_by_role("button", name="Release plain").click()
    page.locator(f"#wait-{ids[5]} .row-more").click()
    why.get_by_role("link", name="Hold with a reason…").click()
    page.fill("#hold-reason", "fraud check")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator("#held")).to_contain_text("fraud check")
    page.get_by_role("button", name="Release plain").click()
    assert broker.held_count("default") == 0
    for run_id in ids[:2]:
        page.locator(f"#wait-{run_id} .pick").check()
    page.locator("#bulk").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove 2 runs").click()
    assert set(order()) == set(ids[2:])


def test_a_phone_has_buttons_for_every_move(visit: Visit, ids: list[str]) -> None:
    page = visit(Q, width=380, has_touch=True)
    page.locator(f"#wait-{ids[4]} .task-cell").tap(position={"x": 150, "y": 24})
    row = page.locator("#why-row")
    expect(row).to_contain_text("No worker is online")
    row.get_by_role("button", name="Top").tap()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 1 of 6")
    row.get_by_role("button", name="Down").tap()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 2 of 6")
    assert order()[1] == ids[4]
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    queues.hold("default", ids[0], "mei", "", utcnow())
    page.get_by_role("link", name="Held").tap()
    page.get_by_role("button", name="Release plain").tap()
    expect(page.locator("#toasts")).to_contain_text("Released")
