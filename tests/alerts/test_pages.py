"""The Alerts page: rules, channels and messages are made, shown and refused."""

from typing import Any

import pytest

from app.alerts import channels, rules
from app.clock import utcnow
from celeriac_agent.secrets import MASK

RULE = {
    "kind": "queue_oldest",
    "name": "Old",
    "queue": "files",
    "seconds": ["20", "min"],
    "window_seconds": ["5", "min"],
    "remind_seconds": ["1", "h"],
    "quiet_zone": "UTC",
    "enabled": "1",
    "tell_recovery": "1",
}
HOOK = "https://hooks.chat.example/services/T0B0"


@pytest.fixture
def admin(signed_in: Any) -> Any:
    return signed_in("admin")


def test_a_rule_is_made_and_changed_with_the_form(admin: Any, post: Any) -> None:
    assert post(admin, "/alerts/new", RULE).status_code == 303
    [one] = rules.listing(utcnow())
    assert (one.rule.queue, one.rule.seconds, one.rule.window_seconds) == ("files", 1200, 300)
    assert one.rule.remind_seconds == 3600
    page = admin.get("/alerts").get_data(True)
    assert "queue files, over 20 min" in page
    assert "nobody: no channel" in page
    form = admin.get(f"/alerts/{one.rule.id}/edit").get_data(True)
    assert 'value="20"' in form
    post(admin, f"/alerts/{one.rule.id}/edit", RULE | {"name": "Older", "seconds": ["", "min"]})
    [one] = rules.listing(utcnow())
    assert (one.rule.name, one.rule.seconds) == ("Older", None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": ""}, "Give 1 to 100 characters."),
        ({"kind": "nothing"}, "Choose one of: run_failed"),
        ({"queue": "a b"}, "queue"),
        ({"seconds": ["soon", "min"]}, "Give a whole number, such as 30."),
        ({"seconds": ["0", "min"]}, "Give a whole number from 1 to 2592000."),
        ({"window_seconds": ["5", "s"]}, "Give a whole number from 30 to 86400."),
        ({"remind_seconds": ["5", "s"]}, "Give a whole number from 60 to 2592000."),
        ({"window_seconds": ["5", "weeks"]}, "Choose a unit."),
        ({"channels": ["77"]}, "There is no such channel: 77."),
        ({"quiet_from": "late"}, "Give a time of day: 22:00."),
        ({"quiet_from": "22:00"}, "Quiet hours need a beginning and an end."),
        ({"quiet_zone": "Mars"}, "There is no time zone Mars"),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(admin: Any, post: Any, values: Any, words: str) -> None:
    answer = post(admin, "/alerts/new", RULE | {"name": "Kept"} | values)
    assert answer.status_code == 422
    text = answer.get_data(True)
    assert words in text
    assert "problem first" in text
    assert ('value="Kept"' in text) != ("name" in values)
    assert rules.listing(utcnow()) == []


def test_the_form_shows_the_fields_of_the_kind(admin: Any, post: Any) -> None:
    text = admin.get("/alerts/new?kind=queue_depth").get_data(True)
    assert 'name="number"' in text
    assert 'name="seconds"' not in text
    assert 'name="task_name"' not in text
    text = post(admin, "/alerts/form", RULE | {"kind": "run_failed", "name": "Typed"}).get_data(True)
    assert 'name="task_name"' in text
    assert 'value="Typed"' in text


def test_a_channel_is_made_tested_and_deleted(admin: Any, post: Any) -> None:
    made = {"kind": "webhook", "name": "Ops", "address": HOOK, "secret": "s3cret", "language": "en"}
    assert post(admin, "/alerts/channels/new", made).status_code == 303
    [channel] = channels.listing()
    page = admin.get("/alerts").get_data(True)
    assert f"https://hooks.chat.example/{MASK}" in page
    form = admin.get(f"/alerts/channels/{channel.id}/edit").get_data(True)
    for text in (page, form):
        assert "T0B0" not in text
        assert "s3cret" not in text
    changed = made | {"name": "Chat", "address": channel.address, "secret": MASK}
    assert post(admin, f"/alerts/channels/{channel.id}/edit", changed).status_code == 303
    row = channels.get(channel.id)
    assert (row.name, row.address, row.secret) == ("Chat", HOOK, "s3cret")
    post(admin, f"/alerts/channels/{channel.id}/test")
    assert "[Celeriac] Test message" in admin.get("/alerts?state=waiting").get_data(True)
    assert "No message matches" in admin.get("/alerts?state=sent").get_data(True)
    rule = rules.create({"name": "Deep", "kind": "queue_depth", "channels": [channel.id]}, "ann", utcnow())
    post(admin, f"/alerts/channels/{channel.id}/delete")
    assert "Rules send there: Deep." in admin.get("/alerts").get_data(True)
    post(admin, f"/alerts/{rule.id}/delete")
    post(admin, f"/alerts/channels/{channel.id}/delete")
    assert channels.listing() == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"address": "chat.example"}, "Give a URL"),
        ({"kind": "email", "address": "ann"}, "ann is no e-mail address."),
        ({"name": ""}, "Give 1 to 100 characters."),
        ({"kind": "slack", "secret": "x"}, "Only these can be signed"),
    ],
)
def test_a_wrong_channel_comes_back(admin: Any, post: Any, values: Any, words: str) -> None:
    made = {"kind": "webhook", "name": "Ops", "address": HOOK, "language": "en"} | values
    answer = post(admin, "/alerts/channels/new", made)
    assert answer.status_code == 422
    assert words in answer.get_data(True)


