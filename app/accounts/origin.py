"""Who acts in a request, for the audit log."""

from flask import g, request
from flask_login import current_user

from app import audit
from app.web.access import is_api


def origin() -> audit.Origin | None:
    """Who acts in this request, for the audit log; None outside of one."""
    if not request:
        return None
    # `requires` keeps the name: asked of the user inside a transaction, it would be read again.
    name = g.get("caller_name") or current_user.name
    role = g.get("caller_role") or current_user.acting_role
    return audit.Origin(name, "api" if is_api() else "page", request.remote_addr, role)
