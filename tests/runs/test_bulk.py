"""Many runs at once: a frozen set, a dry run, then each run once, whoever does it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import broker, runs
from app.audit.models import AuditEntry
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, transaction
from app.runs import bulk as many
from app.runs import states
from app.runs.bulk import execution, selection
from app.runs.filters import RunFilter
from app.runs.models import Run
from tests.rows import make_run

NOW = datetime.now(UTC)
SignedIn = Callable[[str], FlaskClient]
Callers = Callable[[str], Any]
Eventually = Callable[..., Any]


def add(number: int, state: str = states.SUCCESS, **fields: Any) -> str:
    at = NOW - timedelta(hours=1) + timedelta(seconds=number)
    return make_run(f"b{number:04}", at, state, **{"args": [number]} | fields)


def work(bulk: many.Bulk, now: datetime = NOW) -> many.Bulk:
    bulk_id = bulk.id
    many.confirm(bulk_id, "mei", now)
    while many.step(bulk_id, now):
        pass
    return many.get(bulk_id)


def verdicts_of(bulk: many.Bulk) -> dict[str, str]:
    return {item.run_id: item.verdict for item in many.items(bulk, limit=100).items}


def outcomes_of(bulk: many.Bulk) -> dict[str, str | None]:
    return {item.run_id: item.outcome for item in many.items(bulk, limit=100).items if item.verdict == "act"}


def test_a_dry_run_says_what_would_become_of_each_and_does_nothing(app: Flask) -> None:
    ids = [
        add(1), add(2, states.STARTED), add(3, states.PENDING), add(4, args=[], kwargs={"gone": 1}),
        add(5, masked=["a"]), add(6, args=None), add(7, task_name="old.gone"), add(8, kwargs={"b": "••••••"}),
        "nowhere",
    ]  # fmt: skip
    bulk = many.freeze("rerun", ids, "mei", NOW)
    assert list(verdicts_of(bulk).values()) == [
        "act", "running", "waiting", "changed", "secret", "too-large", "unknown", "secret", "gone"
    ]  # fmt: skip
    changed = next(item for item in many.items(bulk).items if item.verdict == "changed")
    assert "gone" in (changed.detail or "")
    assert (bulk.state, broker.depth("default")) == ("frozen", 0)
    assert db.session.query(Run).count() == 8


@pytest.mark.parametrize(
    ("action", "fitting"),
    [("rerun", "finished"), ("cancel", "waiting"), ("terminate", "running"), ("delete", "finished")],
)
def test_each_action_takes_the_runs_it_fits(app: Flask, action: str, fitting: str) -> None:
    by_kind = {"finished": add(1), "waiting": add(2, states.PENDING), "running": add(3, states.PROGRESS)}
    found = verdicts_of(many.freeze(action, list(by_kind.values()), "mei", NOW))
    assert found == {run_id: "act" if kind == fitting else kind for kind, run_id in by_kind.items()}


@pytest.mark.database
def test_reruns_happen_once_with_one_audit_entry(app: Flask) -> None:
    ids = [add(number) for number in range(60)]
    bulk = many.freeze_matching("rerun", RunFilter(task_name="sample_tasks.plain"), "mei", NOW)
    late = add(99)  # matches, but came after the set was frozen
    done = work(bulk)
    assert done.state == "finished"
    assert set(outcomes_of(done).values()) == {"done"}
    new = db.session.scalars(select(Run).where(Run.rerun_of.is_not(None))).all()
    assert sorted(run.rerun_of or "" for run in new) == ids
    assert late not in [run.rerun_of for run in new]
    assert broker.depth("default") == 60
    assert [entry.action for entry in db.session.scalars(select(AuditEntry))] == ["run.bulk"]


@pytest.mark.database
def test_a_step_that_was_cut_off_doubles_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.runs.bulk.execution.STEP_SECONDS", 60.0)  # one step, also on a busy machine
    for number in range(5):
        add(number)
    bulk_id = many.freeze_matching("rerun", RunFilter(), "mei", NOW).id
    many.confirm(bulk_id, "mei", NOW)
    assert not many.step(bulk_id, NOW)
    with transaction() as session:  # as if the process had died before it noted anything
        session.execute(update(many.BulkItem).values(outcome=None, new_id=None))
        session.execute(update(many.Bulk).values(finished_at=None, leased_until=NOW + timedelta(seconds=30)))
    assert not many.resume_abandoned(NOW + timedelta(seconds=31))  # may be at work still
    assert many.resume_abandoned(NOW + timedelta(seconds=40))
    assert many.get(bulk_id).state == "finished"
    assert db.session.query(Run).filter(Run.rerun_of.is_not(None)).count() == 5
    assert broker.depth("default") == 5
    assert not many.resume_abandoned(NOW + timedelta(seconds=99))


def test_one_process_at_a_time_works_on_it(app: Flask) -> None:
    add(1)
    bulk_id = many.freeze_matching("rerun", RunFilter(), "mei", NOW).id
    assert not many.step(bulk_id, NOW)  # nobody confirmed it
    many.confirm(bulk_id, "mei", NOW)
    assert execution._leased(bulk_id, NOW)
    assert execution._leased(bulk_id, NOW + timedelta(seconds=1)) is None
    assert not many.step(bulk_id, NOW + timedelta(seconds=1))
    assert db.session.query(Run).count() == 1
    with pytest.raises(Conflict):
        many.confirm(bulk_id, "mei", NOW)


@pytest.mark.database
def test_what_ran_again_since_is_left_out(app: Flask) -> None:
    good, running, again, fresh = (add(number, states.FAILURE) for number in range(4))
    add(10, states.SUCCESS, rerun_of=good)
    add(11, states.STARTED, rerun_of=running)
    newest = add(12, states.FAILURE, rerun_of=again)
    bulk = many.freeze_matching("rerun", RunFilter(state=states.FAILED), "mei", NOW)
    acts = {newest: "act", fresh: "act"}
    left_out = {good: "already_rerun", running: "already_rerun", again: "superseded"}
    assert verdicts_of(bulk) == left_out | acts
    assert verdicts_of(many.freeze("rerun", [again], "mei", NOW)) == {again: "act"}  # asked for by itself
    add(13, states.PENDING, rerun_of=fresh)  # meanwhile somebody else did
    done = work(bulk)
    assert outcomes_of(done) == {newest: "done", fresh: "already_rerun"}
    second = many.freeze_matching("rerun", RunFilter(state=states.FAILED), "mei", NOW)
    assert set(verdicts_of(second).values()) == {"already_rerun"}
    assert many.progress(done).new_runs == {"PENDING": 1}


def test_runs_that_succeeded_may_run_again_as_often_as_one_likes(app: Flask) -> None:
    first = add(1)
    add(2, rerun_of=first)
    assert verdicts_of(many.freeze("rerun", [first], "mei", NOW)) == {first: "act"}


def test_the_page_and_rest_tell_how_the_new_runs_ended(
    app: Flask, signed_in: SignedIn, caller: Callers
) -> None:
    bulk = work(many.freeze("rerun", [add(1, states.FAILURE), add(2, states.FAILURE)], "mei", NOW))
    address, operator = f"/runs/bulk/{bulk.id}", signed_in("operator")
    page = operator.get(address).text
    assert "The new runs:" in page
    assert "/live?version=" in page  # it goes on asking
    with transaction() as session:
        new = session.scalars(select(Run).where(Run.rerun_of.is_not(None))).all()
        new[0].state, new[1].state = states.SUCCESS, states.FAILURE
    page = operator.get(address).text
    assert "Succeeded" in page
    assert "Failed" in page
    assert "/live?version=" not in page
    api = caller("operator")
    assert api.get(f"{address}").json["new_runs"] == {"SUCCESS": 1, "FAILURE": 1}
    items = api.get(f"{address}/items").json["items"]
    assert sorted(item["new_state"] for item in items) == ["FAILURE", "SUCCESS"]


def test_each_run_is_looked_at_again(app: Flask) -> None:
    first, second, third = add(1), add(2), add(3)
    bulk = many.freeze("rerun", [first, second, third], "mei", NOW)
    with transaction() as session:
        session.get_one(Run, second).kwargs = {"no_such": 1}
        session.delete(session.get_one(Run, third))
    assert outcomes_of(work(bulk)) == {first: "done", second: "changed", third: "gone"}


@pytest.mark.database
def test_cancelling_many(app: Flask) -> None:
    ids = [runs.submit(runs.RunRequest("sample_tasks.plain", [n]), NOW).id for n in range(3)]
    bulk = many.freeze("cancel", ids, "mei", NOW)
    broker.remove("default", ids[0])  # a worker takes it meanwhile
    with transaction() as session:
        session.get_one(Run, ids[0]).state = states.STARTED
    assert outcomes_of(work(bulk)) == {ids[0]: "running", ids[1]: "done", ids[2]: "done"}
    assert broker.depth("default") == 0
    assert [runs.get(run_id).state for run_id in ids] == ["STARTED", "REVOKED", "REVOKED"]


@pytest.mark.database
def test_deleting_many(app: Flask) -> None:
    ids = [add(1), add(2, states.FAILURE), add(3, states.STARTED)]
    done = work(many.freeze("delete", ids, "mei", NOW))
    assert outcomes_of(done) == {ids[0]: "done", ids[1]: "done"}
    assert list(db.session.scalars(select(Run.id))) == [ids[2]]


def test_terminating_many_asks_the_workers(app: Flask) -> None:
    bulk = many.freeze("terminate", [add(1, states.STARTED)], "mei", NOW)
    done = work(bulk)
    assert [(item.outcome, item.detail) for item in many.items(done).items] == [("done", "terminated")]


def test_the_set_is_capped_and_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [add(number) for number in range(4)]
    monkeypatch.setattr(selection, "MOST", 3)
    bulk = many.freeze_matching("rerun", RunFilter(), "mei", NOW)
    assert (bulk.capped, bulk.total, list(verdicts_of(bulk))) == (True, 3, ids[:0:-1])
    with pytest.raises(Invalid):
        many.freeze("rerun", ids, "mei", NOW)


def test_what_cannot_be_frozen(app: Flask) -> None:
    with pytest.raises(Invalid):
        many.freeze("explode", [add(1)], "mei", NOW)
    with pytest.raises(Invalid):
        many.freeze("rerun", [], "mei", NOW)
    with pytest.raises(Invalid):
        many.freeze_matching("rerun", RunFilter(queue="nope"), "mei", NOW)
    for bad in ("nope", "\x00", "x" * 500):
        with pytest.raises(NotFound):
            many.get(bad)


def test_old_sets_are_forgotten(app: Flask) -> None:
    run_id = add(1)
    frozen = many.freeze("rerun", [run_id], "mei", NOW).id
    done = work(many.freeze("rerun", [run_id], "mei", NOW)).id
    assert many.forget_old(NOW + timedelta(hours=23)) == 0
    assert many.forget_old(NOW + timedelta(hours=25)) == 1
    with pytest.raises(NotFound):
        many.get(frozen)
    assert many.get(done)
    assert many.forget_old(NOW + timedelta(days=31)) == 1
    assert db.session.query(many.BulkItem).count() == 0


def test_from_the_page_to_the_outcome(
    app: Flask, signed_in: SignedIn, post: Any, eventually: Eventually
) -> None:
    ids = [add(1), add(2), add(3, states.STARTED)]
    browser = signed_in("operator")
    assert 'class="pick" name="id" value="b0001" form="bulk"' in browser.get("/runs").text
    answer = post(browser, "/runs/bulk", {"action": "rerun", "id": ids})
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert re.search(r"<b>2</b> will be retried", page)
    assert re.search(r"<b>1</b> running, left out", page)
    assert "Retry 2" in page
    assert post(browser, f"{answer.location}/confirm").status_code == 303
    bulk_id = answer.location.rsplit("/", 1)[1]
    eventually(lambda: many.get(bulk_id).state == "finished", 20)
    page = browser.get(answer.location).text
    assert "2 of 2 runs done" in page
    assert post(browser, f"{answer.location}/confirm").status_code == 409
    assert browser.get(f"{answer.location}/live").status_code == 200
    assert browser.get(f"{answer.location}/live?version={many.version(bulk_id)}").status_code == 204


def test_the_whole_filter_from_the_page(app: Flask, signed_in: SignedIn, post: Any) -> None:
    add(1, queue="mail")
    add(2)
    browser = signed_in("operator")
    answer = post(browser, "/runs/bulk", {"action": "rerun", "all": "1", "queue": "mail", "id": "b0002"})
    assert list(verdicts_of(many.get(answer.location.rsplit("/", 1)[1]))) == ["b0001"]
    assert post(browser, "/runs/bulk", {"action": "rerun", "all": "1", "last": "2y"}).status_code == 422


def test_deleting_takes_an_administrator_and_over_a_hundred_a_number(
    app: Flask, signed_in: SignedIn, post: Any, eventually: Eventually
) -> None:
    ids = [add(number) for number in range(101)]
    assert post(signed_in("operator"), "/runs/bulk", {"action": "delete", "id": ids}).status_code == 403
    assert post(signed_in("viewer"), "/runs/bulk", {"action": "rerun", "id": ids}).status_code == 403
    admin = signed_in("admin")
    place = post(admin, "/runs/bulk", {"action": "delete", "id": ids}).location
    assert "Type 101 to confirm" in admin.get(place).text
    assert post(signed_in("operator"), f"{place}/confirm", {"typed": "101"}).status_code == 403
    assert post(admin, f"{place}/confirm", {"typed": "100"}).status_code == 422
    assert post(admin, f"{place}/confirm", {"typed": "101"}).status_code == 303
    eventually(lambda: many.get(place.rsplit("/", 1)[1]).state == "finished", 30)
    assert db.session.query(Run).count() == 0


def test_the_api_freezes_confirms_and_tells(app: Flask, caller: Callers, eventually: Eventually) -> None:
    ids = [add(1), add(2, states.STARTED)]
    operator = caller("operator")
    frozen = operator.post("/runs/bulk", json={"action": "rerun", "ids": ids})
    assert frozen.status_code == 202
    assert frozen.json["verdicts"] == {"act": 1, "running": 1}
    assert (frozen.json["state"], frozen.json["done"]) == ("frozen", 0)
    bulk_id = frozen.json["id"]
    assert operator.post(f"/runs/bulk/{bulk_id}/confirm").status_code == 202
    eventually(lambda: operator.get(f"/runs/bulk/{bulk_id}").json["state"] == "finished", 20)
    first = operator.get(f"/runs/bulk/{bulk_id}/items?limit=1").json
    assert first["items"][0]["outcome"] == "done"
    rest = operator.get(f"/runs/bulk/{bulk_id}/items?cursor={first['next_cursor']}").json
    assert (rest["items"][0]["verdict"], rest["next_cursor"]) == ("running", None)
    assert operator.post(f"/runs/bulk/{bulk_id}/confirm").status_code == 409
    at_once = operator.post(
        "/runs/bulk", json={"action": "rerun", "filter": {"state": "SUCCESS"}, "dry_run": False}
    )
    assert at_once.json["state"] in ("working", "finished")
    eventually(lambda: many.get(at_once.json["id"]).state == "finished", 20)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"action": "rerun"}, 422),
        ({"action": "explode", "ids": ["x"]}, 422),
        ({"action": "rerun", "ids": []}, 422),
        ({"action": "rerun", "ids": ["x"], "filter": {}}, 422),
        ({"action": "rerun", "ids": [1]}, 422),
        ({"action": "rerun", "filter": {"stat": "SUCCESS"}}, 422),
        ({"action": "rerun", "filter": {"state": "NOPE"}}, 422),
        ({"action": "rerun", "filter": {"min_seconds": 3, "max_seconds": 2}}, 422),
        ({"action": "rerun", "filter": {"queue": "nope"}}, 422),
        ({"action": "rerun", "ids": ["x"], "dry_run": "no"}, 422),
        ({"action": "delete", "ids": ["x"]}, 403),
    ],
)
def test_bad_requests_freeze_nothing(app: Flask, caller: Callers, body: dict[str, Any], status: int) -> None:
    add(1)
    assert caller("operator").post("/runs/bulk", json=body).status_code == status
    assert db.session.query(many.Bulk).count() == 0
    assert caller("viewer").post("/runs/bulk", json={"action": "rerun", "ids": ["x"]}).status_code == 403
    assert caller("viewer").get("/runs/bulk/nope").status_code == 404


def test_a_wrong_filter_of_its_runs_is_said(app: Flask, caller: Callers, signed_in: SignedIn) -> None:
    bulk = many.freeze("rerun", [add(1), add(2, states.STARTED)], "mei", NOW)
    api, browser = caller("viewer"), signed_in("viewer")
    for name in ("verdict", "outcome"):
        refused = api.get(f"/runs/bulk/{bulk.id}/items?{name}=no-such").json["errors"]
        assert list(refused) == [name]
        page = browser.get(f"/runs/bulk/{bulk.id}?{name}=no-such").text
        assert refused[name][0] in page
        assert 'id="item-1"' in page
    assert 'id="item-1"' not in browser.get(f"/runs/bulk/{bulk.id}?verdict=act").text
    assert browser.get(f"/runs/bulk/{bulk.id}?cursor=no-such").status_code == 422
    assert list(api.get(f"/runs/bulk/{bulk.id}/items?cursor=0").json["errors"]) == ["cursor"]
