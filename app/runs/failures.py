"""Recent failures, put together by task and kind of error."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.extensions import db
from app.runs import states
from app.runs.models import Run

READ_AT_MOST = 1000


@dataclass(frozen=True)
class FailureGroup:
    """Failed runs of one task with one kind of error; `latest` is the newest of them."""

    task_name: str
    kind: str
    count: int
    latest: Run


def failures_since(since: datetime, limit: int = READ_AT_MOST) -> list[FailureGroup]:
    """The failures since a time, the group with the newest first; of very many, the newest `limit`."""
    query = select(Run).where(Run.state.in_(states.FAILED), Run.created_at >= since)
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in db.session.scalars(query.order_by(Run.created_at.desc(), Run.id.desc()).limit(limit)):
        groups.setdefault((run.task_name, kind_of(run.error or "")), []).append(run)
    return [FailureGroup(*key, len(found), found[0]) for key, found in groups.items()]


def kind_of(error: str) -> str:
    """The exception's class at the start of an error line: "KeyError" of "KeyError: 'x'"."""
    name = error.split(":", 1)[0].split("(", 1)[0].strip()
    return name if name.replace(".", "").replace("_", "").isalnum() and len(name) <= 100 else ""
