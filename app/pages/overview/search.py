"""The search: its page, and the palette that finds, goes and acts from the keyboard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app import broker, catalog, overview
from app.accounts import permits
from app.errors import BrokerUnavailable
from app.overview import SearchResults
from app.runs import Run
from app.web import navigation, viewer
from app.web.permissions import requires

bp = Blueprint("search", __name__)  # of its own: a search is not the start page
MAX_TEXT = 200
MOST_QUEUES = 10
# The words that begin what is to be done, and what they do; before a name in Chinese no space is needed.
_VERBS = {"run": "run", "pause": "pause", "resume": "resume"}
_CHINESE_VERBS = {"运行": "run", "暂停": "pause", "恢复": "resume"}


@dataclass(frozen=True)
class Hit:
    """One thing that was found, or one act; a run has its state and its time."""

    address: str
    label: str
    detail: str = ""
    icon: str = ""
    mono: bool = False
    at: datetime | None = None
    run: Run | None = None


@dataclass(frozen=True)
class Section:
    """What was found of one kind, and the list that has all of it."""

    kind: str
    title: str
    hits: Sequence[Hit]
    all_address: str = ""
    all_label: str = ""


@bp.get("/search")
@requires("view")
def results() -> str | Response:
    """What matches, by kind; a whole run id leads straight to its run."""
    text, hits = _query()
    if hits.run_id:
        return redirect(url_for("runs.show", run_id=hits.run_id))
    return render_template("overview/search.html", q=text, sections=list(_sections(text, hits)))


@bp.get("/search/palette")
@requires("view")
def palette() -> str:
    """The same as options of the palette, with what can be done: first after its word ("pause mail")."""
    text = request.args.get("q", "").strip()[:MAX_TEXT]
    if verb := _verb_alone(text):
        return _palette(text, [Section("acts", _("Do"), _acts_on_any_queue(verb))])
    verb, words = _verb(text)
    hits = _search(words)
    acts = Section("acts", _("Do"), _acts(words, hits, verb))
    whole = [_whole(hits.run_id)] if hits.run_id else []
    things = [Section("pages", _("Go to"), _pages(words)), *whole, *_sections(words, hits)]
    return _palette(text, [acts, *things] if verb else [*things, acts])


def _palette(text: str, sections: Sequence[Section]) -> str:
    shown = [section for section in sections if section.hits]
    return render_template("overview/_palette.html", q=text, sections=shown)


def _verb_alone(text: str) -> str:
    """What is to be done with a queue that is yet to be named."""
    verb = (_VERBS | _CHINESE_VERBS).get(text.casefold(), "")
    return verb if verb in ("pause", "resume") else ""


def _acts_on_any_queue(verb: str) -> list[Hit]:
    """The queues that can be paused, or those that can be resumed."""
    if not current_user.can("operate"):
        return []
    names = overview.queue_names(viewer.now())
    return [hit for hit in _queue_acts(names) if (hit.icon == "pause") == (verb == "pause")][:MOST_QUEUES]


def _verb(text: str) -> tuple[str, str]:
    """What is to be done, as far as the first word says, and the words to find."""
    first, _space, rest = text.partition(" ")
    if rest and (verb := _VERBS.get(first.casefold())):
        return verb, rest
    for word, verb in _CHINESE_VERBS.items():
        if (rest := text.removeprefix(word).strip()) and rest != text:
            return verb, rest
    return "", text


def _query() -> tuple[str, SearchResults]:
    text = request.args.get("q", "").strip()[:MAX_TEXT]
    return text, _search(text)


def _search(text: str) -> SearchResults:
    return overview.search(text, viewer.now(), current_user.can("administer"))


def _whole(run_id: str) -> Section:
    return Section(
        "runs", _("Run"), [Hit(url_for("runs.show", run_id=run_id), run_id, icon="list-checks", mono=True)]
    )


def _pages(text: str) -> list[Hit]:
    return [
        Hit(url_for(entry.endpoint), str(entry.label), icon=entry.icon)
        for entry in navigation.entries()
        if current_user.can(entry.right) and overview.matches(text, str(entry.label), entry.endpoint)
    ]


def _acts(text: str, hits: SearchResults, verb: str) -> list[Hit]:
    """What the viewer may do: something new, a task that was found, a queue that was found.

    Who asks for a queue's pause or resumption is not offered to run a task instead.
    """
    if not current_user.can("operate"):
        return []
    if verb in ("pause", "resume"):
        return _queue_acts(hits.queues[:3])
    new = [
        Hit(url_for("tasks.index"), _("Run a task"), icon="play"),
        Hit(url_for("schedules.new"), _("New schedule"), icon="calendar-clock"),
    ]
    tasks = [
        Hit(
            url_for("tasks.show", task_name=info.name, app=info.app, _anchor="run-form"),
            _("Run %(task)s", task=info.name),
            _what(info),
            "play",
        )
        for info in hits.tasks[:3]
        if permits.may_run(info.name, info.app)
    ]
    known = [hit for hit in new if overview.matches(text, hit.label)]
    return [*known, *tasks, *_queue_acts(hits.queues[:3])]


def _queue_acts(names: Sequence[str]) -> list[Hit]:
    try:
        paused = broker.paused(names) if names else ()
    except BrokerUnavailable:
        return []
    return [
        Hit(url_for("queues.show", queue=name), _("Resume the queue %(name)s", name=name), icon="play")
        if name in paused
        else Hit(
            url_for("queues.ask_pause", queue=name), _("Pause the queue %(name)s", name=name), icon="pause"
        )
        for name in names
    ]


def _sections(text: str, matching: SearchResults) -> Iterator[Section]:
    """What was found, by kind."""
    kinds: list[tuple[str, str, list[Hit], str, str, dict[str, Any]]] = [
        ("tasks", _("Tasks"), _tasks(matching), "tasks.index", _("All matching tasks"), {"q": text}),
        (
            *("schedules", _("Schedules"), _schedules(matching)),
            *("schedules.index", _("All matching schedules"), {"q": text}),
        ),
        ("queues", _("Queues"), _queues(matching), "queues.index", _("All queues"), {}),
        ("workers", _("Workers"), _workers(matching), "workers.index", _("All workers"), {}),
        ("users", _("Users"), _users(matching), "settings.list_users", _("All users"), {}),
        ("runs", _("Runs"), _runs(matching), "runs.index", _("All matching runs"), {"q": text}),
    ]
    for kind, title, hits, endpoint, label, values in kinds:
        if hits:
            yield Section(kind, title, hits, url_for(endpoint, **values), label)


def _tasks(hits: SearchResults) -> list[Hit]:
    return [
        Hit(url_for("tasks.show", task_name=info.name, app=info.app), info.name, _what(info), "package", True)
        for info in hits.tasks
    ]


def _what(info: catalog.TaskInfo) -> str:
    """What a task does, and whose it is if not ours: two apps may have one of that name."""
    if info.app is None:
        return info.what
    return _(": ").join(filter(None, [_("App %(name)s", name=info.app), info.what]))


def _schedules(hits: SearchResults) -> list[Hit]:
    return [
        Hit(
            url_for("schedules.show", schedule_id=schedule.id),
            schedule.name,
            schedule.task_name,
            "calendar-clock",
            at=schedule.next_run_at,
        )
        for schedule in hits.schedules
    ]


def _queues(hits: SearchResults) -> list[Hit]:
    return [Hit(url_for("queues.show", queue=name), name, icon="layers", mono=True) for name in hits.queues]


def _workers(hits: SearchResults) -> list[Hit]:
    return [
        Hit(
            url_for("workers.show", hostname=worker.hostname),
            worker.hostname,
            ", ".join(worker.queues),
            "server",
            True,
        )
        for worker in hits.workers
    ]


def _users(hits: SearchResults) -> list[Hit]:
    return [
        Hit(url_for("settings.show_user", user_id=user.id), user.name, user.role, "user")
        for user in hits.users
    ]


def _runs(hits: SearchResults) -> list[Hit]:
    return [
        Hit(url_for("runs.show", run_id=run.id), run.task_name, mono=True, at=run.created_at, run=run)
        for run in hits.runs
    ]
