"""Folds events into the row of their run: pure, idempotent, and the same in whatever order they come."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.queue_names import is_reserved
from app.runs import creation, states
from app.runs.creation import Row

ATTEMPT_FIELDS = (
    *("state", "worker", "received_at", "started_at", "ended_at", "runtime_seconds", "error", "traceback"),
)
_RESET = (
    *ATTEMPT_FIELDS[1:],
    *("progress_at", "progress_current", "progress_total", "progress_message"),
)

_SAID_ONCE = ("priority", "root_id", "origin", "args", "kwargs", "masked")
_CUT = tuple((field, f"{field}_cut") for field in ("arguments", "result", "traceback"))
_STATES = {
    "received": states.RECEIVED,
    "started": states.STARTED,
    "progress": states.PROGRESS,
    "retried": states.RETRY,
    "succeeded": states.SUCCESS,
    "failed": states.FAILURE,
    "rejected": states.REJECTED,
    "ignored": states.IGNORED,
    "lost": states.LOST,
}


def new_row(event: Mapping[str, Any]) -> Row:
    """The row of a run that is heard of for the first time."""
    return creation.new_row(event["id"], event.get("task") or "", _time(event["at"]), COLUMNS)


def fold(row: Row, event: Mapping[str, Any]) -> None:
    """Apply one event to `row`, in place.

    Forward only: an event of an earlier attempt is filed under that attempt, and once the run has
    finished nothing changes its state or result any more; only what happened before the end is filled in.
    """
    _identify(row, event)
    row["outbox"] = None  # whatever is told of a run, its message is out
    kind = event["type"]
    if kind == "sent":
        _fold_sent(row, event)
        return
    attempt = event.get("attempt", row["attempt"])
    if kind == "received" and event.get("eta"):  # a worker keeps it until its time has come
        if states.rank(row["state"]) == 0:
            if attempt == 0:
                row["state"] = states.SCHEDULED
            elif row["ended_at"]:  # it went back to its queue when the worker died that had it till then
                row["state"] = states.RETRY
        if not states.is_finished(row["state"]):
            row["worker"] = event.get("worker") or row["worker"]
            row["updated_at"] = max(row["updated_at"], _time(event["at"]))
        return
    if row["state"] == states.LOST and _is_not_lost(row, event, attempt):
        row |= {"state": states.PENDING, "error": None, "ended_at": None}
    if attempt < row["attempt"]:
        _fold_earlier(row, attempt, event)
    elif not states.is_finished(row["state"]):
        if attempt > row["attempt"]:
            _begin_attempt(row, attempt)
        _fold_current(row, event)
    elif attempt == row["attempt"] and _time(event["at"]) <= row["ended_at"]:
        _fold_times(row, event)
    row["updated_at"] = max(row["updated_at"], _time(event["at"]))


def _is_not_lost(row: Row, event: Mapping[str, Any], attempt: int) -> bool:
    """Whether a run that counts as lost is heard of again."""
    if event["type"] == "lost" or attempt < row["attempt"]:
        return False
    if (row["error"] or "").startswith(states.END_NOT_TOLD):
        # That it began may come late; how it ended counts, and what it does since.
        is_end = states.rank(state_of(event)) >= states.rank(states.RETRY)
        return is_end or attempt > row["attempt"] or _time(event["at"]) > row["ended_at"]
    return bool(row["app"])  # another app's worker was only silent


def state_of(event: Mapping[str, Any]) -> str:
    """The state that an event brings a run into."""
    if event["type"] == "revoked":
        return states.EXPIRED if event.get("expired") else states.REVOKED
    return _STATES[event["type"]]


def _identify(row: Row, event: Mapping[str, Any]) -> None:
    """Fill what is not known yet; the first to say it is right, as every message says the same."""
    row["task_name"] = row["task_name"] or event.get("task") or ""
    if event.get("worker") or (row["app"] is None and row["worker"] is None):
        row["app"] = event.get("app")  # of who runs it; until it is taken, of who sent it
    for field in _SAID_ONCE:
        if row[field] is None and event.get(field) is not None:
            row[field] = event[field]
    if row["queue"] is None and event.get("queue") is not None and not is_reserved(event["queue"]):
        row["queue"] = event["queue"]  # a foreign message says what it likes of where it came from
    if row["parent_id"] is None and event.get("parent_id") != row["id"]:  # a retry names itself as its parent
        row["parent_id"] = event.get("parent_id")
    row["group_id"] = row["group_id"] or event.get("group")
    if row["expires_at"] is None and event.get("expires"):
        row["expires_at"] = _iso(event["expires"])
    for field, cut in _CUT:
        if cut in event:
            row["notices"] = (row["notices"] or {}) | {field: int(event[cut])}


def _fold_sent(row: Row, event: Mapping[str, Any]) -> None:
    at = _time(event["at"])
    if event.get("attempt"):
        if event.get("eta") and not states.is_finished(row["state"]):
            row["eta_at"] = _iso(event["eta"])
        return
    row["sent_at"] = at if row["sent_at"] is None else min(row["sent_at"], at)
    row["created_at"] = min(row["created_at"], at)
    if event.get("eta"):
        row["eta_at"] = row["eta_at"] or _iso(event["eta"])
    if row["state"] in (states.PENDING, states.SCHEDULED):
        row["state"] = states.SCHEDULED if event.get("eta") else states.PENDING


def _fold_current(row: Row, event: Mapping[str, Any]) -> None:
    kind, at = event["type"], _time(event["at"])
    _fold_times(row, event)
    new = state_of(event)
    if not states.may_follow(row["state"], new):
        return
    row["state"] = new
    if states.rank(new) >= states.rank(states.RETRY):
        row["ended_at"], row["runtime_seconds"] = at, event.get("runtime")
        if kind == "retried":
            row["eta_at"] = _time(event["next_at"]) if event.get("next_at") else None
        for field in ("error", "traceback", "result"):
            if field in event:
                row[field] = event[field]


def _fold_times(row: Row, event: Mapping[str, Any]) -> None:
    """What happened when, where and how far: the latest of each kind counts."""
    kind, at = event["type"], _time(event["at"])
    row["worker"] = event.get("worker") or row["worker"]
    if kind in ("received", "started"):
        field = f"{kind}_at"
        row[field] = at if row[field] is None else max(row[field], at)
    for field in ("received_at", "started_at"):
        if event.get(field):
            row[field] = max(row[field] or _time(event[field]), _time(event[field]))
    if kind == "progress" and (row["progress_at"] is None or at >= row["progress_at"]):
        row["progress_at"] = at
        row |= {f"progress_{name}": event.get(name) for name in ("current", "total", "message")}


def _begin_attempt(row: Row, attempt: int) -> None:
    """File the row's attempt under the earlier ones and start the next."""
    _file(row, row["attempt"], {field: row[field] for field in ATTEMPT_FIELDS})
    row |= dict.fromkeys(_RESET)
    row |= {"attempt": attempt, "state": states.PENDING}


