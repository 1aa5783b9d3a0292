"""`/livez`, `/readyz`, `/healthz` and `/metrics` for machines, and the sidebar's live part for people."""

import hmac

from flask import Blueprint, Flask, Response, abort, jsonify, render_template, request
from markupsafe import Markup
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.clock import utcnow
from app.config import settings
from app.health import checks, metrics
from app.pages import status_bar
from app.short_cache import cached
from app.web import live, navigation, viewer, words
from app.web.permissions import requires

bp = Blueprint("health", __name__)
frame_bp = Blueprint("frame", __name__)


@bp.get("/livez")
def livez() -> Response:
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    return _answer(cached("ready", lambda: checks.ready(utcnow())))


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    return _answer(cached("whole", lambda: checks.whole(utcnow())))


@bp.get("/metrics")
def metrics_page() -> Response:
    token = settings().metrics_token
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(bearer.encode(), token.encode()):
        abort(401)
    text = cached("metrics", lambda: generate_latest(metrics.registry(utcnow())))
    return Response(text, content_type=CONTENT_TYPE_LATEST)


@frame_bp.get("/frame")
@requires("view")
def part() -> str | Response:
    """The sidebar's counts and signs again; `here` is the blueprint of the page that asks."""
    here = request.args.get("here", "")
    version, inside = _inside(here)
    return live.fragment("_frame.html", version, lambda: {"here": here, "version": version, "inside": inside})


def frame() -> Markup:
    """The sidebar's live part, as a page first shows it."""
    here = request.blueprint or ""
    return Markup(_frame(here, *_inside(here)))  # noqa: S704 -- what a template made


def _frame(here: str, version: str, inside: Markup) -> str:
    return render_template("_frame.html", here=here, version=version, inside=inside)


def _inside(here: str) -> tuple[str, Markup]:
    """What is shown, and its version: any difference gives another."""
    indicators = status_bar.indicators(viewer.now(), words.amount)
    counts = navigation.counts()
    shown = render_template("_frame_inside.html", here=here, signs=indicators, counts=counts)
    return live.version_of(shown), Markup(shown)  # noqa: S704 -- what a template made


def _answer(checked: list[checks.Check]) -> tuple[Response, int]:
    ok = all(check.ok for check in checked)
    parts = {check.name: {"ok": check.ok, "detail": check.detail} for check in checked}
    return jsonify(status="ok" if ok else "failing", parts=parts), 200 if ok else 503


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(frame_bp)
    app.context_processor(lambda: {"frame": frame})
