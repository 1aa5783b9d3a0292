"""The queues that code names: tasks' own, and those of routes in the team's Celery configuration."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from celery import Celery
from celery.app.routes import MapRoute, prepare
from celery.utils.functional import maybe_evaluate
from kombu.entity import Queue

from app import queue_names
from app.catalog.discovery import own_modules
from app.catalog.info import BUILT_IN_PREFIX
from app.celery.factory import queue_arguments
from app.config import Settings
from celeriac_agent.tasks import queue_of

VARIABLES = ("task_routes", "CELERY_TASK_ROUTES", "CELERY_ROUTES")

logger = logging.getLogger(__name__)


def declare_queues(celery_app: Celery, settings: Settings) -> None:
    """Route tasks as the team's own configuration says, and declare every queue that code names.

    A worker without `-Q` then listens to them, and pages offer them. What the settings say of a task goes
    first.
    """
    others = list(_configurations(celery_app, settings))
    routes = [route for source in _sources(settings, others) for route in _prepared(source)]
    if routes:
        ours, library = celery_app.conf.task_routes
        celery_app.conf.task_routes = (ours, *routes, library)
        celery_app.amqp.flush_routes()
        celery_app.amqp.router = celery_app.amqp.Router()
    for name in dict.fromkeys([*_of_tasks(celery_app), *_of_routes(routes), *_of_queues(others)]):
        if name in settings.declared_queues:
            continue
        if wrong := queue_names.problem(name, in_use=True):
            logger.warning("a queue that code names is left out: %s", wrong)
            continue
        settings.declare_queue(name)
        queue = Queue(name, routing_key=name, queue_arguments=queue_arguments(settings))
        celery_app.amqp.queues.select_add(queue)


def _configurations(celery_app: Celery, settings: Settings) -> Iterator[Any]:
    """The configurations of the Celery objects in own modules."""
    for module in own_modules(settings.tasks):
        for name, other in list(vars(module).items()):
            if not isinstance(other, Celery) or isinstance(other, type(celery_app)):
                continue
            try:
                yield {key: other.conf[key] for key in ("task_routes", "task_queues")}
            except Exception as error:  # it may be read only now, and is anybody's code
                logger.warning("the configuration of %s.%s cannot be read: %s", module.__name__, name, error)


def _sources(settings: Settings, others: list[Any]) -> Iterator[Any]:
    """What may be `task_routes`: variables of own modules, and what other Celery objects were told."""
    for module in own_modules(settings.tasks):
        yield from (getattr(module, variable, None) for variable in VARIABLES)
    yield from (conf["task_routes"] for conf in others)


def _prepared(source: Any) -> list[Any]:
    """The routers that Celery makes of it; none of what would fail whenever anything is sent."""
    try:
        routes = [maybe_evaluate(route) for route in prepare(source)]
        if strange := [route for route in routes if not callable(route)]:
            raise TypeError(f"{strange[0]!r} is no route")
    except Exception as error:  # a name of a function is imported only now, and is anybody's code
        logger.warning("these task_routes cannot be used: %.200r: %s", source, error)
        return []
    return routes


def _of_tasks(celery_app: Celery) -> Iterator[str]:
    for name, task in sorted(celery_app.tasks.items()):
        if not name.startswith(BUILT_IN_PREFIX):
            yield queue_of(celery_app, task)


def _of_routes(routes: list[Any]) -> Iterator[str]:
    """The queues that maps of routes name, also for tasks that are not here."""
    for route in routes:
        if isinstance(route, MapRoute):
            for target in (*route.map.values(), *route.patterns.values()):
                queue = target.get("queue") if isinstance(target, Mapping) else target
                if queue:
                    yield str(getattr(queue, "name", queue))


def _of_queues(others: list[Any]) -> Iterator[str]:
    for conf in others:
        for queue in conf["task_queues"] or ():
            yield str(getattr(queue, "name", queue))
