"""Both brokers answer the same questions, and an app asks one of them."""

import inspect
from dataclasses import fields

import pytest
from flask import Flask

from app import broker
from app.broker import adapter
from app.broker.rabbitmq import queues as in_rabbitmq
from app.broker.redis import queues as in_redis

QUESTIONS = sorted(
    name for name, one in vars(adapter).items() if inspect.isfunction(one) and hasattr(one, "__wrapped__")
)


@pytest.mark.parametrize("name", QUESTIONS)
def test_rabbitmq_is_asked_as_redis_is(name: str) -> None:
    wanted = inspect.signature(getattr(in_redis, name)).parameters
    answers = getattr(in_rabbitmq, name)
    arguments = {one: None for one, told in wanted.items() if told.kind is not told.KEYWORD_ONLY}
    inspect.signature(answers).bind(*arguments.values())


def test_every_question_can_be_asked_of_the_package() -> None:
    assert len(QUESTIONS) > 25
    assert set(QUESTIONS) <= set(broker.__all__)


def test_each_broker_says_what_it_can() -> None:
    for one in fields(broker.Capabilities):
        assert getattr(in_redis.CAPABILITIES, one.name) != getattr(in_rabbitmq.CAPABILITIES, one.name)


def test_an_app_asks_the_same_broker_always(app: Flask) -> None:
    assert broker.capabilities() is in_redis.CAPABILITIES
    assert app.extensions["queues"] is in_redis
