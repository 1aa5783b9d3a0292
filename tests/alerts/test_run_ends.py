"""Mail to who asked to be told when a run ends: a real mail server gets it once, tried as all messages."""

from typing import Any

from app.accounts import emails, users
from app.alerts import delivery, run_ends
from app.extensions import db
from app.runs import Run, subscriptions


def ask(team: Any, language: str = "en", **values: Any) -> str:
    """A run that ended after somebody asked to be told by mail."""
    mei = users.create("mei", "viewer", team.now)
    emails.give(mei, "mei@shop.example", team.now)
    run_id: str = team.run(state="STARTED", error=None)
    run = db.session.get_one(Run, run_id)
    subscriptions.subscribe(run, mei, team.now, subscriptions.WAYS, language)
    assert run_ends.tell(team.now) == 0
    run.state = "FAILURE"
    for name, value in values.items():
        setattr(run, name, value)
    db.session.commit()
    return run_id


def test_one_mail_comes_when_it_ends(team: Any, mailbox: Any) -> None:
    run_id = ask(team, error="KeyError: 'fx'\nmore", runtime_seconds=75.0)
    assert [run_ends.tell(team.now) for _ in range(2)] == [1, 0]
    for _ in range(2):
        delivery.send_due(team.now)
    [(recipients, letter)] = mailbox.messages
    assert recipients == ["mei@shop.example"]
    assert letter["Subject"] == "[Celeriac] shop.pay: Failed"
    text = letter.get_content().replace("\r\n", "\n")
    assert "KeyError: 'fx'\n" in text
    assert "more" not in text
    assert "after 1 min 15 s" in text
    assert f"http://localhost/runs/{run_id}" in text
    assert [(one.state, one.channel_name) for one in team.messages()] == [("sent", "mei")]


def test_it_is_in_the_language_in_which_it_was_asked_for(team: Any, mailbox: Any) -> None:
    ask(team, "zh_Hans_CN")
    run_ends.tell(team.now)
    delivery.send_due(team.now)
    [(_recipients, letter)] = mailbox.messages
    assert letter["Subject"].endswith("失败")


def test_a_mail_server_that_is_busy_gets_it_later_once(team: Any, mailbox: Any) -> None:
    ask(team)
    run_ends.tell(team.now)
    mailbox.answer = "451 Later"
    team.look()
    assert [(one.state, one.attempts) for one in team.messages()] == [("waiting", 1)]
    mailbox.answer = "250 Taken"
    team.look(60)
    team.look(60)
    assert len(mailbox.messages) == 1


def test_an_address_that_was_taken_away_is_not_written_to(team: Any, mailbox: Any) -> None:
    ask(team)
    run_ends.tell(team.now)
    [mei] = users.listing()
    emails.give(mei, "", team.now)
    delivery.send_due(team.now)
    assert mailbox.messages == []
    assert [one.error for one in team.messages()] == ["This person has no e-mail address."]


def test_the_page_of_messages_shows_it(team: Any, mailbox: Any, signed_in: Any) -> None:
    ask(team)
    run_ends.tell(team.now)
    page = signed_in("viewer").get("/alerts").text
    assert "[Celeriac] shop.pay: Failed" in page
    assert "mei@shop.example" not in page
