"""Tells Celeriac of the runs of a Celery app, from inside its processes. README.md has the three ways in."""

from celeriac_agent.agent import Loader, install

__all__ = ["Loader", "install"]
