"""The loop of a worker with threads hears of a free slot."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from kombu.asynchronous.hub import Hub

from celeriac_agent.slots import Slots


def test_a_thread_that_has_finished_wakes_the_loop() -> None:
    hub, executor, qos = Hub(), ThreadPoolExecutor(1), SimpleNamespace()
    pool = SimpleNamespace(executor=executor, num_processes=1)
    task_consumer = SimpleNamespace(channel=SimpleNamespace(qos=qos))
    consumer = SimpleNamespace(hub=hub, pool=pool, controller=None, task_consumer=task_consumer)
    slots = Slots(consumer, "threads")
    slots.listen(consumer)
    assert qos.has_free_slot()
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
        assert Slots(SimpleNamespace(hub=None, pool=None), name).counts is expected
