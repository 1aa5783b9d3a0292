"""Whether the caller of a view may call it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g
from flask_babel import gettext as _
from flask_login import current_user

from app.errors import Forbidden, Unauthorized
from app.web import roles

P = ParamSpec("P")
R = TypeVar("R")


def requires(right: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only those call a view who may "view", "operate" or "administer".

    Raises `Unauthorized` for who is not signed in, `Forbidden` for who lacks the right. Stands directly below
    the route, so that nothing of the request is read before.
    """
    if right not in roles.ALL_RIGHTS:
        raise ValueError(f"there is no right {right!r}; rights: {', '.join(sorted(roles.ALL_RIGHTS))}")

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.is_authenticated:
                raise Unauthorized
            if not current_user.can(right):
                raise Forbidden(_missing(right))
            g.caller_name, g.caller_role = current_user.name, current_user.acting_role
            return view(*args, **kwargs)

        return checked

    return decorate


def _missing(right: str) -> str:
    if right == roles.ADMINISTER:
        return _("Nothing was changed. This needs the role admin.")
    return _("Nothing was changed. This needs the role operator or admin.")
