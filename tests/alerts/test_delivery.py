"""Messages on their way: to real mail and web servers, that hang, refuse and fail for an hour."""

import base64
import hashlib
import hmac
import itertools
import signal
import socket
import threading
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from app.alerts import bodies, channels, delivery, sending, tasks, turns
from app.alerts.models import AlertRule
from app.extensions import db, transaction
from app.library.mail import smtp
from app.runs import Run

CHAT = {
    "slack": lambda body: body["text"],
    "teams": lambda body: str(body["attachments"][0]["content"]["body"]),
    "discord": lambda body: body["content"],
    "wecom": lambda body: body["text"]["content"],
    "dingtalk": lambda body: body["text"]["content"],
    "feishu": lambda body: body["content"]["text"],
}


def test_our_own_json_is_signed(team: Any) -> None:
    channels.update(team.channel.id, {"secret": "s3cret"}, "ann", team.now)
    team.rule("run_failed")
    team.run()
    team.look(5)
    [(path, headers, body)] = team.receiver.posts
    stamp = headers[bodies.TIMESTAMP]
    signed = hmac.new(b"s3cret", stamp.encode() + b"." + body, "sha256").hexdigest()
    assert (path, headers[bodies.SIGNATURE]) == ("/hook", f"sha256={signed}")
    assert abs(int(stamp) - team.now.timestamp()) < 2


@pytest.mark.parametrize("kind", CHAT)
def test_chat_programs_get_their_own_body(team: Any, kind: str) -> None:
    secret = "s3cret" if kind in channels.SIGNED else ""
    url = f"{team.receiver.url}/hook?key=1"
    channel = team.make_channel(name=kind, kind=kind, address=url, secret=secret)
    team.receiver.answer = b'{"errcode": 0, "code": 0}'
    team.rule("run_failed", channels=[channel.id])
    team.run(error="KeyError: <@everyone>")
    [body] = team.look(5)
    assert "shop.pay" in CHAT[kind](body)
    query = parse_qs(urlsplit(team.receiver.posts[0][0]).query)
    if kind == "dingtalk":
        text = f"{query['timestamp'][0]}\ns3cret".encode()
        assert query["sign"] == [
            base64.b64encode(hmac.new(b"s3cret", text, hashlib.sha256).digest()).decode()
        ]
    if kind == "feishu":
        key = f"{body['timestamp']}\ns3cret".encode()
        assert body["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    if kind == "slack":
        assert "&lt;@everyone&gt;" in body["text"]
    assert [one.state for one in team.messages()] == ["sent"]


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "feishu"])
def test_a_chat_program_that_says_no_is_heard(team: Any, kind: str) -> None:
    """They answer 200 to everything."""
    channel = team.make_channel(name=kind, kind=kind, address=f"{team.receiver.url}/hook?key=hidden")
    team.receiver.answer = b'{"errcode": 93000, "code": 93000, "errmsg": "invalid key", "msg": "invalid key"}'
    channels.test(channel.id, team.now)
    team.look()
    [message] = team.messages()
    assert (message.state, message.error) == ("failed", f"{channel.address}: 93000: invalid key")
    assert "hidden" not in message.error


def test_an_e_mail_arrives_in_the_channels_language(team: Any, mailbox: Any) -> None:
    to = "ann@shop.example, bob@shop.example"
    mail = team.make_channel(name="Mail", kind="email", address=to, language="zh_Hans_CN")
    team.rule("run_failed", name="Payments", channels=[mail.id])
    team.run()
    team.look(5)
    [(recipients, letter)] = mailbox.messages
    assert recipients == ["ann@shop.example", "bob@shop.example"]
    assert "告警" in letter["Subject"]
    assert "http://localhost/runs/" in letter.get_content()


def test_a_webhook_that_answers_500_for_an_hour(team: Any) -> None:
    """It is tried ever more seldom, and gets the message once when it works again."""
    team.rule("run_failed")
    team.run()
    team.receiver.status = 500
    tries = []
    team.look(20)
    for _ in range(180):  # an hour
        if team.look(20):
            tries.append(team.now)
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(tries)]
    assert len(tries) <= 7
    assert gaps == sorted(gaps)
    [message] = team.messages()
    assert (message.state, message.attempts) == ("waiting", len(tries) + 1)
    assert "answered 500" in (message.error or "")
    team.receiver.status = 200
    assert len(team.look(900)) == 1
    assert [(one.state, one.error) for one in team.messages()] == [("sent", None)]
    assert team.look(900) == []


