"""Secrets are hidden in texts and values however they are spelt, and nothing else is."""

import base64
import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from celery import Celery
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from app import catalog, runs
from celeriac_agent import masking
from celeriac_agent.agent import Secrets
from celeriac_agent.scrubbing import MASK, ScrubbedFormatter, Scrubber, mask_urls

ODD = "p\u00e4ss \"w\\o'rd/\n&+<1>"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"


@pytest.mark.parametrize("secret", ["hunter22", ODD, KEY, "tab\there", "\u2028line", "abcd"])
@pytest.mark.parametrize(
    "spell",
    [
        str, repr, json.dumps, lambda s: json.dumps(s, ensure_ascii=False), quote_plus, quote,
        lambda s: quote(s, safe=""), lambda s: repr({"password": s}), lambda s: json.dumps(json.dumps(s)),
        lambda s: repr(s.encode()), lambda s: base64.b64encode(s.encode()).decode(),
        lambda s: f"https://u:{quote(s, safe='')}@h/",
    ],
)  # fmt: skip
def test_a_secret_is_hidden_in_every_spelling(secret: str, spell: Callable[[str], str]) -> None:
    spelt = spell(secret)
    shown = Scrubber([("password", secret)]).text(f"before {spelt} after")
    assert MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    for part in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret)):
        assert part not in shown


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", ["pass", "hunter2!", "ÿÿ>?~~", "a-rather-long-password-of-many-letters"])
@pytest.mark.parametrize("user", ["", "a", "an", "ann"])
def test_a_password_is_hidden_in_basic_authentication(
    user: str, secret: str, encode: Callable[[bytes], bytes]
) -> None:
    header = f"Authorization: Basic {encode(f'{user}:{secret}'.encode()).decode()}"
    shown = Scrubber([("password", secret)]).text(f"{header}\nnext line")
    assert re.fullmatch(rf"Authorization: Basic [\w+/-]{{0,5}}{MASK}={{0,2}}\nnext line", shown), shown
    more = encode(f"{user}:{secret} and more of it".encode()).decode()
    assert MASK in Scrubber([("password", secret)]).text(more)


def test_lines_of_a_secret_are_hidden_one_by_one() -> None:
    shown = Scrubber([("key", KEY)]).text("line MIIEvQIBADANBgkq\n  hkiG9w0BAQEFAASC\nok")
    assert shown == f"line {MASK}\n  {MASK}\nok"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at 12:12, 12 of 121 rows", "at 12:12, 12 of 121 rows"),
        ("pin=12", f"pin={MASK}"),
        ("PIN: '12'", f"PIN: '{MASK}'"),
        ('{"pin": 12, "n": 12}', f'{{"pin": {MASK}, "n": 12}}'),
        ('"{\\"pin\\": \\"12\\"}"', f'"{{\\"pin\\": \\"{MASK}\\"}}"'),
        ("pin=123, spin=12", "pin=123, spin=12"),
    ],
)
def test_a_short_secret_is_hidden_beside_its_name_only(text: str, shown: str) -> None:
    assert Scrubber([("pin", "12")]).text(text) == shown


def test_values_are_scrubbed_and_stay_json() -> None:
    value = {"n": 4711, "s": "it is 4711!", "4711": [True, None, {"pin": 12, "other": 12}], "f": 1.5}
    shown = json.loads(Scrubber([("code", "4711"), ("pin", "12")]).json(json.dumps(value)))
    assert shown == {
        "n": MASK, "s": f"it is {MASK}!", MASK: [True, None, {"pin": MASK, "other": 12}], "f": 1.5,
    }  # fmt: skip
    deep = "[" * 5000 + "]" * 5000
    assert json.loads(Scrubber([("code", "4711")]).json(deep))


@given(st.text(min_size=4), st.text())
def test_no_text_breaks_it_and_no_secret_is_left(secret: str, text: str) -> None:
    assert secret not in Scrubber([("x", secret)]).text(text + secret + text).replace(MASK, "\x00")


def test_text_without_secrets_costs_next_to_nothing() -> None:
    text = "x" * 100_000
    started = time.perf_counter()
    for _ in range(1000):
        mask_urls(text)
    assert time.perf_counter() - started < 1


def test_a_hostile_text_does_not_hold_up_a_worker() -> None:
    started = time.perf_counter()
    mask_urls("a" * 50_000 + "://" + "b:" * 50_000 + "@" * 10)
    mask_urls("ab://c:" * 20_000 + "@")
    assert time.perf_counter() - started < 2


