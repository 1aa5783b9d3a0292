"""What is written to a file is read back as the same, and text stays text."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.schedules import files

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
        st.sampled_from(["no", "12:30", "2026-11-20", "1e5", "0x10", "017", "~", "null", "= ", "<<", "1_0"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(texts, values, max_size=5), max_size=3), st.booleans())
def test_round_trip(schedules: list[dict[str, Any]], as_json: bool) -> None:
    assert files.read(files.write(schedules, as_json)) == schedules


@given(st.lists(st.dictionaries(st.sampled_from(["name", "note", "queue"]), texts), max_size=3))
def test_other_readers_of_yaml_read_the_same_text(schedules: list[dict[str, Any]]) -> None:
    assert yaml.safe_load(files.write(schedules, as_json=False)) == {"schedules": schedules}


def test_yaml_as_people_write_it() -> None:
    text = """
schedules:
- name: Nightly        # a comment
  cron_schedule: 0 3 * * *
  run_at: 2026-11-20T10:00:00Z
  enabled: true
  note: no
  args: [12:30, 017, 1.5, null]
"""
    assert files.read(text) == [
        {
            "name": "Nightly",
            "cron_schedule": "0 3 * * *",
            "run_at": "2026-11-20T10:00:00Z",
            "enabled": True,
            "note": "no",
            "args": ["12:30", "017", 1.5, None],
        }
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just text",
        "schedules: 5",
        "schedules: [1]",
        "schedules: []\nother: 1",
        "{",
        '{"schedules": [}',
        "a: b: c",
        "!!python/object:os.system x",
        "- " * 3000,
        json.dumps({"schedules": {}}),
    ],
)
def test_what_is_no_file_of_schedules_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        files.read(text)
    assert list(refused.value.errors) == ["file"]


def test_an_alias_stands_for_what_it_names() -> None:
    text = "schedules:\n- &first {name: A, kwargs: &k {x: [1, 2]}}\n- name: B\n  kwargs: *k\n"
    assert files.read(text) == [
        {"name": "A", "kwargs": {"x": [1, 2]}},
        {"name": "B", "kwargs": {"x": [1, 2]}},
    ]


def test_aliases_of_aliases_are_made_once() -> None:
    """Thirty lines that would stand for a thousand million items."""
    doubled = "".join(f"  a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 31))
    found = files.read(f"schedules:\n- a0: &a0 [1]\n{doubled}")[0]
    assert found["a30"][0] is found["a30"][1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schedules:\n- name: A\n  [1]: x\n", 'unhashable key in "<unicode string>", line 3, column 3'),
        ("schedules:\n- name: A\n  queue: ]\n", "line 3, column 10"),
        ("schedules:\n- &a {name: [*a]}\n", "recursive node"),
        ("schedules:\n- name: A\n  name: B\n", "the key name stands twice in this object"),
        ("schedules:\n- name: A\n  kwargs: {x: 1, x: 2}\n", "line 3, column 18"),
        ("schedules:\n- &a {name: A, name: B}\n", "line 2, column 16"),
        ("schedules:\n- !!python/object:os.system {}\n", "line 2, column 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        files.read(text)
    assert said in " ".join(refused.value.errors["file"])
