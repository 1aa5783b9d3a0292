"""Runs as the REST API takes and gives them."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from app.api.fields import (
    INTEGER_MAX,
    Flag,
    FullMatch,
    ItemOrList,
    Moment,
    QueryMoment,
    QueueName,
    Schema,
    Whole,
    page_of,
)
from app.runs import states
from app.runs.cancel import SIGNALS
from app.runs.explanation import explain
from app.runs.models import Run
from celeriac_agent.settings import APP_MAX, OWN_APP

LOG_LIMIT_MAX = 10_000
TEN_YEARS_SECONDS = 10 * 366 * 86400


class ProgressSchema(Schema):
    current = fields.Float(allow_none=True)
    total = fields.Float(allow_none=True, metadata={"description": "Null when the task does not know."})
    message = fields.String()


class RunSummarySchema(Schema):
    """A run in a list."""

    id = fields.String(metadata={"description": "The Celery task id."})
    task_name = fields.String()
    args = fields.Raw(allow_none=True, metadata={"description": "Null when too large to be kept."})
    kwargs = fields.Raw(allow_none=True, metadata={"description": "Secrets are masked."})
    state = fields.String(metadata={"enum": list(states.ALL)})
    queue = fields.String(allow_none=True)
    priority = fields.Integer(allow_none=True, metadata={"description": "0 to 9; 9 is the most urgent."})
    attempt = fields.Integer(metadata={"description": "1 for the first, counted up by Celery's retries."})
    progress = fields.Nested(ProgressSchema, allow_none=True)
    error = fields.String(allow_none=True)
    worker = fields.String(allow_none=True)
    app = fields.String(
        attribute="app_name",
        metadata={"description": f"The Celery app that runs it; {OWN_APP} for Celeriac's own."},
    )
    schedule_id = fields.Integer(allow_none=True)
    due_at = Moment(allow_none=True)
    rerun_of = fields.String(allow_none=True)
    parent_id = fields.String(allow_none=True)
    root_id = fields.String(allow_none=True)
    requested_by = fields.String(allow_none=True)
    created_at = Moment()
    sent_at = Moment(allow_none=True)
    received_at = Moment(allow_none=True)
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)
    runtime_seconds = fields.Float(allow_none=True)
    eta_at = Moment(allow_none=True, metadata={"description": "When it is to run, if not at once."})
    expires_at = Moment(allow_none=True, metadata={"description": "Until when it may wait for a worker."})
    origin = fields.String(allow_none=True, metadata={"description": "The process that sent it."})
    masked = fields.Raw(allow_none=True, metadata={"description": "Parameters whose values were not kept."})
    notices = fields.Raw(
        allow_none=True, metadata={"description": "What was cut off, and its size in bytes."}
    )

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        if attr == "progress":
            return progress_of(obj)
        if attr == "attempt":  # Celery counts retries from 0, people attempts from 1
            return obj.attempt + 1
        return super().get_attribute(obj, attr, default)


class ExplanationSchema(Schema):
    """What the state of a run means."""

    code = fields.String(
        metadata={
            "description": "Stable: waiting, held, scheduled, received, running, retry, success, failure,"
            " cancelled, rejected, ignored, expired, lost, missed, skipped; and for failures unregistered,"
            " soft-time-limit, time-limit, worker-lost, end-not-told, undecodable, result-not-json."
        }
    )
    what = fields.String(metadata={"description": "What happened, as a sentence."})
    advice = fields.String(metadata={"description": "What to do about it; may be empty."})


class RunSchema(RunSummarySchema):
    """One run, whole."""

    result = fields.Raw(allow_none=True)
    traceback = fields.String(allow_none=True)
    attempts = fields.Raw(allow_none=True, metadata={"description": "Earlier attempts that failed."})
    explanation = fields.Nested(ExplanationSchema)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        if attr == "explanation":
            return explain(obj)
        if attr == "attempts":
            return [old | {"attempt": old["attempt"] + 1} for old in obj.attempts or []]
        return super().get_attribute(obj, attr, default)


class ComparisonQuery(Schema):
    with_ = fields.String(
        data_key="with",
        attribute="with",
        load_default=None,
        validate=validate.Length(1, 255),
        metadata={"description": "The other run; left out: the previous one of the same task."},
    )


class PairSchema(Schema):
    name = fields.String()
    left = fields.Raw(allow_none=True)
    right = fields.Raw(allow_none=True)
    has_left = fields.Boolean()
    has_right = fields.Boolean()
    same = fields.Boolean()


class LogStepSchema(Schema):
    side = fields.String(metadata={"enum": ["both", "left", "right"]})
    level = fields.String()
    text = fields.String()


class ComparisonSchema(Schema):
    """Two runs; `left` is the other one."""

    left = fields.Nested(RunSchema)
    right = fields.Nested(RunSchema)
    arguments = fields.List(fields.Nested(PairSchema))
    result = fields.List(
        fields.Nested(PairSchema), metadata={"description": "By its names where it has some."}
    )
    log = fields.List(fields.Nested(LogStepSchema))
    whole_logs = fields.Boolean(
        metadata={"description": "False when a log has more lines than are compared."}
    )


class CancelledRunSchema(RunSchema):
    """A run after it was cancelled."""

    outcome = fields.String(
        metadata={
            "enum": ["removed", "revoked", "terminated"],
            "description": "removed: it will not run; revoked: a worker has it, and will not start it if it"
            " has not yet; terminated: its process is being stopped.",
        }
    )


class SubmitSchema(Schema):
    """What to run, with which arguments, and how; what is left out takes the task's own defaults."""

    task_name = fields.String(required=True, validate=validate.Length(min=1, max=255))
    app = fields.String(
        validate=validate.Length(1, APP_MAX),
        metadata={"description": "Whose task it is, where several apps have one of that name."},
    )
    args = fields.List(fields.Raw(allow_none=True), load_default=list)
    kwargs = fields.Dict(keys=fields.String(), load_default=dict)
    queue = fields.String(validate=QueueName())
    priority = fields.Integer(
        strict=True, validate=validate.Range(0, 9, error="Give a priority from 0 to 9; 9 is the most urgent.")
    )
    run_at = Moment(metadata={"description": "Not before this moment."})
    countdown = fields.Float(
        validate=validate.Range(0, TEN_YEARS_SECONDS, error="Give a number of seconds from {min} to {max}."),
        metadata={"description": "Not before so many seconds from now."},
    )
    message_ttl_seconds = fields.Integer(
        strict=True,
        validate=validate.Range(1, TEN_YEARS_SECONDS, error="Give a number of seconds from {min} to {max}."),
        metadata={"description": "How long it may wait for a worker before it is discarded as expired."},
    )
    hold = Flag(load_default=False, metadata={"description": "Set it aside until somebody releases it."})

    @validates_schema
    def _one_time_only(self, data: dict[str, Any], **_: Any) -> None:
        if "run_at" in data and "countdown" in data:
            raise ValidationError("Give run_at or countdown, not both.", "countdown")