@pytest.mark.parametrize("handed", [False, True])
def test_while_a_channel_is_away_one_message_alone_is_tried(team: Any, handed: bool, signed_in: Any) -> None:
    """Else each of many would hold a worker for as long as a server hangs."""
    team.rule("run_failed", window_seconds=30)
    team.receiver.status = 500
    for _failure in range(4):
        team.run()
        turns.take(team.now)
        team.now += timedelta(seconds=31)
    ids = [one.id for one in team.messages()]
    assert len(ids) == 4

    def try_all() -> list[int]:
        before = len(team.receiver.posts)
        for message_id in ids:
            delivery.deliver(message_id, team.now, handed)
        return [body["id"] for body in team.receiver.bodies[before:]]

    assert try_all() == ids[:1]
    assert {one.error for one in team.messages()} == {team.messages()[0].error}
    [away] = channels.listing()  # the list of channels tells who hears nothing
    assert (away.waiting, away.waiting_since, away.error) == (4, team.start, team.messages()[0].error)
    assert {one.attempts for one in team.messages()[1:]} == {0}
    assert "Messages of alerts do not arrive" in signed_in("viewer").get("/").text
    channels.test(team.channel.id, team.now)  # whether it is well again is wanted at once
    test = team.messages()[-1].id
    team.receiver.status = 200
    delivery.deliver(test, team.now, handed)
    assert try_all() == ids
    assert channels.listing()[0].waiting == 0
    assert "do not arrive" not in signed_in("viewer").get("/").text


def test_a_run_that_is_delivered_twice_tries_once(team: Any) -> None:
    """Each try would count, and the next would come ever later."""
    team.receiver.status = 500
    message = channels.test(team.channel.id, team.now).id
    for _delivery in range(3):
        delivery.deliver(message, team.now, handed=True)
    assert [one.attempts for one in team.messages()] == [1]
    seconds = delivery.seconds_until(team.messages()[0], team.now)
    assert seconds == delivery.BACK_OFF_SECONDS[0]
    delivery.deliver(message, team.now + timedelta(seconds=seconds - 1), handed=True)
    assert len(team.receiver.posts) == 2


