"""`doctor` says in a line what is wrong with a broker that the settings name, and what it must be allowed."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import brokers
from app.clock import utcnow
from app.errors import BrokerUnavailable
from app.health import checks
from tests.brokers.conftest import Theirs
from tests.conftest import PROJECT

Named = Callable[..., str]


@pytest.fixture
def named(theirs: Theirs, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Named]:
    """Name only the broker `shop`, by a user with these rights; returns what doctor says of it."""
    url = app.config["SETTINGS"].brokers["shop"]
    rest = url.partition("socket://:")[2].partition("@")[2]

    def name(*rights: str, password: str = "pw") -> str:
        theirs.redis.execute_command("ACL", "SETUSER", "eye", "reset", "on", ">pw", *rights)
        monkeypatch.setattr(
            app.config["SETTINGS"], "brokers", {"shop": f"redis+socket://eye:{password}@{rest}"}
        )
        app.extensions.pop("foreign_brokers", None)
        (line,) = checks.other_brokers()
        assert line.name == "broker shop"
        assert line.ok is not bool(line.hint)
        return "" if line.ok else line.detail

    yield name
    theirs.redis.execute_command("ACL", "DELUSER", "eye")


def test_each_named_broker_has_a_line(theirs: Theirs, app: Flask) -> None:
    away, shop = sorted(checks.other_brokers(), key=lambda line: line.name)
    assert (shop.ok, shop.name, shop.hint) == (True, "broker shop", "")
    assert "redis+socket://" in shop.detail
    assert (away.ok, "does not answer" in away.detail) == (False, True)
    assert "CELERIAC_BROKERS" in away.hint
    said = app.test_cli_runner().invoke(args=["doctor"]).output
    assert [line for line in said.splitlines() if "broker away" in line]


def test_what_is_lacking_is_named(theirs: Theirs, named: Named) -> None:
    before = theirs.contents()
    wrong = named("~*", "&*", "+llen", "+select", "+multi", "+client|setinfo")
    assert wrong.startswith("its queues cannot be looked at (no right to LRANGE, TYPE, SCAN")
    assert "its workers cannot be asked (no right to PUBLISH, RPOP)" in wrong
    other_keys = named("~elsewhere*", "&*", "+@all")
    assert "its queues cannot be looked at (no right to LLEN" in other_keys
    assert "user or the password" in named("~*", "+@all", password="wrong")
    assert theirs.contents() == before


def test_the_rights_that_the_docs_name_suffice(theirs: Theirs, named: Named) -> None:
    page = (PROJECT / "docs" / "existing-project.md").read_text()
    (line,) = [line for line in page.splitlines() if line.startswith("ACL SETUSER celeriac")]
    look = line.split()[5:]
    theirs.send(1)
    assert named(*look) == ""
    place = brokers.find("shop")
    assert [run.args for run in brokers.line(place, "celery", 0, 5)] == [[1]]
    assert [queue.name for queue in brokers.listing(place)] == ["celery"]
    assert (brokers.in_hand_count(place), brokers.connections(place)) == (0, 0)
    assert brokers.ask(place, utcnow()).workers == ()
    brokers.allow("shop", "ann", utcnow())
    assert "changes are allowed here, and not by the server" in named(*look)
    assert named(*look, "+@all", "-@admin", "+client|list") == ""


def test_a_lack_of_rights_is_said_where_workers_are_asked(theirs: Theirs, named: Named) -> None:
    named("~*", "&*", "+@connection", "+@read", "+@transaction")
    with pytest.raises(BrokerUnavailable, match="The broker's URL has no right to this"):
        brokers.ask(brokers.find("shop"), utcnow())


def test_a_page_says_nothing_of_what_could_not_be_read(
    named: Named, signed_in: Callable[[str], FlaskClient]
) -> None:
    named("~*", "&*", "+ping")
    page = signed_in("viewer").get("/brokers/shop").text
    assert "It cannot be read now" in page
    assert "In hand" not in page


def test_a_wrong_password_is_said_where_workers_are_asked(theirs: Theirs, named: Named) -> None:
    named("~*", "+@all", password="wrong")
    with pytest.raises(BrokerUnavailable, match="refuses the user or the password"):
        brokers.ask(brokers.find("shop"), utcnow())
