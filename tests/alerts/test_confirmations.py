"""The mail with which a person confirms their own address: only who reads it can."""

import re
from typing import Any

from flask.testing import FlaskClient

from app.accounts import users
from app.alerts import delivery, rules
from app.clock import utcnow
from app.extensions import db

NEW = "mei@shop.example"


def save(browser: FlaskClient, email: str, path: str = "/settings/preferences") -> Any:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/settings").text)
    assert token
    return browser.post(path, data={"csrf_token": token[1], "email": email, "single_keys": "1"})


def test_the_link_of_the_mail_confirms_an_address(
    mailbox: Any, signed_in: Any, caller: Any, team: Any
) -> None:
    browser = signed_in("viewer", "mei")
    assert save(browser, NEW).status_code == 303
    page = browser.get("/settings").text
    assert f"A mail is on its way to {NEW}" in page
    assert "Not confirmed yet" in page
    assert f'value="{NEW}"' in page
    delivery.send_due(utcnow())
    [(recipients, letter)] = mailbox.messages
    assert recipients == [NEW]
    link = re.search(r"http://localhost(/settings/email/\S+)", letter.get_content())
    assert link
    told = caller("admin").get("/alerts/messages").json["items"]
    assert (len(told), link[1] in str(told)) == (1, False)
    assert signed_in("viewer", "tom").get(link[1]).status_code == 409
    for _again in range(2):  # looking uses nothing up
        assert f"goes to {NEW} from now on" in browser.get(link[1]).text
    form = {"csrf_token": re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(link[1]).text)[0]}
    assert browser.post(link[1], data=form).location == "/settings"
    db.session.expire_all()
    assert users.find("mei").email == NEW
    assert browser.get(link[1]).status_code == 409


def test_it_is_sent_again_when_asked_for_and_not_without_end(mailbox: Any, signed_in: Any, team: Any) -> None:
    browser = signed_in("viewer", "mei")
    for _twice in range(2):  # saved again, for something else
        save(browser, NEW)
    assert len(team.messages()) == 1
    answers = [save(browser, "", "/settings/email").status_code for _n in range(5)]
    assert answers == [303] * 4 + [429]
    save(browser, "")  # withdrawn
    delivery.send_due(utcnow())
    assert mailbox.messages == []
    assert {one.state for one in rules.messages(rules.MessageFilter(), 200).items} == {"failed"}


def test_without_a_mail_server_nothing_is_sent(signed_in: Any, team: Any) -> None:
    browser = signed_in("viewer", "mei")
    assert save(browser, NEW).status_code == 303
    assert team.messages() == []
    assert "No mail is set up" in browser.get("/settings").text
