"""What each action of the audit log is called on the page."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "run.submit": _l("Ran a task"),
    "run.rerun": _l("Ran again"),
    "run.cancel": _l("Cancelled a run"),
    "run.delete": _l("Deleted runs from the history"),
    "schedule.create": _l("Made a schedule"),
    "schedule.update": _l("Changed a schedule"),
    "schedule.enable": _l("Turned a schedule on"),
    "schedule.disable": _l("Turned a schedule off"),
    "schedule.delete": _l("Deleted a schedule"),
    "schedule.undelete": _l("Brought a schedule back"),
    "schedule.run": _l("Ran a schedule now"),
    "schedule.skip": _l("Skipped a fire ahead"),
    "schedule.restore": _l("Took a skip back"),
    "schedule.retire": _l("Retired a schedule that left the code"),
    "schedule.return": _l("Took up a schedule that came back to the code"),
    "schedule.reset": _l("Reset a schedule to the code"),
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
GROUPS: dict[str, Any] = {
    "run": _l("Runs"),
    "schedule": _l("Schedules"),
    "user": _l("Users"),
    "token": _l("API tokens"),
}
VIAS: dict[str, Any] = {
    "page": _l("a page"),
    "api": _l("the API"),
    "cli": _l("the command line"),
    "system": _l("Celeriac itself"),
}


def action(name: str) -> Any:
    """An action in words; its own name when it has none yet."""
    return ACTIONS.get(name, name)
