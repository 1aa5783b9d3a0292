"""How a file of somebody's goes to a browser: to be kept, never to be shown or run."""

from datetime import datetime
from typing import BinaryIO

from flask import Response, send_file


def as_attachment(file: BinaryIO, name: str, changed_at: datetime) -> Response:
    """The file's bytes under its name; whatever they are, no browser takes them for a page of ours."""
    answer = send_file(
        file,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=name,
        last_modified=changed_at,
        conditional=False,
        etag=False,
    )
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer
