"""The blueprint of the pages of runs."""

from flask import Blueprint

bp = Blueprint("runs", __name__, url_prefix="/runs")
