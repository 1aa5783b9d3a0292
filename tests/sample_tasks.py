"""A team's own tasks, as their modules look: plain Celery, no import of ours."""

import json
import logging
import os
import signal
import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from celery import Celery, Task, shared_task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger
from flask import current_app
from pydantic import BaseModel, Field


@shared_task(bind=True)
def resize(
    self: Any,
    folder: str,
    width: Annotated[int, Field(ge=16, le=8000)] = 800,
    fmt: Literal["png", "jpeg"] = "png",
) -> dict[str, Any]:
    """Resize every image of a folder."""
    self.progress(3, 10, "photo3.jpg")
    return {"folder": folder, "width": width, "fmt": fmt}


@shared_task(bind=True)
def plain_progress(self: Any) -> None:
    """Report progress the way of plain Celery."""
    self.update_state(state="PROGRESS", meta={"current": 3, "total": 10})


@shared_task
def weekday(day: date) -> str:
    """Say which weekday a day is."""
    return day.strftime("%A")


@shared_task
def count_lines(file: Path) -> int:
    """Count the lines of a file."""
    return len(file.read_text().splitlines())


@shared_task
def plain(a, b=2):  # type: ignore[no-untyped-def]  # a task without annotations, as many are
    return [a, b]


@shared_task
def fail(password: str = "") -> None:
    """Fail with a useful error."""
    raise ValueError("the region does not exist")


@shared_task(bind=True, max_retries=2)
def flaky(self: Any) -> str:
    """Fail twice, then succeed."""
    if self.request.retries < 2:
        raise self.retry(exc=ConnectionError("not yet"), countdown=0.2)
    return "third time"


@shared_task
def parent() -> str:
    """Send another task from a task's body."""
    return str(plain.delay(1, b={"big": 2**70}).id)


@shared_task
def sleep(seconds: float) -> str:
    """Sleep."""
    time.sleep(seconds)
    return "slept"


@shared_task
def touch_and_sleep(path: str, seconds: float) -> None:
    """Append a line to a file, then sleep: each start leaves a trace."""
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)


@shared_task
def touch_and_wait(path: str, until: str) -> None:
    """Append a line to a file, then wait until there is another file."""
    touch_and_sleep.run(path, 0)
    for _ in range(1200):
        if os.path.exists(until):
            return
        time.sleep(0.05)


@shared_task(ignore_result=True)
def wait_and_talk(until: str) -> None:
    """Wait until there is a file, then print."""
    touch_and_wait.run(os.devnull, until)
    print("it is there")


