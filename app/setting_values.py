"""How the values of settings are read and checked: a wrong one says what is allowed and shows no password."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from zoneinfo import available_timezones

from kombu.utils.url import parse_url
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app import broker_urls, queue_names
from celeriac_agent import redis_urls

API_RATE_LIMIT = "6000/minute"
SCHEDULERS = ("django-celery-beat", "sqlalchemy-celery-beat", "redbeat")


def split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def timezone(value: str) -> str:
    if value != "UTC" and value not in available_timezones():  # which walks the disk
        raise ValueError("allowed: an IANA time zone name such as UTC, Europe/London or Asia/Shanghai")
    return value


def readable(value: str) -> str:
    """Refuse a URL whose password reaches into host, port or path: errors of connecting would show it."""
    try:
        parts = urlsplit(value)
        fits = parts.port is None or parts.port > 0
    except ValueError:  # the port is no number or out of range, or there is an odd bracket
        fits = False
    if fits:
        user, at, _host = parts.netloc.rpartition("@")
        is_path = parts.scheme == "unix" and (at or not parts.netloc)  # its path may have any name
        fits = "@" not in user and ("@" not in parts.path + parts.fragment or bool(is_path))
    if not fits:
        raise ValueError(
            "allowed: a port from 1 to 65535; user and password with %40 for @, %3A for :, %2F for /"
        )
    return value


def redis_url(value: str | None) -> str | None:
    if value and not value.startswith(("redis://", "rediss://", "unix://", redis_urls.SENTINEL)):
        raise ValueError(f"allowed: {redis_urls.ALLOWED}")
    if not value:
        return None
    if redis_urls.is_sentinel(value):
        redis_urls.check(";".join(map(readable, value.split(";"))))
        return value
    parts = urlsplit(readable(value))
    is_number = parts.scheme == "unix" or re.fullmatch(r"/?|/[0-9]{1,9}/?", parts.path)
    try:
        if not is_number:
            raise ValueError(parts.path)
        parse_url(value)  # kombu's
        redis_urls.check(value)
    except (ValueError, TypeError):  # what the client cannot read, or does not know
        raise ValueError(
            "allowed: redis://USER:PASSWORD@HOST:PORT/NUMBER, unix://PATH?db=NUMBER, with options of redis-py"
        ) from None
    return value


def broker_url(value: str | None) -> str | None:
    if not value:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or out of range
        valid = False
    if not valid:
        raise ValueError(
            "allowed: amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://…; unset: queues in Redis"
        )
    return readable(value)


def brokers(value: Any) -> Any:
    """`app=URL` pairs, divided by commas, as a dictionary."""
    if not isinstance(value, str):
        return value
    return {
        name: ";".join(map(readable, url.split(";")))  # Sentinels are several
        for name, url in broker_urls.pairs(value).items()
    }


def schedulers(value: Any) -> Any:
    """`name=kind+URL` pairs, divided by commas, as a dictionary of kind and URL."""
    if not isinstance(value, str):
        return value
    schedulers = {}
    kinds = "|".join(SCHEDULERS)
    for pair in filter(None, re.split(rf",(?=[^,=/@]+=(?:{kinds})\+)", value)):
        match = re.fullmatch(rf"\s*([\w.-]{{1,60}})=({kinds})\+(\S+)\s*", pair)
        if not match:
            raise ValueError(
                f"allowed: name=kind+URL, divided by commas; kind with one of {', '.join(SCHEDULERS)}"
            )
        schedulers[match[1]] = (match[2], scheduler_url(match[2], match[3]))
    return schedulers


def scheduler_url(kind: str, url: str) -> str:
    """The URL of another scheduler's tables or keys; raises `ValueError` for one that cannot be tried."""
    if kind == "redbeat":
        place, prefix, zone = redbeat_parts(url)
        if not prefix or redis_url(place) is None:
            raise ValueError("allowed: redis://…, rediss://… or unix://…, and a key_prefix that is not empty")
        timezone(zone)
        return url
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "allowed: sqlite:////PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None
    return database_url(url) or "" if url.startswith(("postgres:", "postgresql")) else url


def redbeat_parts(url: str) -> tuple[str, str, str]:
    """The URL of the Redis, the prefix of RedBeat's keys there, and the zone of its crontabs."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    prefix, zone = options.pop("key_prefix", "redbeat:"), options.pop("timezone", "UTC")
    return urlunsplit(parts._replace(query=urlencode(options))), prefix, zone


def database_url(value: str | None) -> str | None:
    """PostgreSQL is always reached through psycopg 3, whatever way the URL spells it."""
    if not value:
        return None
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if value.startswith(prefix):
            return connectable("postgresql+psycopg://" + readable(value).removeprefix(prefix))
    if value.startswith("sqlite:///") and make_url(value).database not in ("", ":memory:"):
        return value
    raise ValueError("allowed: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")


def connectable(value: str) -> str:
    """Refuse what the driver could not even try to connect with."""
    try:
        url = make_url(value)
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "allowed: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, a port in numbers"
        ) from None
    return value


def smtp_url(value: str | None) -> str | None:
    if not value:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or out of range
        valid = False
    if not valid:
        raise ValueError("allowed: smtp://USER:PASSWORD@HOST:PORT, with ?starttls=1 if wished, or smtps://…")
    return readable(value)


def data_url(value: str) -> str:
    return database_url(value or "empty") or value


def from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f'allowed: JSON such as {{"name": "URL"}} ({error})') from None


def queue_name(value: str) -> str:
    if wrong := queue_names.problem(value):
        raise ValueError(wrong)
    return value


def rate_limit(value: str) -> str:
    if value == API_RATE_LIMIT:  # known to be good: only the web process needs what follows
        return value
    from limits import parse_many

    try:
        parse_many(value)
    except ValueError:
        raise ValueError("allowed: a number and a span, such as 6000/minute or 100/second") from None
    return value
