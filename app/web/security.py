"""What comes in is strict UTF-8; what goes out runs and shows nothing that is not ours."""

from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Request, Response, request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser

from app.config import settings

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HSTS = "max-age=31536000"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class StrictFormParser(FormDataParser):
    """Refuses forms whose bytes are not UTF-8; Werkzeug would take them as other text than was meant."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: Any = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        if mimetype == "application/x-www-form-urlencoded":
            body = stream.read()
            try:
                unquote_to_bytes(body).decode()
            except UnicodeDecodeError:
                raise BadRequest from None
            stream = BytesIO(body)
        return super().parse(stream, mimetype, content_length, options)


class StrictRequest(Request):
    """A request with strict forms."""

    form_data_parser_class = StrictFormParser


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure or settings().base_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if response.mimetype == "text/html":
        # A page holds what its reader may see: no shared cache, and nothing after signing out.
        response.headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
    return response


def init_app(app: Flask) -> None:
    app.request_class = StrictRequest
    app.after_request(_protect)
