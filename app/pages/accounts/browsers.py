"""Where and how somebody signed in, in words."""

import re

from flask_babel import gettext as _

from app.accounts import sessions

_PROGRAMS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Firefox", r"(Firefox|FxiOS)/"),
    ("Chrome", r"(Chrome|Chromium|CriOS)/"),
    ("Safari", r"Safari/"),
    ("curl", r"^curl/"),
)
_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


def name_of(agent: str) -> str:
    """ "Firefox on Linux", of what a browser says of itself; who may say anything."""
    program = next((name for name, pattern in _PROGRAMS if re.search(pattern, agent)), "")
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, agent)), "")
    if program and system:
        return _("%(program)s on %(system)s", program=program, system=system)
    return program or system or _("Unknown browser")


def way(name: str) -> str:
    """The way in which somebody signed in, in words."""
    words = {
        sessions.PASSWORD: _("password"),
        sessions.LINK: _("one-time link"),
        sessions.PROXY: _("proxy"),
        sessions.OIDC: _("single sign-on"),
    }
    return words.get(name, name)
