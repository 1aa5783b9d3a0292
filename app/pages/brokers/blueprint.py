"""The blueprint of the pages of other apps' brokers, and what stands above its questions."""

from flask import Blueprint, url_for
from flask_babel import gettext as _

bp = Blueprint("brokers", __name__, url_prefix="/brokers")


def above(name: str, queue: str = "") -> list[tuple[str, str]]:
    """The pages that a question about a broker, or about one of its queues, leads back to."""
    pages = [(url_for("queues.index"), _("Queues")), (url_for(".show", name=name), name)]
    return [*pages, (url_for(".queue", name=name, queue=queue), queue)] if queue else pages
