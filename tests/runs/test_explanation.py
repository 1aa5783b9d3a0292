"""What became of a run, in words."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from app.runs import states
from app.runs.explanation import explain
from app.runs.models import Run


def test_a_run_that_was_cancelled_before_it_began_says_so(app: Flask) -> None:
    with app.test_request_context():
        assert "before it began" in str(explain(Run(state=states.REVOKED)).what)
        begun = Run(state=states.REVOKED, started_at=datetime(2026, 11, 22, tzinfo=UTC))
        assert "half done" in str(explain(begun).what)
        assert "half done" in str(explain(Run(state=states.REVOKED, attempt=1)).what)
        assert explain(Run(state=states.REVOKED)).code == explain(begun).code == "cancelled"


@pytest.mark.parametrize("state", states.ALL)
def test_every_state_is_explained(app: Flask, state: str) -> None:
    with app.test_request_context():
        found = explain(Run(state=state))
        assert str(found.what).endswith(".")
        if state in states.FINISHED and state != states.SUCCESS:
            assert str(found.advice).endswith("."), "a bad end says what to do"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("NotRegistered: the worker knows no task named x.y", "unregistered"),
        ("SoftTimeLimitExceeded: SoftTimeLimitExceeded()", "soft-time-limit"),
        ("TimeLimitExceeded: 2.0", "time-limit"),
        ("WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL)", "worker-lost"),
        ("DecodeError: Expecting value", "undecodable"),
        ("EncodeError: Object of type type is not JSON serializable", "result-not-json"),
        ("KeyError: 'WorkerLostError'", "failure"),
        (None, "failure"),
    ],
)
def test_special_failures_are_told_apart(error: str | None, code: str) -> None:
    assert explain(Run(state=states.FAILURE, error=error)).code == code


def test_an_error_of_a_run_that_goes_on_does_not_count() -> None:
    assert explain(Run(state=states.STARTED, error="TimeLimitExceeded: 2.0")).code == "running"
