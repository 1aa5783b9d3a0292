"""Answers go out compressed, by what the browser takes: Brotli, Zstandard or gzip."""

from flask import Flask, Response, request
from flask_compress import Compress


def _whole(response: Response) -> Response:
    """Read a static file whole, so that it is compressed: browsers ask for each of them once."""
    if request.endpoint == "static" and response.status_code == 200:
        response.direct_passthrough = False
        response.set_data(response.get_data())
    return response


def init_app(app: Flask) -> None:
    """Compress whole answers; what is sent while it is read, and what is small, goes as it is."""
    app.config.setdefault("COMPRESS_STREAMS", False)
    app.config.setdefault("COMPRESS_BR_LEVEL", 4)  # the page is waited for
    Compress(app)
    app.after_request(_whole)  # before it: the last one begins
