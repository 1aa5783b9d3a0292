"""The log on the page of a run: it asks for what is new, and can be had as a file."""

from datetime import timedelta

from flask import Blueprint, Response, render_template, request

from app import runs
from app.runs import logs
from app.web import live, viewer
from app.web.permissions import requires

bp = Blueprint("run_log", __name__, url_prefix="/runs")
SETTLED = timedelta(seconds=5)  # after the end: by then its last lines are recorded
PIECE = 500
MOST = 100_000


@bp.get("/<run_id>/log")
@requires("view")
def lines(run_id: str) -> str | Response:
    """What comes behind the lines that the page has, and who asks for the next; 204 for nothing."""
    run = runs.get(run_id)
    settled = run.finished_at is not None and viewer.now() - run.finished_at > SETTLED
    after = request.args.get("after", 0, type=int)
    log = logs.read(run.id, max(after, 0), PIECE)
    if not log.lines and not settled:
        return live.nothing_new()
    return render_template(
        "runs/_log_lines.html", run=run, log=log, ended=settled and len(log.lines) < PIECE, first=after <= 0
    )


@bp.get("/<run_id>/log.txt")
@requires("view")
def text(run_id: str) -> Response:
    """The whole log as a file, a line each with its time and level."""
    run = runs.get(run_id)
    written = []
    for line in logs.read(run.id, limit=MOST).lines:
        if line.left_out:
            written.append(f"… {line.left_out} …")
        written.append(f"{line.at:%Y-%m-%dT%H:%M:%S.%fZ} {line.level:8} {line.text}")
    answer = Response("\n".join([*written, ""]), mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'attachment; filename="{_name(run.id)}.log"'
    return answer


def _name(run_id: str) -> str:
    """The id as far as it can stand in a file name."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "_" for sign in run_id)
