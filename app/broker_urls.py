"""The brokers of other apps, as `CELERIAC_BROKERS` names them: `app=URL`, kombu's options in the query."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

SCHEMES = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps")
# What kombu is told beside the URL: the app's own code has it in broker_transport_options.
OPTIONS: dict[str, Any] = {
    "global_keyprefix": str,
    "sep": str,
    "priority_steps": lambda text: sorted({_step(part) for part in text.split(",")}),
    "unacked_key": str,
    "unacked_index_key": str,
    "master_name": str,
}
# Kombu's own transports, also where these names stand for ours.
KOMBUS_OWN = {
    "redis": "kombu.transport.redis:Transport",
    "rediss": "kombu.transport.redis:Transport",
    "sentinel": "kombu.transport.redis:SentinelTransport",
}
_OF_THE_URL = ("virtual_host", "heartbeat", "login_method")


def pairs(value: str) -> dict[str, str]:
    """`app=URL` pairs, divided by commas; raises `ValueError`."""
    urls = {}
    for pair in re.split(r",(?=[^,=/@]+=[a-z+]+://)", value):
        name, is_pair, url = pair.strip().partition("=")
        if not is_pair or not url.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
            raise ValueError(
                "allowed: app=URL, divided by commas; URL with redis, rediss, sentinel, amqp or amqps"
            )
        split(url)
        urls[name.strip()] = url
    return urls


def split(url: str) -> tuple[str, dict[str, Any]]:
    """The URL as kombu takes it, and the options that its query gives; raises `ValueError`."""
    options: dict[str, Any] = {}
    parts = [_without_options(part, options) for part in url.split(";")]  # Sentinels are several
    return ";".join(parts), options


def shown(url: str) -> str:
    """Where it is, without user, password and options."""
    parts = map(urlsplit, url.split(";"))
    return "; ".join(f"{part.scheme}://{part.netloc.rpartition('@')[2]}{part.path}" for part in parts)


def _without_options(url: str, options: dict[str, Any]) -> str:
    plain, _, query = url.partition("?")
    kept = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in OPTIONS:
            options[name] = OPTIONS[name](value)
        elif name in _OF_THE_URL or name.startswith("ssl"):
            kept.append((name, value))
        else:
            raise ValueError(f"{name} is no option of a broker's URL; allowed: {', '.join(OPTIONS)}, ssl_…")
    return f"{plain}?{urlencode(kept)}" if kept else plain


def _step(text: str) -> int:
    if not re.fullmatch(r"[0-9]", text.strip()):
        raise ValueError("priority_steps are numbers from 0 to 9, divided by commas")
    return int(text)
