"""Which queue each task of the library goes to; Celery deprecates saying so at the task itself."""

from typing import Any

FILES = (
    "data.export_table",
    "data.import_table",
    "files.clean_up",
    "images.make_thumbnails",
    "images.resize_folder",
    "reports.sales_report",
    "video.convert",
    "video.thumbnail",
)
QUEUES = {"mail.send_email": "mail", **dict.fromkeys(FILES, "files")}
BESIDE = {"alerts.deliver": "mail"}  # not of the library, but ours too
EXAMPLES = ("examples.basic.", "examples.advanced.")


def route(
    name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any
) -> dict[str, str] | None:
    """Celery's router: the queue of a library task, None for every other task and for the default queue."""
    queue = "examples" if name.startswith(EXAMPLES) else QUEUES.get(name) or BESIDE.get(name)
    return {"queue": queue} if queue else None
