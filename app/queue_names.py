"""Which names a queue can have: one check, wherever a name comes in (page, REST, file, code, SQL row).

Queues lie in Redis beside other keys: Celeriac's own, kombu's tables, Celery's results. A queue of such a
name would be that key.
"""

import re

from flask_babel import gettext as _

from celeriac_agent.keys import is_key

PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,126}$"
# Queues that carry events, remote control and delays, never tasks; and what RabbitMQ keeps for itself.
_CELERY_PREFIXES = ("celeryev", "celery_delayed_", "amq.")
_CELERY_SUFFIX = "celery.pidbox"


def is_reserved(name: str) -> bool:
    """Whether no queue of tasks can have this name, whoever made it."""
    return is_key(name) or name.startswith(_CELERY_PREFIXES) or name.endswith(_CELERY_SUFFIX)


def problem(name: object, in_use: bool = False) -> str:
    """What is wrong with the name of a queue, as a sentence; empty when nothing is.

    One that code or another program uses already (`in_use`) may look as it likes.
    """
    if not isinstance(name, str) or not (in_use or re.fullmatch(PATTERN, name)):
        return _("A queue's name has letters, digits and _ . : @ - only, at most 127 characters.")
    if is_reserved(name):
        name = name[:127]
        return _(
            "%(name)s is not free for a queue: Celeriac, Celery or the broker uses this name.", name=name
        )
    return ""
