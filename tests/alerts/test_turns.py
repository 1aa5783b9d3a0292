"""What fires, what is told of it and when, looked at as the recorder does; a web server listens."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text

from app.alerts import delivery, quiet, rules, turns, words
from app.alerts.models import AlertMessage, AlertState
from app.extensions import db, transaction
from app.runs import Run, endings
from app.runs.failures import acts, inbox
from app.runs.failures.inbox import FailureFilter
from app.schedules import Definition
from app.schedules import create as create_schedule
from tests.races import at_once

ADD = "examples.basic.add"


def test_a_failed_run_is_told_with_its_page(team: Any, client: Any) -> None:
    team.rule("run_failed", name="Payments")
    assert team.look(5) == []
    run_id = team.run(error="KeyError: 'amount'")
    [told] = team.look(5)
    assert (told["status"], told["rule"], told["firing_count"]) == ("firing", "Payments", 1)
    [one] = told["firing"]
    assert one["text"] == "shop.pay: 1 run failed: KeyError: 'amount'"
    assert one["url"] == f"http://localhost/runs/{run_id}"
    assert team.look(5) == []


def test_more_failures_wait_for_the_window_and_come_as_one(team: Any) -> None:
    team.rule("run_failed", window_seconds=300)
    team.run()
    assert len(team.look(5)) == 1
    for _ in range(3):
        team.run()
        team.run("shop.ship")
        assert team.look(60) == []
    [told] = team.look(150)
    assert sorted(one["subject"] for one in told["firing"]) == ["shop.pay", "shop.ship"]


def test_recovery_is_told_once(team: Any) -> None:
    team.rule("run_failed", window_seconds=30)
    team.run()
    assert len(team.look(5)) == 1
    team.now += timedelta(seconds=10)
    team.run(state="SUCCESS", runtime_seconds=1.0)
    [told] = team.look(60)
    assert (told["status"], told["recovered"][0]["text"]) == ("recovered", "shop.pay succeeded again")
    assert team.look(60) == []
    assert db.session.query(AlertState).filter(AlertState.ended_at.is_(None)).count() == 0


def test_no_recovery_is_told_where_nobody_wants_it(team: Any) -> None:
    team.rule("run_failed", window_seconds=30, tell_recovery=False)
    team.run()
    assert len(team.look(5)) == 1
    team.now += timedelta(seconds=1)
    team.run(state="SUCCESS")
    assert team.look(60) == []
    team.run()  # and the next failure is told again
    assert len(team.look(60)) == 1


def test_what_is_narrowed_tells_only_that(team: Any) -> None:
    team.rule("run_failed", task_name="shop.pay", queue="billing")
    team.run(queue="default")
    team.run("shop.ship", queue="billing")
    assert team.look(5) == []
    team.run(queue="billing")
    assert len(team.look(5)) == 1


def test_what_failed_before_the_rule_is_not_told(team: Any) -> None:
    team.run()
    team.now += timedelta(seconds=5)
    team.rule("run_failed")
    assert team.look(5) == []


def test_each_failure_is_counted_in_one_message_however_long_its_window(team: Any) -> None:
    team.rule("run_failed", window_seconds=3600)
    team.run()
    team.run()
    [told] = team.look(5)
    assert told["firing"][0]["text"] == "shop.pay: 2 runs failed: KeyError: 1"
    for _ in range(6):
        team.now += timedelta(minutes=9)
        team.run()
        assert team.look(1) == []
    [told] = team.look(600)
    assert told["firing"][0]["text"] == "shop.pay: 6 runs failed, 8 in all: KeyError: 1"
    team.now += timedelta(seconds=1)
    team.run(state="SUCCESS")
    assert len(team.look(3600)) == 1
    team.run()
    assert team.look(5) == []
    [told] = team.look(3600)
    assert told["firing"][0]["text"] == "shop.pay: 1 run failed: KeyError: 1"


def test_a_long_row_of_failures_is_told_by_its_length(team: Any) -> None:
    team.rule("failures_in_row", number=3, window_seconds=30)
    team.run(state="SUCCESS")
    for _ in range(60):
        team.now += timedelta(seconds=1)
        team.run()
    [told] = team.look(5)
    assert told["firing"][0]["text"] == "shop.pay: the last 60 runs failed"
    for _ in range(150):
        team.run()
    assert team.look(5) == []
    [standing] = rules.listing(team.now)  # pages do not stay behind, nor look at very many
    line = words.line("failures_in_row", standing.firing[0].facts)
    assert line == "shop.pay: at least the last 200 runs failed"


def test_failures_in_a_row(team: Any) -> None:
    team.rule("failures_in_row", number=3, window_seconds=30)
    for state in ("FAILURE", "FAILURE", "SUCCESS", "FAILURE", "LOST"):
        team.now += timedelta(seconds=1)
        team.run(state=state)
    assert team.look(5) == []
    team.run()
    [told] = team.look(5)
    assert told["firing"][0]["text"] == "shop.pay: the last 3 runs failed"
    team.now += timedelta(seconds=1)
    team.run(state="SUCCESS")
    assert [one["status"] for one in team.look(60)] == ["recovered"]


def test_two_apps_with_a_task_of_one_name(team: Any) -> None:
    """What succeeds in one says nothing of the other, and each is told by itself."""
    for kind, values in (("failures_in_row", {"number": 2}), ("run_failed", {}), ("new_failure", {})):
        team.rule(kind, window_seconds=30, **values)
    for _ in range(2):
        for app, state in ((None, "FAILURE"), ("mail", "SUCCESS"), ("blog", "FAILURE")):
            team.now += timedelta(seconds=1)
            team.run(state=state, app=app)
    told = {body["kind"]: {(one["subject"], one["text"]) for one in body["firing"]} for body in team.look(5)}
    assert told == {
        "failures_in_row": {
            ("shop.pay", "shop.pay: the last 2 runs failed"),
            ("blog shop.pay", "shop.pay (blog): the last 2 runs failed"),
        },
        "run_failed": {
            ("shop.pay", "shop.pay: 2 runs failed: KeyError: 1"),
            ("blog shop.pay", "shop.pay (blog): 2 runs failed: KeyError: 1"),
        },
        "new_failure": {
            ("shop.pay: KeyError", "shop.pay: a new kind of failure: KeyError: 1"),
            ("blog shop.pay: KeyError", "shop.pay (blog): a new kind of failure: KeyError: 1"),
        },
    }
    team.now += timedelta(seconds=1)
    team.run(state="SUCCESS", app="blog")
    recovered = {body["kind"]: [one["text"] for one in body["recovered"]] for body in team.look(60)}
    assert recovered["failures_in_row"] == ["shop.pay (blog) succeeded again"]


def test_a_long_queue_hides_neither_failures_in_a_row_nor_recovery(team: Any) -> None:
    team.rule("failures_in_row", number=2, window_seconds=30)
    team.run()
    team.run()

    def queue_up(number: int) -> None:
        run = {"task_name": "shop.pay", "state": "PENDING", "created_at": team.now, "updated_at": team.now}
        with transaction() as session:
            rows = [run | {"id": f"{team.now:%M%S}-{n}"} for n in range(number)]
            session.connection().execute(insert(Run), rows)

    queue_up(300)
    assert [body["status"] for body in team.look(10)] == ["firing"]
    team.run(state="SUCCESS")
    team.now += timedelta(seconds=1)
    queue_up(50)
    assert [body["status"] for body in team.look(60)] == ["recovered"]


def test_a_new_kind_of_failure_and_one_that_came_back(team: Any) -> None:
    team.run(error="KeyError: 1")
    team.now += timedelta(minutes=30)
    team.rule("new_failure", seconds=3600, window_seconds=30)
    team.run(error="KeyError: 2")  # known from before
    assert team.look(5) == []
    team.run(error="ValueError: odd")
    [told] = team.look(5)
    assert told["firing"][0]["text"] == "shop.pay: a new kind of failure: ValueError: odd"
    team.run(error="ValueError: even")
    assert team.look(60) == []
    team.now += timedelta(hours=2)
    team.run(error="ValueError: odd again")
    [told] = team.look(5)
    assert "came back" in told["firing"][0]["text"]


def close(team: Any, action: str, **given: Any) -> None:
    """Resolve or ignore every kind of failure."""
    acts.apply(action, inbox.ids(FailureFilter(state="all", at=team.now), 10), "ann", team.now, given)


def test_a_resolved_kind_tells_nothing_until_it_comes_back(team: Any) -> None:
    team.run(error="KeyError: 1")
    team.now += timedelta(minutes=1)
    team.rule("new_failure", window_seconds=30)
    close(team, "resolve")
    assert team.look(60) == []
    team.run(error="KeyError: 2")
    [told] = team.look(5)
    [one] = told["firing"]
    assert one["text"] == "shop.pay: a failure came back that ann had closed: KeyError: 2"
    assert one["url"].startswith("http://localhost/runs/failures/")
    team.now += timedelta(minutes=1)
    team.run(error="KeyError: 3")
    assert team.look(60) == []


def test_an_ignored_kind_alerts_nobody_and_a_time_that_has_passed_does(team: Any) -> None:
    team.run()
    close(team, "ignore", until=team.now + timedelta(hours=2))
    for kind, values in (("run_failed", {}), ("failures_in_row", {"number": 2}), ("new_failure", {})):
        team.rule(kind, window_seconds=30, **values)
    for _ in range(3):
        team.now += timedelta(seconds=1)
        team.run(error="KeyError: 2")
    assert team.look(60) == []
    team.now += timedelta(hours=2)
    team.run(error="KeyError: 3")
    assert sorted(one["kind"] for one in team.look(5)) == ["failures_in_row", "new_failure", "run_failed"]


def test_what_is_resolved_stops_firing_and_nobody_calls_it_well(team: Any) -> None:
    team.rule("run_failed", window_seconds=30)
    team.rule("failures_in_row", number=1, window_seconds=30)
    team.run()
    assert len(team.look(5)) == 2
    close(team, "resolve")
    assert team.look(60) == []
    assert [one.state for one in rules.listing(team.now)] == ["fine", "fine"]
    team.run()
    assert len(team.look(60)) == 2


@pytest.mark.database
def test_a_storm_of_failures_is_one_message_a_window(team: Any) -> None:
    """10,000 failures in a minute, of 50 tasks: one message at once, one when the window has passed."""
    team.rule("run_failed", window_seconds=60)
    arrived = []
    for second in range(0, 60, 5):
        at = team.now + timedelta(seconds=second)
        rows = [
            {
                "id": f"{second}-{number}",
                "task_name": f"shop.task{number % 50}",
                "state": "FAILURE",
                "error": f"KeyError: {number}",
                "created_at": at,
                "updated_at": at,
                "ended_at": at,
            }
            for number in range(834)
        ]
        with transaction() as session:
            session.connection().execute(insert(Run), rows)
        arrived += team.look(5)
    arrived += team.look(60)
    assert len(arrived) == 2
    assert arrived[0]["firing_count"] == arrived[1]["firing_count"] == 50
    counted = [state.facts["count"] + state.facts["before"] for state in db.session.query(AlertState)]
    assert sum(counted) == 12 * 834
    assert len(arrived[0]["firing"]) == turns.ITEMS_MOST
    assert "and 30 more" in arrived[0]["text"]


def test_a_storm_hides_no_other_failure(team: Any) -> None:
    """More failures of one task come in between two looks than are read: those of others are told of."""
    team.rule("run_failed", task_name="shop.rare", name="narrow")
    team.rule("run_failed", name="all")
    team.rule("new_failure", name="new")
    before = team.run("shop.rare", queue="slow")
    at = team.now + timedelta(seconds=1)
    run = {"task_name": "shop.pay", "state": "FAILURE", "error": "KeyError: 1"}
    rows = [
        run | {"id": f"storm-{number}", "created_at": at, "updated_at": at, "ended_at": at}
        for number in range(2001)
    ]
    with transaction() as session:
        session.connection().execute(insert(Run), rows)
        endings.note_these([row["id"] for row in rows])
    told = {body["rule"]: {one["subject"]: one for one in body["firing"]} for body in team.look(2)}
    assert told["narrow"].keys() == {"shop.rare"}
    assert told["narrow"]["shop.rare"]["url"].endswith(f"/runs/{before}")
    assert "1 run failed" in told["narrow"]["shop.rare"]["text"]
    assert "2001 runs failed" in told["all"]["shop.pay"]["text"]
    assert told["all"].keys() == {"shop.rare", "shop.pay"}
    assert len(told["new"]) == 2


def test_silence_keeps_still_and_then_tells_what_still_fires(team: Any) -> None:
    rule = team.rule("run_failed", window_seconds=30)
    rules.silence(rule.id, team.now + timedelta(hours=1), "we know", "bob", team.now)
    team.run()
    assert team.look(600) == []
    assert [one.state for one in rules.listing(team.now)] == ["silenced"]
    [told] = team.look(3100)
    assert told["firing"][0]["subject"] == "shop.pay"


def test_who_wants_it_is_reminded_of_what_still_fires(team: Any) -> None:
    rule = team.rule("disk", number=1, remind_seconds=3600, window_seconds=30)
    assert len(team.look(5)) == 1
    assert team.look(3590) == []
    [told] = team.look(10)
    assert (told["status"], told["firing_count"], told["still_firing"]) == ("firing", 1, 0)
    assert told["title"] == "[Celeriac] Still firing: disk"
    assert team.look(3590) == []
    rules.silence(rule.id, team.now + timedelta(hours=1), "", "bob", team.now)
    assert team.look(100) == []
    assert len(team.look(3600)) == 1  # silence ended, and it still fires
    rules.update(rule.id, {"remind_seconds": None}, "ann", team.now)
    assert team.look(90_000) == []


def test_a_reminder_tells_how_it_is_now_and_not_what_has_no_end(team: Any) -> None:
    definition = Definition(
        name="Digest", task_name=ADD, task_type="interval", interval_seconds=60, kwargs={"x": 1, "y": 2}
    )
    create_schedule(definition, "ann", team.now, {})
    team.rule("schedule_late", seconds=60, remind_seconds=600)
    team.rule("new_failure", remind_seconds=60, window_seconds=30)
    team.run()
    assert [one["kind"] for one in team.look(5)] == ["new_failure"]
    [told] = team.look(175)
    assert told["firing"][0]["text"] == "Digest is late by 2 min"
    [told] = team.look(600)
    assert told["firing"][0]["text"] == "Digest is late by 12 min"


def test_quiet_hours_are_those_of_their_zone() -> None:
    shanghai = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 23:00 there
    assert quiet.is_quiet("22:00", "07:00", "Asia/Shanghai", shanghai)
    assert not quiet.is_quiet("22:00", "07:00", "UTC", shanghai)
    assert quiet.is_quiet("22:00", "07:00", "Asia/Shanghai", shanghai + timedelta(hours=7, minutes=59))
    assert not quiet.is_quiet("22:00", "07:00", "Asia/Shanghai", shanghai + timedelta(hours=8))
    assert quiet.is_quiet("14:00", "16:00", "UTC", shanghai)
    assert not quiet.is_quiet(None, None, "UTC", shanghai)


def test_a_rule_written_in_sql_that_cannot_be_read_stops_no_other(team: Any, signed_in: Any) -> None:
    team.rule("run_failed")
    wrong = "INSERT INTO alert_rules (name, kind, quiet_from, quiet_until, quiet_zone) VALUES "
    with transaction() as session:
        session.execute(text(wrong + "('odd kind', 'nothing', NULL, NULL, 'UTC')"))
        session.execute(text(wrong + "('odd hours', 'run_failed', 'late', '07:00', 'UTC')"))
        session.execute(text(wrong + "('odd zone', 'disk', '22:00', '07:00', 'Mars')"))
        session.execute(text("INSERT INTO alert_rules (name, kind) VALUES ('plain', 'run_failed')"))
    team.run()
    assert [one["rule"] for one in team.look(5)] == ["run_failed"]
    page = signed_in("viewer").get("/alerts")
    assert page.status_code == 200
    assert "odd kind" in page.get_data(True)


def test_nothing_is_told_in_quiet_hours(team: Any) -> None:
    begin = team.now.replace(minute=0, second=0, microsecond=0)
    team.now = begin + timedelta(minutes=1)
    end = begin + timedelta(hours=1)
    team.rule("run_failed", quiet_from=f"{begin:%H:%M}", quiet_until=f"{end:%H:%M}", quiet_zone="UTC")
    team.run()
    assert team.look(600) == []
    assert len(team.look((end - team.now).total_seconds())) == 1


@pytest.mark.database
def test_several_recorders_at_once_make_one_message(team: Any, app: Flask) -> None:
    team.rule("run_failed")
    for number in range(20):
        team.run(f"shop.task{number}")
    team.now += timedelta(seconds=6)

    def recorder(start: Callable[[], object], _n: int) -> None:
        start()
        turns.take(team.now)
        delivery.send_due(team.now)

    at_once(app, 4, recorder)
    assert [one.state for one in team.messages()] == ["sent"]
    assert len(team.receiver.posts) == 1


def test_a_turn_that_nobody_ends_is_taken_over(team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    team.rule("run_failed")
    team.run()

    def dies(*args: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(turns, "_write", dies)
        with pytest.raises(KeyboardInterrupt):
            team.look(5)
    assert team.look(5) == []
    assert len(team.look(60)) == 1


def test_who_was_too_slow_writes_nothing(team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process took the turn over while this one looked: it alone writes."""
    team.rule("run_failed")
    team.run()
    team.now += timedelta(seconds=5)
    find = turns.conditions.find

    def slowly(*args: Any) -> Any:
        found = find(*args)
        with monkeypatch.context() as quick:
            quick.setattr(turns.conditions, "find", find)
            assert turns.take(team.now + timedelta(seconds=61)) == 1
        return found

    monkeypatch.setattr(turns.conditions, "find", slowly)
    assert turns.take(team.now) == 0
    assert db.session.query(AlertMessage).count() == 1


def test_beat_waits_while_a_recorder_looks(team: Any) -> None:
    team.rule("run_failed")
    team.look(5)
    team.run()
    patience = timedelta(seconds=30)
    assert turns.take(team.now + timedelta(seconds=20), patience) == 0
    assert turns.take(team.now + timedelta(seconds=36), patience) == 1
