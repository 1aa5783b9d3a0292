"""Workflows of a real worker, as pages and the API show them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import runs, workflows
from app.clock import utcnow


def shape(items: list[dict[str, Any]]) -> list[Any]:
    return [
        [shape(flow) for flow in item["members"]]
        if item["kind"] == "group"
        else (item["task_name"] or "").rsplit(".", 1)[-1]
        for item in items
    ]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("chain", ["chain", "add", "multiply", "square"]),
        ("group", ["group", [["square"], ["square"], ["square"]]]),
        ("chord", ["chord", [["square"], ["square"], ["square"]], "total"]),
    ],
)
def test_a_workflow_becomes_a_tree(
    app: Flask,
    processes: Any,
    eventually: Callable[..., Any],
    caller: Any,
    signed_in: Any,
    task: str,
    expected: list[Any],
) -> None:
    kwargs = {} if task == "chain" else {"numbers": [1, 2, 3]}
    run = runs.submit(runs.RunRequest(f"examples.advanced.{task}", kwargs=kwargs), utcnow())
    call = caller("viewer")
    ahead = call.get(f"/runs/{run.id}/workflow").json
    assert ahead["items"] == []
    processes.worker()
    processes.recorder()

    def whole() -> Any:
        found = call.get(f"/runs/{run.id}/workflow").json
        return found if found["done"] == found["size"] == len(str(expected).split(",")) else None

    found = eventually(whole)
    assert shape(found["items"]) == expected
    assert found["states"] == {"SUCCESS": found["size"]}
    page = signed_in("viewer").get(f"/runs/{run.id}").text
    assert 'id="run-workflow"' in page
    listed = workflows.latest().items
    assert [(one.first_id, one.size, one.done) for one in listed] == [(run.id, found["size"], found["size"])]
    assert run.id in signed_in("viewer", "another").get("/workflows").text
