"""`/views`: saved views of lists, one's own and those that others share; the columns of a list."""

from typing import Any

from flask import Flask, url_for
from flask_login import current_user
from marshmallow import fields

from app import lists, views
from app.api import frame
from app.api.fields import Flag, Moment, Schema, WholeListQuery, page_of
from app.clock import utcnow
from app.lists.fields import Text
from app.web.permissions import requires

bp = frame.ApiBlueprint("views", __name__, description="Lists under a name")
_LISTS = (
    "One of: " + ", ".join(f"{name}:QUEUE" if name == views.QUEUE else name for name in views.LISTS) + "."
)
_COLUMNS = "The columns it shows; null for all."


class ViewFields(Schema):
    """A list's filters, order and columns under a name."""

    list_name = fields.String(required=True, data_key="list", metadata={"description": _LISTS})
    name = fields.String(
        required=True, metadata={"description": "1 to 80 characters, unique among one's own."}
    )
    query = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "The fields of the list's address: filters and order."},
    )
    columns = fields.List(
        fields.String(), load_default=None, allow_none=True, metadata={"description": _COLUMNS}
    )
    shared = Flag(load_default=False, metadata={"description": "Whether everybody sees it; by operators."})


class ViewSchema(ViewFields):
    """A view as it is saved."""

    default = Flag(load_default=False, metadata={"description": "Whether the caller's list begins with it."})


class ViewChangesSchema(ViewSchema):
    """The fields of a view that are to change; the others keep their values."""

    class Meta:
        exclude = ("list_name",)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"partial": True})


class StoredViewSchema(ViewFields):
    """A saved view."""

    default = fields.Function(
        lambda row: views.choice(current_user, row.list_name).view_id == row.id,
        metadata={"type": "boolean", "description": "Whether the caller's list begins with it."},
    )
    id = fields.Integer()
    owner = fields.String(metadata={"description": "Who saved it."})
    own = fields.Function(lambda row: row.user_id == current_user.id, metadata={"type": "boolean"})
    created_at = Moment()


class ViewsQuery(WholeListQuery):
    list_name = Text(data_key="list", load_default=None, metadata={"description": _LISTS})


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/views")
@requires("view")
@bp.arguments(ViewsQuery, location="query")
@bp.response(200, page_of(StoredViewSchema))
def list_views(query: dict[str, Any]) -> lists.Page[views.SavedView]:
    """One's own views and those that are shared, by name"""
    if query["list_name"] is not None:
        views.listed(query["list_name"])
    rows = views.listing(current_user, query["list_name"])
    return lists.page_of_all(rows, query["limit"], query["cursor"], lambda row: row.id)


@bp.route("/views", methods=["POST"])
@requires("view")
@bp.arguments(ViewSchema)
@bp.response(201, StoredViewSchema)
def create_view(values: dict[str, Any]) -> tuple[views.SavedView, int, dict[str, str]]:
    """Save a view"""
    row = views.create(current_user, now=utcnow(), **values)
    return row, 201, {"Location": url_for(".get_view", view_id=row.id)}


@bp.route("/views/<int:view_id>")
@requires("view")
@bp.response(200, StoredViewSchema)
def get_view(view_id: int) -> views.SavedView:
    """One view"""
    return views.get(current_user, view_id)


@bp.route("/views/<int:view_id>", methods=["PATCH"])
@requires("view")
@bp.arguments(ViewChangesSchema)
@bp.response(200, StoredViewSchema)
def change_view(changes: dict[str, Any], view_id: int) -> views.SavedView:
    """Change a view of one's own, or begin the list with any"""
    return views.change(current_user, view_id, changes, utcnow())


@bp.route("/views/<int:view_id>", methods=["DELETE"])
@requires("view")
@bp.response(204)
def delete_view(view_id: int) -> None:
    """Delete a view of one's own; an admin any that is shared"""
    views.delete(current_user, view_id, utcnow())
