"""Celeriac: the browser control room for Celery. `create_app` builds the Flask app and its parts."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every process imports this package, also those that make no app: they stay small
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

    from app.config import Settings


FORWARDED = {
    "HTTP_X_FORWARDED_HOST": re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?", re.ASCII),
    "HTTP_X_FORWARDED_PREFIX": re.compile(r"(/[\w.~-]+)+", re.ASCII),
}


class WellFormed:
    """Leaves out what cannot be a host or a prefix: a proxy that sets none may let a client's own through."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        for name, pattern in FORWARDED.items():
            values = environ.get(name, "").split(",")
            if not all(pattern.fullmatch(value.strip()) for value in values):
                environ.pop(name, None)
        return self._app(environ, start_response)


def create_app(settings: "Settings | None" = None, *, pages: bool = True, commands: bool = True) -> "Flask":
    """The app with its extensions, Celery, pages, API and commands; it connects on first use.

    The web process does without `commands`, commands without `pages` and API, workers, beat and the recorder
    without both: they start sooner and need less memory.
    """
    from flask import Flask

    from app.config import PROJECT_DIR, load_settings

    settings = settings or load_settings()
    app = Flask(
        __name__,
        root_path=str(PROJECT_DIR),
        template_folder="templates",
        static_folder="static",
    )
    configure(app, settings)
    bind_extensions(app)
    build_celery(app, settings)
    register_features(app, pages, commands)
    return app


def configure(app: "Flask", settings: "Settings") -> None:
    """Flask's own configuration, made from the settings."""
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app.config import make_data_folder, secret_key

    make_data_folder(settings)
    secure = settings.base_url.startswith("https://")
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=secret_key(settings),
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        SESSION_COOKIE_NAME="celeriac_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        proxied = ProxyFix(app.wsgi_app, hops, hops, hops, hops, hops)
        app.wsgi_app = WellFormed(proxied)  # type: ignore[method-assign]


def engine_options(settings: "Settings") -> dict[str, object]:
    """SQLAlchemy's engine options; a lost PostgreSQL connection is noticed before it is used."""
    from app.extensions import BUSY_SECONDS

    if settings.sqlalchemy_url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}


def bind_extensions(app: "Flask") -> None:
    """Bind what every feature uses."""
    from app.extensions import csrf, db, login

    db.init_app(app)
    csrf.init_app(app)
    login.init_app(app)


def build_celery(app: "Flask", settings: "Settings") -> None:
    """The Celery app; workers alone import its tasks, see `app.own_tasks`."""
    from app import catalog
    from app.celery import make_celery

    celery_app = make_celery(app, settings, catalog.coerce, catalog.secrets_of)
    catalog.restrict(celery_app, settings.admin_tasks)
    catalog.name_queues(settings)


def register_features(app: "Flask", pages: bool, commands: bool) -> None:
    """Pages, API, commands and error handling of every feature; without these only what tasks may use."""
    from app import features

    if commands:
        from app.cli.on_demand import OnDemand

        app.cli = OnDemand(app, features.COMMANDS)
    wanted = [*features.SHARED, *(features.PAGES if pages else ())]
    wanted += features.MIGRATIONS if commands and pages else ()
    features.register(app, wanted)
