"""Templates are laid out for people; a browser gets one space where it would show no more than one."""

import re
from collections.abc import Iterator

from flask import Flask
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

# White space at the edges of these does not show, unless CSS says `pre-wrap` or asks for `:empty`.
_BLOCKS = (
    *("caption", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer"),
    *("form", "h1", "h2", "h3", "header", "legend", "li", "main", "nav", "ol", "option", "p", "section"),
    *("select", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
)
_ENDS = re.compile(rf" (</(?:{'|'.join(_BLOCKS)})>)")
_TAG_OR_END = re.compile(r"(<[a-z][a-z0-9-]*| ?/?> ?)")


class OneSpace(Extension):
    """One space stays of a template's white space, none at the edges of blocks; values stay as they are."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        tag = ""  # whose attributes are being read; values may stand among them
        for token in stream:
            if token.type != "data":
                yield token
                continue
            parts = _TAG_OR_END.split(re.sub(r"\s+", " ", token.value))
            for place, part in enumerate(parts[1::2]):
                if part.startswith("<"):
                    tag = part[1:]
                elif tag:
                    end = part.lstrip()
                    parts[2 * place + 1] = end.rstrip() if tag in _BLOCKS else end
                    tag = ""
            yield Token(token.lineno, token.type, _ENDS.sub(r"\1", "".join(parts)))


def init_app(app: Flask) -> None:
    app.jinja_env.add_extension(OneSpace)
