"""Rules, channels and messages over REST: who may do what, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.alerts import channels, rules
from app.clock import utcnow
from celeriac_agent.secrets import MASK

HOOK = "https://hooks.chat.example/services/T0/B0/hidden"
CHANNEL = {"name": "Chat", "kind": "slack", "address": HOOK}


@pytest.fixture
def admin(caller: Callable[[str], Any]) -> Any:
    return caller("admin")


def test_what_a_channel_leaves_open_is_null_in_the_document_too(admin: Any) -> None:
    made = admin.post("/alerts/channels", json=CHANNEL).get_json()
    left_open = [name for name, value in made.items() if value is None]
    described = admin.get("/openapi.json").get_json()["components"]["schemas"]["StoredAlertChannel"][
        "properties"
    ]
    assert left_open == ["waiting_since", "error"]
    assert all("null" in described[name]["type"] for name in left_open)


@pytest.mark.database
@pytest.mark.parametrize(
    ("noun", "address", "body"),
    [
        (rules, "/alerts", {"kind": "run_failed"}),
        (channels, "/alerts/channels", {"kind": "slack", "address": HOOK}),
    ],
    ids=["rule", "channel"],
)
def test_a_name_that_somebody_takes_in_this_moment_is_taken(
    admin: Any, monkeypatch: pytest.MonkeyPatch, noun: Any, address: str, body: dict[str, Any]
) -> None:
    looked = noun._checked

    def overtaken(values: Any, row: Any) -> Any:
        checked = looked(values, row)
        monkeypatch.setattr(noun, "_checked", looked)
        noun.create(values, "ann", utcnow())
        return checked

    monkeypatch.setattr(noun, "_checked", overtaken)
    refused = admin.post(address, json={"name": "One"} | body)
    assert (refused.status_code, list(refused.get_json()["errors"])) == (422, ["name"])
    assert [one["name"] for one in admin.get(address).get_json()["items"]] == ["One"]


def test_a_rule_is_made_changed_and_deleted(admin: Any) -> None:
    channel = admin.post("/alerts/channels", json=CHANNEL).get_json()["id"]
    made = admin.post("/alerts", json={"name": "Deep", "kind": "queue_depth", "channels": [channel]})
    assert made.status_code == 201
    rule = made.get_json()
    assert (rule["state"], rule["firing"], rule["number"], rule["window_seconds"]) == ("fine", [], None, 300)
    assert admin.get(made.headers["Location"].removeprefix("/api/v1")).get_json() == rule
    path = f"/alerts/{rule['id']}"
    changed = admin("PATCH", path, json={"number": 5, "queue": "files"}).get_json()
    assert (changed["number"], changed["queue"], changed["name"]) == (5, "files", "Deep")
    assert [one["name"] for one in admin.get("/alerts").get_json()["items"]] == ["Deep"]
    changed = admin("PATCH", path, json={"kind": "worker_died"}).get_json()
    assert (changed["number"], changed["queue"]) == (None, None)  # they mean nothing for it
    assert admin.delete(f"/alerts/channels/{channel}").status_code == 409  # the rule sends there
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert admin.delete(f"/alerts/channels/{channel}").status_code == 204
    actions = [one["action"] for one in admin.get("/audit?action=alert").get_json()["items"]]
    assert actions == [
        *("alert.delete-channel", "alert.delete", "alert.change", "alert.change", "alert.create"),
        "alert.create-channel",
    ]


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": ""}, "name", "1 to 100"),
        ({"name": "x" * 101}, "name", "1 to 100"),
        ({"kind": "nothing"}, "kind", "run_failed"),
        ({"queue": "a b"}, "queue", ""),
        ({"task_name": "shop.pay"}, "task_name", "its own: queue, number"),
        ({"seconds": 5}, "seconds", "its own: queue, number"),
        ({"number": 0}, "number", "from 1 to"),
        ({"number": "5"}, "number", ""),
        ({"kind": "disk", "number": 101}, "number", "from 1 to 100"),
        ({"kind": "schedule_late", "seconds": 59}, "seconds", "from 60 to"),
        ({"kind": "schedule_late", "schedule_id": 7}, "schedule_id", "no such schedule"),
        ({"channels": [7]}, "channels", "no such channel: 7"),
        ({"window_seconds": 29}, "window_seconds", "from 30 to 86400"),
        ({"remind_seconds": 59}, "remind_seconds", "from 60 to 2592000"),
        ({"quiet_from": "25:00", "quiet_until": "07:00"}, "quiet_from", "22:00"),
        ({"quiet_from": "22:00"}, "quiet_until", "beginning and an end"),
        ({"quiet_zone": "Mars/Base"}, "quiet_zone", "Asia/Shanghai"),
        ({"enabled": "yes"}, "enabled", ""),
        ({"colour": "red"}, "colour", "no such field"),
    ],
)
def test_a_wrong_rule_is_refused_by_field(admin: Any, values: Any, field: str, words: str) -> None:
    answer = admin.post("/alerts", json={"name": "Deep", "kind": "queue_depth"} | values)
    assert answer.status_code == 422, answer.get_json()
    assert list(answer.get_json()["errors"]) == [field]
    assert words in answer.get_json()["errors"][field][0]
    assert admin.get("/alerts").get_json()["items"] == []


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": " "}, "name", "1 to 100"),
        ({"kind": "pigeon"}, "kind", "email, webhook"),
        ({"address": "hooks.chat.example"}, "address", "https://"),
        ({"address": "ftp://hooks.chat.example/"}, "address", "https://"),
        ({"address": "https://x:99999/"}, "address", "https://"),
        ({"address": "http://127.0.0.1:9/"}, "address", "HTTP_ALLOW_PRIVATE"),
        ({"address": "http://[::1]/"}, "address", "HTTP_ALLOW_PRIVATE"),
        ({"kind": "email", "address": "ann@shop.example, bob"}, "address", "bob is no e-mail"),
        ({"kind": "email", "address": "a@b.example\r\nBcc: c@d.example"}, "address", "Bcc:"),
        ({"secret": "x"}, "secret", "webhook, dingtalk, feishu"),
        ({"kind": "webhook", "secret": "x" * 501}, "secret", "500"),
        ({"language": "fr"}, "language", "en, zh_Hans_CN"),
    ],
)
def test_a_wrong_channel_is_refused_by_field(admin: Any, values: Any, field: str, words: str) -> None:
    answer = admin.post("/alerts/channels", json=CHANNEL | values)
    assert answer.status_code == 422, answer.get_json()
    assert list(answer.get_json()["errors"]) == [field]
    assert words in answer.get_json()["errors"][field][0]


def test_two_of_a_name_are_refused(admin: Any) -> None:
    for path, values in (
        ("/alerts/channels", CHANNEL),
        ("/alerts", {"name": "Deep", "kind": "queue_depth"}),
    ):
        assert admin.post(path, json=values).status_code == 201
        assert list(admin.post(path, json=values).get_json()["errors"]) == ["name"]


def test_addresses_and_secrets_are_not_shown_again(admin: Any, app: Any) -> None:
    """Nor in the audit log; what comes back masked is kept."""
    values = CHANNEL | {"kind": "webhook", "secret": "s3cret"}
    made = admin.post("/alerts/channels", json=values).get_json()
    assert (made["address"], made["secret"]) == (f"https://hooks.chat.example/{MASK}", MASK)
    path = f"/alerts/channels/{made['id']}"
    kept = {name: made[name] for name in ("name", "kind", "address", "secret", "language")}
    assert admin("PATCH", path, json=kept | {"name": "Ops"}).get_json() == made | {"name": "Ops"}
    told = admin.get("/audit").get_data(True) + admin.get("/alerts/channels").get_data(True)
    assert "hidden" not in told
    assert "s3cret" not in told
    from app.alerts import channels

    row = channels.get(made["id"])
    assert (row.address, row.secret) == (HOOK, "s3cret")
    admin("PATCH", path, json={"secret": ""})
    assert admin.get(path).get_json()["secret"] == ""


def test_roles(caller: Callable[[str], Any], admin: Any) -> None:
    """Viewers read, operators silence and test, admins change."""
    channel = admin.post("/alerts/channels", json=CHANNEL).get_json()["id"]
    rule = admin.post("/alerts", json={"name": "Deep", "kind": "queue_depth"}).get_json()["id"]
    until = {"until": (utcnow() + timedelta(hours=1)).isoformat()}
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/alerts", None),
        ("GET", "/alerts/messages", None),
        ("GET", "/alerts/channels", None),
        ("GET", "/alerts/kinds", None),
        ("POST", f"/alerts/{rule}/silence", until),
        ("POST", f"/alerts/{rule}/unsilence", None),
        ("POST", f"/alerts/channels/{channel}/test", None),
        ("PATCH", f"/alerts/{rule}", {"number": 3}),
        ("PATCH", f"/alerts/channels/{channel}", {"name": "Chat 2"}),
        ("POST", "/alerts", {"name": "Other", "kind": "disk"}),
        ("DELETE", f"/alerts/{rule}", None),
        ("DELETE", f"/alerts/channels/{channel}", None),
    ]
    for role, allowed in (("viewer", 4), ("operator", 7)):
        user = caller(role)
        answers = [user(method, path, json=body).status_code for method, path, body in calls]
        assert [code < 300 for code in answers] == [True] * allowed + [False] * (len(calls) - allowed)
        assert set(answers[allowed:]) == {403}


def test_a_silence_has_an_end(admin: Any) -> None:
    rule = admin.post("/alerts", json={"name": "Deep", "kind": "queue_depth"}).get_json()["id"]
    path = f"/alerts/{rule}/silence"
    for until in (utcnow() - timedelta(seconds=1), utcnow() + timedelta(days=31)):
        answer = admin.post(path, json={"until": until.isoformat()})
        assert answer.get_json()["errors"] == {"until": ["Give a time in the next 30 days."]}
    assert list(admin.post(path, json={"until": "tomorrow"}).get_json()["errors"]) == ["until"]
    assert list(admin.post(path, json={}).get_json()["errors"]) == ["until"]
    until = (utcnow() + timedelta(hours=1)).isoformat()
    told = admin.post(path, json={"until": until, "note": "deploying"}).get_json()
    assert (told["state"], told["silenced_note"]) == ("silenced", "deploying")
    assert admin.post(f"/alerts/{rule}/unsilence").get_json()["state"] == "fine"


def test_what_fires_and_what_was_sent_is_read(team: Any, admin: Any) -> None:
    rule = team.rule("run_failed")
    team.run()
    team.look(5)
    [told] = admin.get("/alerts").get_json()["items"]
    [subject] = told["firing"]
    assert (told["state"], subject["subject"], subject["told"]) == ("firing", "shop.pay", True)
    assert subject["url"].startswith("http://localhost/runs/")
    [message] = admin.get(f"/alerts/messages?rule_id={rule.id}&state=sent").get_json()["items"]
    assert message["title"] == "[Celeriac] Alert: run_failed"
    assert message["attempts"] == 1
    assert admin.get("/alerts/messages?state=waiting").get_json()["items"] == []
    assert "waiting, sent, failed" in admin.get("/alerts/messages?state=lost").get_json()["detail"]
