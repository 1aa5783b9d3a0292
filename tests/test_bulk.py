"""The same act on many, and that every way in offers the same acts."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import bulk, queues, schedules
from app.api.queues.schemas import QueueBulkSchema
from app.api.schedules.schemas import ScheduleBulkSchema
from app.clock import utcnow
from app.errors import BrokerUnavailable, Invalid, NotFound
from app.extensions import db
from app.pages.schedules import listing
from app.queues.bulk import ACTIONS as OF_QUEUES
from app.schedules.bulk import ACTIONS as OF_SCHEDULES


def refusing(*wrong: int, error: type[Exception] = NotFound) -> Callable[[int], str]:
    def act(one: int) -> str:
        if one in wrong:
            raise error(f"not {one}")
        return f"n{one}"

    return act


def test_each_is_done_once_and_in_order() -> None:
    results = bulk.each([3, 1, 3, 2], refusing(1), 3, "ids")
    assert [(one.id, one.name, one.problem, one.done) for one in results] == [
        (3, "n3", "", True),
        (1, "", "not 1", False),
        (2, "n2", "", True),
    ]


@pytest.mark.parametrize("ids", [[], [1, 2, 3]])
def test_none_and_too_many_are_refused(app: Flask, ids: list[int]) -> None:
    with pytest.raises(Invalid) as refused:
        bulk.each(ids, refusing(), 2, "ids")
    assert refused.value.errors == {"ids": ["Choose 1 to 2."]}


def test_what_is_away_is_asked_once_and_what_was_done_is_told() -> None:
    away = refusing(2, 3, error=BrokerUnavailable)
    assert [one.problem for one in bulk.each([1, 2, 3], away, 9, "ids")] == ["", "not 2", "not 2"]
    with pytest.raises(BrokerUnavailable, match="not 2"):
        bulk.each([2, 3], away, 9, "ids")


def test_page_and_rest_offer_the_same() -> None:
    assert set(listing._DONE) == set(OF_SCHEDULES)
    for schema, actions in ((ScheduleBulkSchema, OF_SCHEDULES), (QueueBulkSchema, OF_QUEUES)):
        (choice,) = schema().fields["action"].validators  # type: ignore[misc]
        assert set(choice.choices) == set(actions)


def test_rest_runs_and_moves_schedules_as_the_page_does(app: Flask, caller: Any) -> None:
    api, now = caller("operator"), utcnow()
    fields: dict[str, Any] = {"task_type": "interval", "interval_seconds": 60, "args": [1]}
    wanted = [schedules.Definition(name=f"s{n}", task_name="sample_tasks.plain", **fields) for n in range(2)]
    made = [schedules.create(one, "mei", now).id for one in wanted]
    sent = api.post("/schedules/bulk", json={"action": "run", "ids": made}).json["outcomes"]
    assert [(one["name"], one["done"]) for one in sent] == [("s0", True), ("s1", True)]
    again = api.post("/schedules/bulk", json={"action": "run", "ids": made}).json["outcomes"]
    assert {one["problem"] for one in again} == {"An earlier run of this schedule has not finished."}
    moved = api.post("/schedules/bulk", json={"action": "queue", "ids": made, "queue": "files"})
    assert all(one["done"] for one in moved.json["outcomes"])
    db.session.rollback()
    assert {row.queue for row in schedules.of_ids(made)} == {"files"}
    assert api.post("/schedules/bulk", json={"action": "eat", "ids": made}).status_code == 422
    assert api.post("/schedules/bulk", json={"action": "run", "ids": list(range(1, 502))}).status_code == 422


def test_rest_acts_on_several_runs_of_a_queue(app: Flask, redis: Any, caller: Any) -> None:
    from app import runs

    wanted = runs.RunRequest("sample_tasks.plain", args=[1])
    ids = [runs.submit(wanted, utcnow()).id for _ in range(3)]
    api = caller("operator")

    def act(action: str, *chosen: str, **more: Any) -> Any:
        return api.post("/queues/default/bulk", json={"action": action, "ids": list(chosen)} | more)

    held = act("hold", ids[0], "gone", reason="later").json["outcomes"]
    assert [(one["id"], one["done"]) for one in held] == [(ids[0], True), ("gone", False)]
    assert act("release", ids[0], to="front").json["outcomes"][0]["done"]
    assert act("front", ids[1], ids[2]).json["outcomes"][0]["id"] == ids[1]
    line = queues.line(queues.find("default", utcnow()), 0, 9)
    assert [one.id for one in line] == [ids[1], ids[2], ids[0]]
    assert act("priority", *ids, priority=9).status_code == 200
    assert act("send", ids[0], queue="files").json["outcomes"][0]["done"]
    for action, field in (("priority", "priority"), ("send", "queue")):
        refused = act(action, ids[1])
        assert refused.status_code == 422
        assert list(refused.json["errors"]) == [field]
    assert act("eat", ids[1]).status_code == 422
    assert act("hold").status_code == 422
    assert (
        caller("viewer").post("/queues/default/bulk", json={"action": "hold", "ids": ids}).status_code == 403
    )
