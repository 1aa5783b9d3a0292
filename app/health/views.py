"""`/livez`, `/readyz`, `/healthz` and `/metrics`: for load balancers, orchestrators and Prometheus."""

import hmac

from flask import Blueprint, Flask, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.clock import utcnow
from app.config import settings
from app.health import checks, metrics

bp = Blueprint("health", __name__)


@bp.get("/livez")
def livez() -> Response:
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    return _answer(checks.ready(utcnow()))


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    return _answer(checks.whole(utcnow()))


@bp.get("/metrics")
def metrics_page() -> Response:
    token = settings().metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        abort(401)
    return Response(generate_latest(metrics.registry(utcnow())), content_type=CONTENT_TYPE_LATEST)


def _answer(found: list[checks.Check]) -> tuple[Response, int]:
    ok = all(check.ok for check in found)
    parts = {check.name: {"ok": check.ok, "detail": check.detail} for check in found}
    return jsonify(status="ok" if ok else "failing", parts=parts), 200 if ok else 503


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