def test_messages_of_a_channel_go_in_their_order(team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one may read that something is well again before the alert."""
    first = channels.test(team.channel.id, team.now).id
    second = channels.test(team.channel.id, team.now).id
    send, overtaken = sending.send, threading.Event()

    def slow(channel: Any, message: Any, now: Any) -> None:
        if message.id == first:
            assert not overtaken.wait(0.2)
        overtaken.set()
        send(channel, message, now)

    monkeypatch.setattr(sending, "send", slow)
    assert [body["id"] for body in team.look()] == [first, second]


def test_what_is_not_taken_for_twelve_hours_is_given_up(team: Any) -> None:
    team.receiver.status = 503
    channels.test(team.channel.id, team.now)
    for _ in range(60):
        team.look(900)
    [message] = team.messages()
    assert (message.state, "answered 503" in (message.error or "")) == ("failed", True)
    assert 45 < message.attempts < 60


def test_a_webhook_may_say_when_to_come_back(team: Any) -> None:
    team.receiver.status, team.receiver.headers = 429, {"Retry-After": "300"}
    channels.test(team.channel.id, team.now)
    assert len(team.look()) == 1
    assert team.look(290) == []
    assert len(team.look(20)) == 1


def test_a_refusal_is_told_at_once(team: Any) -> None:
    team.receiver.status = 404
    channels.test(team.channel.id, team.now)
    team.look()
    [message] = team.messages()
    assert (message.state, message.attempts) == ("failed", 1)
    assert message.error == f"{team.channel.address} answered 404 Not Found"


def test_no_message_goes_to_a_private_address(team: Any, configure: Any) -> None:
    configure(http_allow_private=False)
    channels.test(team.channel.id, team.now)
    team.look()
    [message] = team.messages()
    assert (message.state, team.receiver.posts) == ("failed", [])
    assert "not a public address" in (message.error or "")
    assert "hook" not in (message.error or "")


def test_a_mail_server_that_hangs_is_left_and_keeps_nobody_waiting(
    team: Any, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        mail = team.make_channel(name="Mail", kind="email", address="ann@shop.example")
        team.rule("run_failed", channels=[mail.id, team.channel.id])
        team.run()
        started = time.monotonic()
        assert len(team.look(5)) == 1  # the other channel has it
        assert time.monotonic() - started < 10
        by_mail = next(one for one in team.messages() if one.channel_id == mail.id)
        assert (by_mail.state, by_mail.attempts) == ("waiting", 1)
        assert "cannot be reached" in (by_mail.error or "")


def test_mail_without_a_server_says_which_setting(team: Any, configure: Any) -> None:
    mail = team.make_channel(name="Mail", kind="email", address="ann@shop.example")
    channels.test(mail.id, team.now)
    team.look()
    assert [one.error for one in team.messages()] == ["The setting SMTP_URL is empty."]


def test_a_message_is_sent_once_by_however_many(team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    message = channels.test(team.channel.id, team.now).id
    send, began, go_on = sending.send, threading.Event(), threading.Event()

    def slow(*args: Any) -> None:
        began.set()
        assert go_on.wait(10)
        send(*args)

    monkeypatch.setattr(sending, "send", slow)
    first = threading.Thread(target=delivery._deliver_in, args=(team.app, [message], team.now))
    first.start()
    assert began.wait(10)
    assert delivery.deliver(message, team.now) is None
    go_on.set()
    first.join()
    assert len(team.receiver.posts) == 1
    db.session.rollback()
    assert delivery.deliver(message, team.now) is None  # nor again when it was sent


def test_who_died_with_a_message_leaves_it_to_others(team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    channels.test(team.channel.id, team.now)

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(sending, "send", dies)
        with pytest.raises(KeyboardInterrupt):
            delivery.deliver(team.messages()[0].id, team.now)
    assert team.look(60) == []
    assert len(team.look(61)) == 1


def test_the_run_of_a_delivery_tells_what_it_did(team: Any) -> None:
    message = channels.test(team.channel.id, team.now).id
    assert tasks.deliver.apply(kwargs={"message_id": message}).get()["sent"] is True
    assert tasks.deliver.apply(kwargs={"message_id": message}).get()["sent"] is False
    team.receiver.status = 404
    message = channels.test(team.channel.id, team.now).id
    with pytest.raises(RuntimeError, match="answered 404"):
        tasks.deliver.apply(kwargs={"message_id": message}).get()


@pytest.mark.process
def test_a_worker_delivers_and_tries_again(team: Any, processes: Any, eventually: Any) -> None:
    """The recorder hands a message to a worker; the run retries while the other side fails."""
    processes.environment["CELERIAC_HTTP_ALLOW_PRIVATE"] = "1"
    processes.constants["app.alerts.delivery.BACK_OFF_SECONDS"] = (1,)
    processes.constants["app.alerts.watch.EVERY_SECONDS"] = 0.5
    team.receiver.status = 500
    from app.clock import utcnow

    channels.test(team.channel.id, utcnow())
    processes.worker()
    processes.recorder()
    run_id = eventually(lambda: team.messages()[0].run_id)
    eventually(lambda: len(team.receiver.posts) >= 2)
    team.receiver.status = 200
    eventually(lambda: team.messages()[0].state == "sent")
    run = eventually(lambda: (run := db.session.get(Run, run_id)) and run.state == "SUCCESS" and run)
    assert run.task_name == "alerts.deliver"
    assert run.attempt >= 1


@pytest.mark.process
def test_beat_tells_that_no_recorder_works(team: Any, processes: Any, eventually: Any) -> None:
    """It looks at the rules and delivers when nobody else has done so for a while."""
    from app.clock import utcnow

    processes.environment["CELERIAC_HTTP_ALLOW_PRIVATE"] = "1"
    processes.constants["app.alerts.watch.PATIENCE_SECONDS"] = 1.0
    processes.constants["app.alerts.watch.EVERY_SECONDS"] = 0.5
    team.now = utcnow()
    team.rule("recorder_silent", seconds=1)
    recorder = processes.recorder()
    processes.start("beat", "celery", "-A", "celery_worker", "beat", "-l", "INFO")
    processes.kill(recorder, signal.SIGKILL)
    eventually(lambda: team.receiver.posts)
    assert team.receiver.bodies[0]["firing"][0]["text"].startswith("No recorder has been heard of")
    processes.recorder()
    recovered = {"status": "recovered", "kind": "recorder_silent"}
    with transaction() as session:  # shorter than people may choose, for who waits for it here
        session.execute(update(AlertRule).values(window_seconds=1))
    eventually(lambda: team.receiver.bodies[-1].items() >= recovered.items(), 90)


@pytest.mark.process
def test_the_recorder_tells_that_redis_is_away(
    team: Any, processes: Any, own_redis: Any, eventually: Any
) -> None:
    from app.clock import utcnow

    processes.environment |= {"CELERIAC_HTTP_ALLOW_PRIVATE": "1", "CELERIAC_REDIS_URL": own_redis.url}
    processes.constants["app.alerts.watch.EVERY_SECONDS"] = 0.5
    team.now = utcnow()
    team.rule("redis_silent", seconds=1)
    processes.recorder()
    own_redis.kill()
    eventually(lambda: team.receiver.posts)
    assert team.receiver.bodies[0]["firing"][0]["text"].startswith("Redis has not answered for")
    assert team.messages()[0].run_id is None


@pytest.mark.process
def test_the_recorder_delivers_where_no_worker_is(team: Any, processes: Any, eventually: Any) -> None:
    from app.clock import utcnow

    processes.environment["CELERIAC_HTTP_ALLOW_PRIVATE"] = "1"
    channels.test(team.channel.id, utcnow() - timedelta(seconds=1))
    processes.recorder()
    eventually(lambda: team.messages()[0].state == "sent")
    assert team.messages()[0].run_id is None
    assert [one["status"] for one in team.receiver.bodies] == ["test"]
