"""How often one caller may do something: counted in Redis, and in memory while Redis is away."""

import math
import time
from typing import Any

from flask import Flask, Response
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from app.config import settings
from celeriac_agent import redis_urls

limiter = Limiter(key_func=get_remote_address)


def init_app(app: Flask) -> None:
    with app.app_context():
        url = settings().redis
    options: dict[str, Any] = {"socket_timeout": 1, "socket_connect_timeout": 1}
    if redis_urls.is_sentinel(url):
        options = {"connection_pool": redis_urls.client(url, **options).connection_pool}
        url = "redis://"
    app.config.update(
        RATELIMIT_STORAGE_URI=url.replace("unix://", "redis+unix://", 1),
        RATELIMIT_STORAGE_OPTIONS={"key_prefix": "celeriac:limits", **options},
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
    )
    limiter.init_app(app)
    app.after_request(_say_when)


def _say_when(response: Response) -> Response:
    """A refusal says in how many seconds it ends (RFC 6585)."""
    reached = limiter.current_limit if response.status_code == 429 else None
    if reached:
        seconds = math.ceil(reached.reset_at - time.time())  # the end was rounded up before
        response.headers["Retry-After"] = str(min(max(1, seconds), reached.limit.get_expiry()))
    return response
