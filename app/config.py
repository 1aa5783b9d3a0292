"""Every setting: its name, its default and one line of why. Read from `CELERIAC_…` variables."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from zoneinfo import available_timezones

from flask import current_app
from kombu.utils.url import parse_url
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import NoDecode, SettingsConfigDict
from redis import ConnectionPool
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app import broker_urls, embedded_redis, queue_names
from app.kept_secret import kept_secret
from app.sign_in_settings import SignInSettings

PROJECT_DIR = Path(__file__).resolve().parent.parent
MIGRATIONS = PROJECT_DIR / "app" / "migrations"
LIBRARY_QUEUES = ("default", "files", "mail", "examples")
API_RATE_LIMIT = "6000/minute"
PRIVATE_UMASK = 0o077  # of every process: what we write holds secrets, and arguments of runs


class ConfigError(SystemExit):
    """A setting has a value that cannot be used; the message names setting, value and what is allowed."""


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _timezone(value: str) -> str:
    if value != "UTC" and value not in available_timezones():  # which walks the disk
        raise ValueError("allowed: an IANA time zone name such as UTC, Europe/London or Asia/Shanghai")
    return value


def _readable(value: str) -> str:
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


def _redis_url(value: str | None) -> str | None:
    if value and not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("allowed: redis://…, rediss://… or unix://…")
    if not value:
        return None
    parts = urlsplit(_readable(value))
    is_number = parts.scheme == "unix" or re.fullmatch(r"/?|/[0-9]{1,9}/?", parts.path)
    try:
        if not is_number:
            raise ValueError(parts.path)
        parse_url(value)  # kombu's
        ConnectionPool.from_url(value).make_connection()  # nothing is connected yet
    except (ValueError, TypeError):  # what the client cannot read, or does not know
        raise ValueError(
            "allowed: redis://USER:PASSWORD@HOST:PORT/NUMBER, unix://PATH?db=NUMBER, with options of redis-py"
        ) from None
    return value


def _broker_url(value: str | None) -> str | None:
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
    return _readable(value)


def _brokers(value: Any) -> Any:
    """`app=URL` pairs, divided by commas, as a dictionary."""
    if not isinstance(value, str):
        return value
    return {
        name: ";".join(map(_readable, url.split(";")))  # Sentinels are several
        for name, url in broker_urls.pairs(value).items()
    }


SCHEDULERS = ("django-celery-beat", "sqlalchemy-celery-beat", "redbeat")


def _schedulers(value: Any) -> Any:
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
        if not prefix or _redis_url(place) is None:
            raise ValueError("allowed: redis://…, rediss://… or unix://…, and a key_prefix that is not empty")
        _timezone(zone)
        return url
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "allowed: sqlite:////PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None
    return _database_url(url) or "" if url.startswith(("postgres:", "postgresql")) else url


def redbeat_parts(url: str) -> tuple[str, str, str]:
    """The URL of the Redis, the prefix of RedBeat's keys there, and the zone of its crontabs."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    prefix, zone = options.pop("key_prefix", "redbeat:"), options.pop("timezone", "UTC")
    return urlunsplit(parts._replace(query=urlencode(options))), prefix, zone


def _database_url(value: str | None) -> str | None:
    """PostgreSQL is always reached through psycopg 3, whatever way the URL spells it."""
    if not value:
        return None
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if value.startswith(prefix):
            return _connectable("postgresql+psycopg://" + _readable(value).removeprefix(prefix))
    if value.startswith("sqlite:///"):
        return value
    raise ValueError("allowed: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")


def _connectable(value: str) -> str:
    """Refuse what the driver could not even try to connect with."""
    try:
        url = make_url(value)
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "allowed: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, a port in numbers"
        ) from None
    return value


def _smtp_url(value: str | None) -> str | None:
    if not value:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or out of range
        valid = False
    if not valid:
        raise ValueError("allowed: smtp://USER:PASSWORD@HOST:PORT, with ?starttls=1 if wished, or smtps://…")
    return _readable(value)


def _data_url(value: str) -> str:
    return _database_url(value or "empty") or value


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f'allowed: JSON such as {{"name": "URL"}} ({error})') from None


def _queue_name(value: str) -> str:
    if wrong := queue_names.problem(value):
        raise ValueError(wrong)
    return value


def _rate_limit(value: str) -> str:
    if value == API_RATE_LIMIT:  # known to be good: only the web process needs what follows
        return value
    from limits import parse_many

    try:
        parse_many(value)
    except ValueError:
        raise ValueError("allowed: a number and a span, such as 6000/minute or 100/second") from None
    return value


CommaList = Annotated[list[str], NoDecode, BeforeValidator(_split)]


def _apart(roots: list[Path], known: ValidationInfo) -> list[Path]:
    """No folder of files may hold the secret key or code: operators read, and upload into, all of it."""
    for root in roots:
        for kept in (PROJECT_DIR, known.data.get("data_dir") or Path()):
            if (PROJECT_DIR / kept).resolve().is_relative_to((PROJECT_DIR / root).resolve()):
                raise ValueError(f"{root} holds {kept}; allowed: folders of their own, for files alone")
    return roots


