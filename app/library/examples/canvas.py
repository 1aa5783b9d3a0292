"""Tasks that build a workflow with Celery's canvas and send it.

A task never waits for the results of others: with every worker waiting, none would be left to do the
work. So each of these returns the ids of the runs that it sent, and ends.
"""

from typing import Annotated, Any

from celery import chain, chord, group, shared_task
from celery.result import AsyncResult, GroupResult
from pydantic import Field

from app.library.examples.basic import add, multiply

Numbers = Annotated[list[int], Field(min_length=1, max_length=100, description="Whole numbers")]


@shared_task(name="examples.advanced.square", soft_time_limit=10, time_limit=20)
def square(x: Annotated[int, Field(description="Number to square")]) -> int:
    """Square a whole number."""
    return x * x


@shared_task(name="examples.advanced.total", soft_time_limit=10, time_limit=20)
def total(
    numbers: Annotated[
        list[int], Field(max_length=1000, description="Numbers to add up; in a chord, the results")
    ],
) -> int:
    """Add up a list of whole numbers."""
    return sum(numbers)


@shared_task(name="examples.advanced.chain", soft_time_limit=30, time_limit=40)
def send_chain(
    start: Annotated[int, Field(description="Number to begin with")] = 2,
    plus: Annotated[int, Field(description="Number to add to it")] = 3,
    times: Annotated[int, Field(description="Number to multiply the sum by")] = 10,
) -> dict[str, Any]:
    """Send a chain: add, then multiply, then square; each step takes the result of the one before.

    With the defaults the last run's result is 2500. The result here holds the ids of the three runs, in
    order.
    """
    sent = chain(add.s(start, plus), multiply.s(times), square.s()).apply_async()
    return {"workflow": "chain", "run_ids": _chain_ids(sent)}


@shared_task(name="examples.advanced.group", soft_time_limit=30, time_limit=40)
def send_group(numbers: Numbers = [1, 2, 3, 4, 5]) -> dict[str, Any]:  # noqa: B006  # never changed; shown in the form
    """Send a group: the square of each number, side by side.

    The result holds the group's id and the ids of its runs, one for each number.
    """
    sent = group(square.s(number) for number in numbers).apply_async()
    return {"workflow": "group", "group_id": sent.id, "run_ids": _group_ids(sent)}


@shared_task(name="examples.advanced.chord", soft_time_limit=30, time_limit=40)
def send_chord(numbers: Numbers = [1, 2, 3, 4, 5]) -> dict[str, Any]:  # noqa: B006  # never changed; shown in the form
    """Send a chord: the square of each number side by side, and when all are there, their total.

    With the defaults the last run's result is 55. When one of the squares fails the total does not run.
    """
    sent = chord([square.s(number) for number in numbers], total.s()).apply_async()
    # Celery makes a chord of one task a chain of two: its first run then stands in the parent's place.
    header = sent.parent
    ids = _group_ids(header) if isinstance(header, GroupResult) else [header.id]
    return {"workflow": "chord", "run_ids": ids, "last_run_id": sent.id}


@shared_task(name="examples.advanced.map_squares", soft_time_limit=30, time_limit=40)
def map_squares(numbers: Numbers = [1, 2, 3, 4, 5]) -> dict[str, Any]:  # noqa: B006  # never changed; shown in the form
    """Send a map: one run that squares all numbers, one after the other.

    Unlike a group, a map is a single run of the task celery.map, whose result is the list of squares.
    """
    sent = square.map(numbers).apply_async(queue="examples")
    return {"workflow": "map", "run_ids": [sent.id]}


def _chain_ids(last: AsyncResult) -> list[str]:
    """The ids of a chain's runs, first to last."""
    ids = []
    result: Any = last
    while result is not None:
        ids.append(str(result.id))
        result = result.parent
    return ids[::-1]


def _group_ids(sent: GroupResult) -> list[str]:
    return [str(result.id) for result in sent.results]
