"""The setting that names the RabbitMQ, and what Celery is told because of it."""

import pytest

from app.broker.priority import from_broker, number_for, to_broker
from app.celery.factory import configuration
from app.config import ConfigError, Settings, load_settings

URL = "amqp://guest:guest@rabbit.example/tasks"


@pytest.mark.parametrize(
    "url", ["redis://localhost", "amqp:/nowhere", "amqp://", "http://x", "amqp://x:port", "rabbit"]
)
def test_a_wrong_address_stops_the_start(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERIAC_BROKER_URL", url)
    with pytest.raises(ConfigError, match=r"CELERIAC_BROKER_URL=.*allowed: amqp://"):
        load_settings()


@pytest.mark.parametrize("url", [URL, "amqps://rabbit.example:5671"])
def test_rabbitmq_holds_the_queues_and_redis_the_rest(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERIAC_BROKER_URL", url)
    monkeypatch.setenv("CELERIAC_REDIS_URL", "redis://redis.example/1")
    settings = load_settings()
    assert (settings.uses_rabbitmq, settings.celery_broker_url) == (True, url)
    told = configuration(settings)
    assert (told["broker_url"], told["result_backend"]) == (url, "redis://redis.example/1")
    assert told["task_queue_max_priority"] == 9
    assert [queue.queue_arguments for queue in told["task_queues"]] == [{"x-max-priority": 9}] * 4
    assert told["broker_transport_options"]["confirm_publish"] is True
    assert "visibility_timeout" not in told["broker_transport_options"]


def test_without_it_all_is_in_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERIAC_BROKER_URL", "")
    settings = Settings(redis_url="redis://redis.example/1")
    assert (settings.uses_rabbitmq, settings.celery_broker_url) == (False, "redis://redis.example/1")
    told = configuration(settings)
    assert "task_queue_max_priority" not in told
    assert [queue.queue_arguments for queue in told["task_queues"]] == [None] * 4


def test_nine_is_the_most_urgent_on_both() -> None:
    try:
        number_for(rabbitmq=True)
        assert [to_broker(9), to_broker(0), from_broker(9), from_broker(12), from_broker(-1)] == [
            9,
            0,
            9,
            9,
            0,
        ]
    finally:
        number_for(rabbitmq=False)
    assert [to_broker(9), to_broker(0), from_broker(9), from_broker(12), from_broker(-1)] == [0, 9, 0, 0, 9]
    for wrong in (-1, 10):
        with pytest.raises(ValueError, match="0 to 9"):
            to_broker(wrong)
