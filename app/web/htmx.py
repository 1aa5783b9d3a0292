"""What htmx needs of an answer that a plain browser request does not."""

from urllib.parse import urlsplit

from flask import Response, request


def wants_fragment() -> bool:
    """Whether htmx asks for a part of a page; a whole page answers everything else."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def go_to(address: str) -> Response:
    """Send the browser to another page after a form: 303, or the header that htmx follows as a whole page."""
    if not wants_fragment():
        return Response(status=303, headers={"Location": address})
    return Response(status=204, headers={"HX-Redirect": address})


def back(otherwise: str) -> Response:
    """Send the browser to the page that the form stood on, or the one that it names."""
    parts = urlsplit(request.referrer or "")
    here = f"{parts.path}?{parts.query}" if parts.netloc == request.host else None
    return go_to(safe_return(request.form.get("next") or here, otherwise))


def path_here() -> str:
    """The path of this request as browsers know it, below the prefix that a proxy told of."""
    return request.script_root + request.path


def safe_return(address: str | None, otherwise: str) -> str:
    """`address` when it is a path on this site (never `//host` or another scheme), else `otherwise`."""
    if (
        not address
        or not address.isprintable()
        or not address.startswith("/")
        or address.startswith(("//", "/\\"))
    ):
        return otherwise
    parts = urlsplit(address)
    return otherwise if parts.scheme or parts.netloc or "\\" in address else address
