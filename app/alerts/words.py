"""Messages in words: a title, then a line for each subject, with its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import ngettext

from app.alerts.kinds import KINDS
from app.config import settings
from app.runs import states
from app.web.words import duration, size

ERROR_MAX = 200


@dataclass(frozen=True)
class Line:
    """One subject in words; `url` is the page that tells more."""

    text: str
    url: str
    recovered: bool


@dataclass(frozen=True)
class Told:
    """A message in words, in the language of the moment."""

    title: str
    lines: list[Line]
    notes: list[str]
    url: str

    @property
    def plain(self) -> str:
        """The whole as plain text."""
        parts = [self.title, ""]
        for line in self.lines:
            parts += [f"- {line.text}", f"  {line.url}"]
        return "\n".join([*parts, *self.notes, "", self.url]).strip() + "\n"


def tell(content: Mapping[str, Any]) -> Told:
    """The words of a message's content."""
    url = address("/alerts")
    at = _moment(content["at"])
    name = settings().deployment_name
    if content["what"] == "test":
        title = _("[%(name)s] Test message", name=name)
        return Told(title, [], [_("Messages of alerts arrive here. Sent at %(at)s.", at=at)], url)
    if content["what"] == "confirm-email":
        title = _("[%(name)s] Is this your e-mail address?", name=name)
        who = _("%(user)s of %(name)s entered this address as their own.", user=content["name"], name=name)
        return Told(title, [], [who, _("If that was not you, do nothing: nothing more is sent here.")], url)
    if content["what"] == "run-ended":
        return _run_ended(content, name, at)
    kind = str(content["kind"])
    lines = [Line(line(kind, entry["facts"]), address(entry["path"]), False) for entry in content["firing"]]
    lines += [
        Line(over(kind, entry["facts"]), address(entry["path"]), True) for entry in content["recovered"]
    ]
    notes = []
    if more := content["firing_count"] + content["recovered_count"] - len(lines):
        notes.append(_("and %(n)s more", n=more))
    if content["still"]:
        notes.append(ngettext("%(num)d other still fires.", "%(num)d others still fire.", content["still"]))
    notes.append(_("Told at %(at)s.", at=at))
    return Told(_title(content, name), lines, notes, url)


def _run_ended(content: Mapping[str, Any], deployment: str, at: str) -> Told:
    """What a person asked to be told; the run's own page tells the rest."""
    word, task = states.of(content["state"]).word, content["task_name"]
    url = address(f"/runs/{quote(content['run_id'], safe='')}")
    text = _("%(task)s: %(state)s", task=task, state=word)
    notes = [_("It ended at %(at)s.", at=at)]
    if content["seconds"] is not None:
        notes = [_("It ended at %(at)s, after %(span)s.", at=at, span=duration(content["seconds"]))]
    if content["error"]:
        notes.insert(0, content["error"])
    notes.append(_("You asked to be told when this run ends."))
    return Told(f"[{deployment}] {text}", [], notes, url)


def _title(content: Mapping[str, Any], name: str) -> str:
    if content["what"] == "recovery":
        return _("[%(name)s] Well again: %(rule)s", name=name, rule=content["rule"])
    if content["what"] == "reminder":
        return _("[%(name)s] Still firing: %(rule)s", name=name, rule=content["rule"])
    number = content["firing_count"]
    if number == 1:
        return _("[%(name)s] Alert: %(rule)s", name=name, rule=content["rule"])
    return _("[%(name)s] Alert: %(rule)s (%(n)s)", name=name, rule=content["rule"], n=number)


