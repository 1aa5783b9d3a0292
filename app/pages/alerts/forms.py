"""The forms of a rule and of a channel, as a person fills them in."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import lazy_gettext
from wtforms import BooleanField, Form, PasswordField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.widgets import PasswordInput, TextInput

from app.alerts import channels, rules
from app.alerts.kinds import KINDS
from app.alerts.models import AlertRule
from app.errors import Invalid
from app.pages.schedules.form_fields import SpanField, WholeField

_l: Any = lazy_gettext  # WTForms shows lazy text as well as plain; its types do not say so


def _choices(words: Mapping[Any, Any]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words.items()]


class RuleForm(Form):
    """A rule. What may stand in it is checked where rules are saved."""

    kind = SelectField(
        _l("Condition"),
        choices=_choices({name: kind.label for name, kind in KINDS.items()}),
        validate_choice=False,
        default="run_failed",
    )
    name = StringField(_l("Name"), default="")
    task_name = StringField(_l("Task"), description=_l("Empty: any task."))
    queue = StringField(_l("Queue"), description=_l("Empty: any queue."))
    schedule_id = WholeField(_l("Schedule"), description=_l("Its number. Empty: any schedule."))
    seconds = SpanField(_l("Seconds"))
    number = WholeField(_l("Number"))
    channels = SelectMultipleField(_l("Channels"), coerce=str, validate_choice=False)
    window_seconds = SpanField(
        _l("One message in"),
        default=300,
        description=_l("What happens meanwhile comes together in the next message."),
    )
    remind_seconds = SpanField(
        _l("Remind every"), description=_l("While it still fires. Empty: it is told once, and when it ends.")
    )
    tell_recovery = BooleanField(_l("Also tell when it is well again"), default=True)
    enabled = BooleanField(_l("On"), default=True)
    quiet_from = StringField(_l("Quiet from"), description=_l("No message from this time of day, as 22:00 …"))
    quiet_until = StringField(
        _l("Quiet until"), description=_l("… to this one; then what still fires is told.")
    )
    quiet_zone = StringField(_l("Time zone"), description=_l("Whose clock the quiet hours go by."))

    @property
    def of_kind(self) -> Any:
        """The kind that is chosen; the first one for what is none."""
        return KINDS.get(str(self.kind.data)) or KINDS["run_failed"]

    def name_fields(self) -> None:
        """Call number and seconds what they are for the kind, and say what is usual."""
        kind, shown = self.of_kind, self
        if kind.seconds_label:
            shown.seconds.label.text = kind.seconds_label
        if kind.number_label:
            shown.number.label.text = kind.number_label

    def values(self) -> dict[str, Any]:
        """What was entered, by field of a rule; raises `Invalid` for what cannot even be read."""
        errors = {field.name: list(field.process_errors) for field in self if field.process_errors}
        own = self.of_kind.fields
        errors = {
            name: texts
            for name, texts in errors.items()
            if name in own or name not in ("seconds", "number", "schedule_id")
        }
        if errors:
            raise Invalid({name: [str(text) for text in texts] for name, texts in errors.items()})
        values = {name: self[name].data for name in rules.FIELDS}
        values |= {
            name: None
            for name in ("task_name", "queue", "schedule_id", "seconds", "number")
            if name not in own
        }
        texts = ("task_name", "queue", "quiet_from", "quiet_until")
        return values | {name: str(values[name] or "").strip() or None for name in texts}


def rule_form(data: Any = None, row: AlertRule | None = None, zone: str = "UTC", kind: str = "") -> RuleForm:
    """The form as it was submitted, filled in with a rule, or fresh."""
    if data is not None:
        form = RuleForm(data)
    elif row is not None:
        values = {name: getattr(row, name) for name in rules.FIELDS}
        form = RuleForm(data=values | {"channels": [str(channel_id) for channel_id in row.channels]})
    else:
        form = RuleForm(data={"quiet_zone": zone, "kind": kind if kind in KINDS else "run_failed"})
    form.channels.choices = _choices({str(channel.id): channel.name for channel in channels.listing()})
    form.name_fields()
    return form


class ChannelForm(Form):
    """A channel. Address and secret of one that is there are shown masked, and kept when they stay so."""

    kind = SelectField(_l("Kind"), choices=_choices(channels.KINDS), validate_choice=False, default="email")
    name = StringField(_l("Name"), default="")
    address = StringField(
        _l("Address"),
        widget=TextInput(),
        description=_l(
            "E-mail: one address or several with commas. Otherwise the URL that the chat program gives for a "
            "webhook; who knows it may write there, so only its host is shown later."
        ),
    )
    secret = PasswordField(
        _l("Secret"),
        widget=PasswordInput(hide_value=False),  # it is masked
        description=_l("Signs what is sent: webhook, DingTalk and Feishu. Empty: not signed."),
    )
    language = SelectField(_l("Language"), choices=_choices(channels.LANGUAGES), validate_choice=False)

    def values(self) -> dict[str, Any]:
        """What was entered, by field of a channel."""
        return {name: self[name].data or "" for name in channels.FIELDS}


def refuse(form: Form, errors: Mapping[str, Iterable[str]]) -> None:
    """Put every message at its field; those of no field at the name."""
    fields: Any = form
    for name, texts in errors.items():
        field = fields[name] if name in fields else fields["name"]
        field.errors = [*field.errors, *texts]
