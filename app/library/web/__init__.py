"""Tasks that talk HTTP: send a request, read a page."""

from typing import Annotated, Any, Literal

from celery import shared_task
from celery.utils.time import get_exponential_backoff_interval
from pydantic import Field

from app.celery.task import CeleriacTask
from app.config import settings

EXCERPT_CHARACTERS = 4_000
ANSWER_MAX_BYTES = 65_536
PAGE_MAX_BYTES = 5_000_000
BACKOFF_MAX_SECONDS = 600
SECRET_HEADERS = frozenset({"set-cookie", "www-authenticate", "proxy-authenticate"})

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
Url = Annotated[
    str, Field(pattern=r"^https?://\S+$", max_length=2000, description="Address, http:// or https://")
]
Timeout = Annotated[
    float, Field(ge=0.1, le=300, description="Seconds to wait for the server before giving up")
]
Retries = Annotated[
    int,
    Field(
        ge=0, le=10, description="More tries after a failed connection or an answer of 5xx, 408, 425 or 429"
    ),
]


class UnexpectedStatus(Exception):
    """The server answered with a status that does not count as success."""


@shared_task(name="web.http_request", bind=True, acks_late=False, soft_time_limit=900, time_limit=930)
def http_request(
    self: CeleriacTask,
    url: Url,
    method: Annotated[Method, Field(description="HTTP method")] = "GET",
    headers: Annotated[dict[str, str] | None, Field(description="Headers to send, by name")] = None,
    body: Annotated[str, Field(max_length=1_000_000, description="Body to send, as UTF-8 text")] = "",
    content_type: Annotated[
        str, Field(pattern=r"^[^\r\n]+$", description="Content-Type of the body, unless the headers name one")
    ] = "application/json",
    expected_status: Annotated[
        list[Annotated[int, Field(ge=100, le=599)]] | None,
        Field(description="Statuses that count as success; empty: 200 to 299"),
    ] = None,
    timeout_seconds: Timeout = 30,
    retries: Retries = 3,
    follow_redirects: Annotated[
        bool, Field(description="Go where a redirect points, at most 10 times")
    ] = True,
) -> dict[str, Any]:
    """Send an HTTP request and keep what the server answers.

    The run is done when the status is an expected one, and fails otherwise. A failed connection and the
    statuses 5xx, 408, 425 and 429 are tried again with growing pauses; a request that changes something
    may then arrive twice, so set the retries to 0 if it must not. If the worker dies meanwhile the
    request is not sent again.

    The result holds the status, the headers and the first 4,000 characters of the answer. Addresses of
    private networks are refused unless the setting HTTP_ALLOW_PRIVATE allows them.
    """
    from app.library.web import fetch

    try:
        answer = fetch.fetch(
            method,
            url,
            headers=_headers(headers or {}, content_type if body else None),
            body=body.encode() if body else None,
            timeout_seconds=timeout_seconds,
            follow_redirects=follow_redirects,
            max_bytes=ANSWER_MAX_BYTES,
            allow_private=settings().http_allow_private,
        )
        if _is_expected(answer.status, expected_status):
            return _report(answer)
        fetch.raise_for_unavailable(answer)
    except fetch.Unavailable as error:
        raise _retry(self, error, retries) from error
    text = _excerpt(answer.body, answer.encoding)
    raise UnexpectedStatus(f"{answer.url} answered {answer.status} {answer.reason}: {text[:500]}")


@shared_task(name="web.crawl_page", bind=True, soft_time_limit=900, time_limit=930)
def crawl_page(
    self: CeleriacTask,
    url: Url,
    same_site_only: Annotated[bool, Field(description="Keep only links to the page's own host")] = False,
    max_links: Annotated[int, Field(ge=1, le=5000, description="The most links to keep")] = 500,
    timeout_seconds: Timeout = 30,
    retries: Retries = 3,
) -> dict[str, Any]:
    """Read a web page and list its title and links.

    The links come out absolute, each once, in the order of the page. Only HTML is read, at most 5 MB of
    it. A failed connection and the statuses 5xx, 408, 425 and 429 are tried again with growing pauses.
    Addresses of private networks are refused unless the setting HTTP_ALLOW_PRIVATE allows them.
    """
    from app.library.web import fetch
    from app.library.web.page import read_page

    try:
        answer = fetch.fetch(
            "GET",
            url,
            timeout_seconds=timeout_seconds,
            max_bytes=PAGE_MAX_BYTES,
            allow_private=settings().http_allow_private,
        )
        fetch.raise_for_unavailable(answer)
    except fetch.Unavailable as error:
        raise _retry(self, error, retries) from error
    if not _is_expected(answer.status, None):
        raise UnexpectedStatus(f"{answer.url} answered {answer.status} {answer.reason}")
    if answer.content_type not in ("text/html", "application/xhtml+xml"):
        raise ValueError(f"{answer.url} is {answer.content_type or 'of unknown type'}, not an HTML page")
    page = read_page(answer.body, answer.url, answer.encoding)
    host = fetch.host(answer.url)
    links = [link for link in page.links if not same_site_only or fetch.host(link.url) == host]
    return {
        "url": answer.url,
        "status": answer.status,
        "title": page.title,
        "description": page.description,
        "links": [{"url": link.url, "text": link.text} for link in links[:max_links]],
        "links_found": len(links),
        "page_cut": answer.cut,
        "elapsed_seconds": answer.elapsed_seconds,
    }


def _headers(headers: dict[str, str], content_type: str | None) -> dict[str, str]:
    """The headers to send, with the content type unless they name one."""
    if content_type is None or "content-type" in {name.lower() for name in headers}:
        return headers
    return {**headers, "Content-Type": content_type}


def _retry(task: CeleriacTask, error: Any, retries: int) -> Exception:
    """The exception that ends this attempt: Celery's Retry, or the error itself when no try is left."""
    pause = error.after_seconds or get_exponential_backoff_interval(
        2, task.request.retries, BACKOFF_MAX_SECONDS, full_jitter=False
    )
    retry: Exception = task.retry(exc=error, countdown=pause, max_retries=retries, throw=False)
    return retry


def _is_expected(status: int, expected: list[int] | None) -> bool:
    return status in expected if expected else 200 <= status < 300


def _report(answer: Any) -> dict[str, Any]:
    return {
        "status": answer.status,
        "reason": answer.reason,
        "url": answer.url,
        "headers": {
            name: "***" if name.lower() in SECRET_HEADERS else value for name, value in answer.headers.items()
        },
        "excerpt": _excerpt(answer.body, answer.encoding),
        "body_bytes": len(answer.body),
        "body_cut": answer.cut,
        "redirects": answer.redirects,
        "elapsed_seconds": answer.elapsed_seconds,
    }


def _excerpt(body: bytes, encoding: str | None) -> str:
    """The beginning of a text body, or an empty string for bytes that are no text."""
    if b"\0" in body:
        return ""
    try:
        text = body.decode(encoding or "utf-8", errors="replace")
    except LookupError:  # the server named an encoding that does not exist
        text = body.decode("utf-8", errors="replace")
    return text[:EXCERPT_CHARACTERS]
