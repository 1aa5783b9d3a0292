"""The list of rules, of channels and of messages, live."""

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from app import lists
from app.alerts import channels, rules, words
from app.alerts.models import FAILED, SENT, WAITING
from app.lists.fields import SPAN_WORDS
from app.pages.alerts.blueprint import bp
from app.pages.alerts.words import STATE_KINDS, STATE_WORDS, subject_of
from app.web import live, viewer
from app.web.permissions import requires

PAGE_SIZE = 20


@bp.get("")
@requires("view")
def index() -> str:
    return render_template("alerts/index.html", **_all())


@bp.get("/live")
@requires("view")
def part() -> str | Response:
    shown = _all()
    return live.fragment("alerts/_live.html", shown["version"], lambda: shown)


def _all() -> dict[str, Any]:
    asked = lists.read(
        rules.MessageFilter, request.args, viewer.now(), viewer.zone(), beside=("cursor", "version")
    )
    page = rules.messages(asked.filter, PAGE_SIZE, asked.cursor)
    standing, offered = rules.listing(viewer.now()), channels.listing()
    groups = [(one, STATE_WORDS[one], "", STATE_KINDS[one]) for one in (WAITING, SENT, FAILED)]
    version = live.version_of(
        [
            (one.rule.id, one.rule.name, one.state, one.quiet, one.rule.silenced_until, one.rule.channels)
            for one in standing
        ],
        [(state.subject, state.facts) for one in standing for state in one.firing],
        [(one.id, one.name, one.kind, one.address) for one in offered],
        [(one.id, one.state, one.attempts, one.error) for one in page.items],
        asked.texts,
    )
    return {
        "standing": standing,
        "channels": offered,
        "channel_names": {one.id: one.name for one in offered},
        "page": page,
        "asked": asked,
        "chips": lists.chips(asked, "state", groups, asked.filter.state),
        "tags": lists.tags(asked, ("state", "last")),
        "ranges": SPAN_WORDS,
        "words": words,
        "subject_of": subject_of,
        "state_words": STATE_WORDS,
        "state_kinds": STATE_KINDS,
        "version": version,
    }
