"""Every setting: its name, its default and one line of why. Read from `CELERIAC_…` variables."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

from flask import current_app
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

from app import embedded_redis, setting_values
from app.kept_secret import kept_secret
from app.sign_in_settings import SignInSettings
from celeriac_agent import redis_urls

PROJECT_DIR = Path(__file__).resolve().parent.parent
MIGRATIONS = PROJECT_DIR / "app" / "migrations"
LIBRARY_QUEUES = ("default", "files", "mail", "examples")
PRIVATE_UMASK = 0o077  # of every process: what we write holds secrets, and arguments of runs


class ConfigError(SystemExit):
    """A setting has a value that cannot be used; the message names setting, value and what is allowed."""


def _apart(roots: list[Path], known: ValidationInfo) -> list[Path]:
    """No folder of files may hold the secret key or code: operators read, and upload into, all of it."""
    for root in roots:
        for kept in (PROJECT_DIR, known.data.get("data_dir") or Path()):
            if (PROJECT_DIR / kept).resolve().is_relative_to((PROJECT_DIR / root).resolve()):
                raise ValueError(f"{root} holds {kept}; allowed: folders of their own, for files alone")
    return roots


CommaList = Annotated[list[str], NoDecode, BeforeValidator(setting_values.split)]
PathList = Annotated[list[Path], NoDecode, BeforeValidator(setting_values.split), AfterValidator(_apart)]
DataUrl = Annotated[str, AfterValidator(setting_values.data_url)]
DataName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
QueueName = Annotated[str, AfterValidator(setting_values.queue_name)]
RateLimit = Annotated[str, AfterValidator(setting_values.rate_limit)]


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
    database_url: Annotated[str | None, AfterValidator(setting_values.database_url)] = Field(
        None, description="sqlite:///FILE or postgresql://…; unset: SQLite in the data folder."
    )
    redis_url: Annotated[str | None, AfterValidator(setting_values.redis_url)] = Field(
        None,
        description="redis://, rediss://, unix:// or sentinel://; unset: the embedded Redis of bin/dev.",
    )
    broker_url: Annotated[str | None, AfterValidator(setting_values.broker_url)] = Field(
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
    brokers: Annotated[dict[str, str], NoDecode, BeforeValidator(setting_values.brokers)] = Field(
        {},
        description="Brokers of other apps, to look at, and with the agent to send to: "
        "`shop=redis://10.0.0.5/0,mail=amqp://USER:PASSWORD@HOST/VHOST`.",
    )
    schedulers: Annotated[
        dict[str, tuple[str, str]], NoDecode, BeforeValidator(setting_values.schedulers)
    ] = Field(
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
    queues: Annotated[list[QueueName], NoDecode, BeforeValidator(setting_values.split)] = Field(
        [], description="Comma-separated queues to declare beside default, files, mail and examples."
    )
    queue_details: Annotated[
        dict[QueueName, QueueDetail], NoDecode, BeforeValidator(setting_values.from_json)
    ] = Field(
        {},
        description='More queues to declare, JSON {"billing": {"description": "Money", "priority": 7, '
        '"tasks": ["billing.*"]}}: words for the page, the priority of its tasks, which tasks go there.',
    )
    concurrency: int = Field(
        2, ge=1, le=256, description="Processes of each worker of bin/dev and bin/celeriac."
    )
    timezone: Annotated[str, AfterValidator(setting_values.timezone)] = Field(
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
        setting_values.API_RATE_LIMIT,
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
    data_urls: Annotated[dict[DataName, DataUrl], NoDecode, BeforeValidator(setting_values.from_json)] = (
        Field({}, description='Databases to import into, JSON {"name": "URL"}; unset: data, an SQLite file.')
    )
    http_allow_private: bool = Field(
        False, description="Lets web tasks reach private and loopback addresses, and use proxy variables."
    )
    smtp_url: Annotated[str | None, AfterValidator(setting_values.smtp_url)] = Field(
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
        """The Redis in kombu's spelling; for Sentinels with `celery_redis_options`."""
        if redis_urls.is_sentinel(self.redis):
            return redis_urls.sentinels(self.redis).kombu_url
        if self.redis.startswith("rediss://") and "ssl_cert_reqs=" not in self.redis:
            # redis-py's default, which Celery does not know
            return f"{self.redis}{'&' if '?' in self.redis else '?'}ssl_cert_reqs=required"
        return self.redis.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)

    @property
    def celery_redis_options(self) -> dict[str, Any]:
        """What kombu and Celery are told of the Redis beside its URL."""
        return redis_urls.sentinels(self.redis).kombu_options if redis_urls.is_sentinel(self.redis) else {}


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


def make_data_folder(settings: Settings) -> None:
    """Make the data folder if it is not there; raises `ConfigError` when it cannot be."""
    try:
        settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"CELERIAC_DATA_DIR={settings.data_dir}: {error.strerror}; "
            "allowed: a folder, or where one can be made"
        ) from None


def settings() -> Settings:
    """The settings of the current Flask app."""
    return cast(Settings, current_app.config["SETTINGS"])


def secret_key(settings: Settings) -> str:
    """The configured secret key, or the one that is kept in the data folder (made on first use)."""
    if settings.secret_key:
        return settings.secret_key
    return kept_secret(settings.data_path / "secret_key")
