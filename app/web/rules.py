"""URL rules that learn to make URLs when they first have to: most never do, and it takes long to compile."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import Rule


class SparingRule(Rule):
    """As werkzeug's, but the function that makes the rule's URLs is compiled on its first call."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            made = compiled(append_unknown).__get__(rule)
            setattr(rule, "_build_unknown" if append_unknown else "_build", made)
            url: tuple[str, str] = made(**values)
            return url

        compiled = super()._compile_builder
        return build


def init_app(app: Flask) -> None:
    app.url_rule_class = SparingRule
