"""The first tasks to try: they need nothing and harm nothing."""

import time
from typing import Annotated

from celery import shared_task
from pydantic import Field

from app.celery.task import CeleriacTask


class AlwaysFails(Exception):
    """Raised on purpose."""


@shared_task(name="examples.basic.add", soft_time_limit=10, time_limit=20)
def add(
    x: Annotated[int, Field(description="First number")],
    y: Annotated[int, Field(description="Second number")],
) -> int:
    """Add two whole numbers.

    The smallest task there is: it takes a moment and its result is the sum.
    """
    return x + y


@shared_task(name="examples.basic.multiply", soft_time_limit=10, time_limit=20)
def multiply(
    x: Annotated[int, Field(description="First number")],
    y: Annotated[int, Field(description="Second number")],
) -> int:
    """Multiply two whole numbers."""
    return x * y


@shared_task(name="examples.basic.slow", bind=True, soft_time_limit=3700, time_limit=3720)
def slow(
    self: CeleriacTask,
    seconds: Annotated[float, Field(ge=0, le=3600, description="How long it takes altogether")] = 10,
    steps: Annotated[int, Field(ge=1, le=1000, description="In how many steps")] = 10,
) -> str:
    """Work for some seconds and report progress.

    It only waits. Use it to watch a run's progress, to fill a queue, or to try cancelling and reordering.
    """
    for step in range(1, steps + 1):
        time.sleep(seconds / steps)
        self.progress(step, steps, f"Step {step} of {steps}")
    return f"Took {steps} steps in {seconds:g} seconds"


@shared_task(name="examples.basic.always_fails", soft_time_limit=10, time_limit=20)
def always_fails(
    message: Annotated[
        str, Field(max_length=1000, description="What the error says")
    ] = "Nothing is wrong: this task always fails",
) -> None:
    """Fail, always, with the message you give.

    Use it to see what a failed run looks like: its error, its traceback, and how to retry it.
    """
    _inner(message, depth=2)


def _inner(message: str, depth: int) -> None:
    """Something for the traceback to show."""
    if depth == 0:
        raise AlwaysFails(message)
    _inner(message, depth - 1)
