"""The blueprint of the pages of other apps' brokers."""

from flask import Blueprint

bp = Blueprint("brokers", __name__, url_prefix="/brokers")
