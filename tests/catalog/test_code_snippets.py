"""The code and the command shown beside a run send the same run."""

import datetime
import json
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog import MASK, as_curl, as_python


def build_daily_report(
    day: datetime.date, region: str = "emea", recipients: list[str] = (), password: str = ""
):
    pass


@pytest.fixture
def info(info_of):
    return info_of(build_daily_report, name="reports.build_daily_report")


class Recorder:
    """Stands where the shown code expects the task, and keeps what it is called with."""

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> None:
        self.called = (args, kwargs, options)


def run(code: str) -> tuple[Any, Any, dict[str, Any]]:
    recorder = Recorder()
    names = {"datetime": datetime, "Decimal": Decimal, "UUID": UUID}
    exec(code, names | {"build_daily_report": recorder, "one": recorder})
    return recorder.called


def test_code_sends_the_same(info):
    code = as_python(
        info,
        ["2026-10-19"],
        {"region": "amer", "recipients": [f"someone.{n}@example.com" for n in range(5)]},
        {"queue": "reports", "priority": 8, "countdown": None, "message_ttl_seconds": 60, "hold": True},
    )
    args, kwargs, options = run(code)
    assert args == [datetime.date(2026, 10, 19)]
    assert kwargs == {"region": "amer", "recipients": [f"someone.{n}@example.com" for n in range(5)]}
    assert options == {"queue": "reports", "priority": 8, "expires": 60}


def test_code_without_anything(info):
    assert as_python(info, [], {}, {}) == "build_daily_report.apply_async()"


def test_code_hides_secrets(info):
    code = as_python(info, ["2026-10-19"], {"password": "swordfish"}, {})
    assert "swordfish" not in code
    assert MASK in code


@pytest.mark.parametrize(
    ("annotation", "value", "written"),
    [
        (datetime.datetime, "2026-10-19T10:00:00", datetime.datetime(2026, 10, 19, 10)),  # noqa: DTZ001 -- without
        (datetime.datetime, "2026-10-19T10:00:00Z", "2026-10-19T10:00:00Z"),
        (datetime.time, "10:00:00", datetime.time(10)),
        (Decimal, "1.10", Decimal("1.10")),
        (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
        (Path, "/srv", "/srv"),
        (list[datetime.date], ["2026-10-19"], ["2026-10-19"]),
    ],
)
def test_code_of_values_of_a_type(info_of, annotation, value, written):
    def one(x):
        pass

    one.__annotations__ = {"x": annotation}
    assert run(as_python(info_of(one), [], {"x": value}, {}))[1] == {"x": written}


def test_code_of_arguments_that_do_not_fit(info):
    assert run(as_python(info, ["soon", 1, 2, 3, 4], {"gone": 1}, {}))[:2] == (
        ["soon", 1, 2, MASK, 4],
        {"gone": 1},
    )


@given(
    st.dictionaries(
        st.text("ab'\"\n", max_size=5),
        st.lists(st.none() | st.booleans() | st.integers() | st.text()),
        max_size=4,
    )
)
def test_any_value_comes_back(info_of_once, value):
    assert run(as_python(info_of_once, [], {"recipients": value}, {}))[1]["recipients"] == value


@pytest.fixture(scope="module")
def info_of_once():
    from celery import Celery

    from app.catalog.facts import in_code

    app = Celery("call-tests", broker="memory://", set_as_current=False)
    app.task(name="reports.build_daily_report", shared=False)(build_daily_report)
    return in_code(app, app.tasks["reports.build_daily_report"])


def test_command_posts_the_same(info):
    command = as_curl(
        "https://celery.example.com/",
        info,
        ["2026-10-19"],
        {"region": "it's", "password": "swordfish"},
        {"queue": "reports", "priority": 0, "hold": False, "run_at": None},
    )
    words = shlex.split(command)
    assert words[:2] == ["curl", "https://celery.example.com/api/v1/runs"]
    assert words[words.index("-H") + 1] == "Authorization: Bearer $CELERIAC_TOKEN"
    assert json.loads(words[words.index("--json") + 1]) == {
        "task_name": "reports.build_daily_report",
        "args": ["2026-10-19"],
        "kwargs": {"region": "it's", "password": MASK},
        "queue": "reports",
        "priority": 0,
    }
