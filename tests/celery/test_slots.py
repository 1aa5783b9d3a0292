"""The loop of a worker with threads hears of a free slot."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from kombu.asynchronous.hub import Hub

from app.celery.slots import Slots


def test_a_thread_that_has_finished_wakes_the_loop() -> None:
    hub, executor, conf = Hub(), ThreadPoolExecutor(1), SimpleNamespace()
    pool = SimpleNamespace(executor=executor)
    consumer = SimpleNamespace(hub=hub, pool=pool, app=SimpleNamespace(conf=conf))
    slots = Slots(consumer, "threads")
    assert conf.worker_disable_prefetch
    slots.listen(consumer)
    for number in (1, 2):  # again, once what woke it was read
        assert not hub.poller.poll(0)
        assert executor.submit(abs, -number).result() == number
        ((fd, _event),) = hub.poller.poll(10)
        callback, arguments = hub.readers[fd]
        callback(*arguments)
    executor.shutdown()
    hub.close()


def test_pools_that_cannot_tell_keep_the_limit_of_celery() -> None:
    for name, expected in (("prefork", True), ("solo", True), ("gevent", False)):
        conf = SimpleNamespace()
        Slots(SimpleNamespace(hub=None, pool=None, app=SimpleNamespace(conf=conf)), name)
        assert conf.worker_disable_prefetch is expected
