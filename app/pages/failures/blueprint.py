"""The blueprint of the Failures pages."""

from flask import Blueprint

bp = Blueprint("failures", __name__, url_prefix="/runs/failures")
