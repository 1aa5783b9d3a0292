"""Other apps, as their workers tell of them."""

from typing import Any

from app.catalog import published
from app.clock import utcnow
from celeriac_agent import tasks


def publish(app: str, *names: str, role: str = "", **more: Any) -> None:
    """A worker of an app with these tasks has started; each takes an argument that is called like the app."""
    parameter = {
        "name": app,
        "kind": "POSITIONAL_OR_KEYWORD",
        "schema": {"type": "integer"},
        "optional": True,
    }
    told = [
        {
            "name": name,
            "module": "m",
            "fingerprint": f"{app} {name} {role}",
            "queue": "work",
            "role": role,
            "parameters": [parameter],
        }
        for name in names
    ]
    delivery = {"broker": "redis", "options": {}, "setup": {"modules": ["m", "sample_tasks"]}}
    document = {"v": 1, "delivery": delivery, "tasks": told} | more
    published.take_in(app, tasks.digest([app, document]), document, utcnow())
    published.forget_what_was_read()
