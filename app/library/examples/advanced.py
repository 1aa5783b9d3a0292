"""Tasks that show what Celery does when things go wrong or on too long: retries, locks, time limits."""

import os
import tempfile
import time
from typing import Annotated

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from pydantic import Field

from app.celery.task import CeleriacTask

SOFT_LIMIT_SECONDS = 5
HARD_LIMIT_SECONDS = 10
LOCK_KEY = "celeriac:lock:unique:"
LOCK_SPARE_SECONDS = 60

FailTimes = Annotated[int, Field(ge=0, le=10, description="How many times it fails before it succeeds")]


class NotYet(Exception):
    """A failure that passes."""


@shared_task(
    name="examples.advanced.retry_fixed",
    bind=True,
    autoretry_for=(NotYet,),
    max_retries=5,
    default_retry_delay=2,
    soft_time_limit=10,
    time_limit=20,
)
def retry_fixed(self: CeleriacTask, fail_times: FailTimes = 2) -> str:
    """Fail a few times and be tried again every 2 seconds.

    There are at most 5 more tries: with more failures than that the run fails in the end.
    """
    return _fail_at_first(self, fail_times)


@shared_task(
    name="examples.advanced.retry_exponential",
    bind=True,
    autoretry_for=(NotYet,),
    max_retries=5,
    retry_backoff=1,
    retry_backoff_max=30,
    retry_jitter=False,
    soft_time_limit=10,
    time_limit=20,
)
def retry_exponential(self: CeleriacTask, fail_times: FailTimes = 3) -> str:
    """Fail a few times and be tried again after 1, 2, 4, 8 and 16 seconds.

    Growing pauses spare a service that is in trouble. There are at most 5 more tries. For real services
    leave Celery's jitter on, so that many runs do not come back at the same moment.
    """
    return _fail_at_first(self, fail_times)


def _fail_at_first(task: CeleriacTask, fail_times: int) -> str:
    attempt = task.request.retries + 1
    if attempt <= fail_times:
        raise NotYet(f"Attempt {attempt} fails, as {fail_times} were asked to")
    return f"Attempt {attempt} succeeded"


@shared_task(name="examples.advanced.unique", bind=True, soft_time_limit=400, time_limit=420)
def unique(
    self: CeleriacTask,
    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Runs with the same name exclude each other"),
    ] = "example",
    seconds: Annotated[float, Field(ge=0, le=300, description="How long it holds the lock")] = 10,
) -> str:
    """Do something that must not happen twice at the same time.

    A lock in Redis guards it. A second run that comes while the first holds the lock does nothing; its
    result says that it was skipped. The lock of a worker that died is free again after a minute more than
    the work was to take.
    """
    from app import broker

    lock = broker.client().lock(LOCK_KEY + name, timeout=seconds + LOCK_SPARE_SECONDS)
    token = str(self.request.id).encode()
    if not lock.acquire(blocking=False, token=token):
        lock.local.token = token
        if not lock.owned():  # it is ours when a worker died with this very run, and the run came back
            return f"Skipped: another run holds the lock {name}"
        lock.reacquire()
    try:
        _wait(self, seconds)
    finally:
        lock.release()
    return f"Held the lock {name} for {seconds:g} seconds"


def _wait(task: CeleriacTask, seconds: float) -> None:
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        task.progress(passed, seconds, "Working")
        time.sleep(min(0.5, seconds - passed))


@shared_task(
    name="examples.advanced.soft_time_limit",
    bind=True,
    soft_time_limit=SOFT_LIMIT_SECONDS,
    time_limit=SOFT_LIMIT_SECONDS + 20,
)
def soft_time_limit(
    self: CeleriacTask,
    seconds: Annotated[float, Field(ge=0, le=60, description="How long the work would take")] = 20,
) -> str:
    """Work until the soft time limit of 5 seconds, then clean up and end in order.

    At the soft limit Celery raises SoftTimeLimitExceeded inside the task. This one catches it, removes
    its temporary file and says so in its result. The limit works on prefork workers only.
    """
    handle, path = tempfile.mkstemp(prefix="celeriac-soft-limit-")
    os.close(handle)
    try:
        _wait(self, seconds)
    except SoftTimeLimitExceeded:
        return f"Stopped after {SOFT_LIMIT_SECONDS} seconds and cleaned up"
    finally:
        os.unlink(path)
    return f"Finished within the limit of {SOFT_LIMIT_SECONDS} seconds"


@shared_task(name="examples.advanced.hard_time_limit", bind=True, time_limit=HARD_LIMIT_SECONDS)
def hard_time_limit(
    self: CeleriacTask,
    seconds: Annotated[float, Field(ge=0, le=60, description="How long the work would take")] = 30,
) -> str:
    """Work until the hard time limit of 10 seconds kills the process.

    There is no soft limit before it, so nothing can be cleaned up: the run fails with TimeLimitExceeded
    and the worker starts a new process. The limit works on prefork workers only.
    """
    _wait(self, seconds)
    return f"Finished within the limit of {HARD_LIMIT_SECONDS} seconds"
