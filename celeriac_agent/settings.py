"""The agent's settings, from the environment of the process that it is in."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from celeriac_agent import redis_urls

OWN_APP = "celeriac"
APP_MAX = 100


@dataclass(frozen=True)
class Settings:
    """Where to tell what; `mask` are names of parameters that are secret beside those that look so.

    `app` is the name under which the runs are told; empty for the Celery app's own. With `manage` workers
    obey what is said of their queues.
    """

    url: str
    mask: frozenset[str] = frozenset()
    app: str = ""
    manage: bool = False


class WrongSetting(ValueError):
    """A setting has a value that cannot be used; the message names it and what is allowed."""


def read(environment: Mapping[str, str]) -> "Settings | None":
    """The settings; None where the agent is switched off or not told where to tell. Raises `WrongSetting`."""
    switch = environment.get("CELERIAC_AGENT", "on").strip().lower()
    if switch not in ("", "on", "off"):
        raise WrongSetting(f"CELERIAC_AGENT={switch}: allowed: on, off")
    url = environment.get("CELERIAC_AGENT_URL", "").strip()
    if switch == "off" or not url:
        return None
    try:
        redis_urls.check(url)
    except ValueError as error:
        raise WrongSetting(f"CELERIAC_AGENT_URL: {error}") from error
    names = environment.get("CELERIAC_AGENT_MASK", "").split(",")
    app = environment.get("CELERIAC_AGENT_APP", "").strip()
    return Settings(
        url, frozenset(name.strip() for name in names if name.strip()), app, _manages(environment)
    )


def _manages(environment: Mapping[str, str]) -> bool:
    said = environment.get("CELERIAC_AGENT_MANAGE", "").strip()
    if said not in ("", "0", "1"):
        raise WrongSetting(f"CELERIAC_AGENT_MANAGE={said}: allowed: 1, 0")
    return said == "1"


def app_name(given: str, main: "str | None") -> str:
    """The name of an app: as it was `given`, else as Celery calls it. Raises `WrongSetting`."""
    name = given or main or "celery"
    if name == "__main__":  # Celery(__name__) in a file that is run: a worker calls it by its module
        name = os.path.splitext(os.path.basename(sys.argv[0]))[0] or "celery"
    if name == OWN_APP:
        raise WrongSetting(f"CELERIAC_AGENT_APP: {OWN_APP} is Celeriac's own app; give this one another name")
    if len(name) > APP_MAX or not name.isprintable():
        raise WrongSetting(f"CELERIAC_AGENT_APP: allowed: a name of 1 to {APP_MAX} characters")
    return name
