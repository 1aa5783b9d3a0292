"""The same act on many: what happened to each is told, and one that fails does not stop the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask_babel import gettext as _

from app.errors import CeleriacError, Invalid

Id = TypeVar("Id", int, str)


@dataclass(frozen=True)
class Result:
    """What happened to one of many; `problem` says why nothing did."""

    id: Any
    name: str = ""
    problem: str = ""

    @property
    def done(self) -> bool:
        return not self.problem


def each(ids: Iterable[Id], act: Callable[[Id], str], most: int, field: str) -> list[Result]:
    """Do something with each, once and in this order; `act` returns its name.

    Raises `Invalid` at `field` for none or more than `most`. What fails because a part of Celeriac is away
    would fail for the rest too: it is not tried, and raised when nothing was done before.
    """
    chosen = list(dict.fromkeys(ids))
    if not 0 < len(chosen) <= most:
        raise Invalid({field: [_("Choose 1 to %(most)s.", most=most)]})
    results: list[Result] = []
    for number, item in enumerate(chosen):
        try:
            results.append(Result(item, act(item)))
        except CeleriacError as error:
            if error.status < 500:
                results.append(Result(item, problem=error.detail))
                continue
            if not any(result.done for result in results):
                raise
            return results + [Result(left, problem=error.detail) for left in chosen[number:]]
    return results
