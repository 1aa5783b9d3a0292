"""Tasks that note in which order they ran, and one that sends them with every kind of priority."""

import os
from typing import Any

from celery import current_app, group, shared_task


def note(task: Any, name: str) -> None:
    with open(os.environ["ORDER_FILE"], "a") as file:
        file.write(f"{name} {task.request.delivery_info['priority']}\n")


@shared_task(bind=True)
def usual(self: Any, name: str) -> None:
    note(self, name)


@shared_task(bind=True, priority=9)
def urgent(self: Any, name: str) -> None:
    note(self, name)


@shared_task(bind=True, priority=0)
def idle(self: Any, name: str) -> None:
    note(self, name)


@shared_task(bind=True)
def again(self: Any, name: str) -> None:
    note(self, name)
    if not self.request.retries:
        raise self.retry(countdown=0)


@shared_task
def sow() -> None:
    """Send the others, the least urgent first."""
    again.apply_async(["retried"], priority=1)
    idle.delay("decorated")
    usual.delay("none")
    current_app.send_task("priority_jobs.usual", ["name"])
    urgent.delay("decorated")
    usual.apply_async(["asked"], priority=7)
    usual.apply_async(["text"], priority="2")
    usual.apply_async(["more"], priority=255)
    usual.s("signature").set(priority=8).apply_async()
    group(usual.s("group").set(priority=6), usual.s("group").set(priority=4)).apply_async()
    (usual.si("chain").set(priority=3) | usual.si("chain").set(priority=3)).apply_async()
