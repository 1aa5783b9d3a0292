"""Splits a task's docstring into a summary, a body and the meaning of each parameter."""

import inspect
import re
from dataclasses import dataclass, field

import docstring_parser

# The section that describes parameters, in Google's, NumPy's and Sphinx's style.
_PARAMETER_SECTIONS = re.compile(
    r"^(?:Args|Arguments|Params|Parameters|Keyword Args|Keyword Arguments|Other Parameters):[ \t]*\n"
    r"(?:[ \t]+\S.*(?:\n|\Z)|[ \t]*\n)*"
    r"|^(?:Other )?Parameters[ \t]*\n-{3,}[ \t]*\n(?:(?!\S.*\n-{3,}).*\n?)*?(?=^\S.*\n-{3,}|\Z)"
    r"|^:(?:param|parameter|arg|argument|key|keyword|kwarg|type)\b.*(?:\n[ \t]+\S.*)*\n?",
    re.MULTILINE,
)
_LISTED = re.compile(r"^(\s|[-*•]|\d+[.)])", re.MULTILINE)


@dataclass(frozen=True)
class Doc:
    """A docstring taken apart; the parts that are missing are empty."""

    summary: str = ""
    body: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(text: str | None) -> Doc:
    """Read a docstring in Google, NumPy, Sphinx or no style.

    The summary is the first paragraph on one line, the body the rest without its parameter section.
    """
    text = inspect.cleandoc(text or "")
    meanings = _meanings(text)
    if meanings:
        text = _PARAMETER_SECTIONS.sub("", text).strip()
    summary, _, body = text.partition("\n\n")
    return Doc(" ".join(summary.split()), body.strip("\n"), meanings)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a docstring; `as_is` when its line breaks mean something."""

    text: str
    as_is: bool


def paragraphs(body: str) -> list[Paragraph]:
    """A docstring's body as paragraphs; wrapped lines are joined again, lists and indented text are not."""
    parts = []
    for block in body.split("\n\n"):
        as_is = bool(_LISTED.search(block))
        text = block.rstrip() if as_is else " ".join(block.split())
        if text.strip():
            parts.append(Paragraph(text, as_is))
    return parts


def _meanings(text: str) -> dict[str, str]:
    if "\n" not in text and not text.startswith((":", "@")):
        return {}  # as most are
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return {}
    return {
        item.arg_name.lstrip("*"): " ".join(item.description.split())
        for item in parsed.params
        if item.description
    }
