"""Makes the pictures of these pages: `.venv/bin/python docs/screenshots.py`, after a page has changed.

Goes through the demo with a Celeriac of its own (bin/dev in an empty folder) and the Chromium of the tests.
"""

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

DOCS = Path(__file__).parent
SIZE = {"width": 1440, "height": 900}
PICTURE = (1200, 750)
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
TASK = "/tasks/reports.sales_report"
PATIENCE_MS = 60_000
BROKEN_LINE = 1201


@contextmanager
def celeriac(data: Path) -> Iterator[str]:
    """The one-time link of a Celeriac that keeps its data in a folder."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = str(listening.getsockname()[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
    environment = kept | {"PORT": port, "CELERIAC_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}
    log = data / "log.txt"
    with (
        log.open("w") as written,
        subprocess.Popen([str(DOCS.parent / "bin/dev")], env=environment, stdout=written) as started,
    ):
        try:
            while (link := re.search(r"http\S+/login/link/\S+", log.read_text())) is None:
                if started.poll() is not None:
                    sys.exit("bin/dev did not start: see above")
                time.sleep(0.2)
            yield link[0]
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait()


def sign_in(page: Page, link: str) -> None:
    page.goto(link)
    page.locator("main button.primary, form button.primary").first.click()
    page.wait_for_load_state()


def run_report(page: Page, ends: str, **values: str) -> None:
    """Send the report's form with some values and wait until its run has ended."""
    page.goto(TASK)
    for name, value in values.items():
        page.fill(f"[name=p-{name}]", value)
    page.click("#run-form button.primary")
    page.wait_for_url("**/runs/*")
    expect(page.locator(".page-title .badge", has_text=ends)).to_be_visible(timeout=PATIENCE_MS)


def break_table(folder: Path) -> None:
    """A copy of the sales in which a quantity is no number, as the demo says."""
    lines = (DOCS / "demo/sales.csv").read_text().splitlines()
    column = lines[0].split(",").index("quantity")
    cells = lines[BROKEN_LINE - 1].split(",")
    lines[BROKEN_LINE - 1] = ",".join([*cells[:column], "many", *cells[column + 1 :]])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "broken.csv").write_text("\n".join(lines) + "\n")


def save(page: Page, name: str) -> None:
    expect(page.locator(".log-more")).to_have_count(0, timeout=PATIENCE_MS)  # a log that is whole
    page.reload()  # nothing has just changed
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    picture = (
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(PICTURE, Image.Resampling.LANCZOS)
    )
    picture.quantize(256).save(DOCS / "images" / f"{name}.png", optimize=True)


def main() -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"None of these browsers is installed: {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory(prefix="celeriac-") as folder, sync_playwright() as playwright:
        data = Path(folder)
        with celeriac(data) as link:
            chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = chromium.new_page(
                base_url=link.partition("/login")[0], viewport=SIZE, color_scheme="light", locale="en-US"
            )
            sign_in(page, link)
            run_report(page, "Succeeded")
            save(page, "run")
            break_table(data / "files")
            run_report(page, "Failed", source="broken.csv")
            save(page, "failed")
            page.goto(TASK)
            save(page, "task")
            chromium.close()


if __name__ == "__main__":
    main()
