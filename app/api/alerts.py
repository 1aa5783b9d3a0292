"""`/alerts`: rules, what fires, silence; the channels that messages go to, and the history of messages."""

from typing import Any

from flask import Flask, url_for
from flask_login import current_user
from marshmallow import fields, validate

from app import lists
from app.alerts import channels, rules, words
from app.alerts.kinds import KINDS
from app.alerts.models import OUTCOMES, AlertMessage, AlertRule
from app.api import frame
from app.api.fields import INTEGER_MAX, Flag, Moment, Schema, Whole, WholeListQuery, filtered, page_of
from app.clock import utcnow
from app.web.permissions import requires
from celeriac_agent.secrets import MASK

bp = frame.ApiBlueprint("alerts", __name__, description="What is told to people who do not look")
_USUAL = "Empty: the usual one of its kind."


class AlertRuleSchema(Schema):
    """A rule. Which of the scope, `seconds` and `number` it may have depends on its kind: `/alerts/kinds`."""

    name = fields.String(required=True, metadata={"description": "Unique, 1 to 100 characters."})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    enabled = Flag(load_default=True)
    task_name = fields.String(load_default=None, allow_none=True)
    queue = fields.String(load_default=None, allow_none=True)
    schedule_id = fields.Integer(load_default=None, allow_none=True, strict=True)
    seconds = fields.Integer(
        load_default=None, allow_none=True, strict=True, metadata={"description": _USUAL}
    )
    number = fields.Integer(load_default=None, allow_none=True, strict=True, metadata={"description": _USUAL})
    channels = fields.List(
        Whole(1, INTEGER_MAX), load_default=list, metadata={"description": "Where its messages go."}
    )
    window_seconds = Whole(
        *(rules.WINDOW_LEAST, rules.WINDOW_MOST),
        load_default=300,
        metadata={"description": "At most one message in so long."},
    )
    remind_seconds = Whole(
        *(rules.REMIND_LEAST, rules.REMIND_MOST),
        load_default=None,
        allow_none=True,
        metadata={"description": "What still fires is told again so often; left out: once."},
    )
    tell_recovery = Flag(load_default=True)
    quiet_from = fields.String(load_default=None, allow_none=True, metadata={"example": "22:00"})
    quiet_until = fields.String(load_default=None, allow_none=True, metadata={"example": "07:30"})
    quiet_zone = fields.String(load_default=None, allow_none=True, metadata={"example": "Asia/Shanghai"})


class AlertRuleChangesSchema(AlertRuleSchema):
    """The fields of a rule that are to change; the others keep their values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"partial": True})


class FiringSubjectSchema(Schema):
    """One subject that is wrong."""

    subject = fields.String()
    since = Moment(attribute="since_at")
    told = fields.Function(
        lambda state: state["told_of_at"] is not None,
        metadata={"type": "boolean", "description": "Whether a message told of it."},
    )
    text = fields.String()
    url = fields.String()
    facts = fields.Dict(keys=fields.String())


class StoredAlertRuleSchema(AlertRuleSchema):
    """A rule and how it stands."""

    id = fields.Integer()
    state = fields.String(metadata={"enum": ["off", "silenced", "firing", "fine"]})
    firing = fields.List(fields.Nested(FiringSubjectSchema))
    quiet = fields.Boolean(metadata={"description": "Whether it is in its quiet hours."})
    silenced_until = Moment(allow_none=True)
    silenced_by = fields.String(allow_none=True)
    silenced_note = fields.String(allow_none=True)
    told_at = Moment(allow_none=True, metadata={"description": "When its last message was made."})
    created_at = Moment()
    created_by = fields.String(allow_none=True)


class AlertKindSchema(Schema):
    """A kind of rule: the fields it has, and the usual values of these."""

    name = fields.String()
    label = fields.Function(lambda kind: str(kind.label), metadata={"type": "string"})
    meaning = fields.Function(lambda kind: str(kind.meaning), metadata={"type": "string"})
    fields_ = fields.List(fields.String(), attribute="fields", data_key="fields")
    seconds = fields.Integer(allow_none=True)
    number = fields.Integer(allow_none=True)


class AlertKindsSchema(Schema):
    items = fields.List(fields.Nested(AlertKindSchema), required=True)


class SilenceSchema(Schema):
    until = Moment(required=True)
    note = fields.String(load_default="", validate=validate.Length(max=rules.NOTE_MAX))


class AlertChannelSchema(Schema):
    """Where messages go. Addresses and secrets are not shown again: only the host of a URL is."""

    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(channels.KINDS)})
    address = fields.String(
        required=True,
        metadata={"description": "A URL, or e-mail addresses with commas. Shown masked; sent back so, kept."},
    )
    secret = fields.String(
        load_default="",
        metadata={
            "description": f"Signs messages ({', '.join(channels.SIGNED)}); shown as {MASK}, or empty."
        },
    )
    language = fields.String(load_default="en", metadata={"enum": list(channels.LANGUAGES)})


class AlertChannelChangesSchema(AlertChannelSchema):
    """The fields of a channel that are to change; the others keep their values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"partial": True})


