"""Schedules as the REST API and files take and give them."""

from typing import Any

from marshmallow import fields, validate

from app import catalog
from app.api.fields import INTEGER_MAX, Flag, Moment, Schema
from app.config import settings
from app.schedules import code_sync, policies, skipping
from app.schedules.definition import TASK_TYPES
from app.schedules.models import ORIGINS, Schedule

PREVIEW_MOST = 100
OVERLAPS = ("skip", "allow", "buffer_one", "cancel_running")
ON_MISSED = ("skip", "run_once", "run_all")
_SECONDS = "A number of seconds."


def _whole(description: str, **options: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, allow_none=True, load_default=None, metadata={"description": description}, **options
    )


def _moment(description: str) -> Moment:
    return Moment(allow_none=True, load_default=None, metadata={"description": description})


class TimingSchema(Schema):
    """When it fires."""

    task_type = fields.String(required=True, metadata={"enum": list(TASK_TYPES)})
    run_at = _moment("one_time: when.")
    interval_seconds = _whole("interval: every so many seconds.")
    anchor_at = _moment("interval: what it counts from; by default the moment the period was set.")
    cron_schedule = fields.String(
        allow_none=True,
        load_default=None,
        metadata={"description": "cron: 5 columns, or 6 with the second first, or a macro such as @daily."},
    )
    timezone = fields.String(
        load_default=lambda: settings().timezone, metadata={"description": "An IANA zone: Europe/London."}
    )
    starts_at = _moment("No fire before.")
    ends_at = _moment("No fire after.")
    jitter_seconds = fields.Integer(
        strict=True,
        load_default=0,
        metadata={"description": "Every fire is later by the same share of so many seconds."},
    )


class ScheduleSchema(TimingSchema):
    """What a schedule is made of."""

    name = fields.String(required=True, metadata={"description": "Unique."})
    task_name = fields.String(required=True)
    args = fields.List(fields.Raw(allow_none=True), load_default=list)
    kwargs = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "Secrets are masked when read; sent back masked they stay as they are."},
    )
    enabled = Flag(load_default=True)
    queue = fields.String(allow_none=True, load_default=None)
    priority = _whole("0 to 9; 9 is the most urgent. Null: the task's own.")
    max_runs = _whole("It disables itself after so many runs.")
    overlap = fields.String(load_default="skip", metadata={"enum": list(OVERLAPS)})
    on_missed = fields.String(allow_none=True, load_default=None, metadata={"enum": [*ON_MISSED, None]})
    grace_seconds = _whole("A missed fire later than this never runs. Null: no limit.")
    message_ttl_seconds = _whole("How long a message may wait for a worker before it is discarded.")
    note = fields.String(load_default="")


