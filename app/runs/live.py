"""Whether what a page shows of runs has moved."""

from app import broker
from app.broker import topics


def version(run_id: str | None = None) -> str:
    """The version of the list of runs, or of one run; it moves with every recorded change."""
    return topics.version(broker.client(), f"run:{run_id}" if run_id else "runs")
