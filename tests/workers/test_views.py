"""The Workers pages: cards from heartbeats, controls that fit the pool, and their refusals."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import broker
from app.clock import utcnow

W = "/workers/w1@host"
RUNNING = [{"id": "run-1", "task": "sample_tasks.sleep", "started_at": 1_700_000_000.0}]


@pytest.fixture
def admin(signed_in: Callable[..., FlaskClient]) -> FlaskClient:
    return signed_in("admin", "root")


def test_no_worker_yet(admin: FlaskClient) -> None:
    assert "No worker has been seen yet" in admin.get("/workers").text


def test_cards_show_who_is_alive_and_what_each_does(admin: FlaskClient, heard: Any) -> None:
    heard(running=RUNNING, slots=4, queues=["default", "mail"])
    heard("w2@host", silent_seconds=60)
    broker.pause_worker("w1@host", "mei", "new disk", utcnow())
    text = admin.get("/workers").text
    assert "1 of 4" in text
    assert 'href="/runs/run-1"' in text
    assert "Paused by mei: new disk" in text
    assert "Silent" in text
    assert "1/2" in text  # the sidebar
    fragment = admin.get("/workers/-/cards").text
    assert "<html" not in fragment
    version = re.search(r"version=(\w+)", fragment)
    assert version
    assert admin.get(f"/workers/-/cards?version={version[1]}").status_code == 204
    heard(running=[])
    assert admin.get(f"/workers/-/cards?version={version[1]}").status_code == 200


@pytest.mark.parametrize(
    ("pool", "offered"), [("prefork", True), ("gevent", True), ("threads", False), ("solo", False)]
)
def test_a_pool_that_cannot_grow_offers_it_not(
    admin: FlaskClient, heard: Any, pool: str, offered: bool
) -> None:
    heard(pool=pool)
    text = admin.get(W).text
    assert (f'action="{W}/pool"' in text) is offered
    assert ("cannot grow or shrink" in text) is not offered
    assert f'action="{W}/queues"' in text


def test_one_worker(admin: FlaskClient, heard: Any) -> None:
    heard(running=RUNNING, memory_bytes=120_000_000, autoscale=[1, 8])
    text = admin.get(W).text
    for words in ("120 MB", "5.7.0", "1 to 8 slots", "at most 8 slots", 'href="/queues/default"'):
        assert words in text
    assert "<html" not in admin.get(f"{W}/live").text
    assert admin.get("/workers/nobody").status_code == 404
    assert admin.get("/workers/nobody/live").status_code == 404


def test_the_question_before_a_shutdown_names_what_it_will_finish(admin: FlaskClient, heard: Any) -> None:
    heard(running=RUNNING)
    assert "It finishes this run first:" in admin.get(f"{W}/shutdown").text
    assert "sample_tasks.sleep" in admin.get(f"{W}/shutdown").text


def test_the_page_changes_a_real_worker(
    admin: FlaskClient, post: Any, processes: Any, eventually: Any
) -> None:
    processes.worker("-c", "1")
    base = "/workers/w1@test"
    post(admin, f"{base}/pause", {"note": "new disk"})
    assert "It takes nothing, also after a restart" in admin.get(base).text
    post(admin, f"{base}/resume")
    post(admin, f"{base}/pool", {"size": "2"})
    assert "now has 2 slots" in admin.get(base).text
    post(admin, f"{base}/queues", {"drop": "mail"})
    page = admin.get(base).text
    assert "no longer takes runs of mail" in page
    assert "It listens to: default, examples, files" in page
    undo = page[page.index("no longer takes") :]
    assert f'action="{base}/queues"' in undo
    assert 'name="add" value="mail"' in undo
    post(admin, f"{base}/queues", {"add": "billing"})
    assert 'href="/queues/billing"' in admin.get(base).text
    post(admin, f"{base}/shutdown")
    assert "is leaving" in admin.get(base).text
    eventually(lambda: "Clear" in admin.get("/workers").text, 20)
    post(admin, f"{base}/clear")
    assert "No worker has been seen yet" in admin.get("/workers").text


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("pool", {"size": "0"}, 422),
        ("pool", {"size": "x"}, 422),
        ("pool", {"size": "99999"}, 422),
        ("queues", {}, 422),
        ("queues", {"add": "no good"}, 422),
        ("queues", {"drop": "mail"}, 422),
        ("clear", {}, 409),
    ],
)
def test_forms_that_are_refused(
    admin: FlaskClient, post: Any, heard: Any, path: str, fields: dict[str, str], status: int
) -> None:
    heard()
    assert post(admin, f"{W}/{path}", fields).status_code == status


@pytest.mark.parametrize("path", ["pause", "resume", "shutdown", "pool", "queues", "clear"])
def test_only_admins_change_workers(signed_in: Any, post: Any, heard: Any, path: str) -> None:
    heard()
    operator = signed_in("operator")
    assert post(operator, f"{W}/{path}").status_code == 403
    assert f'action="{W}' not in operator.get(W).text


def test_the_limits_of_a_task(admin: FlaskClient, post: Any, heard: Any) -> None:
    address = "/workers/-/limits/sample_tasks.too_long"
    assert f'href="{address}"' in admin.get("/tasks/sample_tasks.too_long").text
    assert 'name="time_limit" value="1"' in admin.get(address).text
    post(admin, address, {"rate_limit": "10/m", "time_limit": "90.5", "soft_time_limit": ""})
    text = admin.get(address).text
    assert 'name="rate_limit" value="10/m"' in text
    assert 'name="time_limit" value="90.5"' in text
    post(admin, address, {"rate_limit": "", "time_limit": "", "soft_time_limit": ""})
    assert 'name="time_limit" value=""' in admin.get(address).text


@pytest.mark.parametrize(
    "fields", [{"rate_limit": "often"}, {"time_limit": "soon"}, {"time_limit": "-1"}, {"time_limit": "nan"},
               {"time_limit": "5", "soft_time_limit": "6"}]
)  # fmt: skip
def test_wrong_limits_stay_in_the_form(admin: FlaskClient, post: Any, fields: dict[str, str]) -> None:
    answer = post(admin, "/workers/-/limits/sample_tasks.sleep", fields)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert all(f'value="{value}"' in answer.text for value in fields.values())


def test_limits_are_for_admins_and_known_tasks(admin: FlaskClient, signed_in: Any, post: Any) -> None:
    assert admin.get("/workers/-/limits/no.such").status_code == 404
    assert post(signed_in("operator"), "/workers/-/limits/sample_tasks.sleep").status_code == 403