class ScheduleChangesSchema(ScheduleSchema):
    """The fields of a schedule that are to change; the others keep their values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"partial": True})


class StoredScheduleSchema(ScheduleSchema):
    """A schedule as it is read."""

    id = fields.Integer()
    version = fields.Integer(metadata={"description": "Moves with every change; send it as If-Match."})
    next_run_at = Moment(allow_none=True, metadata={"description": "When beat fires next, with jitter."})
    next_due_at = Moment(allow_none=True, metadata={"description": "The nominal moment of that fire."})
    last_run_at = Moment(allow_none=True)
    run_count = fields.Integer()
    last_error = fields.String(allow_none=True)
    skips = fields.List(Moment(), metadata={"description": "Fires that are left out."})
    drift = fields.Raw(
        allow_none=True, metadata={"description": "What the task's signature says against the arguments."}
    )
    disabled_at = Moment(allow_none=True)
    disabled_by = fields.String(allow_none=True)
    disabled_note = fields.String(allow_none=True)
    origin = fields.String(metadata={"enum": list(ORIGINS)})
    code_key = fields.String(allow_none=True)
    overridden = fields.List(
        fields.String(), metadata={"description": "Fields that differ from the code they come from."}
    )
    retired_at = Moment(allow_none=True, metadata={"description": "When it vanished from the code."})
    created_at = Moment()
    created_by = fields.String(allow_none=True)
    updated_at = Moment()
    updated_by = fields.String(allow_none=True)

    def get_attribute(self, obj: Schedule, attr: str, default: Any) -> Any:
        match attr:
            case "args" | "kwargs":
                info = catalog.lookup(obj.task_name)
                args, kwargs, _ = catalog.mask(info, obj.args, obj.kwargs)
                return args if attr == "args" else kwargs
            case "on_missed":
                return obj.on_missed or policies.default_on_missed(obj.task_type)  # type: ignore[arg-type]
            case "skips":
                return skipping.moments(obj)
            case "overridden":
                return code_sync.overridden(obj)
        return super().get_attribute(obj, attr, default)


class IfMatchSchema(Schema):
    if_match = fields.String(
        data_key="If-Match",
        load_default=None,
        metadata={"description": "The version that the change is meant for; 412 when it is another."},
    )


class RunNowSchema(Schema):
    note = fields.String(load_default="", validate=validate.Length(max=2000))
    overlap = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(OVERLAPS),
        metadata={"description": "Takes the place of the schedule's policy for this one run."},
    )


class ScheduleNoteSchema(Schema):
    note = fields.String(load_default="", metadata={"description": "Why; shown beside the switch."})


class SkippedFireSchema(Schema):
    due_at = Moment(metadata={"description": "The nominal moment; when left out, the next fire."})


class RestoredFireSchema(Schema):
    due_at = Moment(required=True, metadata={"description": "The nominal moment."})


class ScheduleBulkSchema(Schema):
    action = fields.String(
        required=True, validate=validate.OneOf(("enable", "disable", "delete", "undelete"))
    )
    ids = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, INTEGER_MAX)),
        required=True,
        validate=validate.Length(min=1),
    )
    note = fields.String(load_default="")


class ScheduleOutcomeSchema(Schema):
    id = fields.Integer()
    name = fields.String()
    done = Flag()
    problem = fields.String(metadata={"description": "Why nothing was done; empty when it was."})


class ScheduleOutcomesSchema(Schema):
    outcomes = fields.List(fields.Nested(ScheduleOutcomeSchema))


class ScheduleChangeSchema(Schema):
    at = Moment()
    by = fields.String(allow_none=True, metadata={"description": "Null: Celeriac itself."})
    action = fields.String()
    version = fields.Integer()
    note = fields.String(allow_none=True)
    diff = fields.Raw(metadata={"description": "{field: [before, after]}; secrets are masked."})


class ScheduleHistorySchema(Schema):
    items = fields.List(fields.Nested(ScheduleChangeSchema))


class SchedulePreviewRequestSchema(TimingSchema):
    """Timing fields, and for how many fires from when. Arguments are shown as they would be then."""

    count = fields.Integer(
        strict=True,
        load_default=10,
        validate=validate.Range(1, PREVIEW_MOST, error="Give a number from {min} to {max}."),
    )
    start = Moment(data_key="from", load_default=None, metadata={"description": "By default now."})
    task_name = fields.String(load_default=None, allow_none=True)
    args = fields.List(fields.Raw(allow_none=True), load_default=list)
    kwargs = fields.Dict(keys=fields.String(), load_default=dict)


class PreviewedFireSchema(Schema):
    due_at = Moment()
    actual_at = Moment(metadata={"description": "With jitter, which is known once the schedule is saved."})
    local_at = fields.DateTime(format="iso", metadata={"description": "In the schedule's zone."})
    zone_name = fields.String()
    warning = fields.String(allow_none=True)
    args = fields.Raw()
    kwargs = fields.Raw()


class SchedulePreviewSchema(Schema):
    words = fields.String()
    fires = fields.List(Moment(), metadata={"description": "The nominal moments."})
    warnings = fields.List(fields.String(), metadata={"description": "About the next clock changes."})
    details = fields.List(fields.Nested(PreviewedFireSchema), metadata={"description": "The same fires."})
