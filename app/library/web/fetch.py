"""One HTTP exchange with bounds on its size and time, and which failures are worth another try."""

import re
import time
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from app.library.web.addresses import anything, guard, is_public
from app.library.web.deadline import Deadline

CHUNK_BYTES = 16_384
MAX_REDIRECTS = 10
REDIRECT_MAX_BYTES = 65_536
URLLIB3_PREFIX = re.compile(r"^\w+\(host=.*?\): ")  # HTTPConnectionPool(host='x', port=80): …
PASSING_STATUSES = frozenset({408, 425, 429})  # and everything from 500
MAX_RETRY_AFTER_SECONDS = 600
# What another host may be told. A list of what goes along: no list names every header that is a secret.
TRAVELLING_HEADERS = re.compile(
    r"accept(-.*)?|content-.*|if-.*|user-agent|range|prefer|cache-control|pragma|connection|transfer-encoding"
    r"|x-requested-with|x-(request|correlation)-id"
    # requests has put these two right by then: the cookies are the new host's, the proxy is ours
    r"|cookie|proxy-authorization",
    re.IGNORECASE,
)


class Unavailable(Exception):
    """The exchange failed in a way that may pass; `after_seconds` is the server's own wish, if it had one."""

    def __init__(self, message: str, after_seconds: int | None = None) -> None:
        super().__init__(message, after_seconds)
        self.after_seconds = after_seconds

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Answer:
    """What a server answered; `body` holds at most the bytes that were asked for."""

    status: int
    reason: str
    url: str
    headers: dict[str, str]
    body: bytes
    cut: bool
    encoding: str | None
    redirects: int
    elapsed_seconds: float

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def fetch(
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float,
    follow_redirects: bool = True,
    max_bytes: int,
    allow_private: bool,
) -> Answer:
    """Send a request and read the answer's beginning, all of it (redirects too) within the time.

    Raises `Unavailable` when the connection fails or takes too long, `AddressRefused` for an address that
    is not public, and `requests.RequestException` for what another try would not mend.
    """
    started = time.monotonic()
    with Deadline(timeout_seconds) as deadline, _session(allow_private, deadline) as session:
        try:
            with session.request(
                method,
                url,
                headers={"User-Agent": "Celeriac", **(headers or {})},
                data=body,
                timeout=timeout_seconds,
                allow_redirects=follow_redirects,
                stream=True,
            ) as response:
                content, cut = _read(response, max_bytes)
                if deadline.passed and not cut:  # a body without a length ends where the connection does
                    raise requests.Timeout
                return _answer(response, content, cut, time.monotonic() - started)
        except (requests.RequestException, OSError, ValueError) as error:
            if deadline.passed:
                raise Unavailable(
                    f"{without_credentials(url)}: the answer did not end in time ({timeout_seconds:g} s)"
                ) from error
            if _may_pass(error):
                raise Unavailable(f"{without_credentials(url)}: {_words(error)}") from error
            raise


def _may_pass(error: Exception) -> bool:
    """Whether another try may mend it; a certificate that is wrong now will be wrong in a minute."""
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, passing) and not isinstance(error, requests.exceptions.SSLError)


class _Session(requests.Session):
    """Sends what may be secret only to the scheme, host and port that it was meant for."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        if origin(prepared_request.url or "") != origin(response.request.url or ""):
            headers = prepared_request.headers
            for name in [name for name in headers if not TRAVELLING_HEADERS.fullmatch(name)]:
                del headers[name]
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or default


def _session(allow_private: bool, deadline: Deadline) -> requests.Session:
    session = _Session()
    guard(session, anything if allow_private else is_public, deadline)
    session.max_redirects = MAX_REDIRECTS
    session.hooks["response"].append(_bound_redirect)
    return session


def _bound_redirect(response: requests.Response, *args: Any, **kwargs: Any) -> None:
    """Refuse a redirect with a long body: requests would read all of it, whatever its size."""
    if response.is_redirect:
        content = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            content += chunk
            if len(content) > REDIRECT_MAX_BYTES:
                raise requests.RequestException("a redirect with an overlong body")
        response._content = bytes(content)  # as its property content would have it


def _read(response: requests.Response, max_bytes: int) -> tuple[bytes, bool]:
    """The first `max_bytes` of the body and whether there was more."""
    content = bytearray()
    for chunk in response.iter_content(CHUNK_BYTES):
        content += chunk
        if len(content) > max_bytes:
            return bytes(content[:max_bytes]), True
    return bytes(content), False


def _words(error: Exception) -> str:
    """What went wrong, without the names of the classes that noticed it."""
    inner = error.args[0] if error.args else error
    return URLLIB3_PREFIX.sub("", str(getattr(inner, "reason", None) or inner))


def _answer(response: requests.Response, content: bytes, cut: bool, elapsed: float) -> Answer:
    return Answer(
        status=response.status_code,
        reason=response.reason or "",
        url=without_credentials(response.url),
        headers=dict(response.headers),
        body=content,
        cut=cut,
        encoding=_charset(response.headers.get("Content-Type", "")),
        redirects=len(response.history),
        elapsed_seconds=round(elapsed, 3),
    )


def _charset(content_type: str) -> str | None:
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset()


def host(url: str) -> str:
    """The host name of a URL, in lower case."""
    return urlsplit(url).hostname or ""


def without_credentials(url: str) -> str:
    """The URL without `user:password@`, as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def raise_for_unavailable(answer: Answer) -> None:
    """Raise `Unavailable` for statuses that may pass by themselves, with the server's Retry-After."""
    if answer.status >= 500 or answer.status in PASSING_STATUSES:
        wish = answer.headers.get("Retry-After", "")
        after = min(int(wish), MAX_RETRY_AFTER_SECONDS) if wish.isdecimal() else None
        raise Unavailable(f"{answer.url} answered {answer.status} {answer.reason}".strip(), after)