def test_what_the_worker_logs_of_messages_is_left_out() -> None:
    made = ScrubbedFormatter(logging.Formatter())
    text = (
        "Received unregistered task\n\nThe full contents of the message body was:\n[{'password': 'hunter22'}]"
    )
    record = logging.LogRecord("celery.worker.consumer.consumer", 40, "", 0, text, None, None)
    assert made.format(record).endswith("The full contents of the message …")
    text = "TaskPool: Apply f (args:('hunter22',) kwargs:{})"
    applied = logging.LogRecord("celery.pool", 10, "", 0, text, None, None)
    assert made.format(applied) == "TaskPool: Apply f (args: …"


def test_secrets_of_arguments_come_with_their_names(app: Flask, celery_app: Celery) -> None:
    task = celery_app.tasks["sample_tasks.talk"]
    assert catalog.secrets_of(task, ["mei", "hunter22"], {}) == [("password", "hunter22")]
    given = {"name": "mei", "x": {"token": ["a1", 2]}, "u": "ftp://a:p%40ss@h"}
    assert set(catalog.secrets_of(task, [], given)) == {
        ("token", "a1"), ("token", "2"), ("u", "p%40ss"), ("u", "p@ss"),
    }  # fmt: skip
    assert catalog.secrets_of(task, ["mei"], {"password": "", "flag": True}) == []


def test_nothing_that_a_run_says_holds_its_secrets(
    app: Flask, processes: Any, eventually: Any, caller: Any
) -> None:
    """Log, progress, result, error, traceback, REST, export, audit, and the worker's own log."""
    processes.worker("-c", "1", "-l", "DEBUG")
    processes.recorder()
    url = "postgresql://mei:urlpa55@db/x"
    given = {"password": ODD, "private_key": KEY, "pin": 12, "url": url}
    admin = caller("admin")
    ids = []
    for how in ("return", "fail"):
        sent = admin.post("/runs", json={"task_name": "sample_tasks.betray", "kwargs": {"how": how, **given}})
        assert sent.status_code == 202, sent.text
        ids.append(sent.json["id"])
    states = [eventually(lambda one=one: runs.get(one).is_finished and runs.get(one).state) for one in ids]
    assert states == ["SUCCESS", "FAILURE"]
    said = [admin.get(f"/runs/{one}{part}").text for one in ids for part in ("", "/log")]
    said += [admin.get("/runs").text, admin.get("/audit").text]
    said += [path.read_text() for path in processes.logs.glob("worker-*.log")]
    own = "".join(path.read_text() for path in processes.logs.glob("worker-*.log"))
    assert "succeeded in" in own
    assert own.count(MASK) > 10
    result = admin.get(f"/runs/{ids[0]}").json["result"]
    assert result["rows"] == 12
    assert result["told"]["url"] == f"postgresql://mei:{MASK}@db/x"
    error = admin.get(f"/runs/{ids[1]}").json["error"]
    assert f"ValueError: cannot sign in as {{'password': '{MASK}'" in error
    assert f"printed {MASK}" in [line["text"] for line in admin.get(f"/runs/{ids[0]}/log").json["lines"]]
    pins = ("'pin': 12", '"pin": 12', '"pin":12')
    for secret in (ODD, "MIIEvQIBADANBgkq", "hkiG9w0BAQEFAASC", "urlpa55", *pins):
        for spelt in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]):
            assert [text for text in said if spelt in text] == [], spelt


NAMES = st.sampled_from(["city", "api_key", "page", "database_url", "pin"])
VALUES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["x", "https://a@b", "redis://:pw@h/0", "a@b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
LOOKED = Celery("looked", set_as_current=False)


@LOOKED.task(name="looked.at", shared=False)
def looked_at(city: Any, api_key: Any, *pins: Any) -> None: ...


@example(["redis://:pw@h/0"], {})
@example([[{"pin": "x"}]], {})
@example(["x", "x"], {})
@example([], {"page": "x"})
@example([], {"city": ["redis://:pw@h/0"]})
@given(st.lists(VALUES, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_is_not_looked_through_holds_no_secret(args: list[Any], kwargs: dict[str, Any]) -> None:
    """An app with the agent asks first whether anything may be one: most runs hold none."""
    secrets = Secrets(LOOKED, frozenset({"page"}))
    places = ["city", "api_key", *["pins"] * len(args)][: len(args)]
    hidden = masking.hide(places, args, kwargs, lambda name: (name == "page", frozenset()))
    assert secrets.hidden("looked.at", args, kwargs) == hidden
