"""What Celery's messages say about the steps that are still to come; pure, and never failing."""

from collections.abc import Mapping
from typing import Any

from app.workflows.tree import Follows, Planned

PLANNED_MAX = 200


def follows(options: Mapping[str, Any]) -> Follows:
    """From a message's third part: `chain` (the last step first) and `chord` (the callback).

    A chain within a chord keeps the callback in the options of its last step.
    """
    chain = _list(options.get("chain"))
    chord = options.get("chord")
    if not chord and chain:
        chord = _dict(_dict(chain[0]).get("options")).get("chord")
    steps = [step for signature in reversed(chain) for step in _steps(signature)]
    return Follows(steps[:PLANNED_MAX], _steps(chord)[:PLANNED_MAX])


def _steps(signature: Any) -> list[Planned]:
    """A signature as steps: a chain's are in a row, a chord's are its group and its callback."""
    signature = _dict(signature)
    kind, kwargs = signature.get("subtask_type"), _dict(signature.get("kwargs"))
    if kind == "chain":
        return [step for task in _list(kwargs.get("tasks")) for step in _steps(task)]
    if kind == "group":
        return [_group(_list(kwargs.get("tasks")))]
    if kind == "chord":
        header = _dict(kwargs.get("header"))
        members = _list(_dict(header.get("kwargs")).get("tasks")) or _list(kwargs.get("header"))
        return [_group(members), *_steps(kwargs.get("body"))]
    name = signature.get("task")
    if not isinstance(name, str):
        return []
    run_id = _dict(signature.get("options")).get("task_id")
    return [Planned(name, run_id if isinstance(run_id, str) else "")]


def _group(members: list[Any]) -> Planned:
    names = {step.task_name for member in members for step in _steps(member)[:1]}
    return Planned(names.pop() if len(names) == 1 else "", size=len(members))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
