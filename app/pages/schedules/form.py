"""The form of a schedule: task, arguments, timing and policies, as a person types them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import BooleanField, Form, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types

from app import catalog
from app.errors import Invalid
from app.pages.schedules.form_fields import MomentField, SpanField, WholeField
from app.pages.schedules.parameter_form import ParameterForm
from app.schedules import timing
from app.schedules.definition import (
    FIELDS,
    MOMENTS,
    NULLABLE,
    OWN_TIMING,
    TIMING_FIELDS,
    Definition,
    task_of,
)
from app.schedules.history import readable
from app.schedules.models import Schedule, ScheduleChange
from app.schedules.policies import OnMissed, Overlap
from app.schedules.timing import TaskType, Timing, TimingError
from app.web.numbers import whole
from celeriac_agent.settings import OWN_APP

_l: Any = lazy_gettext  # WTForms shows lazy text as well as plain; its types do not say so

START_CRON = "0 9 * * *"
START_PRIORITY = 5
_ARGUMENTS = {"args", "kwargs"}
NO_VERSION = -1

TYPE_WORDS: dict[TaskType, Any] = {"one_time": _l("Once"), "interval": _l("Interval"), "cron": _l("Cron")}
OVERLAP_WORDS: dict[Overlap, Any] = {
    "skip": _l("Skip this fire"),
    "allow": _l("Run side by side"),
    "buffer_one": _l("Queue one"),
    "cancel_running": _l("Cancel the earlier run"),
}
MISSED_WORDS: dict[OnMissed, Any] = {
    "skip": _l("Skip them"),
    "run_once": _l("Run the latest once"),
    "run_all": _l("Run each of them"),
}


def _choices(words: Mapping[Any, Any]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words.items()]


class Fields(Form):
    """Everything but the task's parameters. What may stand in it is checked where schedules are saved."""

    task_name = StringField(_l("Task"), default="")
    app = SelectField(_l("App"), default="")  # "" for ours
    name = StringField(_l("Name"), default="")
    note = TextAreaField(_l("Note"), default="")
    enabled = BooleanField(_l("On"), default=True)
    task_type = RadioField(_l("Timing"), choices=_choices(TYPE_WORDS), default="cron")
    run_at = MomentField(_l("At"))
    interval_seconds = SpanField(_l("Every"))
    cron_schedule = StringField(_l("Whole expression"), default=START_CRON)
    timezone = StringField(_l("Time zone"))
    queue = SelectField(_l("Queue"), default="")
    priority = RadioField(_l("Priority"), choices=_choices({str(n): n for n in range(10)}))
    version = HiddenField(_l("Version"))
    # What has a description is drawn among the policies, in this order.
    overlap = SelectField(
        _l("If still running"),
        choices=_choices(OVERLAP_WORDS),
        default="skip",
        description=_l("When a fire comes while an earlier run has not ended; waiting counts too."),
    )
    on_missed = SelectField(
        _l("Missed fires"),
        choices=_choices({"": _l("As suits the timing")} | MISSED_WORDS),
        default="",
        description=_l(
            "Fires that passed while nothing could fire them. Usual: skip, but run a one-time fire late."
        ),
    )
    grace_seconds = SpanField(
        _l("Grace"), description=_l("A missed fire that is later than this never runs. Empty: no limit.")
    )
    starts_at = MomentField(_l("Starts"), description=_l("No fire before."))
    ends_at = MomentField(_l("Ends"), description=_l("No fire after."))
    max_runs = WholeField(
        _l("Stop after"), unit_word=_l("runs"), description=_l("Then the schedule turns itself off.")
    )
    jitter_seconds = SpanField(
        _l("Random delay"),
        unit="s",
        description=_l("Up to this much: every fire is later by the same amount, which spreads load."),
    )
    message_ttl_seconds = SpanField(
        _l("Message expires after"), description=_l("Dropped if no worker has started it by then.")
    )


@dataclass(frozen=True)
class FormProblem:
    """One message of a refused form, with the field it belongs to; both empty for the form as a whole."""

    message: str
    label: str = ""
    field_id: str = ""


