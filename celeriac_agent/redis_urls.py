"""How the URL of Celeriac's Redis is read: redis://, rediss:// and unix:// by redis-py, sentinel:// here.

Kombu's spelling: `sentinel://:PASSWORD@HOST:26379;sentinel://HOST2:26379/0?master_name=main`. User, password
and database are those of the Redis; the query has what the Sentinels themselves ask for.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL = "sentinel://"
PORT = 26379
KOMBU_LIMITS = {"socket_timeout": 5, "socket_connect_timeout": 2}  # of a question to a Sentinel
ALLOWED = "redis://…, rediss://…, unix://… or sentinel://HOST:PORT;sentinel://HOST2:PORT/0?master_name=NAME"
_OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}


class Unusable(ValueError):
    """Why a `sentinel://` URL cannot be used; no password stands in the text."""


@dataclass(frozen=True)
class Sentinels:
    """Those to ask where the Redis of a name is; `options` sign in there, `sentinel_options` with them."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    options: dict[str, Any] = field(default_factory=dict)
    sentinel_options: dict[str, Any] = field(default_factory=dict)

    @property
    def kombu_url(self) -> str:
        """The same for kombu and Celery, which take the rest from transport options; see `kombu_options`."""
        sign_in = [quote(self.options.get(name, ""), safe="") for name in ("username", "password")]
        user = f"{':'.join(sign_in)}@" if any(sign_in) else ""
        database = self.options.get("db", 0)
        return ";".join(f"{SENTINEL}{user}{_spelled(host)}:{port}/{database}" for host, port in self.hosts)

    @property
    def kombu_options(self) -> dict[str, Any]:
        """Kombu's transport options for these Sentinels."""
        own = {**KOMBU_LIMITS, "retry": once(), **self.sentinel_options}
        return {"master_name": self.master, "sentinel_kwargs": own}

    def client(self, **options: Any) -> redis.Redis:
        """A client of the Redis that is the master at the time of each new connection."""
        limits = {name: value for name, value in options.items() if name.startswith("socket_")}
        options.pop("single_connection_client", None)  # it would go on calling at the master that was
        own = {**limits, "retry": once(), **self.sentinel_options}
        asked = Sentinel(list(self.hosts), sentinel_kwargs=own)
        made: redis.Redis = asked.master_for(self.master, **self.options, **options)
        return made


def client(url: str, **options: Any) -> redis.Redis:
    """A client of this Redis; it connects when first used. `options` are redis-py's. Raises `ValueError`."""
    if is_sentinel(url):
        return sentinels(url).client(**options)
    return redis.Redis.from_url(url, **options)


def check(url: str) -> None:
    """Raise `ValueError` for a URL that cannot be tried: what is allowed, and nothing of what it holds."""
    why = ""
    try:
        if is_sentinel(url):
            sentinels(url)
        client(url).connection_pool.make_connection()  # nothing is connected yet
    except Unusable as error:
        why = f"{error}; "
    except (ValueError, TypeError):  # what redis-py cannot read, or does not know
        pass
    else:
        return
    raise ValueError(f"{why}allowed: {ALLOWED}")


def is_sentinel(url: str) -> bool:
    """Whether Sentinels are to be asked."""
    return url.startswith(SENTINEL)


def sentinels(url: str) -> Sentinels:
    """The parts of a `sentinel://` URL; raises `Unusable`."""
    hosts, said = [], dict[str, Any]()
    for part in map(urlsplit, url.split(";")):
        hosts.append(_host(part))
        given = {"username": part.username, "password": part.password}
        said |= {name: unquote(value) for name, value in given.items() if value}
        if number := part.path.strip("/"):
            if not re.fullmatch(r"[0-9]{1,9}", number):
                raise Unusable("what follows the host is the number of a database")
            said["db"] = int(number)
        said |= parse_qsl(part.query)
    master = said.pop("master_name", "")
    if not master:
        raise Unusable("?master_name= says which Redis the Sentinels are asked for")
    own = {name: said.pop(key) for key, name in _OF_SENTINELS.items() if key in said}
    if unknown := said.keys() - {"username", "password", "db"}:
        raise Unusable(f"no option of sentinel://: {', '.join(sorted(unknown))}")
    return Sentinels(tuple(hosts), master, said, own)


def once() -> Retry:
    """Who does not answer is not asked again."""
    return Retry(NoBackoff(), 0)


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _host(part: SplitResult) -> tuple[str, int]:
    try:
        host, port = part.hostname, part.port
    except ValueError:  # the port is no number
        host = None
    if part.scheme != "sentinel" or not host:
        raise Unusable("each Sentinel is named as sentinel://HOST:PORT, divided by ;")
    return host, port or PORT
