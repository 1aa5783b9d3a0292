"""The file of a list of changes: newest first."""

from flask_babel import gettext as _

from app.audit.entries import page
from app.lists.export import Table

TABLE = Table(
    name="changes",
    columns=(
        "id",
        "at",
        "actor",
        "via",
        "address",
        "action",
        "object_kind",
        "object_id",
        "object_name",
        "details",
    ),
    page=page,
    note=lambda n: _("More changes match. These are the newest %(n)s.", n=n),
    as_text=("details",),
)