def line(kind: str, facts: Mapping[str, Any]) -> str:
    """What is wrong with one subject."""
    name, count = _name(facts), int(facts.get("count", 0))
    span = duration(facts["seconds"]) if "seconds" in facts else ""
    error = str(facts.get("error") or "").partition("\n")[0][:ERROR_MAX]
    if kind == "run_failed":
        if facts.get("more"):
            sentence = ngettext(
                "%(name)s: at least %(num)s run failed",
                "%(name)s: at least %(num)s runs failed",
                count,
                name=name,
            )
        else:
            sentence = ngettext(
                "%(name)s: %(num)s run failed", "%(name)s: %(num)s runs failed", count, name=name
            )
        sentence = _in_all(sentence, facts)
        return _("%(what)s: %(why)s", what=sentence, why=error) if error else sentence
    if kind == "failures_in_row":
        if facts.get("more"):
            return _("%(name)s: at least the last %(n)s runs failed", name=name, n=count)
        return _("%(name)s: the last %(n)s runs failed", name=name, n=count)
    if kind == "new_failure":
        if by := facts.get("closed_by"):
            return _("%(name)s: a failure came back that %(by)s had closed: %(error)s",
                     name=name, by=by, error=error)  # fmt: skip
        if facts.get("back"):
            return _("%(name)s: a kind of failure came back: %(error)s", name=name, error=error)
        return _("%(name)s: a new kind of failure: %(error)s", name=name, error=error)
    if kind == "schedule_late":
        return _("%(name)s is late by %(span)s", name=name, span=span)
    if kind == "schedule_missed":
        sentence = ngettext("%(name)s missed %(num)s fire", "%(name)s missed %(num)s fires", count, name=name)
        return _in_all(sentence, facts)
    if kind == "schedule_skipped":
        sentence = ngettext(
            "%(name)s skipped %(num)s fire", "%(name)s skipped %(num)s fires", count, name=name
        )
        return _in_all(sentence, facts)
    return _of_machines(kind, facts, name, count, span)


def _name(facts: Mapping[str, Any]) -> str:
    """What a subject is called: a task of another app with that."""
    name = str(facts.get("name", ""))
    return f"{name} ({facts['app']})" if "app" in facts else name


def _in_all(sentence: str, facts: Mapping[str, Any]) -> str:
    """A count of what is new, with how many there are together with those that were told before."""
    before = int(facts.get("before", 0))
    if not before or facts.get("more"):
        return sentence
    return _("%(what)s, %(n)s in all", what=sentence, n=before + int(facts["count"]))


def _of_machines(kind: str, facts: Mapping[str, Any], name: str, count: int, span: str) -> str:
    if kind == "queue_oldest":
        return _(
            "Queue %(name)s: the oldest of %(n)s waiting runs has waited %(span)s",
            name=name, n=count, span=span,
        )  # fmt: skip
    if kind == "queue_depth":
        return ngettext(
            "Queue %(name)s: %(num)s run waits", "Queue %(name)s: %(num)s runs wait", count, name=name
        )
    if kind == "queue_paused":
        return _(
            "Queue %(name)s has been paused for %(span)s by %(by)s; %(n)s runs wait",
            name=name, span=span, by=facts.get("by", ""), n=count,
        )  # fmt: skip
    if kind == "queue_unattended":
        return _("Queue %(name)s: %(n)s runs wait, and no worker listens to it", name=name, n=count)
    if kind == "worker_died":
        return _("Worker %(name)s went silent %(span)s ago with %(n)s runs", name=name, span=span, n=count)
    if kind in ("recorder_silent", "beat_silent"):
        if not span:
            return _("No %(name)s has been heard of", name=name)
        return _("No %(name)s has been heard of for %(span)s", name=name, span=span)
    if kind == "redis_silent":
        return _("Redis has not answered for %(span)s", span=span)
    figures = {
        "share": f"{facts.get('percent', 0)} %",
        "used": size(facts["used"]),
        "most": size(facts["most"]),
    }
    if kind == "redis_memory":
        return _("Redis uses %(share)s of its memory (%(used)s of %(most)s)", **figures)
    return _("The disk of the data folder is %(share)s full (%(used)s of %(most)s)", **figures)


def over(kind: str, facts: Mapping[str, Any]) -> str:
    """That one subject is well again."""
    name = _name(facts) or (_("Redis's memory") if kind == "redis_memory" else _("The disk"))
    if kind in ("run_failed", "failures_in_row"):
        return _("%(name)s succeeded again", name=name)
    return _("%(name)s is well again", name=name)


def kind_label(kind: str) -> Any:
    """What a kind of rule is called; its own name when it is none."""
    return KINDS[kind].label if kind in KINDS else kind


def address(path: str) -> str:
    """The whole address of a page."""
    return settings().base_url.rstrip("/") + path


def _moment(text: str) -> str:
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(settings().timezone))
    return f"{local:%Y-%m-%d %H:%M:%S %Z}"
