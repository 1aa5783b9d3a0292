"""The three ways in: a loader, a module that workers include, and a call. They all end in `install`."""

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from celery import Celery, Task
from celery.app.base import Celery as BaseCelery
from celery.loaders.app import AppLoader
from celery.signals import worker_init

from celeriac_agent import logs, masking, presence, recording, scrubbing, settings
from celeriac_agent.events import Rules
from celeriac_agent.secrets import MASK, is_secret
from celeriac_agent.stream import EventStream
from celeriac_agent.worker import Telling

MAX_EVENTS = 1_000_000  # in the stream; Celeriac's own cap
RESULT_MAX_BYTES = 262_144
ARGUMENTS_MAX_BYTES = 1_048_576
LOG_MAX_BYTES = 262_144
HIGHEST = 9

logger = logging.getLogger(__name__)
_managed: "Celery | None" = None  # the app whose workers are to obey


class Loader(AppLoader):  # type: ignore[misc]  # Celery ships no types
    """Celery's own loader, which installs the agent: `CELERY_LOADER=celeriac_agent:Loader`."""

    def __init__(self, app: Celery, **options: Any) -> None:
        super().__init__(app, **options)
        install(app)


def install(app: Celery) -> bool:
    """Tell Celeriac of the app's runs from now on; whether that is so.

    Never raises: a wrong setting is logged, once. The first app of a process counts.
    """
    if recording.connected():
        return False
    try:
        given = settings.read(os.environ)
        name = settings.app_name(given.app, app.main) if given else ""
    except settings.WrongSetting as error:
        logger.error("Celeriac is told nothing: %s", error)
        return False
    if given is None:
        return False
    stream = EventStream(given.url, MAX_EVENTS, name)
    secrets = Secrets(app, given.mask)
    rules = Rules(RESULT_MAX_BYTES, ARGUMENTS_MAX_BYTES, priority=Priorities(app).ours, mask=secrets.hidden)
    recording.connect(stream, rules)
    stream.listen = recording.listen
    logs.install(stream, LOG_MAX_BYTES, scrubs_own_log=False)
    scrubbing.install(secrets.of_running)
    app.steps["consumer"].add(Telling)
    presence.install(app, given.url, name, secrets.hidden)
    if app.log_cls == BaseCelery.log_cls:
        app.log_cls = "celeriac_agent.logs:LineLogging"
    _tell_progress()
    global _managed
    _managed = app if given.manage else None
    return True


def _on_worker(sender: Any, **_: Any) -> None:
    """A worker that includes this package (`CELERY_WORKER_INCLUDE=celeriac_agent`) has the agent."""
    install(sender.app)
    if recording.connected():
        recording.hear_starts(sender.app)
    if _managed is sender.app:
        _manage(sender.app)


def _manage(app: Celery) -> None:
    """Have the worker that this process is about to be obey, as far as its broker allows."""
    with app.connection_for_read() as connection:
        driver = str(connection.transport.driver_type)
    if driver == "redis":
        from celeriac_agent import management  # it needs kombu's Redis transport, and what that needs

        management.install(app)
    elif driver == "amqp":
        from celeriac_agent import rabbitmq

        rabbitmq.install(app)
    else:
        logger.error("CELERIAC_AGENT_MANAGE: the queues of a broker of the kind %s are not managed", driver)


worker_init.connect(_on_worker, dispatch_uid="celeriac.agent", weak=False)


class Priorities:
    """A message's priority as Celeriac counts: 9 goes first. Redis counts the other way round."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._driver: str | None = None

    def ours(self, number: Any) -> "int | None":
        """None where the broker has no such thing."""
        if self._driver is None:
            with self._app.connection_for_write() as connection:
                self._driver = str(connection.transport.driver_type)
        try:
            known = min(max(int(number or 0), 0), HIGHEST)
        except (TypeError, ValueError):
            return None
        return {"redis": HIGHEST - known, "amqp": known}.get(self._driver)


class Secrets:
    """Which arguments are secret: by the names of a task's parameters and by the keys in what they hold."""

    def __init__(self, app: Celery, names: frozenset[str]) -> None:
        self._app = app
        self._names = names
        self._signatures: dict[str, tuple[list[str], str, frozenset[str], frozenset[str]]] = {}

    def hidden(self, task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The arguments as they may be told. What cannot be looked through is not told."""
        try:
            places = self._places(task_name, args)
            if not self._may_be(task_name, places, args, kwargs):
                return args, kwargs
            new_args, new_kwargs = masking.hide(places, args, kwargs, self._knows(task_name))
        except Exception as error:  # anybody's values
            logger.warning("the arguments of a run of %s are not told: %s", task_name, type(error).__name__)
            return [MASK] * len(args), dict.fromkeys(map(str, kwargs), MASK)
        return new_args, new_kwargs

    def of_running(self, task: Task) -> list[scrubbing.Secret]:
        """The secrets among the arguments of the run that a task is running."""
        request = task.request
        args, kwargs = request.args or (), request.kwargs or {}
        places = self._places(task.name, args)
        if not self._may_be(task.name, places, args, kwargs):
            return []
        return masking.secrets_in(places, args, kwargs, self._knows(task.name))

    def _places(self, task_name: str, args: Sequence[Any]) -> list[str]:
        """The parameter of each positional argument."""
        if task_name not in self._signatures:
            names, rest, typed = _signature(self._app.tasks.get(task_name))
            secret = typed | self._names
            by_place = {name for name in (*names, rest) if name in secret or is_secret(name)}
            self._signatures[task_name] = names, rest, secret, frozenset(by_place)
        names, rest, *_ = self._signatures[task_name]
        return [*names[: len(args)], *([rest] * (len(args) - len(names)))]

    def _may_be(
        self, task_name: str, places: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Whether it is worth while to look closer: quick, because every run is asked."""
        _, _, secret, by_place = self._signatures[task_name]
        if not by_place.isdisjoint(places):
            return True
        return masking.suspicious(args, frozenset()) or masking.suspicious(kwargs, secret)

    def _knows(self, task_name: str) -> masking.Knows:
        secret = self._signatures[task_name][2]
        return lambda name: (name in secret, frozenset())


def _signature(task: Any) -> tuple[list[str], str, frozenset[str]]:
    """The names of a task's positional parameters, of the one that takes more, and those secret by type."""
    try:
        parameters = inspect.signature(task.run).parameters.values()
    except (AttributeError, TypeError, ValueError):  # unknown here, or its code says nothing
        return [], "", frozenset()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in positional]
    rest = next(
        (parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.VAR_POSITIONAL), ""
    )
    typed = (
        parameter.name
        for parameter in parameters
        if any(kind in str(parameter.annotation) for kind in _SECRET_TYPES)
    )
    return names, rest, frozenset(typed)


_SECRET_TYPES = ("SecretStr", "SecretBytes", "Secret[")


def _tell_progress() -> None:
    """A custom state of the running task counts as progress; Celery has no signal for it."""
    original: Callable[..., Any] = Task.update_state

    @wraps(original)
    def update_state(
        self: Task, task_id: "str | None" = None, state: "str | None" = None, meta: Any = None, **more: Any
    ) -> None:
        original(self, task_id=task_id, state=state, meta=meta, **more)
        if state is not None and self.request.id and task_id in (None, self.request.id):
            recording.record_progress(self, state, meta)

    Task.update_state = update_state
