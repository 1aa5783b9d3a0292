"""What each action of the audit log is called on the page."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "run.submit": _l("Ran a task"),
    "run.rerun": _l("Ran again"),
    "run.cancel": _l("Cancelled a run"),
    "run.delete": _l("Deleted runs from the history"),
    "user.sign-in": _l("Signed in"),
    "user.sign-in-failed": _l("Sign-in refused"),
    "user.sign-out": _l("Signed out"),
    "user.end-sessions": _l("Signed out everywhere"),
    "user.create": _l("Made a user"),
    "user.role": _l("Changed a role"),
    "user.password": _l("Changed a password"),
    "user.link": _l("Made a sign-in link"),
    "user.deactivate": _l("Shut a user out"),
    "user.activate": _l("Let a user in again"),
    "token.create": _l("Made an API token"),
    "token.revoke": _l("Revoked an API token"),
}
GROUPS: dict[str, Any] = {"run": _l("Runs"), "user": _l("Users"), "token": _l("API tokens")}
VIAS: dict[str, Any] = {
    "page": _l("a page"),
    "api": _l("the API"),
    "cli": _l("the command line"),
    "system": _l("Celeriac itself"),
}


def action(name: str) -> Any:
    """An action in words; its own name when it has none yet."""
    return ACTIONS.get(name, name)
