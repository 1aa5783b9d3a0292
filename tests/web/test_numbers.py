"""Whole numbers that forms and addresses say."""

import pytest

from app.web.numbers import LARGEST, whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("7", 7), ("007", 7), (str(LARGEST), LARGEST), (str(LARGEST + 1), None), ("9" * 5000, None),
        ("", None), ("-1", None), ("+1", None), ("1.0", None), (" 1", None), ("1_0", None), ("1e3", None),
        ("٣", None), ("²", None),
    ],
)  # fmt: skip
def test_plain_digits_only(text: str, number: int | None) -> None:
    assert whole(text) == number


def test_bounds() -> None:
    assert [whole(text, 2, 10) for text in ("1", "2", "10", "11")] == [None, 2, 10, None]