@dataclass
class ScheduleForm:
    """The form as it is drawn. `row` is the schedule that is changed; `parameters` needs a known task."""

    fields: Fields
    parameters: ParameterForm | None
    row: Schedule | None = None
    problems: list[FormProblem] = field(default_factory=list)

    @property
    def info(self) -> catalog.TaskInfo | None:
        return self.parameters.info if self.parameters else None

    @property
    def shared(self) -> bool:
        """Whether several apps have the task, so that one is to be chosen."""
        return len(list(self.fields.app.iter_choices())) > 1

    @property
    def version(self) -> int | None:
        """The version that the form was filled in for; `NO_VERSION` for what is none."""
        if self.row is None:
            return None
        return whole(str(self.fields.version.data or ""), 1) or NO_VERSION

    @property
    def policies(self) -> list[Any]:
        """The fields that are drawn among the policies."""
        return [field for field in self.fields if field.description]

    def read(self) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """What was entered, by field of a definition, without arguments that were not changed.

        And messages by field for what cannot even be read; they are told with what is wrong otherwise.
        """
        values, errors = self._read()
        if self.parameters is None:
            gone = self.row is not None and values["task_name"] == self.row.task_name
            if not (gone or self.shared):  # of what has vanished the rest can be changed
                errors.setdefault("task_name", [_("Choose one of the tasks.")])
        elif self.row is None or not self.parameters.is_unchanged():
            values |= {"args": [], "kwargs": self.parameters.entered()}
            errors |= self.parameters.unreadable()
        if self.version == NO_VERSION:
            errors["version"] = [_("The form does not say which version it changes. Load the page again.")]
        return values, errors

    def timing(self) -> Timing:
        """The timing as it stands in the form; raises `Invalid` for what cannot be read."""
        values, errors = self._read()
        names = [name for name in TIMING_FIELDS if name in values]
        if unreadable := {
            name: errors[name] for name in names if name in errors and name != "jitter_seconds"
        }:
            raise Invalid(unreadable)
        row, anchor_at = self.row, None
        if row is not None and row.interval_seconds == values["interval_seconds"]:
            anchor_at = row.anchor_at
        return Timing(
            **{name: values[name] for name in names},
            anchor_at=anchor_at if values["task_type"] == "interval" else None,
            schedule_id=row.id if row else None,
        )

    def refuse(self, error: Invalid) -> None:
        """Put every message at its field, and keep it for the list by the button."""
        order = [entry.name for entry in (*self.fields, *(self.parameters.fields if self.parameters else ()))]
        placed = [(self._field(name), name, messages) for name, messages in error.errors.items()]
        for form_field, name, messages in sorted(
            placed,
            key=lambda placement: order.index(placement[0].name) if placement[0] is not None else len(order),
        ):
            if form_field is not None:
                form_field.errors = list(messages)
                if isinstance(form_field, catalog.ModelField):
                    form_field.place_errors()
            label = self.label_of(name)
            field_id = form_field.id if form_field is not None else ""
            self.problems += [FormProblem(message, label, field_id) for message in messages]

    def label_of(self, name: str) -> str:
        """What the form calls a field."""
        form_field = self._field(name)
        return str(form_field.label.text) if form_field is not None else name

    def rebase(
        self,
        row: Schedule,
        changes: Mapping[str, Any],
        since: Sequence[ScheduleChange],
        queues: Sequence[str],
    ) -> tuple["ScheduleForm", set[str]]:
        """The form on the schedule as others have left it: what this person did not touch is theirs.

        `since` are their changes, oldest first. Also returns the fields that both have changed.
        """
        before: dict[str, Any] = {}
        for change in since:
            for name, (value, _after) in change.diff.items():
                before.setdefault(name, value)
        current = Definition.of(row)
        present = readable(current)
        mine = readable(replace(current, **changes))
        both = {
            name
            for name in before
            if name in changes and mine[name] not in (before[name], present[name]) and name not in _ARGUMENTS
        }
        if self.info and _ARGUMENTS & set(before) and set(changes) >= _ARGUMENTS:
            was, is_now = (_by_name(self.info, values) for values in (present | before, mine))
            both |= _ARGUMENTS if was != is_now else set()
        theirs = set(before) | (_ARGUMENTS if _ARGUMENTS & set(before) else set())
        kept = {name: value for name, value in changes.items() if name not in theirs or name in both}
        merged_row = Schedule(id=row.id, version=row.version)
        replace(current, **kept).write(merged_row)
        return replace(form_of(merged_row, queues), row=row), both

    def _read(self) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """The values by field of a definition, and messages by field for what cannot be read."""
        errors: dict[str, list[str]] = {}
        values = {name: self._value(name, errors) for name in FIELDS if name in self.fields}
        for owner, names in OWN_TIMING.items():
            for name in names:
                if owner != values["task_type"] and name in values:
                    values[name] = None
                    errors.pop(name, None)
        return values, errors

    def _value(self, name: str, errors: dict[str, list[str]]) -> Any:
        shown: Any = self.fields[name]
        match shown:
            case _ if name == "priority":
                return self._priority(errors)
            case MomentField():
                return self._moment(name, str(self.fields.timezone.data or "").strip(), errors)
            case WholeField():
                if shown.process_errors:
                    errors[name] = [str(message) for message in shown.process_errors]
                return 0 if shown.data is None and name not in NULLABLE else shown.data
            case BooleanField():
                return bool(shown.data)
        return str(shown.data or "").strip() or (None if name in NULLABLE else "")

    def _priority(self, errors: dict[str, list[str]]) -> int | None:
        """None while it is the task's own, unless the schedule says the same number by itself."""
        text = str(self.fields.priority.data or "")
        if text not in {str(number) for number in range(10)}:
            errors["priority"] = [_("Give a priority from 0 to 9; 9 is the most urgent.")]
            return None
        own = self.info.priority if self.info else START_PRIORITY
        stated = self.row is not None and self.row.priority is not None
        return None if int(text) == own and not stated else int(text)

    def _moment(self, name: str, zone: str, errors: dict[str, list[str]]) -> datetime | None:
        known = getattr(self.row, name) if self.row is not None and self.row.timezone == zone else None
        shown: Any = self.fields[name]
        try:
            value: datetime | None = shown.moment(timing.zone(zone), known)
            return value
        except TimingError:
            return known  # the zone is told as wrong where the definition is checked
        except ValueError as error:
            errors[name] = [str(error)]
            return None

    def _field(self, name: str) -> Any:
        """The field that a message is about; `kwargs.NAME` and `NAME.0.key` are about the parameter NAME."""
        plain = name.removeprefix("kwargs.")
        if plain == name and name in self.fields:
            return self.fields[name]
        top = plain.split(".")[0]
        if self.parameters is not None and top in self.parameters.fields:
            return self.parameters.fields[top]
        return None


