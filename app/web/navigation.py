"""The sidebar: each feature names its own entry, so that it shows only what works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, request, url_for
from flask_babel import get_locale

from app.short_cache import cached, forget

COUNTS = "counts "  # and the language


@dataclass(frozen=True)
class Count:
    """A figure behind an entry; `name` says in full what it counts, `kind` is a state's icon and colour."""

    value: str
    name: str
    kind: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry of the sidebar; `place` orders the list, and entries from 100 on stand below a line."""

    endpoint: str
    label: Any
    icon: str
    order: int
    right: str = "view"
    count: Callable[[], Count | None] | None = None

    def belongs_to(self, here: str) -> bool:
        """Whether a page of the blueprint `here` belongs to this entry: a feature has one blueprint."""
        return here == self.endpoint.split(".")[0]


def register(app: Flask, entry: Entry) -> None:
    """Add a feature's entry to the sidebar of this app."""
    entries: list[Entry] = app.extensions.setdefault("celeriac_navigation", [])
    entries.append(entry)
    entries.sort(key=lambda entry: entry.order)


def entries() -> list[Entry]:
    """The entries of this app, in their order."""
    registered: list[Entry] = current_app.extensions.get("celeriac_navigation", [])
    return registered


def counts() -> Mapping[str, Count | None]:
    """What stands behind the entries, by endpoint.

    It is read once a second for all pages of a process: each that is open asks every two. Who has just done
    something sees it at once.
    """
    return cached(f"{COUNTS}{get_locale()}", _read, instead={})


def _read() -> Mapping[str, Count | None]:
    return {entry.endpoint: entry.count() for entry in entries() if entry.count}


def _look_again(response: Response) -> Response:
    if request.method not in ("GET", "HEAD"):
        forget(current_app, COUNTS)
    return response


def crumb(here: str) -> tuple[str, str]:
    """The address and the name of the first page of a blueprint that has an entry."""
    entry = next(entry for entry in entries() if entry.belongs_to(here))
    return url_for(entry.endpoint), str(entry.label)


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"navigation": entries()})
    app.after_request(_look_again)
