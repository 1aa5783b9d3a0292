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
    groups = [(state, STATE_WORDS[state], "", STATE_KINDS[state]) for state in (WAITING, SENT, FAILED)]
    version = live.version_of(
        [
            (
                rule.rule.id,
                rule.rule.name,
                rule.state,
                rule.quiet,
                rule.rule.silenced_until,
                rule.rule.channels,
            )
            for rule in standing
        ],
        [(state.subject, state.facts) for rule in standing for state in rule.firing],
        [(one.id, one.name, one.kind, one.address, one.waiting, one.error) for one in offered],
        [(message.id, message.state, message.attempts, message.error) for message in page.items],
        asked.texts,
    )
    return {
        "standing": standing,
        "channels": offered,
        "channel_names": {channel.id: channel.name for channel in offered},
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
