"""Toasts: what was done, told by the page that comes next, with an undo where there is one."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash
from flask_babel import gettext as _
from flask_babel import ngettext

from app.bulk import Result

PROBLEMS_SHOWN = 3  # a page shows so many toasts at once


def toast(
    title: str,
    text: str = "",
    *,
    undo: str = "",
    values: Mapping[str, Any] | None = None,
    link: str = "",
    label: str = "",
    failed: bool = False,
    lost: bool = False,
) -> None:
    """Tell what happened. `undo` is the address that takes it back, `values` what its form sends there.

    `lost`: what was typed into a form of the next page was not taken; static/typed.js fills it in again.
    """
    toast: Any = {"title": title, "text": text, "link": link, "label": label, "lost": lost}
    if undo:
        toast["undo"] = {"address": undo, "values": dict(values or {})}
    flash(toast, "error" if failed else "success")


def toast_results(
    results: Sequence[Result], done: str, of_one: str = "", counted: str = "", **undo: Any
) -> None:
    """Tell what happened to each of many; `done` says it, of one by its name, of more as `counted`."""
    failed = [result for result in results if not result.done]
    count = len(results) - len(failed)
    if failed and count:
        toast(done, _("%(done)s of %(all)s done", done=count, all=len(results)), **undo)
    elif count:
        toast(done, of_one if count == 1 else counted, **undo)
    for problem in list(dict.fromkeys(result.problem for result in failed))[:PROBLEMS_SHOWN]:
        number = sum(result.problem == problem for result in failed)
        title = ngettext("%(num)s was not done", "%(num)s were not done", number)
        toast(title, problem, failed=True)