def empty_form(queues: Sequence[str], zone: str, suggested: Mapping[str, str]) -> ScheduleForm:
    """The form of a new schedule; `suggested` may name the task, its app, a name and a cron expression."""
    names = ("task_name", "app", "name", "cron_schedule")
    values = {name: suggested[name] for name in names if suggested.get(name)}
    fields = Fields(data={"timezone": zone} | values)
    info = _task(fields)
    fields.priority.data = _priority_of(info)
    _offer(fields, info, queues)
    return ScheduleForm(fields, ParameterForm(info) if info else None)


def form_of(row: Schedule, queues: Sequence[str]) -> ScheduleForm:
    """The form filled in with a schedule."""
    info = task_of(row)
    values: dict[str, Any] = {name: getattr(row, name) for name in FIELDS if name not in ("args", "kwargs")}
    values["priority"] = str(row.priority) if row.priority is not None else _priority_of(info)
    values["jitter_seconds"] = row.jitter_seconds or None
    fields: Any = Fields(data=values | {"version": row.version})
    for name in MOMENTS:
        if name in fields:
            fields[name].show(getattr(row, name), _place(row.timezone))
    _task(fields, row)
    _offer(fields, info, [*queues, row.queue or ""])
    return ScheduleForm(fields, ParameterForm(info, row) if info else None, row)


def read_form(data: Any, queues: Sequence[str], row: Schedule | None = None) -> ScheduleForm:
    """The form as it was submitted (`data` is a multi-dict)."""
    fields = Fields(data)
    info = _task(fields, row)
    _offer(fields, info, [*queues, (row.queue if row else None) or "", fields.queue.data or ""])
    return ScheduleForm(fields, ParameterForm(info, row, data) if info else None, row)


def parameters_of(asked: Mapping[str, str], row: Schedule | None, queues: Sequence[str]) -> ScheduleForm:
    """The form of which the parts that follow the task are drawn anew, for another task."""
    fields = Fields(data={name: asked.get(name, "") for name in ("task_name", "app")})
    info = _task(fields, row)
    fields.priority.data = _priority_of(info)
    _offer(fields, info, queues)
    return ScheduleForm(fields, ParameterForm(info, row) if info else None, row)


def _task(fields: Fields, row: Schedule | None = None) -> catalog.TaskInfo | None:
    """The task that is named, of the app that is chosen; offers the apps to choose from.

    None where nobody has it, and where one of several apps is still to be chosen.
    """
    name = (fields.task_name.data or "").strip()
    stored = (row.app or OWN_APP) if row is not None and row.task_name == name else None
    apps = catalog.apps_with(name)
    if stored and stored not in apps:  # it has vanished from there
        apps = [stored, *apps]
    app: str | None = fields.app.data or OWN_APP
    if app not in apps:
        app = stored or (apps[0] if len(apps) == 1 else None)
    fields.app.data = "" if app in (None, OWN_APP) else app
    own = {"": OWN_APP} if OWN_APP in apps else {"": _("Choose one")} if len(apps) > 1 else {}
    fields.app.choices = _choices(own | {other: other for other in apps if other != OWN_APP})
    return catalog.lookup(name, app) if app else None


def _offer(fields: Fields, info: catalog.TaskInfo | None, queues: Sequence[str]) -> None:
    own = _("%(value)s (task default)", value=info.queue) if info else _("The task's own")
    fields.queue.choices = _choices({"": own} | {name: name for name in queues if name})


def _priority_of(info: catalog.TaskInfo | None) -> str:
    return str(info.priority if info else START_PRIORITY)


def _by_name(info: catalog.TaskInfo, values: Mapping[str, Any]) -> dict[str, Any]:
    return catalog.by_name(info.parameters, values["args"], values["kwargs"])


def _place(name: str) -> ZoneInfo:
    try:
        return timing.zone(name)
    except TimingError:  # a zone that this machine no longer knows
        return ZoneInfo("UTC")
