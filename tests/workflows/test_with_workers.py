"""Workflows of a real worker, as pages and the API show them."""

from collections.abc import Callable
from typing import Any

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


SHAPES = {
    "chain": ["chain", "add", "multiply", "square"],
    "group": ["group", [["square"], ["square"], ["square"]]],
    "chord": ["chord", [["square"], ["square"], ["square"]], "total"],
}


def test_a_workflow_becomes_a_tree(
    app: Flask, processes: Any, eventually: Callable[..., Any], caller: Any, signed_in: Any
) -> None:
    sent = {
        task: runs.submit(
            runs.RunRequest(
                f"examples.advanced.{task}", kwargs={} if task == "chain" else {"numbers": [1, 2, 3]}
            ),
            utcnow(),
        ).id
        for task in SHAPES
    }
    call, browser = caller("viewer"), signed_in("viewer")
    for run_id in sent.values():
        assert call.get(f"/runs/{run_id}/workflow").json["items"] == []
    processes.worker()
    processes.recorder()
    for task, expected in SHAPES.items():

        def whole(run_id: str = sent[task], size: int = len(str(expected).split(","))) -> Any:
            found = call.get(f"/runs/{run_id}/workflow").json
            return found if found["done"] == found["size"] == size else None

        found = eventually(whole)
        assert shape(found["items"]) == expected
        assert found["states"] == {"SUCCESS": found["size"]}
        assert 'id="run-workflow"' in browser.get(f"/runs/{sent[task]}").text
    listed = {one.first_id: (one.size, one.done) for one in workflows.latest().items}
    assert listed == {sent["chain"]: (4, 4), sent["group"]: (4, 4), sent["chord"]: (5, 5)}
    page = browser.get("/workflows").text
    assert all(run_id in page for run_id in sent.values())
