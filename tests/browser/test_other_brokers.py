"""The line of another app's queue is dragged, and moved by keys, in the browser."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from app import brokers
from app.clock import utcnow
from tests.brokers.conftest import Theirs, theirs
from tests.browser.test_queues import drag, shown

__all__ = ["theirs"]

Visit = Callable[..., Page]


def test_their_line_is_dragged_and_moved_by_keys(visit: Visit, theirs: Theirs) -> None:
    one, two, three, four = (theirs.send(number) for number in range(4))
    brokers.allow("shop", "ann", utcnow())
    page = visit("/brokers/shop/queues/celery")

    def order() -> list[str]:
        return [run.id for run in brokers.line(brokers.find("shop"), "celery", 0, 50)]

    drag(page, four, two)
    expect(page.locator("#toasts")).to_contain_text("Moved to position 2")
    assert order() == [one, four, two, three] == shown(page)
    page.focus(f"#wait-{three} .row-more")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#toasts")).to_contain_text("Moved to position 3")
    assert order() == [one, four, three, two] == shown(page)
    page.click(f"#wait-{two} .row-more")
    page.get_by_role("button", name="Move to top").click()
    expect(page.locator("#toasts")).to_contain_text("Moved to position 1")
    assert order() == [two, one, four, three] == shown(page)
