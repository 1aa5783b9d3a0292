"""A stored secret stays with its task and arguments; who did not enter it cannot take it elsewhere."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import audit, schedules
from app.audit.origin import CLI
from app.catalog import MASK
from app.clock import utcnow
from app.errors import Invalid
from app.extensions import db
from app.schedules import exchange

FETCH = "web.http_request"
SECRET = "Bearer hunter22"
GIVEN = {"url": "https://api.example/", "headers": {"Authorization": SECRET, "Accept": "text/plain"}}
MASKED = {"Authorization": MASK, "Accept": "text/plain"}
THEIRS = "https://evil.example/"
ELSEWHERE = {"kwargs": {"url": THEIRS, "headers": MASKED}}
TIMING = {"task_type": "interval", "interval_seconds": 60}
AGAIN = "Enter this secret again"


@pytest.fixture
def callers(caller: Callable[[str], Any]) -> tuple[Any, Any]:
    """Who entered the secret, an admin, and an operator who did not."""
    return caller("admin"), caller("operator")


@pytest.fixture
def stored(callers: Any) -> int:
    return int(callers[0].post("/schedules", json=whole(**GIVEN)).json["id"])


def kwargs_of(schedule_id: int) -> dict[str, Any]:
    db.session.rollback()
    return dict(schedules.get(schedule_id).kwargs)


def whole(**kwargs: Any) -> dict[str, Any]:
    return {"name": "fetch", "task_name": FETCH, "kwargs": kwargs, **TIMING}


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", ELSEWHERE),
        ("PATCH", {"kwargs": {**GIVEN, "headers": {**MASKED, "Host": "x"}}}),
        ("PATCH", {"task_name": "sample_tasks.plain"}),
        ("PATCH", {"task_name": "web.crawl_page"}),
        ("PATCH", {"args": [THEIRS]}),
        ("PUT", whole(url=THEIRS, headers=MASKED)),
        ("PUT", whole(url="https://api.example/", headers=MASKED, method="POST")),
    ],
)
def test_another_person_is_asked_again(method: str, body: Any, callers: Any, stored: int) -> None:
    before = kwargs_of(stored)
    answer = callers[1](method, f"/schedules/{stored}", json=body)
    assert answer.status_code == 422, answer.text
    assert AGAIN in " ".join(answer.json["errors"]["headers"])
    assert kwargs_of(stored) == before
    assert "hunter22" not in answer.text


def test_a_copy_is_no_way_around(callers: Any, stored: int) -> None:
    admin, operator = callers
    copy = operator.post(f"/schedules/{stored}/duplicate").json["id"]
    assert kwargs_of(copy) == GIVEN
    path = f"/schedules/{copy}"
    assert operator("PATCH", path, json=ELSEWHERE).status_code == 422
    assert operator("PATCH", path, json={"kwargs": {**GIVEN, "headers": MASKED}}).status_code == 200
    assert operator("PATCH", path, json={"name": "mine", "enabled": True}).status_code == 200
    assert operator("PATCH", path, json=ELSEWHERE).status_code == 422
    assert admin("PATCH", path, json=ELSEWHERE).status_code == 200
    assert kwargs_of(copy)["headers"]["Authorization"] == SECRET


def test_what_is_brought_back_keeps_who_entered_it(callers: Any, stored: int) -> None:
    admin, operator = callers
    operator.delete(f"/schedules/{stored}")
    assert operator.post(f"/schedules/{stored}/undelete").status_code == 200
    assert operator("PATCH", f"/schedules/{stored}", json=ELSEWHERE).status_code == 422
    assert admin("PATCH", f"/schedules/{stored}", json=ELSEWHERE).status_code == 200


def test_who_enters_it_again_has_entered_it(callers: Any, stored: int) -> None:
    admin, operator = callers
    own = {"url": THEIRS, "headers": {"Authorization": "Bearer mine"}}
    assert operator("PATCH", f"/schedules/{stored}", json={"kwargs": own}).status_code == 200
    masked = {"url": "https://other.example/", "headers": {"Authorization": MASK}}
    assert admin("PATCH", f"/schedules/{stored}", json={"kwargs": masked}).status_code == 422
    assert operator("PATCH", f"/schedules/{stored}", json={"kwargs": masked}).status_code == 200
    assert kwargs_of(stored) == {"url": "https://other.example/", "headers": own["headers"]}


def test_what_nobody_is_known_to_have_entered_is_nobodys(callers: Any, stored: int) -> None:
    db.session.execute(text("UPDATE schedules SET secrets_by = NULL"))
    db.session.commit()
    path = f"/schedules/{stored}"
    assert [one("PATCH", path, json=ELSEWHERE).status_code for one in callers] == [422, 422]
    assert callers[1]("PATCH", path, json={"interval_seconds": 90}).status_code == 200


def test_a_secret_by_place(callers: Any) -> None:
    admin, operator = callers
    body = {"name": "talk", "task_name": "sample_tasks.talk", "args": ["mei", "hunter22"], **TIMING}
    schedule_id = admin.post("/schedules", json=body).json["id"]
    path = f"/schedules/{schedule_id}"
    answer = operator("PATCH", path, json={"args": ["eve", MASK]})
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["password"])
    assert operator("PATCH", path, json={"kwargs": {"name": "eve"}}).status_code == 422
    by_name = {"args": [], "kwargs": {"name": "eve", "password": MASK}}
    assert operator("PATCH", path, json=by_name).status_code == 422
    assert operator("PATCH", path, json={"args": ["mei", MASK], "note": "same"}).status_code == 200
    assert schedules.get(schedule_id).args == ["mei", "hunter22"]
    assert admin("PATCH", path, json=by_name).status_code == 200
    assert kwargs_of(schedule_id) == {"name": "eve", "password": "hunter22"}


def test_the_password_of_a_url(callers: Any) -> None:
    admin, operator = callers
    url, shown = "ftp://mei:hunter22@ftp.example/a", f"ftp://mei:{MASK}@ftp.example/a"
    made = admin.post(
        "/schedules", json={"name": "u", "task_name": "sample_tasks.plain", "args": [url, 1], **TIMING}
    )
    assert made.json["args"] == [shown, 1]
    path = f"/schedules/{made.json['id']}"
    assert operator("PATCH", path, json={"args": [shown, 2]}).status_code == 422
    moved = shown.replace("ftp.example", "evil")
    assert [one("PATCH", path, json={"args": [moved, 1]}).status_code for one in callers] == [422, 422]
    assert admin("PATCH", path, json={"args": [shown, 2]}).status_code == 200
    db.session.rollback()
    assert schedules.get(made.json["id"]).args == [url, 2]


def test_the_form_asks_at_the_field(app: Flask, signed_in: Any, post: Any) -> None:
    timing: Any = {"task_type": "cron", "cron_schedule": "0 4 * * *", "task_name": "sample_tasks.talk"}
    given = {"name": "mei", "password": "hunter22"}
    definition = schedules.Definition(name="t", kwargs=given, **timing)
    schedule_id = schedules.create(definition, "boss", utcnow()).id
    form = {"name": "t", "timezone": "UTC", "overlap": "skip", "priority": "5", "p-password": "", **timing}

    def save(browser: Any, **fields: str) -> Any:
        db.session.rollback()
        version = str(schedules.get(schedule_id).version)
        return post(browser, f"/schedules/{schedule_id}/edit", form | {"version": version} | fields)

    eve, boss = signed_in("operator", "eve"), signed_in("operator", "boss")
    assert save(eve, **{"p-name": "mei", "note": "by eve"}).status_code == 303
    assert kwargs_of(schedule_id) == given
    refused = save(eve, **{"p-name": "eve"})
    assert refused.status_code == 422
    assert AGAIN in refused.text
    assert "hunter22" not in refused.text
    assert save(boss, **{"p-name": "boss"}).status_code == 303
    assert kwargs_of(schedule_id) == {"name": "boss", "password": "hunter22"}
    assert save(eve, **{"p-name": "eve", "p-password": "another"}).status_code == 303
    assert kwargs_of(schedule_id) == {"name": "eve", "password": "another"}


def test_import_over_it_asks_again(app: Flask) -> None:
    now = utcnow()
    schedule_id = schedules.create(schedules.Definition(**whole(**GIVEN)), "boss", now).id
    wanted = whole(url=THEIRS, headers=MASKED)
    for by, origin in (("eve", audit.Origin("eve", "api")), ("boss", audit.Origin("boss", CLI))):
        with audit.acting(origin), pytest.raises(Invalid, match=AGAIN) as raised:
            exchange.apply([wanted], by, now)
        assert list(raised.value.errors) == ["fetch: headers"]
    with pytest.raises(Invalid, match=AGAIN):
        exchange.plan([wanted], now)
    exchange.apply([whole(url=GIVEN["url"], headers=MASKED) | {"interval_seconds": 90}], "eve", now)
    assert kwargs_of(schedule_id) == GIVEN
    exchange.apply([wanted], "boss", now)
    assert kwargs_of(schedule_id)["url"] == THEIRS


def test_a_run_keeps_no_secret_for_another(callers: Any) -> None:
    admin, operator = callers
    run = admin.post("/runs", json={"task_name": FETCH, "kwargs": GIVEN}).json
    assert run["kwargs"]["headers"] == MASKED
    answer = operator.post(f"/runs/{run['id']}/rerun", json={"kwargs": {"url": THEIRS}})
    assert (answer.status_code, answer.json["code"]) == (409, "arguments-unknown")
    assert "headers" in answer.json["detail"]
    answer = operator.post("/runs", json={"task_name": FETCH, **ELSEWHERE})
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["headers"])


def test_no_page_nor_export_shows_it(app: Flask, callers: Any, stored: int, signed_in: Any) -> None:
    browser = signed_in("admin")
    for path in (f"/schedules/{stored}", f"/schedules/{stored}/edit", "/audit"):
        shown = browser.get(path)
        assert shown.status_code == 200
        assert "hunter22" not in shown.text
    assert "hunter22" not in json.dumps(callers[0].get("/audit").json)
    found = app.test_cli_runner().invoke(args=["schedules", "export", "-"])
    assert MASK in found.output
    assert "hunter22" not in found.output