PathList = Annotated[list[Path], NoDecode, BeforeValidator(_split), AfterValidator(_apart)]
DataUrl = Annotated[str, AfterValidator(_data_url)]
DataName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
QueueName = Annotated[str, AfterValidator(_queue_name)]
RateLimit = Annotated[str, AfterValidator(_rate_limit)]


class QueueDetail(BaseModel):
    """What is said of a queue: for people, and for the tasks that go to it by their names."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field("", max_length=200)
    priority: int | None = Field(None, ge=0, le=9)
    tasks: list[str] = []


class Settings(SignInSettings):
    """The settings of one deployment. A wrong value stops start-up (see `load_settings`)."""

    model_config = SettingsConfigDict(env_prefix="CELERIAC_", env_ignore_empty=True)

    data_dir: Path = Field(
        Path("var"), description="Folder of the SQLite file, the embedded Redis and the secret key."
    )
    database_url: Annotated[str | None, AfterValidator(_database_url)] = Field(
        None, description="sqlite:///FILE or postgresql://…; unset: SQLite in the data folder."
    )
    redis_url: Annotated[str | None, AfterValidator(_redis_url)] = Field(
        None, description="redis://, rediss:// or unix://; unset: the embedded Redis that bin/dev starts."
    )
    broker_url: Annotated[str | None, AfterValidator(_broker_url)] = Field(
        None,
        description="amqp:// or amqps:// of a RabbitMQ that holds the queues; unset: they lie in Redis.",
    )
    shared_broker: bool = Field(
        False,
        description="Lets Celeriac work, with queues of its own, on a Redis or RabbitMQ of another app.",
    )
    secret_key: str | None = Field(
        None,
        min_length=16,
        description="Signs sessions and links; unset: made once and kept in the data folder.",
    )
    brokers: Annotated[dict[str, str], NoDecode, BeforeValidator(_brokers)] = Field(
        {},
        description="Brokers of other apps, to look at, and with the agent to send to: "
        "`shop=redis://10.0.0.5/0,mail=amqp://USER:PASSWORD@HOST/VHOST`.",
    )
    schedulers: Annotated[dict[str, tuple[str, str]], NoDecode, BeforeValidator(_schedulers)] = Field(
        {},
        description="Schedulers of other apps whose schedules are shown, to be taken over: "
        "`shop=django-celery-beat+postgresql://USER:PASSWORD@HOST/DB,mail=redbeat+redis://10.0.0.5/1`.",
    )
    tasks: CommaList = Field(
        [], description="Comma-separated modules of your own tasks, importable from the working folder."
    )
    admin_tasks: CommaList = Field(
        [],
        description="Comma-separated tasks that need the role admin, with * for any letters: billing.*",
    )
    queues: Annotated[list[QueueName], NoDecode, BeforeValidator(_split)] = Field(
        [], description="Comma-separated queues to declare beside default, files, mail and examples."
    )
    queue_details: Annotated[dict[QueueName, QueueDetail], NoDecode, BeforeValidator(_from_json)] = Field(
        {},
        description='More queues to declare, JSON {"billing": {"description": "Money", "priority": 7, '
        '"tasks": ["billing.*"]}}: words for the page, the priority of its tasks, which tasks go there.',
    )
    concurrency: int = Field(
        2, ge=1, le=256, description="Processes of each worker of bin/dev and bin/celeriac."
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        "UTC", description="IANA zone in which pages show times and new schedules start."
    )
    deployment_name: str = Field("Celeriac", max_length=60, description="Shown at the top of every page.")
    base_url: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://",
        description="Where people reach the pages; used in links.",
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="Reverse proxies in front whose X-Forwarded headers count."
    )
    retention_days: int = Field(
        30, ge=1, le=3650, description="Finished runs older than this are cleaned up."
    )
    result_expires_seconds: int = Field(86400, ge=60, description="How long Celery keeps results in Redis.")
    result_max_bytes: int = Field(
        262_144, ge=1024, description="Results and tracebacks longer than this are cut, with a notice."
    )
    arguments_max_bytes: int = Field(
        1_048_576, ge=1024, description="The most JSON bytes of arguments that a run may be submitted with."
    )
    log_max_bytes: int = Field(
        262_144, ge=1024, description="How much of a run's log is kept: its beginning and its newest lines."
    )
    request_max_bytes: int = Field(
        2_097_152, ge=1024, description="A request with a larger body is refused before it is read."
    )
    upload_max_bytes: int = Field(
        1_000_000_000, ge=1024, description="The longest file that may be uploaded to the folders of tasks."
    )
    api_rate_limit: RateLimit = Field(
        API_RATE_LIMIT,
        description="How often one token may call the REST API; keeps a loop gone wild from the rest.",
    )
    stream_max_events: int = Field(
        1_000_000,
        ge=1000,
        description="Cap of the Redis stream that holds events the recorder has not written yet.",
    )
    file_roots: PathList = Field(
        [], description="Comma-separated folders that file tasks may use; unset: files in the data folder."
    )
    data_urls: Annotated[dict[DataName, DataUrl], NoDecode, BeforeValidator(_from_json)] = Field(
        {}, description='Databases to import into, JSON {"name": "URL"}; unset: data, an SQLite file.'
    )
    http_allow_private: bool = Field(
        False, description="Lets web tasks reach private and loopback addresses, and use proxy variables."
    )
    smtp_url: Annotated[str | None, AfterValidator(_smtp_url)] = Field(
        None,
        description="smtp://USER:PASSWORD@HOST:PORT (?starttls=1) or smtps://…; unset: no e-mail is sent.",
    )
    mail_from: str = Field(
        "celeriac@localhost", pattern=r"^[^\r\n]*[^@\s]@[^@\s]+$", description="Sender of every e-mail."
    )
    metrics_token: str | None = Field(None, description="When set, /metrics asks for it as a bearer token.")

    _named_by_code: list[str] = PrivateAttr(default_factory=list)
    _told_queues: Callable[[], list[str]] = PrivateAttr(default=list)

    @property
    def declared_queues(self) -> list[str]:
        """Those that workers listen to: of the library, of the settings and of what tasks name."""
        named = (*self.queues, *self.queue_details, *self._named_by_code, *self._told_queues())
        return list(dict.fromkeys([*LIBRARY_QUEUES, *named]))

    @property
    def queues_of_code(self) -> list[str]:
        """Those that the code in this process names."""
        return list(self._named_by_code)

    def declare_queue(self, name: str) -> None:
        """Add a queue that code names."""
        self._named_by_code.append(name)

    def queues_by(self, told: Callable[[], list[str]]) -> None:
        """Ask `told` for the queues that the code of workers names."""
        self._told_queues = told

    @property
    def data_path(self) -> Path:
        """The data folder as an absolute path; relative ones stand in the project's folder."""
        return self.data_dir if self.data_dir.is_absolute() else PROJECT_DIR / self.data_dir

    @property
    def sqlalchemy_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_path / 'celeriac.db'}"

    @property
    def file_folders(self) -> list[Path]:
        """The folders that file tasks may use, absolute; the first is where relative paths stand."""
        roots = self.file_roots or [self.data_path / "files"]
        return [PROJECT_DIR / root for root in roots]  # an absolute root stays as it is

    @property
    def data_databases(self) -> dict[str, str]:
        """The databases that rows are imported into and exported from: SQLAlchemy URL by name."""
        return self.data_urls or {"data": f"sqlite:///{self.data_path / 'data.db'}"}

    @property
    def uses_embedded_redis(self) -> bool:
        return self.redis_url is None

    @property
    def redis(self) -> str:
        """The Redis URL in redis-py's form, the embedded server's when none is configured."""
        if self.redis_url:
            return self.redis_url
        return embedded_redis.url(self.data_path)

    @property
    def uses_rabbitmq(self) -> bool:
        """Whether the queues lie in RabbitMQ; everything else lies in Redis in either case."""
        return self.broker_url is not None

    @property
    def celery_broker_url(self) -> str:
        """Where Celery's queues lie."""
        return self.broker_url or self.celery_redis_url

    @property
    def celery_redis_url(self) -> str:
        """The Redis in kombu's spelling (`redis+socket://` for a Unix socket)."""
        return self.redis.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def load_settings(**overrides: Any) -> Settings:
    """The settings from the environment; raises `ConfigError` with one line per wrong value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = "CELERIAC_" + "_".join(str(part) for part in problem["loc"][:1]).upper()
            value = without_secrets(name, str(os.environ.get(name, problem.get("input"))))
            lines.append(f"{name}={value}: {problem['msg']}")
        raise ConfigError("\n".join(lines)) from None


def without_secrets(name: str, value: str) -> str:
    """A setting's value as it may be shown when it is wrong: no key, and no URL's user and password."""
    if name.endswith(("_KEY", "_TOKEN", "_SECRET")):
        return "***"
    if name.endswith(("_BROKERS", "_SCHEDULERS")):
        return re.sub(r"//[^/]*@", "//***@", value)
    if not name.endswith(("_URL", "_URLS")):
        return value
    value = re.sub(r"^(\w[\w+.-]*:/*)?.*@", r"\1***@", value, flags=re.DOTALL)
    value = re.sub(r"((?:pass|pwd|secret|token|key)\w*=)[^&\s\"]*", r"\1***", value, flags=re.IGNORECASE)
    # what stands for a port and is none: the password of a URL that lacks its host
    return re.sub(r"(//[^/?#@:\s\"]*):(?!\d{1,5}(?:[/?#\s\"]|$))[^/?#\s\"]+", r"\1:***", value)


def settings() -> Settings:
    """The settings of the current Flask app."""
    return cast(Settings, current_app.config["SETTINGS"])


def secret_key(settings: Settings) -> str:
    """The configured secret key, or the one that is kept in the data folder (made on first use)."""
    if settings.secret_key:
        return settings.secret_key
    return kept_secret(settings.data_path / "secret_key")
