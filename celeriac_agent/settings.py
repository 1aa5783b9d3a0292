"""The agent's settings, from the environment of the process that it is in."""

from collections.abc import Mapping
from dataclasses import dataclass

import redis


@dataclass(frozen=True)
class Settings:
    """Where to tell what; `mask` are names of parameters that are secret beside those that look so."""

    url: str
    mask: frozenset[str] = frozenset()


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
        redis.Redis.from_url(url).close()  # it connects only when asked
    except ValueError as error:
        raise WrongSetting("CELERIAC_AGENT_URL: allowed: redis://…, rediss:// or unix://…") from error
    names = environment.get("CELERIAC_AGENT_MASK", "").split(",")
    return Settings(url, frozenset(name.strip() for name in names if name.strip()))
