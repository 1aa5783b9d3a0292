"""Whole numbers that a form, an address or a header says."""

LARGEST = 10**9 - 1  # fits every column that such a number is looked for in


def whole(text: str, low: int = 0, high: int = LARGEST) -> int | None:
    """The number that the text writes in plain digits; None for anything else, and outside of the bounds."""
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(high)):
        return None
    return int(text) if low <= int(text) <= high else None