class RerunSchema(Schema):
    """Arguments to change: `args` replaces all positional ones, each of `kwargs` that of its name."""

    args = fields.List(fields.Raw(allow_none=True))
    kwargs = fields.Dict(keys=fields.String())


class CancelSchema(Schema):
    terminate = Flag(load_default=False, metadata={"description": "Stop it even if it is running."})
    signal = fields.String(
        load_default=SIGNALS[0],
        validate=validate.OneOf(SIGNALS, error="Choose one of {choices}."),
        metadata={"description": "What its process gets when it is terminated."},
    )


class DiagnosisSchema(Schema):
    """Why a run does not run."""

    reason = fields.String(
        metadata={
            "description": "A stable code: held, scheduled, paused, no-worker, workers-paused, busy,"
            " behind-others, next, rate-limited, taken, received, worker-silent, retry, not-sent, elsewhere,"
            " lost, broker-unavailable, running, finished."
        }
    )
    detail = fields.String(metadata={"description": "The same as a sentence."})
    ahead = fields.Integer(allow_none=True, metadata={"description": "How many runs go first."})
    estimated_start = Moment(allow_none=True)
    ruled_out = fields.List(fields.String(), metadata={"description": "What is not the cause."})


class IdempotencySchema(Schema):
    key = fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        validate=FullMatch(r"^[\x20-\x7e]{1,255}$", error="Give 1 to 255 printable ASCII characters."),
        metadata={
            "description": "The same request with the same key returns the first run; another is refused."
        },
    )


class LogQuery(Schema):
    after = Whole(
        *(0, INTEGER_MAX),
        load_default=0,
        metadata={"description": "The number of the last line that is known already."},
    )
    limit = Whole(1, LOG_LIMIT_MAX, load_default=1000)


class LogLineSchema(Schema):
    number = fields.Integer(metadata={"description": "From 1, over all attempts."})
    at = fields.DateTime()
    level = fields.String(
        metadata={"description": "As Python's logging names it; PRINT for what was printed."}
    )
    text = fields.String()
    left_out = fields.Integer(metadata={"description": "How many lines before this one were not kept."})


class LogSchema(Schema):
    lines = fields.List(fields.Nested(LogLineSchema))
    after = fields.Integer(metadata={"description": "Ask after this number for the next lines."})


class RunsPageSchema(page_of(RunSummarySchema)):  # type: ignore[misc]  # made at run time
    looked_until = Moment(
        required=True,
        allow_none=True,
        metadata={
            "description": "Set when no index answers the filter and the search stopped at this moment: the"
            " page may be short or empty, and next_cursor looks further back. Else null."
        },
    )


class DeletionQuery(Schema):
    state = ItemOrList(
        fields.String(
            validate=validate.OneOf(states.FINISHED, error="Only finished runs can be deleted: {choices}.")
        )
    )
    before = QueryMoment(metadata={"description": "Created before this moment."})

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Say which runs: give state, before or both.", "before")


class DeletedSchema(Schema):
    deleted = fields.Integer()


def progress_of(run: Run) -> dict[str, Any] | None:
    """What the task last reported of itself; None when it reported nothing."""
    if run.progress_at is None:
        return None
    return {
        "current": run.progress_current,
        "total": run.progress_total,
        "message": run.progress_message or "",
    }
