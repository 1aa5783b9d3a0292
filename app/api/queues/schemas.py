"""Queues and what waits in them as the REST API takes and gives them."""

from typing import Any

from flask_babel import gettext as _
from marshmallow import ValidationError, fields, validate, validates_schema

from app import lists, queues
from app.api.fields import INTEGER_MAX, Moment, OutcomeSchema, PageQuery, Schema, Whole
from app.lists.fields import TrueOrFalse
from app.queues.bulk import ACTIONS, MOST, OPTION

_name = validate.Length(min=1, max=255)
REASON_MAX = 500
_TO = validate.OneOf(["front", "back"], error="Choose front or back.")


class QueueSchema(Schema):
    """One queue."""

    name = fields.String()
    description = fields.String()
    declared = fields.Boolean(
        metadata={"description": "By a setting; others were made by whoever sent to them."}
    )
    waiting = fields.Integer()
    held = fields.Integer()
    by_priority = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How many wait with each priority; 9 is the most urgent."},
    )
    paused = fields.Boolean()
    paused_by = fields.String(allow_none=True, attribute="pause.by")
    paused_at = Moment(allow_none=True, attribute="pause.at")
    note = fields.String(allow_none=True, attribute="pause.note")
    supports_order = fields.Boolean(
        metadata={"description": "Whether what waits can be read, moved and held; not in RabbitMQ."}
    )
    hold_new = fields.Boolean(metadata={"description": "Everything that is sent to it is held."})
    consumers = fields.Integer(metadata={"description": "Workers that are online and listen to it."})
    workers = fields.List(fields.String())
    slots = fields.Integer(metadata={"description": "How many runs its workers can run at once."})
    oldest_seconds = fields.Float(
        allow_none=True, metadata={"description": "How long the oldest has waited."}
    )
    in_per_minute = fields.Float()
    out_per_minute = fields.Float()
    drain_seconds = fields.Float(
        allow_none=True, metadata={"description": "Until all that waits has likely started; null: not known."}
    )


class DepthSchema(Schema):
    """How much waited and was held at one time."""

    at = Moment(
        metadata={"description": "The half minute that begins then; one that is missing was not seen."}
    )
    waiting = fields.Integer()
    held = fields.Integer()


class HeldSchema(Schema):
    by = fields.String()
    at = Moment(allow_none=True)
    reason = fields.String()


class MessageSchema(Schema):
    """One run that waits or is held."""

    id = fields.String()
    task_name = fields.String(allow_none=True, metadata={"description": "Null: no message of Celery's."})
    args = fields.Raw(allow_none=True, metadata={"description": "Null: not shown, `unread` says why."})
    kwargs = fields.Raw(allow_none=True, metadata={"description": "Secrets are masked."})
    unread = fields.String(
        metadata={"description": "Why the arguments are not shown: too-large, serializer, compression …"}
    )
    priority = fields.Integer(metadata={"description": "0 to 9; 9 is the most urgent."})
    position = fields.Integer(allow_none=True, metadata={"description": "1 is the next; null: it is held."})
    waited_seconds = fields.Float(allow_none=True)
    requested_by = fields.String(allow_none=True)
    schedule_id = fields.Integer(allow_none=True)
    origin = fields.String(allow_none=True, metadata={"description": "The process that sent it."})
    held = fields.Nested(HeldSchema, allow_none=True)
    estimated_start = Moment(allow_none=True, attribute="starts_at")


class MessagesSchema(Schema):
    items = fields.List(fields.Nested(MessageSchema), required=True)
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Goes on behind the last run, wherever it stands by then."},
    )
    total = fields.Integer(metadata={"description": "How many there are, without offset, limit and filter."})
    looked = fields.Integer(
        metadata={"description": "How many were looked at for the filter, from offset on."}
    )
    unread = fields.Integer(
        metadata={"description": "Of how many of these the arguments cannot be looked into."}
    )
    next_offset = fields.Integer(
        allow_none=True, metadata={"description": "Where to look on; null when all were looked at."}
    )


class PositionQuery(PageQuery):
    """Which part of a line: from a position or a cursor on."""

    offset = Whole(0, INTEGER_MAX, load_default=0, metadata={"description": "How many to leave out."})

    @validates_schema
    def _either(self, data: dict[str, Any], **_options: Any) -> None:
        if data["offset"] and data["cursor"]:
            raise ValidationError(_("Give either cursor or offset."), "offset")


class MessagesQuery(lists.schema(queues.WaitingFilter, PositionQuery)):  # type: ignore[misc]  # made at run time
    held = TrueOrFalse(load_default=False, metadata={"description": "Those set aside."})


class PlaceSchema(Schema):
    """Where a run stands now."""

    id = fields.String()
    queue = fields.String()
    position = fields.Integer(allow_none=True)
    priority = fields.Integer()


class MoveSchema(Schema):
    """What to move, and one place: next to another run, at an end, or at a position."""

    id = fields.String(required=True, validate=_name)
    before = fields.String(validate=_name)
    after = fields.String(validate=_name)
    to = fields.String(validate=_TO)
    position = fields.Integer(
        strict=True, validate=validate.Range(1, INTEGER_MAX, error="1 is the next to be taken.")
    )

    @validates_schema
    def _one_place(self, data: dict[str, Any], **_: Any) -> None:
        if len(data.keys() - {"id"}) != 1:
            raise ValidationError("Name one place: before, after, to or position.", "position")


class WaitingRunSchema(Schema):
    """What to change of a waiting run."""

    priority = fields.Integer(
        strict=True, validate=validate.Range(0, 9, error="Give a priority from 0 to 9; 9 is the most urgent.")
    )
    queue = fields.String(validate=_name)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Give a priority, a queue or both.", "priority")


class HoldSchema(Schema):
    """A run, or nothing: everything that comes from now on."""

    id = fields.String(validate=_name)
    reason = fields.String(load_default="", validate=validate.Length(max=REASON_MAX))


class ReleaseSchema(Schema):
    """A run, or nothing: all that are held, and the queue holds nothing new any more."""

    id = fields.String(validate=_name)
    to = fields.String(load_default=None, validate=_TO, metadata={"description": "Not given: by priority."})


class ReleasedSchema(PlaceSchema):
    released = fields.Integer(metadata={"description": "How many are back in the line."})


class QueueBulkSchema(Schema):
    """What to do with several runs of the queue, and what that takes."""

    action = fields.String(required=True, validate=validate.OneOf(tuple(ACTIONS)))
    ids = fields.List(fields.String(validate=_name), required=True, validate=validate.Length(1, MOST))
    reason = HoldSchema._declared_fields["reason"]
    to = ReleaseSchema._declared_fields["to"]
    priority = WaitingRunSchema._declared_fields["priority"]
    target = fields.String(
        data_key="queue", validate=_name, metadata={"description": "For `send`: the queue to send them to."}
    )

    @validates_schema
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        option = OPTION.get(data["action"], "")
        if option in ("priority", "target") and option not in data:
            name = self.fields[option].data_key or option
            raise ValidationError(f"Say which {name}.", name)


class QueueOutcomeSchema(OutcomeSchema):
    id = fields.String()


class QueueOutcomesSchema(Schema):
    outcomes = fields.List(fields.Nested(QueueOutcomeSchema))


class QueuePauseSchema(Schema):
    note = fields.String(load_default="", validate=validate.Length(max=REASON_MAX))


class PurgedSchema(Schema):
    removed = fields.Integer(metadata={"description": "How many waiting runs were removed; held ones stay."})
