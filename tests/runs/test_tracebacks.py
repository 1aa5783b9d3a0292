"""Tracebacks taken apart."""

import traceback
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.runs.tracebacks import around, parse


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


def test_lines_around_the_one_that_raised() -> None:
    (error,) = around(parse(raised(inner)), [str(Path(__file__).parent)])
    frame = error.frames[-1]
    assert [text for _number, text in frame.around] == [
        "",
        "def inner() -> None:",
        '    raise ValueError("first line\\n\\nsecond paragraph")',
        "",
    ]
    assert frame.around[2][0] == frame.line
    assert not error.frames[0].around  # only where it was raised


def test_no_lines_of_other_files_or_of_changed_ones(tmp_path: Path) -> None:
    own = str(Path(__file__).parent)
    assert not around(parse(raised(inner)), [str(tmp_path)])[0].frames[-1].around
    assert not around(parse(raised(inner)), [f"{own}/../runs/nothing"])[0].frames[-1].around
    moved = tmp_path / "moved.py"
    for text, shown in (("a = 1\nraise x\n", True), ("raise x\na = 1\n", False), ("\n" * 9, False)):
        moved.write_text(text)
        trace = f'Traceback (most recent call last):\n  File "{moved}", line 2, in f\n    raise x\nE: y'
        (error,) = around(parse(trace), [str(tmp_path)])
        assert bool(error.frames[-1].around) is shown
    secret = tmp_path / "secret.txt"
    secret.write_text("a\nraise x\n")
    trace = f'Traceback (most recent call last):\n  File "{secret}", line 2, in f\n    raise x\nE: y'
    assert not around(parse(trace), [str(tmp_path)])[0].frames[-1].around
    gone = trace.replace("secret.txt", "gone.py")
    assert not around(parse(gone), [str(tmp_path)])[0].frames[-1].around


def test_a_very_deep_traceback_keeps_its_beginning_and_its_end() -> None:
    frames = "".join(f'  File "/srv/a.py", line {n}, in f{n}\n    f{n + 1}()\n' for n in range(1, 16001))
    (raised,) = parse(f"Traceback (most recent call last):\n{frames}KeyError: 'x'\n")
    assert [frame.line for frame in raised.frames] == [*range(1, 21), *range(15961, 16001)]
    assert [frame.left_out for frame in raised.frames if frame.left_out] == [15940]
    assert raised.frames[20].left_out
