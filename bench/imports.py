"""How long `bin/celeriac schedules import` takes for many schedules, on SQLite and on PostgreSQL.

    .venv/bin/python bench/imports.py [--schedules 50000] [--format yaml] [--database sqlite]

A file of as many schedules of all three types, with arguments, is imported into an empty table (all are
made), once more (all are the same), and with another note on each (all are changed). Prints the seconds
by the clock, and of the process itself: a busy machine lengthens the first.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(
    Path(__file__).resolve().parent.parent
)  # not this folder: queue.py would hide the standard one

from flask_migrate import upgrade
from sqlalchemy import func, select

from app import create_app
from app.config import Settings
from app.extensions import db
from app.schedules.models import Schedule
from bench.server import own_redis, postgresql, publish_tasks


def definitions(number: int, note: str) -> list[dict[str, Any]]:
    timings: list[dict[str, Any]] = [
        {"task_type": "interval", "interval_seconds": 3600},
        {"task_type": "cron", "cron_schedule": "{m} {h} * * 1-5", "timezone": "Europe/Berlin"},
        {"task_type": "one_time", "run_at": "2099-01-01T00:00:00+00:00"},
    ]
    found = []
    for place in range(number):
        timing = dict(timings[place % 3])
        if "cron_schedule" in timing:
            timing["cron_schedule"] = timing["cron_schedule"].format(m=place % 60, h=place % 24)
        about = {"name": f"Report of customer {place}", "task_name": "examples.basic.add", "note": note}
        found.append(about | timing | {"kwargs": {"x": place, "y": 1}, "queue": "default"})
    return found


def text_of(items: list[dict[str, Any]], kind: str) -> str:
    if kind == "json":
        return json.dumps({"schedules": items})
    blocks = ["\n  ".join(f"{name}: {json.dumps(value)}" for name, value in item.items()) for item in items]
    return "schedules:\n" + "".join(f"- {block}\n" for block in blocks)


def import_file(app: Any, path: Path) -> tuple[float, float]:
    """Seconds by the clock, and of this process."""
    started, worked = time.perf_counter(), time.process_time()
    done = app.test_cli_runner().invoke(args=["schedules", "import", str(path)])
    if done.exit_code:
        raise SystemExit(done.output[-2000:])
    return time.perf_counter() - started, time.process_time() - worked


def measure(app: Any, folder: Path, number: int, kind: str) -> list[tuple[float, float]]:
    """Seconds to make, to compare and to change so many schedules."""
    seconds = []
    for note in ("first", "first", "second"):
        path = folder / f"schedules.{kind}"
        path.write_text(text_of(definitions(number, note), kind))
        seconds.append(import_file(app, path))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Schedule)) >= number
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=50_000)
    parser.add_argument("--format", choices=["yaml", "json"], default="yaml")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    given = parser.parse_args()
    with own_redis() as folder, postgresql(folder) as url:
        for name, database in (("sqlite", None), ("postgresql", url)):
            if given.database not in (name, "both"):
                continue
            app = create_app(Settings(data_dir=folder, database_url=database))
            with app.app_context():
                upgrade()
                publish_tasks(app)
            made, same, changed = measure(app, folder, given.schedules, given.format)
            told = (("made", made), ("the same", same), ("changed", changed))
            words = ", ".join(f"{word} in {wall:.1f} s ({cpu:.1f} s of CPU)" for word, (wall, cpu) in told)
            print(f"{name:10} {given.format} {given.schedules} schedules: {words}", flush=True)
            with app.app_context():
                db.engine.dispose()


if __name__ == "__main__":
    main()