class StoredAlertChannelSchema(AlertChannelSchema):
    id = fields.Integer()
    created_at = Moment()
    created_by = fields.String(allow_none=True)
    waiting = fields.Integer(metadata={"description": "Messages that could not be sent yet."})
    waiting_since = Moment(
        allow_none=True, metadata={"description": "Since when the oldest of them waits; null: none does."}
    )
    error = fields.String(allow_none=True, metadata={"description": "Why they could not."})


class AlertMessageSchema(Schema):
    """One message to one channel, and what became of it."""

    id = fields.Integer()
    at = Moment()
    rule_id = fields.Integer(allow_none=True)
    rule_name = fields.String(metadata={"description": "Empty for a test, and for the end of a run."})
    channel_id = fields.Integer(
        metadata={"description": "0: it goes to the one person whose name is the channel's."}
    )
    channel_name = fields.String()
    title = fields.Function(lambda row: words.tell(row.content).title, metadata={"type": "string"})
    text = fields.Function(lambda row: words.tell(row.content).plain, metadata={"type": "string"})
    state = fields.String(metadata={"enum": list(OUTCOMES)})
    attempts = fields.Integer()
    next_at = Moment(metadata={"description": "While it waits: when it is tried next, at the latest."})
    error = fields.String(allow_none=True, metadata={"description": "Why the last try failed."})
    sent_at = Moment(allow_none=True)
    run_id = fields.String(allow_none=True, metadata={"description": "The run that was to deliver it."})


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/alerts")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(StoredAlertRuleSchema))
def list_alerts(query: dict[str, Any]) -> lists.Page[dict[str, Any]]:
    """Rules, by name, and how they stand"""
    known = [_rule(standing) for standing in rules.listing(utcnow())]
    return lists.page_of_all(known, query["limit"], query["cursor"], lambda rule: rule["id"])


@bp.route("/alerts", methods=["POST"])
@requires("administer")
@bp.arguments(AlertRuleSchema)
@bp.response(201, StoredAlertRuleSchema)
def create_alert(wanted: dict[str, Any]) -> Any:
    """Make a rule"""
    row = rules.create(wanted, current_user.name, utcnow())
    return _one(row), 201, {"Location": url_for(".get_alert", rule_id=row.id)}


@bp.route("/alerts/kinds")
@requires("view")
@bp.response(200, AlertKindsSchema)
def list_alert_kinds() -> dict[str, Any]:
    """The kinds of rules, and which fields each has"""
    return {"items": list(KINDS.values())}


@bp.route("/alerts/<int:rule_id>")
@requires("view")
@bp.response(200, StoredAlertRuleSchema)
def get_alert(rule_id: int) -> dict[str, Any]:
    """One rule"""
    return _one(rules.get(rule_id))


@bp.route("/alerts/<int:rule_id>", methods=["PATCH"])
@requires("administer")
@bp.arguments(AlertRuleChangesSchema)
@bp.response(200, StoredAlertRuleSchema)
def change_alert(wanted: dict[str, Any], rule_id: int) -> dict[str, Any]:
    """Change a rule"""
    return _one(rules.update(rule_id, wanted, current_user.name, utcnow()))


