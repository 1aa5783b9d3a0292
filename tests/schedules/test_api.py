"""`/api/v1/schedules`: as the contract says, strict about what it takes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from app import catalog, schedules
from app.clock import utcnow

BODY = {"name": "Nightly", "task_name": "sample_tasks.plain", "args": [1], "task_type": "interval"}
BODY["interval_seconds"] = 60
FIELDS = {
    *("name", "task_name", "task_type", "run_at", "interval_seconds", "cron_schedule", "timezone", "args"),
    *("kwargs", "enabled", "queue", "priority", "starts_at", "ends_at", "max_runs", "overlap", "on_missed"),
    *("grace_seconds", "jitter_seconds", "message_ttl_seconds", "note"),
    *("id", "next_run_at", "last_run_at", "run_count", "last_error", "version"),
}


@pytest.fixture
def api(caller: Callable[[str], Any]) -> Any:
    return caller("operator")


def made(api: Any, **fields: Any) -> dict[str, Any]:
    answer = api.post("/schedules", json=BODY | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_create_and_read(api: Any) -> None:
    before = utcnow()
    answer = api.post("/schedules", json=BODY)
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    row = answer.json
    assert set(row) >= FIELDS
    assert answer.headers["Location"].endswith(f"/api/v1/schedules/{row['id']}")
    assert (row["timezone"], row["enabled"], row["overlap"], row["on_missed"]) == (
        "UTC",
        True,
        "skip",
        "skip",
    )
    due_at = datetime.fromisoformat(row["next_run_at"])
    assert before + timedelta(seconds=60) <= due_at <= utcnow() + timedelta(seconds=60)
    again = api.get(f"/schedules/{row['id']}")
    assert (again.json, again.headers["ETag"]) == (row, '"1"')


def test_secrets_are_masked(api: Any) -> None:
    row = made(api, task_name="sample_tasks.fail", args=[], kwargs={"password": "hunter2"})
    assert row["kwargs"] == {"password": catalog.MASK}
    body = {name: row[name] for name in (*BODY, "kwargs")} | {"note": "x"}
    answer = api("PUT", f"/schedules/{row['id']}", json=body)
    assert (answer.status_code, answer.json["version"]) == (200, 2)
    assert schedules.get(row["id"]).kwargs == {"password": "hunter2"}
    assert "hunter2" not in api.get(f"/schedules/{row['id']}/changes").text


def test_patch_changes_what_it_names_and_put_everything(api: Any) -> None:
    row = made(api, note="kept", priority=7)
    patched = api("PATCH", f"/schedules/{row['id']}", json={"queue": "mail"}).json
    assert (patched["queue"], patched["note"], patched["priority"]) == ("mail", "kept", 7)
    assert patched["next_run_at"] == row["next_run_at"]
    put = api("PUT", f"/schedules/{row['id']}", json=BODY).json
    assert (put["queue"], put["note"], put["priority"], put["version"]) == (None, "", None, 3)
    assert put["next_run_at"] == row["next_run_at"]
    nulled = api("PATCH", f"/schedules/{row['id']}", json={"queue": None, "note": None})
    assert nulled.status_code == 422
    assert list(nulled.json["errors"]) == ["note"]
    assert api("PATCH", f"/schedules/{row['id']}", json={}).json["version"] == 3


@pytest.mark.parametrize("takes", ["gzip", "br", "zstd", ""])
def test_the_etag_of_an_answer_is_taken_as_if_match(api: Any, takes: str) -> None:
    path = f"/schedules/{made(api, note='n' * 900)['id']}"
    etag = api("GET", path, headers={"Accept-Encoding": takes}).headers["ETag"]
    assert etag == (f'"1:{takes}"' if takes else '"1"')
    change = {"json": {"note": "changed"}, "headers": {"If-Match": etag}}
    assert [api("PATCH", path, **change).status_code for _ in range(2)] == [200, 412]


def test_if_match(api: Any) -> None:
    path = f"/schedules/{made(api)['id']}"
    stale = {"If-Match": '"7"'}
    assert api("PATCH", path, json={"note": "x"}, headers=stale).status_code == 412
    assert api("PUT", path, json=BODY, headers=stale).status_code == 412
    assert api("DELETE", path, headers=stale).status_code == 412
    assert api.post(f"{path}/disable", headers={"If-Match": "nonsense"}).status_code == 412
    for given in ('"1"', 'W/"2"', "3", "*"):
        answer = api("PATCH", path, json={"note": f"n {given}"}, headers={"If-Match": given})
        assert answer.status_code == 200, given
    answer = api("PATCH", path, json={"note": "stale"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 412
    assert answer.json["code"] == "stale"
    assert api("DELETE", path, headers={"If-Match": '"5"'}).status_code == 204
    assert api.get(path).status_code == 404


def test_a_taken_name(api: Any) -> None:
    made(api)
    answer = api.post("/schedules", json=BODY)
    assert (answer.status_code, answer.json["code"]) == (409, "name-taken")


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"colour": "red"}, "colour"),
        ({"id": 5}, "id"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"task_type": "hourly"}, "task_type"),
        ({"interval_seconds": "60"}, "interval_seconds"),
        ({"interval_seconds": 60.5}, "interval_seconds"),
        ({"interval_seconds": True}, "interval_seconds"),
        ({"interval_seconds": 10**30}, "interval_seconds"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"enabled": "yes"}, "enabled"),
        ({"starts_at": "2026-11-20"}, "starts_at"),
        ({"starts_at": "2026-11-20T10:00:00"}, "starts_at"),
        ({"starts_at": "2026-02-30T10:00:00Z"}, "starts_at"),
        ({"args": {}}, "args"),
        ({"kwargs": []}, "kwargs"),
        ({"overlap": "maybe"}, "overlap"),
        ({"on_missed": "never"}, "on_missed"),
        ({"grace_seconds": -1}, "grace_seconds"),
        ({"max_runs": 0}, "max_runs"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
        ({"message_ttl_seconds": 0}, "message_ttl_seconds"),
        ({"priority": 10}, "priority"),
        ({"task_name": "no.such"}, "task_name"),
    ],
)
def test_bad_values_are_refused_by_name(api: Any, fields: dict[str, Any], at: str) -> None:
    answer = api.post("/schedules", json=BODY | fields)
    assert answer.status_code == 422, answer.text
    assert list(answer.json["errors"]) == [at]
    row = made(api)
    answer = api("PATCH", f"/schedules/{row['id']}", json=fields)
    assert answer.status_code == 422
    assert at in answer.json["errors"]


@pytest.mark.parametrize("missing", ["name", "task_name", "task_type"])
def test_what_is_required(api: Any, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    answer = api.post("/schedules", json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [missing])


def test_lists(api: Any) -> None:
    names = [f"s{number}" for number in range(7)]
    for name in names:
        made(api, name=name, queue="mail" if name > "s4" else None, enabled=name != "s0")
    first = api.get("/schedules?limit=3").json
    second = api.get(f"/schedules?limit=10&cursor={first['next_cursor']}").json
    assert [row["name"] for row in [*first["items"], *second["items"]]] == names
    assert second["next_cursor"] is None
    assert [row["name"] for row in api.get("/schedules?queue=mail").json["items"]] == ["s5", "s6"]
    assert [row["name"] for row in api.get("/schedules?enabled=false").json["items"]] == ["s0"]
    assert len(api.get("/schedules?q=S3").json["items"]) == 1
    assert api.get("/schedules?q=%25").json["items"] == []
    assert len(api.get("/schedules?q=%0D").json["items"]) == 7
    for bad in ("limit=0", "limit=201", "cursor=x", "cursor=W251bGwsIDFd4", "colour=red", "enabled=maybe"):
        assert api.get(f"/schedules?{bad}").status_code == 422, bad


@pytest.mark.parametrize(
    "cursor", ["bnVsbA", "WyJcdTAwMDAiLCAxXQ", "WzEsIDJd", "WyJhIiwgOTk5OTk5OTk5OTk5OTldCg", "%F0"]
)
def test_made_up_cursors(api: Any, cursor: str) -> None:
    assert api.get(f"/schedules?cursor={cursor}").status_code in (200, 400, 422)


@pytest.mark.parametrize("number", ["0", "999999999", "99999999999999999999", "abc", "-1"])
def test_ids_that_are_none(api: Any, number: str) -> None:
    assert api.get(f"/schedules/{number}").status_code == 404
    assert api("DELETE", f"/schedules/{number}").status_code == 404
    assert api.post(f"/schedules/{number}/run").status_code == 404


def test_run_enable_disable(api: Any) -> None:
    row = made(api)
    path = f"/schedules/{row['id']}"
    run = api.post(f"{path}/run")
    assert run.status_code == 202
    assert (run.json["schedule_id"], run.json["state"], run.json["due_at"]) == (row["id"], "PENDING", None)
    assert run.headers["Location"].endswith(f"/runs/{run.json['id']}")
    assert api.get(path).json == row
    refused = api.post(f"{path}/run")
    assert (refused.status_code, refused.json["code"]) == (409, "overlap")
    assert api.post(f"{path}/run", json={"overlap": "allow", "note": "again"}).status_code == 202
    assert api.post(f"{path}/run", json={"overlap": "maybe"}).status_code == 422
    off = api.post(f"{path}/disable", json={"note": "holidays"})
    assert (off.json["enabled"], off.json["next_run_at"], off.json["disabled_note"]) == (
        False,
        None,
        "holidays",
    )
    assert api.post(f"{path}/disable").json["version"] == off.json["version"]
    on = api.post(f"{path}/enable").json
    assert (on["enabled"], on["disabled_note"]) == (True, None)
    assert on["next_run_at"] is not None
    history = api.get(f"/runs?schedule_id={row['id']}").json["items"]
    assert len(history) == 2


def test_skip_restore_duplicate_undelete_bulk(api: Any) -> None:
    row = made(api)
    path = f"/schedules/{row['id']}"
    assert api.post(f"{path}/skip").json["skips"] == [row["next_due_at"]]
    assert api.post(f"{path}/restore", json={"due_at": row["next_due_at"]}).json["skips"] == []
    assert api.post(f"{path}/restore", json={"due_at": row["next_due_at"]}).status_code == 422
    copy = api.post(f"{path}/duplicate")
    assert (copy.status_code, copy.json["name"], copy.json["enabled"]) == (201, "Nightly copy", False)
    assert api.post(f"{path}/reset").status_code == 409
    ids = [row["id"], copy.json["id"], 10**6]
    done = api.post("/schedules/bulk", json={"action": "delete", "ids": ids}).json["outcomes"]
    assert [one["done"] for one in done] == [True, True, False]
    assert api.post(f"{path}/undelete").json["name"] == "Nightly"
    assert api.post(f"{path}/undelete").status_code == 409
    assert api.post("/schedules/bulk", json={"action": "delete", "ids": []}).status_code == 422
    assert api.get("/schedules/999/changes").status_code == 404
    actions = [one["action"] for one in api.get(f"{path}/changes").json["items"]]
    assert actions == ["undelete", "delete", "restore", "skip", "create"]


def test_preview(api: Any) -> None:
    body = {"task_type": "cron", "cron_schedule": "30 1 * * *", "timezone": "Europe/London", "count": 3}
    answer = api.post("/schedules/preview", json=body | {"from": "2026-10-24T12:00:00Z"})
    assert answer.status_code == 200, answer.text
    assert answer.json["fires"] == ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"]
    assert answer.json["words"]
    assert any("2026" in text or "25 October" in text for text in answer.json["warnings"])
    assert [one["zone_name"] for one in answer.json["details"]] == ["BST", "GMT", "GMT"]
    fire = api.post(
        "/schedules/preview",
        json=body
        | {
            "task_name": "sample_tasks.weekday",
            "kwargs": {"day": {"$due": "-P1D"}},
            "from": "2026-11-01T00:00:00Z",
        },
    ).json["details"][0]
    assert fire["kwargs"] == {"day": "2026-10-31"}
    interval = {"task_type": "interval", "interval_seconds": 3600}
    assert len(api.post("/schedules/preview", json=interval).json["fires"]) == 10
    for bad, at in (
        ({"cron_schedule": "31 2"}, "cron_schedule"),
        ({"cron_schedule": "0 0 31 2 *"}, "cron_schedule"),
        ({"timezone": "Mars"}, "timezone"),
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"from": "now"}, "from"),
        ({"kwargs": {"day": {"$due": "x"}}}, "day"),
    ):
        refused = api.post("/schedules/preview", json=body | bad)
        assert (refused.status_code, list(refused.json["errors"])) == (422, [at])


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_preview_from_the_ends_of_the_calendar(api: Any, zone: str, start: str) -> None:
    for kind in ({"interval_seconds": 448}, {"cron_schedule": "30 1 * * *"}):
        body = {
            "task_type": "cron" if "cron_schedule" in kind else "interval",
            "timezone": zone,
            "from": start,
        }
        answer = api.post("/schedules/preview", json=body | kind)
        assert answer.status_code == 200, answer.text
        assert len(answer.json["fires"]) == (10 if start < "1" else 0)


def test_roles(caller: Callable[[str], Any]) -> None:
    row = made(caller("operator"))
    viewer = caller("viewer")
    path = f"/schedules/{row['id']}"
    for method, address in (
        ("POST", "/schedules"),
        ("PUT", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/run"),
        ("POST", f"{path}/enable"),
        ("POST", f"{path}/disable"),
        ("POST", "/schedules/bulk"),
    ):
        assert viewer(method, address, json=BODY).status_code == 403, address
    for address in ("/schedules", path, f"{path}/changes"):
        assert viewer.get(address).status_code == 200
    preview = {"task_type": "interval", "interval_seconds": 60}
    assert viewer.post("/schedules/preview", json=preview).status_code == 200
