"""The names of rules and channels: each is there once, also when two people give it in the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from app.errors import Invalid


@contextmanager
def or_taken(words: str) -> Iterator[None]:
    """Raise `Invalid` when somebody took the name between the look for it and the commit."""
    try:
        yield
    except IntegrityError as error:
        if "name" not in str(error.orig):
            raise
        raise Invalid({"name": [words]}) from None
