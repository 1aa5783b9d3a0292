"""Tasks to try Celeriac with and to learn Celery from."""

from app.library.examples import advanced, basic, canvas

__all__ = ["advanced", "basic", "canvas"]