def _fold_earlier(row: Row, attempt: int, event: Mapping[str, Any]) -> None:
    known = next((dict(old) for old in row["attempts"] or [] if old["attempt"] == attempt), None)
    past: Row = dict.fromkeys((*COLUMNS, *ATTEMPT_FIELDS)) | {"id": row["id"], "state": states.PENDING}
    past |= {"task_name": row["task_name"], "attempt": attempt}
    for field, value in (known or {}).items():
        past[field] = _iso(value) if field.endswith("_at") and value else value
    _fold_current(past, event)
    _file(row, attempt, {field: past[field] for field in ATTEMPT_FIELDS})


def _file(row: Row, attempt: int, fields: Row) -> None:
    """Keep an earlier attempt in the row's list, oldest first, as JSON; the last keeps its traceback."""
    plain = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()
    }
    others = [old for old in row["attempts"] or [] if old["attempt"] != attempt]
    *older, last = sorted([*others, {"attempt": attempt} | plain], key=lambda old: int(old["attempt"]))
    row["attempts"] = [*(old | {"traceback": None} for old in older), last]


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _iso(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


COLUMNS = (
    *(
        "id",
        "created_at",
        "updated_at",
        "task_name",
        "state",
        "queue",
        "priority",
        "attempt",
        "worker",
        "origin",
        "app",
    ),
    *(
        "root_id",
        "parent_id",
        "group_id",
        "sent_at",
        "received_at",
        "started_at",
        "ended_at",
        "eta_at",
        "expires_at",
    ),
    *(
        "runtime_seconds",
        "progress_at",
        "progress_current",
        "progress_total",
        "progress_message",
        "error",
        "args",
    ),
    *("kwargs", "masked", "notices", "result", "traceback", "attempts", "outbox"),
)
