"""Saved views above every list: saved, opened, shared, made the first; and the columns of a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Blueprint, Flask, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from app import lists, views
from app.errors import Conflict, Invalid
from app.lists import ListQuery
from app.web import viewer
from app.web.htmx import go_to, path_here
from app.web.permissions import requires
from app.web.toasts import toast

bp = Blueprint("views", __name__, url_prefix="/views")
_PLACES = {
    "runs": "runs.index",
    "schedules": "schedules.index",
    "failures": "failures.index",
    "queues": "queues.index",
    "audit": "audit.index",
}


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)


@dataclass(frozen=True)
class ListViews:
    """What stands above a list: its views, which of them it shows now, and its columns."""

    list_name: str
    rows: Sequence[views.SavedView]
    current: views.SavedView | None
    default_id: int | None
    columns: Mapping[str, Any]
    chosen: Sequence[str]
    query: str

    @property
    def css(self) -> str:
        """The classes that leave columns out of the table."""
        return " ".join(f"no-{name}" for name in self.columns if name not in self.chosen)


def above(list_name: str, query: ListQuery[Any] | None = None) -> ListViews:
    """The views of a list for whoever looks."""
    kind = views.listed(list_name)
    known = kind.columns
    choice = views.choice(current_user, list_name)
    kept = lists.schema(kind.filter)().fields if query and not query.errors else {}
    texts = {name: text for name, text in (query.texts if query else {}).items() if name in kept}
    chosen = list(known) if choice.columns is None else choice.columns
    rows = views.listing(current_user, list_name)
    here = [row for row in rows if row.query == texts and row.columns == choice.columns]
    own = [row for row in here if row.user_id == current_user.id]
    current = next(iter(own or here), None)
    text = urlencode(texts, doseq=True)
    return ListViews(list_name, rows, current, choice.view_id, known, chosen, text)


def first_view(list_name: str) -> Response | None:
    """The way to the view that a list begins with, for who comes from elsewhere and asks for nothing."""
    came_from = urlsplit(request.referrer or "").path
    if request.args or came_from == path_here():
        return None
    view_id = views.choice(current_user, list_name).view_id
    return redirect(url_for("views.show", view_id=view_id)) if view_id is not None else None


def address(row: views.SavedView) -> str:
    """Where a view shows."""
    kind, _colon, queue = row.list_name.partition(":")
    if kind == views.QUEUE:
        return url_for("queues.show", queue=queue, **row.query)
    return url_for(_PLACES[kind], **row.query)


@bp.get("/<int:view_id>")
@requires("view")
def show(view_id: int) -> Response:
    """Have the list as the view has it."""
    row = views.use(current_user, view_id)
    where = address(row)
    if not row.query:  # or the list would begin with its first view
        where += "?view="
    return redirect(where)


@bp.post("")
@requires("view")
def create() -> Response:
    form, list_name = request.form, request.form.get("list", "")
    texts = {
        name: many if len(many) > 1 else many[0] for name, many in parse_qs(form.get("query", "")).items()
    }
    try:
        row = views.create(
            current_user,
            list_name,
            form.get("name", ""),
            texts,
            viewer.now(),
            shared=bool(form.get("shared")),
            columns=views.choice(current_user, list_name).columns,
            default=bool(form.get("default")),
        )
    except (Invalid, Conflict) as error:
        return _refused(list_name, texts, error)
    toast(_("Saved the view %(name)s", name=row.name))
    return go_to(address(row))


@bp.post("/<int:view_id>")
@requires("view")
def change(view_id: int) -> Response:
    """Share it, make it the first of its list, or the other way round; or delete it."""
    act = request.form.get("act", "")
    acts: dict[str, dict[str, Any]] = {
        "share": {"shared": True},
        "keep": {"shared": False},
        "first": {"default": True},
        "not-first": {"default": False},
    }
    if act == "delete":
        row = views.delete(current_user, view_id, viewer.now())
        toast(_("Deleted the view %(name)s", name=row.name))
    elif act in acts:
        row = views.change(current_user, view_id, acts[act], viewer.now())
        toast(_("Changed the view %(name)s", name=row.name))
    else:
        raise Invalid({"act": [_("Choose one of: %(choices)s.", choices=", ".join([*acts, "delete"]))]})
    return go_to(address(row))


@bp.post("/columns")
@requires("view")
def columns() -> Response:
    """Choose the columns of a list."""
    list_name = request.form.get("list", "")
    views.choose_columns(current_user, list_name, request.form.getlist("column"))
    texts = parse_qs(request.form.get("query", ""))
    return go_to(_place(list_name, texts))


def _place(list_name: str, texts: Mapping[str, Any]) -> str:
    views.listed(list_name)
    return address(views.SavedView(list_name=list_name, query=texts))


def _refused(list_name: str, texts: Mapping[str, Any], error: Invalid | Conflict) -> Response:
    words = (
        error.detail
        if isinstance(error, Conflict)
        else " ".join(text for texts in error.errors.values() for text in texts)
    )
    toast(_("The view was not saved"), words, failed=True)
    return go_to(_place(list_name, texts))
