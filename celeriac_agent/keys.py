"""Where things lie in Redis: kombu's keys, by the options it was given, and Celeriac's beside them."""

from dataclasses import dataclass
from typing import Any

OWN_PREFIX = "celeriac:"

_KEY_PREFIXES = (
    *(OWN_PREFIX, "_kombu.", "celery-task-meta-", "celery-taskset-meta-"),
    *("LIMITS:", "LIMITER"),  # what Flask-Limiter counts
)
_KEYS = frozenset({"unacked", "unacked_index", "unacked_mutex"})


def is_key(name: str) -> bool:
    """Whether a key of Redis that is no queue has, or may have, this name."""
    return name in _KEYS or name.startswith(_KEY_PREFIXES)


@dataclass(frozen=True, slots=True)
class Level:
    """One priority level of a queue: the step in kombu's numbering (0 is taken first) and its Redis list."""

    step: int
    key: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Where things lie in Redis: kombu's keys by kombu's own options, and Celeriac's beside them."""

    prefix: str
    separator: str
    steps: tuple[int, ...]
    unacked: str
    unacked_index: str
    binding: str

    def step_of(self, step: Any) -> int:
        """The level that kombu puts a message of this `properties.priority` into (bad values count as 0)."""
        try:
            level = min(max(int(step), 0), 9)
        except (TypeError, ValueError, OverflowError):
            level = 0
        lower = [known for known in self.steps if known <= level]
        return lower[-1] if lower else self.steps[-1]

    def level(self, queue: str, step: int) -> Level:
        name = f"{queue}{self.separator}{step}" if step else queue
        return Level(step, self.aside(name) if is_key(queue) else self.prefix + name)

    def levels(self, queue: str) -> list[Level]:
        """The queue's lists in the order in which workers empty them."""
        return [self.level(queue, step) for step in self.steps]

    def _own(self, name: str) -> str:
        return f"{self.prefix}{OWN_PREFIX}{name}"

    def held(self, queue: str) -> str:
        """List of the held messages; like kombu's, its right end comes first."""
        return self._own(f"held:{queue}")

    def held_facts(self, queue: str) -> str:
        """Hash: run id → who held it, when and why."""
        return self._own(f"held-facts:{queue}")

    def allowed(self, queue: str) -> str:
        """Set of the run ids that "hold everything new" lets through."""
        return self._own(f"let-in:{queue}")

    def aside(self, name: str) -> str:
        """List that stands for a queue of the name of another key, which nobody may touch as a queue."""
        return self._own(f"aside:{name}")

    @property
    def hold_new(self) -> str:
        """Hash: queue in "hold everything new" mode → who, when and why."""
        return self._own("hold-new")

    @property
    def paused(self) -> str:
        """Hash: paused queue → who, when and why."""
        return self._own("paused")

    @property
    def paused_workers(self) -> str:
        """Hash: paused worker → who, when and why."""
        return self._own("paused-workers")

    @property
    def alive(self) -> str:
        """Hash: process of a worker of another app that obeys → when it last said that it lives."""
        return self._own("alive")

    @property
    def nothing(self) -> str:
        """A list that is never there; a worker waits for it until it is time to look again."""
        return self._own("nothing")

    def copies(self, run_id: str) -> str:
        """Hash: which copy of a run's message counts (see `copies`)."""
        return self._own(f"copy:{run_id}")

    def samples(self, queue: str) -> str:
        """Hash: number of a half minute → how deep the queue was then (see `samples`)."""
        return self._own(f"samples:{queue}")

    def trash(self, queue: str, token: str, step: int) -> str:
        """List of purged messages of one level, kept until the undo expires."""
        return self._own(f"trash:{queue}:{token}:{step}")


def keys_of(channel: Any) -> Keys:
    """The key names that a channel of kombu's uses."""
    prefix = channel.global_keyprefix
    return Keys(
        prefix=prefix,
        separator=channel.sep,
        steps=tuple(channel.priority_steps),
        unacked=prefix + channel.unacked_key,
        unacked_index=prefix + channel.unacked_index_key,
        binding=prefix + channel.keyprefix_queue,
    )


def keys_beside(app: str) -> Keys:
    """Those in Celeriac's own Redis of an app whose broker is none: what is paused there."""
    prefix = f"{OWN_PREFIX}beside:{app}:"
    return Keys(prefix, separator="", steps=(0,), unacked="", unacked_index="", binding="")
