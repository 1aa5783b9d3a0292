"""What each action of the audit log is called on the page."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "run.submit": _l("Ran a task"),
    "run.rerun": _l("Ran again"),
    "run.cancel": _l("Cancelled a run"),
    "run.bulk": _l("Changed many runs at once"),
    "run.delete": _l("Deleted runs from the history"),
    "backup.delete": _l("Removed older backups"),
    "file.delete": _l("Removed old files"),
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
    "worker.pause": _l("Paused a worker"),
    "worker.resume": _l("Resumed a worker"),
    "worker.shutdown": _l("Shut a worker down"),
    "worker.pool": _l("Changed the size of a worker's pool"),
    "worker.queues": _l("Changed the queues of a worker"),
    "worker.clear": _l("Cleared a worker that is gone"),
    "task.limits": _l("Changed the limits of a task"),
    "queue.move": _l("Moved a waiting run"),
    "queue.priority": _l("Changed a waiting run's priority"),
    "queue.send": _l("Sent a waiting run to another queue"),
    "queue.hold": _l("Held a run"),
    "queue.release": _l("Released a run"),
    "queue.remove": _l("Removed a waiting run"),
    "queue.pause": _l("Paused a queue"),
    "queue.resume": _l("Resumed a queue"),
    "queue.hold-new": _l("Let a queue hold everything new"),
    "queue.let-new-in": _l("Let new runs into a queue again"),
    "queue.release-all": _l("Released all held runs of a queue"),
    "queue.purge": _l("Purged a queue"),
    "queue.restore": _l("Took a purge back"),
    "user.sign-in": _l("Signed in"),
    "user.sign-in-failed": _l("Sign-in refused"),
    "user.sign-out": _l("Signed out"),
    "user.end-sessions": _l("Signed out everywhere"),
    "user.create": _l("Made a user"),
    "user.role": _l("Changed a role"),
    "user.password": _l("Changed a password"),
    "user.password-refused": _l("Guessed the present password wrong"),
    "user.link": _l("Made a sign-in link"),
    "user.deactivate": _l("Shut a user out"),
    "user.activate": _l("Let a user in again"),
    "token.create": _l("Made an API token"),
    "token.revoke": _l("Revoked an API token"),
}
GROUPS: dict[str, Any] = {
    "run": _l("Runs"),
    "schedule": _l("Schedules"),
    "queue": _l("Queues"),
    "worker": _l("Workers"),
    "task": _l("Tasks"),
    "user": _l("Users"),
    "token": _l("API tokens"),
    "backup": _l("Backups"),
    "file": _l("Files"),
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
