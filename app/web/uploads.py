"""Takes in a file as it comes: never in memory as a whole, and refused as soon as it is too long.

The views of `ROUTES` read the body of their requests themselves, after they know who asks.
"""

from collections.abc import Iterator
from typing import IO

from flask import Flask, Request, request
from flask_babel import gettext as _
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from app.config import settings
from app.errors import CeleriacError, CutShort, TooLarge
from app.extensions import csrf
from app.web import words

ROUTES = {("POST", "/files/upload"), ("PUT", "/api/v1/files/content")}
PIECE_BYTES = 65_536
FIELDS_MAX_BYTES = 65_536  # what a form has beside its file
PARTS_MAX = 500


def init_app(app: Flask) -> None:
    """Tell gunicorn (app/web/gunicorn.py) which requests go to a thread before their body is there."""
    app.config["STREAMED"] = ROUTES


def is_one(asked: Request) -> bool:
    """Whether the view of this request reads its body itself; nobody may ask for its form before."""
    return (asked.method, asked.path) in ROUTES


class Body:
    """The body of the request, read once from its beginning; `beside` bytes of it are not the file's.

    Raises `TooLarge`, before anything is read where the length is said, and `CutShort`. With `later` it is
    the caller who refuses a length that is too large, after what stands before the file.
    """

    def __init__(self, beside: int = 0, later: bool = False) -> None:
        self.length = request.content_length
        self._most = settings().upload_max_bytes + beside
        self._read = 0
        if not later:
            self.refuse_too_large()
        request.max_content_length = 2**62  # it is counted here
        self._stream: IO[bytes] = request.stream

    def refuse_too_large(self) -> None:
        if self.length is not None and self.length > self._most:
            raise too_large()

    def read(self, size: int = PIECE_BYTES) -> bytes:
        try:
            piece = self._stream.read(size)
        except (OSError, BadRequest):  # it hung up, or said nothing for too long
            raise _cut_short() from None
        self._read += len(piece)
        if self._read > self._most:
            raise too_large()
        if not piece and self.length is not None and self._read < self.length:
            raise _cut_short()
        return piece


class FileForm:
    """A form with one file: its `fields` stand before the file, which is read after them.

    The token against forgery is looked at before the first byte of the file. `filename` is None or empty
    when there is no file. With `later` a file that is too large is refused when it is read, not before.
    """

    def __init__(self, later: bool = False) -> None:
        boundary = request.mimetype_params.get("boundary", "")
        if request.mimetype != "multipart/form-data" or not boundary.isascii() or not boundary:
            raise BadRequest
        self._decoder = MultipartDecoder(
            boundary.encode(), FIELDS_MAX_BYTES + PIECE_BYTES, max_parts=PARTS_MAX
        )
        self._body = Body(FIELDS_MAX_BYTES, later)
        self.length = self._body.length
        self._most, self._read = settings().upload_max_bytes, 0
        self.pairs: list[tuple[str, str]] = []
        self._events = self._decoded()
        self.filename = self._begin()
        request.form = ImmutableMultiDict(self.pairs)  # where the next line looks
        csrf.protect()

    @property
    def fields(self) -> dict[str, str]:
        return dict(self.pairs)

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """The next bytes of the file; empty at its end, and then all of the form has come."""
        self._body.refuse_too_large()
        for event in self._events:
            if isinstance(event, Data) and event.data:
                self._read += len(event.data)
                if self._read > self._most:
                    raise too_large()
                return bytes(event.data)
            if not isinstance(event, Data | Epilogue):
                raise BadRequest  # the file must be the last field
        return b""

    def _begin(self) -> str | None:
        name, value, read = "", b"", 0
        for event in self._events:
            if isinstance(event, File):
                return event.filename
            if isinstance(event, Field):
                name, value = event.name, b""
            elif isinstance(event, Data):
                value += event.data
                read += len(event.data)
                if read > FIELDS_MAX_BYTES:
                    raise RequestEntityTooLarge
                if not event.more_data:
                    self.pairs.append((name, value.decode(errors="strict")))
        return None

    def _decoded(self) -> Iterator[Event]:
        try:
            while True:
                event = self._decoder.next_event()
                if isinstance(event, NeedData):
                    self._decoder.receive_data(self._body.read() or None)
                    continue
                yield event
                if isinstance(event, Epilogue):
                    return
        except ValueError:  # no form, or no UTF-8
            raise BadRequest from None


def too_large() -> CeleriacError:
    """That a file is longer than the setting allows."""
    most = settings().upload_max_bytes
    return TooLarge(
        _(
            "A file may have at most %(size)s (CELERIAC_UPLOAD_MAX_BYTES is %(n)s). Nothing was kept.",
            size=words.size(most),
            n=most,
        )
    )


def _cut_short() -> CeleriacError:
    return CutShort(_("The file did not come in whole. Nothing was kept."))
