"""Pause and hold of another app's queue: what its workers obey, and what was said."""

from flask import render_template

from app import brokers
from app.pages.brokers.blueprint import bp
from app.web import viewer
from app.web.permissions import requires


@bp.get("/<name>/queues/<queue>/-/modes")
@requires("view")
def modes(name: str, queue: str) -> str:
    """Asks the workers, which takes up to a second."""
    place = brokers.find(name)
    pause, mode = brokers.modes(place, queue)
    shown = {"place": place, "queue": queue, "pause": pause, "mode": mode, "held": brokers.held(place, queue)}
    obedience = brokers.management(place, queue, viewer.now())
    return render_template("brokers/_modes.html", obedience=obedience, **shown)
