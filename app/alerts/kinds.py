"""The kinds of rules: what each looks for, which fields it has, and how it is called."""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

TASK, QUEUE, SCHEDULE = "task_name", "queue", "schedule_id"
SECONDS_MAX = 30 * 86400
NUMBER_MAX = 10_000_000


@dataclass(frozen=True)
class Kind:
    """One kind of rule. `scopes` are the fields that narrow it; `seconds` and `number` are the usual values,
    None where it has no such field.

    `event` says that each new occurrence is told, not only that it goes on; `recovers` that there is an end
    worth a message. A `percent` is a number from 1 to 100.
    """

    name: str
    label: Any
    meaning: Any
    scopes: tuple[str, ...] = ()
    seconds: int | None = None
    number: int | None = None
    seconds_label: Any = ""
    number_label: Any = ""
    event: bool = False
    recovers: bool = True
    percent: bool = False

    @property
    def number_most(self) -> int:
        """The largest number that a rule may have; a look at many runs in a row costs as much."""
        return 100 if self.percent or self.name == "failures_in_row" else NUMBER_MAX

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a rule that mean something for this kind."""
        own = [name for name in ("seconds", "number") if getattr(self, name) is not None]
        return (*self.scopes, *own)


_RUNS = (TASK, QUEUE, SCHEDULE)
_ALL = (
    Kind(
        *("run_failed", _l("A run failed for good"), _l("A run failed and will not be tried again.")),
        scopes=_RUNS,
        event=True,
    ),
    Kind(
        *("failures_in_row", _l("Failures in a row"), _l("So many runs of a task failed one after another.")),
        scopes=_RUNS,
        number=3,
        number_label=_l("Failures"),
    ),
    Kind(
        "new_failure",
        _l("A new kind of failure"),
        _l("A task failed with an error that it never had, or that was away for so long."),
        scopes=(TASK, QUEUE),
        seconds=7 * 86400,
        seconds_label=_l("Came back after"),
        event=True,
        recovers=False,
    ),
    Kind(
        *("schedule_late", _l("A schedule is late"), _l("A fire was due so long ago and has not started.")),
        scopes=(SCHEDULE,),
        seconds=300,
        seconds_label=_l("Late by"),
    ),
    Kind(
        *(
            "schedule_missed",
            _l("A schedule missed a fire"),
            _l("Its time passed while nothing could start it."),
        ),
        scopes=(SCHEDULE,),
        event=True,
        recovers=False,
    ),
    Kind(
        *("schedule_skipped", _l("A schedule skipped a fire"), _l("A rule of the schedule left a fire out.")),
        scopes=(SCHEDULE,),
        event=True,
        recovers=False,
    ),
    Kind(
        *(
            "queue_oldest",
            _l("A queue's oldest run waits too long"),
            _l("What waits longest has waited so long."),
        ),
        scopes=(QUEUE,),
        seconds=600,
        seconds_label=_l("Waits for"),
    ),
    Kind(
        *("queue_depth", _l("A queue is deep"), _l("So many runs wait in it, or more.")),
        scopes=(QUEUE,),
        number=1000,
        number_label=_l("Waiting runs"),
    ),
    Kind(
        *("queue_paused", _l("A queue is paused for long"), _l("Somebody paused it so long ago.")),
        scopes=(QUEUE,),
        seconds=3600,
        seconds_label=_l("Paused for"),
    ),
    Kind(
        "queue_unattended",
        _l("No worker on a queue"),
        _l("Something has waited there for so long, and no worker listens to it."),
        scopes=(QUEUE,),
        seconds=60,
        seconds_label=_l("Waits for"),
    ),
    Kind(
        *("worker_died", _l("A worker died"), _l("A worker went silent without saying goodbye.")),
        seconds=30,
        seconds_label=_l("Silent for"),
    ),
    Kind(
        *("recorder_silent", _l("No recorder works"), _l("No recorder has been heard of for so long.")),
        seconds=30,
        seconds_label=_l("Silent for"),
    ),
    Kind(
        *(
            "beat_silent",
            _l("No beat works"),
            _l("No beat has been heard of for so long: no schedule fires."),
        ),
        seconds=30,
        seconds_label=_l("Silent for"),
    ),
    Kind(
        "redis_silent",
        _l("Redis does not answer"),
        _l("Nothing is sent, taken or recorded meanwhile. A recorder or beat delivers the message itself."),
        seconds=30,
        seconds_label=_l("Silent for"),
    ),
    Kind(
        "redis_memory",
        _l("Redis's memory is nearly full"),
        _l("Redis uses so much of maxmemory, or of its machine's memory where that is not set."),
        number=90,
        number_label=_l("Percent"),
        percent=True,
    ),
    Kind(
        *("disk", _l("The disk is nearly full"), _l("The disk of the data folder is so full.")),
        number=90,
        number_label=_l("Percent"),
        percent=True,
    ),
)
KINDS = {one.name: one for one in _ALL}
