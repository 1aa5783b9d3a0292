"""A docstring is taken apart, whatever its style."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.docstrings import Doc, read_docstring

GOOGLE = """Builds it,
    and mails it.

    It takes a while:

        like this

    Args:
        day (date): The day,
            or two.

        *rest: Others
        region: Where

    Returns:
        a number
"""
NUMPY = """Builds it, and mails it.

    It takes a while.

    Parameters
    ----------
    day : date
        The day,
        or two.

    region : str
        Where

    Returns
    -------
    int
        a number
"""
SPHINX = """Builds it, and mails it.

    It takes a while.

    :param day: The day,
        or two.
    :type day: date
    :param region: Where
    :returns: a number
"""


@pytest.mark.parametrize(
    ("text", "body", "names"),
    [
        (GOOGLE, "It takes a while:\n\n    like this\n\nReturns:\n    a number", ["day", "rest", "region"]),
        (NUMPY, "It takes a while.\n\nReturns\n-------\nint\n    a number", ["day", "region"]),
        (SPHINX, "It takes a while.\n\n:returns: a number", ["day", "region"]),
    ],
    ids=["google", "numpy", "sphinx"],
)
def test_styles(text, body, names):
    doc = read_docstring(text)
    assert doc.summary == "Builds it, and mails it."
    assert doc.body == body
    assert list(doc.parameters) == names
    assert (doc.parameters["day"], doc.parameters["region"]) == ("The day, or two.", "Where")


@pytest.mark.parametrize("text", [None, "", "  \n "])
def test_nothing(text):
    assert read_docstring(text) == Doc()


def test_plain_text_is_left_as_it_is():
    doc = read_docstring("Just: one. Note: this.\n\nParameters: none of note.")
    assert (doc.summary, doc.body) == ("Just: one. Note: this.", "Parameters: none of note.")


def test_only_parameters():
    assert read_docstring("Args:\n    x: y").body == ""
    assert read_docstring("Sends.\n\nArgs:\n    x: y") == Doc("Sends.", "", {"x": "y"})


@given(st.text(st.sampled_from("Args:\n\t -:param xParameters") | st.characters()))
def test_any_text_is_survived(text):
    assert "\n" not in read_docstring(text).summary
