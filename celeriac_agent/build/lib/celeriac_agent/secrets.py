"""Which names look as if they held a secret, and what stands in the place of a hidden value."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from celeriac_agent import scrubbing

MASK = scrubbing.MASK

# Anywhere in the name, with the word breaks taken out: db_password, userPassword, X-Api-Key …
_PARTS = re.compile(
    r"passw(or)?d|passphrase|pwd|secret(?!ar)|apikey|privatekey|accesskey|signingkey|encryptionkey|sshkey|authkey"
    r"|authorization|credential|bearer|accesstoken|authtoken|refreshtoken|sessionkey|sessionid"
    r"|passcode|passkey|pincode|pinnumber|securitycode|connectionstr(ing|$)|connstr(ing|$)"
)
_WORDS = frozenset(
    {"token", "tokens", "cookie", "cookies", "jwt", "passwd", "auth", "otp", "totp", "csrf", "dsn"}
    | {"cred", "creds", "cvv", "cvc"}
)
_LAST_WORDS = frozenset({"pass", "pin"})  # smtp_pass, card_pin; not pass_through, pin_to_top
# The URL of what one signs in to: database_url, redis_uri; not base_url, image_url.
_SERVERS = frozenset(
    {"database", "db", "postgres", "postgresql", "mysql", "mariadb", "oracle", "mssql", "mongo", "mongodb"}
    | {"redis", "broker", "amqp", "rabbitmq", "smtp", "jdbc", "odbc", "sqlalchemy", "ldap", "connection"}
)
_ADDRESSES = frozenset({"url", "urls", "uri", "uris"})
# A name that ends or begins so is about a secret, not one itself: max_tokens, token_count, cookie_name.
_ABOUT_ENDS = frozenset(
    {"count", "limit", "length", "size", "type", "name", "field", "policy", "used", "per"}
    | {"expires", "expiry", "ttl", "age", "at"}
)
_ABOUT_STARTS = frozenset({"max", "min", "num", "n", "has", "is", "use", "show"})


_MASKED_URL = re.compile(rf"://[^\s/?#:@]*:{MASK}@")


@lru_cache(maxsize=4096)  # the same few names come with every run
def is_secret(name: str) -> bool:
    """True when a parameter, key or header of that name looks as if it held a secret."""
    words = re.findall(r"[a-z]+|[0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower())
    if not words or words[-1] in _ABOUT_ENDS or words[0] in _ABOUT_STARTS:
        return False
    if words[-1] in _ADDRESSES and not _SERVERS.isdisjoint(words):
        return True
    return words[-1] in _LAST_WORDS or not _WORDS.isdisjoint(words) or bool(_PARTS.search("".join(words)))


def mask_text(text: str) -> str:
    """A text that is shown whatever its name: the password of a URL in it is hidden."""
    return scrubbing.mask_urls(text)


def is_masked(value: Any) -> bool:
    """True when the value, or something in it, was masked and the real one is gone."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if MASK in item and (item == MASK or _MASKED_URL.search(item)):
                return True
        elif item is None or isinstance(item, int | float):  # most are, and the next question takes long
            continue
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, Sequence):
            stack.extend(item)
    return False