def test_an_operator_silences_and_a_viewer_reads(signed_in: Any, post: Any, team: Any) -> None:
    rule = team.rule("run_failed", name="Payments")
    operator, viewer = signed_in("operator"), signed_in("viewer")
    assert "1 hour" in operator.get(f"/alerts/{rule.id}/silence").get_data(True)
    post(operator, f"/alerts/{rule.id}/silence", {"span": "4h", "note": "deploying"})
    page = viewer.get("/alerts").get_data(True)
    assert "Silenced" in page
    assert "deploying" in page
    assert post(operator, f"/alerts/{rule.id}/silence", {"span": "9y"}).status_code == 422
    post(operator, f"/alerts/{rule.id}/unsilence")
    assert rules.listing(utcnow())[0].state == "fine"
    assert "Delete" not in viewer.get("/alerts").get_data(True)


@pytest.mark.parametrize(
    ("role", "paths"),
    [
        ("viewer", ("/alerts/1/silence", "/alerts/1/unsilence", "/alerts/channels/1/test")),
        ("operator", ("/alerts/new", "/alerts/1/edit", "/alerts/1/switch", "/alerts/1/delete")),
        ("operator", ("/alerts/channels/new", "/alerts/channels/1/edit", "/alerts/channels/1/delete")),
    ],
)
def test_what_a_role_may_not(signed_in: Any, post: Any, role: str, paths: Any) -> None:
    browser = signed_in(role)
    for path in paths:
        assert post(browser, path, RULE).status_code == 403, path


def test_a_rule_is_switched_off_and_on(admin: Any, post: Any, team: Any) -> None:
    rule = team.rule("run_failed", name="Payments")
    team.run()
    team.look(5)
    assert "1 alert fires" in admin.get("/alerts").get_data(True)
    post(admin, f"/alerts/{rule.id}/switch", {"enabled": ""})
    assert [one.state for one in rules.listing(utcnow())] == ["off"]
    assert "1 alert fires" not in admin.get("/alerts").get_data(True)
    post(admin, f"/alerts/{rule.id}/switch", {"enabled": "1"})
    assert [one.state for one in rules.listing(utcnow())] == ["fine"]


def test_the_page_lives(admin: Any, team: Any) -> None:
    """It is drawn again when something fires, and left alone while nothing does."""
    team.rule("run_failed", name="Payments")
    page = admin.get("/alerts").get_data(True)
    address = page.split('hx-get="/alerts/live?')[1].split('"')[0].replace("&amp;", "&")
    assert admin.get(f"/alerts/live?{address}").status_code == 204
    team.run(error="KeyError: 'amount'")
    team.receiver.status = 404
    team.look(5)
    text = admin.get(f"/alerts/live?{address}").get_data(True)
    assert "shop.pay: 1 run failed: KeyError: &#39;amount&#39;" in text
    assert "answered 404" in text


def test_the_start_page_names_what_fires(admin: Any, team: Any) -> None:
    assert "Payments" not in admin.get("/").get_data(True)
    rule = team.rule("run_failed", name="Payments")
    team.run()
    team.look(5)
    text = admin.get("/").get_data(True)
    assert "Payments" in text
    assert "shop.pay: 1 run failed" in text
    rules.silence(rule.id, utcnow().replace(microsecond=0) + rules.SILENCE_MOST / 2, "", "bob", utcnow())
    assert "Payments" not in admin.get("/").get_data(True)