@shared_task
def kill_own_child() -> None:
    """Kill the process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(time_limit=1)
def too_long() -> None:
    """Run into its hard time limit."""
    time.sleep(30)


@shared_task
def not_json() -> Any:
    """Return what JSON has no word for."""
    return {"nan": float("nan")}


@shared_task
def large_result(size: int) -> str:
    """Return so many characters."""
    return "x" * size


@shared_task(acks_late=False)
def touch_and_sleep_once(path: str, seconds: float) -> None:
    """The same for a task that may not run twice."""
    touch_and_sleep.run(path, seconds)


@shared_task(acks_late=False)
def touch_and_wait_once(path: str, until: str) -> None:
    """The same for a task that may not run twice."""
    touch_and_wait.run(path, until)


@shared_task
def report(day: date, since: datetime | None = None, region: str = "emea", api_key: str = "") -> str:
    """Build the report of a day."""
    return f"{day} {since} {region} {bool(api_key)}"


@shared_task
def talk(name: str, password: str = "") -> None:
    """Log and print in every way."""
    get_task_logger(__name__).info("hello %s", name)
    print(f"printed by {name}")
    logging.getLogger("somewhere.else").warning("\x1b[33mcolour\x1b[0m")
    print("bytes: \udcff")
    logging.getLogger(__name__).debug("too quiet to be kept")
    logging.getLogger(__name__).info("the password is %s", password)
    try:
        raise ValueError("inside")
    except ValueError:
        logging.getLogger(__name__).exception("it broke")


@shared_task
def talk_slowly(seconds: float) -> None:
    """Say something and go on."""
    logging.getLogger(__name__).info("begun")
    time.sleep(seconds)


@shared_task
def talk_much(lines: int) -> None:
    """Log without end."""
    for number in range(1, lines + 1):
        logging.getLogger(__name__).info("line %s", number)


@shared_task(soft_time_limit=1)
def too_slow() -> None:
    """Run into its soft time limit."""
    time.sleep(30)


@shared_task
def ignore() -> None:
    """Ask Celery to forget how it ended."""
    raise Ignore


@shared_task
def reject() -> None:
    """Reject its own message."""
    raise Reject("not for me", requeue=False)


@shared_task(bind=True)
def retry_later(self: Any) -> None:
    """Fail, to be tried again in an hour."""
    raise self.retry(exc=ConnectionError("not yet"), countdown=3600)


class NotingTask(Task):  # type: ignore[misc]  # Celery ships no types
    """A base class of a team's own, as many have: it notes what Celery tells it."""

    flask_app = "the team's own attribute"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        logging.getLogger(__name__).info("called in %s", current_app.name)
        return super().__call__(*args, **kwargs)

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        logging.getLogger(__name__).info("before in %s", current_app.name)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        with open(kwargs["path"], "a") as file:
            file.write(f"success in {current_app.name}\n")


@shared_task(base=NotingTask, bind=True)
def with_own_base(self: Any, day: date, path: str) -> list[str]:
    """Use what its base class has."""
    self.progress(3, 10, "photo3.jpg")
    return [type(day).__name__, self.flask_app, current_app.name]


other_celery = Celery("other", broker="redis://127.0.0.1:1/0")


@other_celery.task(shared=False)  # type: ignore[untyped-decorator]
def of_another(day: date) -> list[str]:
    """Belong to another Celery object."""
    return [type(day).__name__, current_app.name]


class Importing(NotingTask):
    """Be a class with a state."""

    name = "sample_tasks.importing"

    def __init__(self) -> None:
        self.opened = 7

    def run(self, day: date, path: str) -> list[Any]:
        return [type(day).__name__, self.opened]


other_celery.register_task(Importing())


@shared_task(bind=True)
def betray(self: Any, how: str, password: str, private_key: str = "", pin: int = 0, url: str = "") -> Any:
    """Says its secrets wherever it can."""
    told = {"password": password, "private_key": private_key, "pin": pin, "url": url}
    print(f"printed {password}")
    print(private_key)
    logging.getLogger("betrayer").warning("logged %r and %s", told, json.dumps(told))
    self.update_state(state="PROGRESS", meta={"current": 1, "total": 2, "message": f"with {password}"})
    if how == "fail":
        raise ValueError(f"cannot sign in as {told} to {url}")
    return {"told": told, "as text": repr(told), "in a list": [password, f"{password}!"], "rows": 12}


@shared_task(rate_limit="2/s")
def at_a_rate(number: int) -> int:
    """Run twice a second, a worker."""
    return number


@shared_task
def print_pieces() -> None:
    """Print as programs do."""
    print("rows", 3)
    print("a", end="")
    print("b", "c", sep="-", end="\n\n")
    print("two\nlines")
    print("10 %\r20 %", end="\r")
    logging.getLogger(__name__).info("logged")
    print("no end", end="")


@shared_task(ignore_result=True)
def without_result() -> dict[str, str]:
    """Return what nobody is to keep."""
    return {"secret": "of nobody's concern"}


class Place(BaseModel):
    city: str
    floor: Annotated[int, Field(ge=0)] = 0


class Order(BaseModel):
    number: int = Field(gt=0, description="As on the bill.")
    tags: list[str] = []
    place: Place | None = None


@shared_task
def ship(order: Order) -> int:
    """Ship an order."""
    return order.number
