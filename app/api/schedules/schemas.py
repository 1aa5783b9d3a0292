"""Schedules as the REST API and files take and give them."""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING
from datetime import datetime
from functools import partial
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from marshmallow import fields, validate

from app import catalog
from app.api.fields import INTEGER_MAX, Flag, Moment, OutcomeSchema, Schema
from app.config import settings
from app.schedules import code_sync, policies, switches
from app.schedules.bulk import ACTIONS, BULK_MAX
from app.schedules.definition import FIELDS, HINTS, NULLABLE, TIMING_FIELDS, Definition, task_of
from app.schedules.models import ORIGINS, Schedule
from app.schedules.policies import Overlap

PREVIEW_MOST = 100


def _field(name: str, **options: Any) -> fields.Field[Any]:
    """The field of REST that a field of a definition makes, by its type, its default and what it says."""
    field, hint = _DEFINED[name], HINTS[name]
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] if name in NULLABLE else [hint]
    metadata: dict[str, Any] = dict(field.metadata)
    if get_origin(kinds[0]) is Literal:
        metadata["enum"] = [*get_args(kinds[0]), *([None] if name in NULLABLE else ())]
    if name in NULLABLE:
        options["allow_none"] = True
    if field.default_factory is not MISSING:
        options.setdefault("load_default", field.default_factory)
    elif field.default is not MISSING:
        options.setdefault("load_default", field.default)
    else:
        options["required"] = True
    return _KINDS[get_origin(kinds[0]) or kinds[0]](metadata=metadata, **options)


def _fields(names: Iterable[str]) -> type[Schema]:
    return Schema.from_dict({name: _field(name) for name in names})  # type: ignore[return-value]  # it is ours


_DEFINED = {field.name: field for field in dataclasses.fields(Definition)}
_KINDS: dict[Any, Callable[..., fields.Field[Any]]] = {
    str: fields.String,
    Literal: fields.String,
    int: partial(fields.Integer, strict=True),
    bool: Flag,
    datetime: Moment,
    list: partial(fields.List, fields.Raw(allow_none=True)),
    dict: partial(fields.Dict, keys=fields.String()),
}


class TimingSchema(_fields(TIMING_FIELDS)):  # type: ignore[misc]  # made of the fields of a definition
    """When it fires."""

    timezone = _field("timezone", load_default=lambda: settings().timezone)


class ScheduleSchema(TimingSchema, _fields(name for name in FIELDS if name not in TIMING_FIELDS)):  # type: ignore[misc]
    """What a schedule is made of."""


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
                info = task_of(obj)
                args, kwargs = catalog.hide(info, obj.args, obj.kwargs)
                return args if attr == "args" else kwargs
            case "on_missed":
                return obj.on_missed or policies.default_on_missed(obj.task_type)  # type: ignore[arg-type]
            case "skips":
                return switches.skipped_moments(obj)
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
        validate=validate.OneOf(get_args(Overlap)),
        metadata={"description": "Takes the place of the schedule's policy for this one run."},
    )


class ScheduleNoteSchema(Schema):
    note = fields.String(load_default="", metadata={"description": "Why; shown beside the switch."})


class SkippedFireSchema(Schema):
    due_at = Moment(metadata={"description": "The nominal moment; when left out, the next fire."})


class RestoredFireSchema(Schema):
    due_at = Moment(required=True, metadata={"description": "The nominal moment."})


class ScheduleBulkSchema(Schema):
    action = fields.String(required=True, validate=validate.OneOf(tuple(ACTIONS)))
    ids = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, INTEGER_MAX)),
        required=True,
        validate=validate.Length(1, BULK_MAX),
    )
    note = fields.String(load_default="", metadata={"description": "Why; for `enable` and `disable`."})
    queue = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "For `queue`: where they send to; null: the queue of each one's task."},
    )


class ScheduleOutcomeSchema(OutcomeSchema):
    id = fields.Integer()


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
    app = _field("app")
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
