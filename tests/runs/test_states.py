"""One table says what each state of a run means; chips, explanations and diagnoses read it."""

import re
from pathlib import Path
from typing import get_args

import pytest
from flask import Flask

from app.clock import utcnow
from app.library.maintenance import Finished
from app.queues import diagnosis
from app.runs import states
from app.runs.explanation import explain
from app.runs.models import Run

PROJECT = Path(__file__).resolve().parent.parent.parent


def test_the_table_divides_the_states() -> None:
    assert set(states.FINISHED) | set(states.UNFINISHED) == set(states.ALL)
    assert not set(states.FINISHED) & set(states.UNFINISHED)
    assert states.RUNNING == (states.STARTED, states.PROGRESS)
    assert set(states.FAILED) <= set(states.FINISHED)


@pytest.mark.parametrize("name", states.ALL)
def test_what_can_be_done_follows_from_how_far_it_is(name: str) -> None:
    state = states.of(name)
    assert (states.RERUN in state.actions) == (name in states.FINISHED)
    assert (states.TERMINATE in state.actions) == (name in states.RUNNING)
    assert (states.CANCEL in state.actions) == (name not in (*states.FINISHED, *states.RUNNING))


@pytest.mark.parametrize("name", states.ALL)
def test_each_kind_has_a_colour_and_an_icon(name: str) -> None:
    css = (PROJECT / "static/app.css").read_text()
    assert f".{states.of(name).css}" in css
    assert f'"{states.of(name).kind}"' in (PROJECT / "static/icons.svg").read_text()


@pytest.mark.parametrize("name", states.ALL)
def test_a_state_means_the_same_wherever_it_is_told(app: Flask, name: str) -> None:
    with app.test_request_context():
        state = states.of(name)
        assert re.fullmatch(r"[A-Z].*\.", str(state.meaning))
        assert explain(Run(state=name, started_at=utcnow())).what == state.meaning
        if name in states.RUNNING:
            told = diagnosis.diagnose(Run(state=name), [], utcnow())
            assert (told.reason, told.detail) == (state.code, state.meaning)


def test_the_task_that_cleans_up_takes_every_end() -> None:
    assert get_args(Finished) == states.FINISHED


def test_a_state_that_nobody_knows_shows_its_own_name(app: Flask) -> None:
    with app.test_request_context():
        assert (states.of("ODD").name, str(states.of("ODD").word)) == ("ODD", "ODD")
        assert explain(Run(state="ODD")).what == "Celeriac does not know this state."
