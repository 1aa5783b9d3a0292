"""Tracebacks taken apart."""

import traceback

from hypothesis import given
from hypothesis import strategies as st

from app.runs.tracebacks import parse


def raised(function: object) -> str:
    try:
        function()  # type: ignore[operator]
    except Exception:
        return traceback.format_exc()
    raise AssertionError("it did not raise")


def inner() -> None:
    raise ValueError("first line\n\nsecond paragraph")


def outer() -> None:
    try:
        inner()
    except ValueError as error:
        raise KeyError("region") from error


def test_the_last_frame_is_the_one_that_raised() -> None:
    (error,) = parse(raised(inner))
    assert error.message == "ValueError: first line\n\nsecond paragraph"
    assert error.frames[-1].function == "inner"
    assert error.frames[-1].source.startswith("raise ValueError")
    assert error.frames[-1].path == __file__


def test_an_error_that_came_from_another() -> None:
    first, last = parse(raised(outer))
    assert first.message.startswith("ValueError")
    assert first.link.startswith("The above exception was the direct cause")
    assert last.message == "KeyError: 'region'"
    assert [frame.function for frame in last.frames] == ["raised", "outer"]


def test_frames_within_celery_stand_together() -> None:
    text = """Traceback (most recent call last):
  File "/srv/venv/lib/python3.11/site-packages/celery/app/trace.py", line 479, in trace_task
    R = retval = fun(*args, **kwargs)
                 ^^^^^^^^^^^^^^^^^^^^
  File "/srv/celeriac/app/celery/task.py", line 32, in __call__
    return self.run(*args, **kwargs)
  File "/srv/jobs/reports/rates.py", line 88, in convert
    row.total = row.amount * rate['fx_rate']
                             ~~~~^^^^^^^^^^^
  [Previous line repeated 2 more times]
KeyError: 'fx_rate'
"""
    (error,) = parse(text, ["/srv/celeriac", "/srv/jobs"])
    assert [(internal, [frame.path for frame in frames]) for internal, frames in error.groups] == [
        (True, ["celery/app/trace.py", "app/celery/task.py"]),
        (False, ["reports/rates.py"]),
    ]
    assert error.frames[-1].source == "row.total = row.amount * rate['fx_rate']"


def test_what_is_no_traceback_is_left_to_be_shown_as_it_is() -> None:
    assert parse("") == []
    assert parse("segmentation fault") == []
    assert parse("Traceback (most recent call last):\n") == []


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                '  File "a.py", line 1, in f',
                "    x = 1",
                "    ^",
                "E: x",
                "",
                "Traceback (most recent call last):",
            ]
        )
    ).map("\n".join)
)
def test_no_text_breaks_it(text: str) -> None:
    for error in parse(text):
        assert error.message
        assert error.frames
