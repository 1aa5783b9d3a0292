"""Byte edits: one value changes, every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.broker.redis.patch import priority_cut, with_route

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
KEYS = st.sampled_from(["priority", "properties", "delivery_info", "routing_key", "exchange"]) | st.text()
ENVELOPES = st.dictionaries(KEYS, JSON, max_size=4)


def write(value: Any, ascii_only: bool, indent: int | None) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")


@given(
    ENVELOPES,
    st.dictionaries(KEYS, JSON, max_size=4),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_priority_is_all_that_changes(
    rest: dict[str, Any], properties: dict[str, Any], step: int, ascii_only: bool, indent: int | None
) -> None:
    message = rest | {"properties": properties, "zz": rest}
    raw = write(message, ascii_only, indent)
    cut = priority_cut(raw)
    assert cut is not None
    changed = cut.put(raw, str(step))
    expected = message | {"properties": properties | {"priority": step}}
    # Compared as text: NaN is not equal to itself.
    assert json.dumps(json.loads(changed.decode("utf-8", "surrogatepass")), sort_keys=True) == json.dumps(
        expected, sort_keys=True
    )
    assert changed.startswith(raw[: cut.start])
    assert changed.endswith(raw[cut.end :])
    assert priority_cut(changed).put(changed, "77") == cut.put(raw, "77")  # type: ignore[union-attr]


@given(ENVELOPES, ENVELOPES, st.text(min_size=1))
def test_the_route_is_all_that_changes(rest: dict[str, Any], delivery: dict[str, Any], queue: str) -> None:
    assume(queue.isprintable())
    message = rest | {"properties": {"priority": 4, "delivery_info": delivery}}
    changed = json.loads(with_route(write(message, True, None), queue))
    address = delivery | {"exchange": "", "routing_key": queue}
    expected = message | {"properties": {"priority": 4, "delivery_info": address}}
    assert json.dumps(changed, sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_the_last_of_doubled_names_counts_as_in_json() -> None:
    raw = b'{"properties": {"priority": 1}, "properties": {"priority": 2, "priority": 3}}'
    cut = priority_cut(raw)
    assert cut is not None
    assert cut.put(raw, "9") == raw.replace(b"3", b"9")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"[]",
        b'"text"',
        b"{}",
        b'{"properties": 7}',
        b'{"properties": {"priority" 4}}',
        b'{"properties": {"priority": 4}',
        b'{"properties": {"priority": 4}} rubbish',
        b"\xff\xfe",
        b"[" * 200_000,
    ],
)
def test_what_is_not_kombus_is_left_alone(raw: bytes) -> None:
    assert priority_cut(raw) is None
    assert with_route(raw, "other") == raw