@bp.route("/alerts/<int:rule_id>", methods=["DELETE"])
@requires("administer")
@bp.response(204)
def delete_alert(rule_id: int) -> None:
    """Delete a rule; its messages stay in the history"""
    rules.delete(rule_id, utcnow())


@bp.route("/alerts/<int:rule_id>/silence", methods=["POST"])
@requires("operate")
@bp.arguments(SilenceSchema)
@bp.response(200, StoredAlertRuleSchema)
def silence_alert(wanted: dict[str, Any], rule_id: int) -> dict[str, Any]:
    """Make no messages until a moment, at most 30 days ahead"""
    return _one(rules.silence(rule_id, wanted["until"], wanted["note"], current_user.name, utcnow()))


@bp.route("/alerts/<int:rule_id>/unsilence", methods=["POST"])
@requires("operate")
@bp.response(200, StoredAlertRuleSchema)
def unsilence_alert(rule_id: int) -> dict[str, Any]:
    """Make messages again"""
    return _one(rules.unsilence(rule_id, utcnow()))


@bp.route("/alerts/messages")
@requires("view")
@bp.arguments(filtered(rules.MessageFilter), location="query")
@bp.response(200, page_of(AlertMessageSchema))
def list_alert_messages(query: dict[str, Any]) -> lists.Page[AlertMessage]:
    """Messages and what became of them, newest first"""
    wanted = lists.meant(rules.MessageFilter, query, utcnow())
    return rules.messages(wanted, query["limit"], query["cursor"])


@bp.route("/alerts/channels")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(StoredAlertChannelSchema))
def list_alert_channels(query: dict[str, Any]) -> lists.Page[channels.Shown]:
    """Where messages go, by name"""
    return lists.page_of_all(channels.listing(), query["limit"], query["cursor"], lambda channel: channel.id)


@bp.route("/alerts/channels", methods=["POST"])
@requires("administer")
@bp.arguments(AlertChannelSchema)
@bp.response(201, StoredAlertChannelSchema)
def create_alert_channel(wanted: dict[str, Any]) -> Any:
    """Make a channel"""
    made = channels.create(wanted, current_user.name, utcnow())
    return made, 201, {"Location": url_for(".get_alert_channel", channel_id=made.id)}


@bp.route("/alerts/channels/<int:channel_id>")
@requires("view")
@bp.response(200, StoredAlertChannelSchema)
def get_alert_channel(channel_id: int) -> channels.Shown:
    """One channel"""
    return channels.shown(channels.get(channel_id))


@bp.route("/alerts/channels/<int:channel_id>", methods=["PATCH"])
@requires("administer")
@bp.arguments(AlertChannelChangesSchema)
@bp.response(200, StoredAlertChannelSchema)
def change_alert_channel(wanted: dict[str, Any], channel_id: int) -> channels.Shown:
    """Change a channel"""
    return channels.update(channel_id, wanted, current_user.name, utcnow())


@bp.route("/alerts/channels/<int:channel_id>", methods=["DELETE"])
@requires("administer")
@bp.response(204)
def delete_alert_channel(channel_id: int) -> None:
    """Delete a channel that no rule uses"""
    channels.delete(channel_id, utcnow())


@bp.route("/alerts/channels/<int:channel_id>/test", methods=["POST"])
@requires("operate")
@bp.response(202, AlertMessageSchema)
def test_alert_channel(channel_id: int) -> AlertMessage:
    """Send a test message; what becomes of it stands in the history"""
    return channels.test(channel_id, utcnow())


def _one(row: AlertRule) -> dict[str, Any]:
    return _rule(rules.standing([row], utcnow())[0])


def _rule(standing: rules.Standing) -> dict[str, Any]:
    own = {
        name: getattr(standing.rule, name)
        for name in StoredAlertRuleSchema().fields
        if hasattr(standing.rule, name)
    }
    firing = [
        {
            "subject": state.subject,
            "since_at": state.since_at,
            "told_of_at": state.told_of_at,
            "text": words.line(standing.rule.kind, state.facts),
            "url": words.address(state.path),
            "facts": state.facts,
        }
        for state in standing.firing
    ]
    return own | {"state": standing.state, "firing": firing, "quiet": standing.quiet}
