"""The Celery app for Flask: factory, base task, and signals that write what happens to a stream."""

from app.celery.adoption import NotTakenOver, adopt_others, staying_current
from app.celery.factory import make_celery
from app.celery.task import CeleriacTask

__all__ = ["CeleriacTask", "NotTakenOver", "adopt_others", "make_celery", "staying_current"]
