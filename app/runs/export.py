"""The file of a list of runs: newest first."""

from flask_babel import gettext as _

from app.lists.export import Table
from app.runs.queries import page

TABLE = Table(
    name="runs",
    columns=(
        "id",
        "task_name",
        "state",
        "queue",
        "priority",
        "worker",
        "app",
        "requested_by",
        "schedule_id",
        "created_at",
        "sent_at",
        "started_at",
        "finished_at",
        "runtime_seconds",
        "attempt",
        "error",
        "args",
        "kwargs",
    ),
    page=page,
    note=lambda n: _("More runs match. These are the newest %(n)s.", n=n),
    readers={
        "attempt": lambda run: run.attempt + 1,  # Celery counts retries from 0, people attempts from 1
        "app": lambda run: run.app_name,
    },
    as_text=("args", "kwargs"),
)
