"""What an event of the stream must look like to be recorded; what does not is set aside."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.broker.run_ids import is_run_id
from celeriac_agent.settings import APP_MAX, OWN_APP
from celeriac_agent.stream import VERSION

LATEST_EPOCH = 1e11  # the year 5138
TIMES = ("at", "started_at", "received_at", "next_at", "since", "until")
LINEAGE = ("root_id", "parent_id", "group")


def _run_id(value: str) -> str:
    if not is_run_id(value):
        raise ValueError("this is no id of a run")
    return value


def _app(value: str) -> str:
    if value == OWN_APP:
        raise ValueError(f"no other app may be called {OWN_APP}")
    return value


def _iso(value: str) -> str:
    if value:
        datetime.fromisoformat(value)
    return value


def _line(value: Any) -> list[Any]:
    number, at, _level, _text = value
    if not (0 < int(number) < 2**31 and 0 <= float(at) < LATEST_EPOCH):
        raise ValueError("a line has its number and its time")
    return list(value)


RunId = Annotated[str, AfterValidator(_run_id)]
Moment = Annotated[float, Field(ge=0, lt=LATEST_EPOCH)]
Name = Annotated[str, Field(max_length=255)]
AppName = Annotated[str, Field(min_length=1, max_length=APP_MAX), AfterValidator(_app)]
Iso = Annotated[str, AfterValidator(_iso)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Kind = Literal[
    "sent",
    "received",
    "started",
    "progress",
    "retried",
    "succeeded",
    "failed",
    "rejected",
    "ignored",
    "lost",
    "revoked",
]


class _Any(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")

    at: Moment
    app: AppName | None = None
    clock: Annotated[float, Field(gt=-LATEST_EPOCH, lt=LATEST_EPOCH)] = 0.0


class _OfRun(_Any):  # type: ignore[no-redef]  # the plugin adds a parameter of this name
    id: RunId
    type: Kind
    task: Name | None = None
    queue: Name | None = None
    worker: Name | None = None
    origin: Name | None = None
    priority: Annotated[int, Field(ge=0, le=255)] | None = None
    attempt: Count = 0
    started_at: Moment | None = None
    received_at: Moment | None = None
    next_at: Moment | None = None
    runtime: float | None = None
    eta: Iso | None = None
    expires: Iso | None = None
    current: float | None = None
    total: float | None = None
    message: str | None = None
    error: str | None = None
    traceback: str | None = None
    args: list[Any] | None = None
    named: dict[str, Any] | None = Field(None, alias="kwargs")
    arguments_cut: int | None = None
    result_cut: int | None = None
    traceback_cut: int | None = None


class _OfLog(_Any):
    id: RunId
    started_at: Moment
    piece: Count
    lines: Annotated[list[Annotated[Any, AfterValidator(_line)]], Field(min_length=1)]


class _OfGap(_Any):
    worker: Annotated[str, Field(min_length=1, max_length=255)]
    since: Moment
    until: Moment
    has: list[str]


_SHAPES: dict[Any, type[BaseModel]] = {"log": _OfLog, "missed": _OfGap}
_TAKEN_AS_IT_IS = {"v", "type", *LINEAGE, "result", "terminated", "expired", "signal"}
_KNOWN = _TAKEN_AS_IT_IS.union(
    field.alias or name for shape in (_OfRun, _OfLog, _OfGap) for name, field in shape.model_fields.items()
)


def problem(event: Any) -> str:
    """Why an event cannot be recorded; empty when nothing speaks against it."""
    if not isinstance(event, dict):
        return "this is no object"
    if (version := event.get("v", VERSION)) != VERSION:
        return f"it is of version {version!r:.40}, and this Celeriac reads version {VERSION}: update Celeriac"
    try:
        kind = event.get("type")
        _SHAPES.get(kind if isinstance(kind, str) else None, _OfRun).model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (TypeError, OverflowError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def unknown_facts(event: dict[str, Any]) -> set[str]:
    """The names of what another version tells and nobody here reads."""
    return set() if _KNOWN.issuperset(event) else event.keys() - _KNOWN


def without_bad_lineage(event: dict[str, Any]) -> dict[str, Any]:
    """The event without the ids of related runs that are none: the run itself is recorded all the same."""
    for name in LINEAGE:
        if (value := event.get(name)) is not None and value != event.get("id") and not is_run_id(value):
            return {name: value for name, value in event.items() if name not in LINEAGE or is_run_id(value)}
    return event


def by_our_clock(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its times as they were here, where whoever tells it has another clock."""
    ahead = float(event.get("clock") or 0.0)
    if not ahead:
        return event

    def here(at: float) -> float:
        return min(max(at - ahead, 0.0), LATEST_EPOCH - 1)

    if event.get("type") == "log":  # when its attempt started only says which log this is a part of
        return event | {"lines": [[line[0], here(line[1]), *line[2:]] for line in event["lines"]]}
    return event | {name: here(event[name]) for name in TIMES if event.get(name) is not None}
