"""A filter within a queue: what it finds among waiting and held runs, and how far it says it looked."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import broker, queues, runs
from app.clock import utcnow
from app.queues import WaitingFilter, filters
from app.runs import RunRequest

Submit = Callable[..., str]


@pytest.fixture
def submit(app: Flask) -> Submit:
    def put(*args: Any, task_name: str = "plain", priority: int | None = None, **kwargs: Any) -> str:
        request = RunRequest(f"sample_tasks.{task_name}", list(args), kwargs, priority=priority)
        return runs.submit(request, utcnow()).id

    return put


def found(offset: int = 0, limit: int = 50, held: bool = False, **wanted: Any) -> queues.Found:
    queue = queues.find("default", utcnow())
    return queues.search(queue, WaitingFilter(**wanted), offset, limit, held)


def ids(**wanted: Any) -> list[str]:
    return [one.id for one in found(**wanted).items]


def test_task_text_and_arguments_find_what_waits(submit: Submit) -> None:
    first = submit("emea", 5000)
    second = submit(task_name="report", day="2026-11-20", region="Grüße x=1")
    urgent = submit({"rows": [171_717]}, priority=9)
    assert ids() == [urgent, first, second]
    assert ids(task_name="sample_tasks.report") == [second]
    assert ids(task_name="sample_tasks.repor") == []
    assert ids(q="report") == [second]
    assert ids(q="EMEA") == ids(q="5000 plain") == [first]
    assert ids(q=first[:8]) == [first]
    assert ids(q="171717") == [urgent]  # two digits stand in many ids
    assert ids(q="grüße") == ids(q="region=grü") == [second]
    assert ids(q="region=x=1") == [second]
    assert ids(q="region=y") == ids(q="country=grüße") == ids(q="emea report") == []


def test_what_is_secret_finds_nothing(submit: Submit) -> None:
    run_id = submit(task_name="talk", name="mei", password="hunter22")
    assert ids(q="name=mei") == [run_id]
    assert ids(q="hunter22") == ids(q="password=hunter") == []


def test_it_says_how_far_it_looked(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [submit("a" if number % 2 else "b") for number in range(6)][1::2]
    whole = found(q='"a"')
    assert [one.id for one in whole.items] == wanted
    assert [one.position for one in whole.items] == [2, 4, 6]
    assert (whole.offset, whole.looked, whole.next_offset, whole.unread) == (0, 6, None, 0)
    part = found(q='"a"', limit=2)
    assert (len(part.items), part.looked, part.next_offset) == (2, 4, 4)
    rest = found(q='"a"', limit=2, offset=4)
    assert ([one.id for one in rest.items], rest.looked, rest.next_offset) == (wanted[2:], 2, None)
    monkeypatch.setattr(filters, "READ_AT_ONCE", 2)
    queue = queues.find("default", utcnow())
    spent = queues.search(queue, WaitingFilter(q="nowhere"), 0, 50, budget=0)
    assert (spent.items, spent.looked, spent.next_offset) == ([], 2, 2)


def test_arguments_that_cannot_be_read_are_counted(submit: Submit) -> None:
    run_id = submit("x" * 150_000)
    looked = found(q="xxx")
    assert (looked.items, looked.unread) == ([], 1)
    assert ids(q=run_id) == [run_id]


def test_held_runs_are_looked_through_alike(submit: Submit) -> None:
    kept, waits = submit("emea"), submit("emea")
    broker.hold("default", kept, "tom", "", utcnow())
    assert ids(q="emea") == [waits]
    assert ids(q="emea", held=True) == [kept]
    assert ids(q="apac", held=True) == []


def test_rest_and_page_take_the_same_filter(
    app: Flask, submit: Submit, caller: Callable[[str], Any], signed_in: Callable[..., FlaskClient]
) -> None:
    wanted, other = submit("emea"), submit("apac")
    query = {"q": "emea", "limit": "1"}
    answer = caller("viewer").get("/queues/default/messages", query_string=query).json
    assert [one["id"] for one in answer["items"]] == [wanted]
    assert (answer["total"], answer["looked"], answer["unread"], answer["next_offset"]) == (2, 1, 0, 1)
    refused = caller("viewer").get("/queues/default/messages", query_string={"q": "x" * 300})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["q"])
    page = signed_in("operator").get("/queues/default", query_string={"q": "emea"}).text
    assert f'id="wait-{wanted}"' in page
    assert f'id="wait-{other}"' not in page
    assert "1 match; looked at all 2." in page
    assert 'class="grip' not in page  # a place among some of the runs is no place in the line
    assert 'class="grip' in signed_in("operator").get("/queues/default").text
    nothing = signed_in("viewer").get("/queues/default", query_string={"q": "nowhere"}).text
    assert "0 matches; looked at all 2." in nothing
    wrong = signed_in("viewer").get("/queues/default", query_string={"q": "x" * 300}).text
    assert "1 filter cannot be used" in wrong
