"""The Celery app for Flask: factory, base task, and signals that write what happens to a stream."""

from app.celery.adoption import NotTakenOver, staying_current, take_over_others
from app.celery.factory import make_celery
from app.celery.task import CeleriacTask

__all__ = ["CeleriacTask", "NotTakenOver", "make_celery", "staying_current", "take_over_others"]
