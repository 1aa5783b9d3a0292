"""Registered tasks are listed with what is worth knowing about each."""

import pytest
from kombu import Queue

from app.catalog import find, listing
from app.errors import NotFound


def test_listing_is_sorted_and_without_celerys_own(app):
    names = [info.name for info in listing()]
    assert names == sorted(names)
    assert "sample_tasks.plain" in names
    assert not [name for name in names if name.startswith("celery.")]


@pytest.mark.parametrize("name", ["nowhere.task", "celery.chain", ""])
def test_unknown_task(app, name):
    with pytest.raises(NotFound):
        find(name)


def test_docstring_and_source(info_of):
    def build(day):
        """Builds the report
        of one day.

        It takes a while.

        Args:
            day: which
        """

    info = info_of(build, name="reports.build")
    assert (info.summary, info.doc) == ("Builds the report of one day.", "It takes a while.")
    assert (info.function, info.name) == ("build", "reports.build")
    assert info.file == "tests/catalog/test_info.py"
    assert info.line == build.__code__.co_firstlineno
    assert info.origin == "own"


def test_a_task_without_docstring_has_none(info_of):
    def silent():
        pass

    assert (info_of(silent).summary, info_of(silent).doc) == ("", "")


def test_limits(info_of):
    def slow():
        pass

    info = info_of(
        slow,
        time_limit=720,
        soft_time_limit=600,
        rate_limit="6/m",
        max_retries=3,
        default_retry_delay=60,
        acks_late=True,
        ignore_result=True,
    )
    assert (info.time_limit, info.soft_time_limit, info.rate_limit) == (720, 600, "6/m")
    assert (info.max_retries, info.default_retry_delay) == (3, 60)
    assert (info.acks_late, info.ignore_result) == (True, True)


@pytest.mark.parametrize(
    ("options", "retries"),
    [
        ({}, False),
        ({"autoretry_for": (OSError,)}, True),
        ({"max_retries": 5}, True),
        ({"max_retries": None}, True),
        ({"max_retries": 0}, False),
    ],
)
def test_whether_a_task_retries(info_of, options, retries):
    def quick():
        pass

    assert info_of(quick, **options).retries is retries


def test_a_task_that_calls_retry_retries(info_of):
    def calling(self):
        try:
            pass
        except OSError as error:
            raise self.retry(exc=error) from error

    def not_calling(retry=3):
        return retry

    assert info_of(calling, bind=True).retries
    assert not info_of(not_calling).retries


def test_limits_that_are_not_set(info_of):
    def quick():
        pass

    info = info_of(quick, max_retries=None)
    assert (info.time_limit, info.soft_time_limit, info.rate_limit, info.max_retries) == (
        None,
        None,
        None,
        None,
    )
    assert (info.acks_late, info.ignore_result) == (False, False)


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")  # Celery would drop it with 6
def test_priority_counts_as_on_the_pages(celery_app, info_of):
    def usual():
        pass

    assert info_of(usual).priority == 5
    assert [info_of(usual, priority=number).priority for number in (9, 5, 0)] == [9, 5, 0]


def test_queue(celery_app, info_of):
    celery_app.conf.task_queues = [Queue("default"), Queue("files"), Queue("mail")]
    celery_app.conf.task_routes = ({"mail.*": {"queue": "mail"}},)

    def work():
        pass

    assert info_of(work, name="other.work").queue == "default"
    assert info_of(work, name="mail.work").queue == "mail"


def test_queue_of_the_tasks_own(celery_app, info_of):
    celery_app.conf.task_queues = [Queue("default"), Queue("files")]
    celery_app.conf.task_routes = {"x.work": {"queue": "default"}}

    class Filing(celery_app.Task):
        abstract = True

    def work():
        pass

    Filing.queue = "files"  # set afterwards: the option of that name is deprecated in Celery and warns
    assert info_of(work, name="x.work", base=Filing).queue == "files"


def test_a_broken_router_does_not_hide_the_task(celery_app, info_of, caplog):
    def route(name, args, kwargs, options, task=None, **rest):
        return {"queue": args[0]}

    celery_app.conf.task_routes = (route,)

    def work():
        pass

    assert info_of(work).queue == "default"
    assert "cannot tell the queue" in caplog.text


def test_the_library_is_told_from_own_tasks(info_of):
    def work():
        pass

    for module, origin in (
        ("app.library.mail", "library"),
        ("app.library", "library"),
        ("app.alerts.tasks", "library"),  # it comes along as well
        ("application.jobs", "own"),
    ):
        work.__module__ = module
        assert info_of(work).origin == origin


def test_a_task_without_a_readable_signature_takes_anything(info_of):
    class Opaque:
        __name__ = "opaque"
        __qualname__ = "opaque"
        __module__ = "tests"
        __annotations__: dict[str, object] = {}
        __signature__ = "nonsense"

        def __call__(self, *args, **kwargs):
            pass

    info = info_of(Opaque(), name="tests.opaque")
    assert [p.name for p in info.parameters] == ["args", "kwargs"]
    assert (info.file, info.line) == ("", None)
