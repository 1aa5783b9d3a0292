"""Flask-Babel with one catalogue of messages for the life of the app.

By itself it makes a new one for every request, which reads the file of its language again, and it looks for
the catalogue anew at every word of a page.
"""

from functools import cached_property
from typing import Any

from flask import g
from flask_babel import Babel, Domain


class Catalogue(Domain):
    """The messages of every language, each read once; found once a request."""

    def get_translations(self) -> Any:
        try:
            return g.translations
        except RuntimeError:  # outside of an app there is no language
            return super().get_translations()  # type: ignore[no-untyped-call]  # Flask-Babel leaves it untyped
        except AttributeError:
            g.translations = super().get_translations()  # type: ignore[no-untyped-call]  # as above
            return g.translations


class Languages(Babel):
    """Hands out the one catalogue."""

    @cached_property
    def domain_instance(self) -> Catalogue:
        return Catalogue(domain=self.domain)
