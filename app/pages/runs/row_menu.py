"""The menu of a row of the list: what can be done with one run, asked for when it opens."""

from flask import render_template, request

from app import catalog, runs
from app.pages.runs.blueprint import bp
from app.runs import apps, states
from app.runs.bulk import verdicts
from app.web.htmx import safe_return
from app.web.permissions import requires


@bp.get("/<run_id>/menu")
@requires("view")
def menu(run_id: str) -> str:
    """What the run's state and the viewer's role allow; `next` is the list to which a change leads back."""
    run = runs.get(run_id)
    fits = [name for name in states.ACTIONS if verdicts.judge(name, run).code == verdicts.ACT]
    return render_template(
        "runs/_menu.html",
        run=run,
        fits=fits,
        known_task=apps.reachable(run.app) and catalog.lookup(run.task_name, run.app_name) is not None,
        back=safe_return(request.args.get("next"), ""),
    )
