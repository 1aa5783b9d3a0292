"""The one place that maps our priorities (9 is the most urgent) to Redis steps (0 is the most urgent)."""

HIGHEST = 9
DEFAULT_PRIORITY = 5
PRIORITY_STEPS = list(range(HIGHEST + 1))


def to_broker(priority: int) -> int:
    """The Redis step of a priority; raises ValueError outside 0 to 9."""
    if not 0 <= priority <= HIGHEST:
        raise ValueError(f"priority must be 0 to {HIGHEST}, not {priority}")
    return HIGHEST - priority


def from_broker(step: int) -> int:
    """The priority of a Redis step; what lies outside 0 to 9 counts as the nearest."""
    return HIGHEST - min(max(step, 0), HIGHEST)
