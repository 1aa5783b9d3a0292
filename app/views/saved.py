"""Saves, changes and finds the views of lists."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import marshmallow as ma
from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from app import audit, lists
from app.accounts.models import User
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, transaction, unless_taken
from app.lists.fields import with_zone
from app.text import storable
from app.views.listed import check_columns, listed
from app.views.models import ListChoice, SavedView

NAME_MAX = 80
VIEWS_MAX = 100  # of one person, of one list
_TEXTS_MAX = 4000
_TIMES = ("since", "until")  # plain ones are meant in the zone of whoever looks


def listing(user: User, list_name: str | None = None) -> Sequence[SavedView]:
    """The views that a person sees, their own first, by name."""
    query = select(SavedView).where(or_(SavedView.user_id == user.id, SavedView.shared))
    if list_name is not None:
        query = query.where(SavedView.list_name == list_name)
    return db.session.scalars(
        query.order_by(SavedView.user_id != user.id, SavedView.name, SavedView.id)
    ).all()


def has_own(user: User) -> bool:
    """Whether a person has saved a view."""
    return db.session.scalar(select(SavedView.id).where(SavedView.user_id == user.id).limit(1)) is not None


def get(user: User, view_id: int) -> SavedView:
    """A view that a person sees; raises `NotFound`."""
    row = db.session.get(SavedView, view_id)
    if row is None or not (row.shared or row.user_id == user.id):
        raise NotFound(_("There is no such view."))
    return row


def create(
    user: User,
    list_name: str,
    name: str,
    query: Mapping[str, Any],
    now: datetime,
    shared: bool = False,
    columns: list[str] | None = None,
    default: bool = False,
) -> SavedView:
    """Save a view. Raises `Invalid`, `Conflict` for a taken name, `Forbidden` to share for a viewer."""
    row = SavedView(
        user_id=user.id, owner=user.name, created_at=now, **_checked(list_name, name, query, columns)
    )
    row.shared = _may_share(user, shared)
    if len([row for row in listing(user, list_name) if row.user_id == user.id]) >= VIEWS_MAX:
        raise Invalid({"name": [_("At most %(n)s views of a list. Delete one first.", n=VIEWS_MAX)]})
    with _unless_taken(row.name), transaction() as session:
        session.add(row)
        session.flush()
        _note("view.create", row, now)
        if default:
            _choose(user, list_name, view_id=row.id)
    return row


def change(user: User, view_id: int, changes: Mapping[str, Any], now: datetime) -> SavedView:
    """Change one's own view; what is left out stays. `default` makes it the first of its list, or no more."""
    row = get(user, view_id)
    changes = dict(changes)
    default = changes.pop("default", None)
    if changes:
        _require_own(user, row)
    kept = {name: changes.get(name, getattr(row, name)) for name in ("name", "query", "columns")}
    checked = _checked(row.list_name, **kept) if changes else {}
    shared = _may_share(user, changes.get("shared", row.shared)) if changes else row.shared
    with _unless_taken(str(kept["name"])), transaction():
        was_shared = row.shared
        for name, value in checked.items():
            setattr(row, name, value)
        row.shared = shared
        if changes and (was_shared or shared):
            _note("view.change", row, now, always=True)
        if not shared and was_shared:
            _leave(row, user)
        if default is not None:
            _choose(user, row.list_name, view_id=row.id if default else None)
    return row


def delete(user: User, view_id: int, now: datetime) -> SavedView:
    """Delete a view of one's own; an admin may delete any that is shared. Raises `NotFound`, `Forbidden`."""
    row = get(user, view_id)
    if not user.can("administer"):
        _require_own(user, row)
    with transaction() as session:
        _leave(row)
        _note("view.delete", row, now)
        session.delete(row)
    return row


def use(user: User, view_id: int) -> SavedView:
    """Have a list as a view has it: its columns are then the person's. Raises `NotFound`."""
    row = get(user, view_id)
    with transaction():
        _choose(user, row.list_name, columns=row.columns)
    return row


def choose_columns(user: User, list_name: str, columns: list[str] | None) -> None:
    """Keep the columns in which a person has a list; None for all. Raises `Invalid`."""
    checked = check_columns(list_name, columns)
    with transaction():
        _choose(user, list_name, columns=checked)


def choice(user: User, list_name: str) -> ListChoice:
    """How a person has a list; one that is not stored when they chose nothing."""
    stored = db.session.get(ListChoice, (user.id, list_name))
    return stored or ListChoice(user_id=user.id, list_name=list_name, columns=None, view_id=None)


def read_query(list_name: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """What a list is asked for, as in its address; raises `Invalid` with what is wrong with each field."""
    texts: dict[str, Any] = {}
    for name, value in query.items():
        many = value if isinstance(value, list) else [value]
        kept = [storable(text) if isinstance(text, str) else str(text) for text in many]
        texts[name] = kept if len(kept) > 1 else kept[0] if kept else ""
    if sum(len(str(text)) for text in texts.values()) > _TEXTS_MAX:
        raise Invalid({"query": [_("These filters are too long to keep.")]})
    reader = lists.schema(listed(list_name).filter)()
    plain = {name: with_zone(text, "UTC") if name in _TIMES else text for name, text in texts.items()}
    try:
        reader.load(plain)
    except ma.ValidationError as error:
        raise Invalid(
            {f"query.{name}": [lists.first_text(said)] for name, said in error.messages_dict.items()}
        ) from None
    return texts


def _checked(
    list_name: str, name: str, query: Mapping[str, Any], columns: list[str] | None
) -> dict[str, Any]:
    listed(list_name)
    name = storable(name).strip()
    if not 0 < len(name) <= NAME_MAX:
        raise Invalid({"name": [_("Give 1 to %(n)s characters.", n=NAME_MAX)]})
    return {
        "list_name": list_name,
        "name": name,
        "query": read_query(list_name, query),
        "columns": check_columns(list_name, columns),
    }


def _may_share(user: User, shared: bool) -> bool:
    if shared and not user.can("operate"):
        raise Forbidden(_("Sharing a view needs the role operator or admin."))
    return bool(shared)


def _require_own(user: User, row: SavedView) -> None:
    if row.user_id != user.id:
        raise Forbidden(_("This view belongs to %(name)s.", name=row.owner))


def _choose(user: User, list_name: str, **values: Any) -> None:
    row = choice(user, list_name)
    for name, value in values.items():
        setattr(row, name, value)
    db.session.add(row)


def _leave(row: SavedView, but: User | None = None) -> None:
    """Nobody's list begins with it any more."""
    gone = update(ListChoice).where(ListChoice.view_id == row.id).values(view_id=None)
    db.session.execute(gone.where(ListChoice.user_id != but.id) if but else gone)


def _note(action: str, row: SavedView, now: datetime, always: bool = False) -> None:
    """What everybody sees is in the audit log; what is a person's own is not."""
    if row.shared or always:
        audit.record(action, now, "view", row.id, row.name, list=row.list_name, filters=row.query or None)


def _unless_taken(name: str) -> AbstractContextManager[None]:
    words = _("You have a view %(name)s of this list already.", name=name)
    return unless_taken("name", Conflict(words, "name-taken"))
