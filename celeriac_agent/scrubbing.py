"""Secrets in what a run says: its log, progress, result, error and traceback, and the worker's own log.

The secrets are those among the run's arguments, as texts usually spell them: as they are, as Python and JSON
write them, in a URL, in HTML, in Base64 (alone, and with more: Basic authentication encodes `user:password`),
and each line of one with several. One of up to three characters may stand anywhere by chance; it is hidden
only beside its name (`pin=12`, `"pin": 12`). The password of a URL (`scheme://user:password@host`) is hidden
wherever it stands.
"""

import base64
import html
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

from celery import current_task

MASK = "••••••"
ANYWHERE_FROM = 4  # characters
LINE_FROM = 8  # of a line of a secret with several

Secret = tuple[str, str]  # the name under which it stands, and its text
Find = Callable[[Any], list[Secret]]

# The password may hold / and @, as SQLAlchemy takes them; a number before a path is a port.
URL_PASSWORD = re.compile(
    r"""(?P<before>[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/?#:@\["'<>\\]*:)(?!\d{1,5}[/?#])"""
    r"""(?P<password>[^\s"'<>@]+(?:@[^\s/?#"'<>@]+)*)(?=@)"""
)
_CONTENTS = re.compile(r"(The full contents of the message|\n\nbody: | \[type:|\(args:).*", re.DOTALL)


def mask_urls(text: str) -> str:
    """The text with the passwords of URLs hidden; nearly free for text without one."""
    if "://" not in text or "@" not in text:
        return text
    return URL_PASSWORD.sub(rf"\g<before>{MASK}", text)


class Scrubber:
    """Hides the secrets of one run in texts and values."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts, parts, short = set(), set(), set()
        for name, secret in secrets:
            if len(secret) >= ANYWHERE_FROM:
                texts |= spellings(secret)
                parts |= encoded_parts(secret)
            elif name and secret:
                short.add((name, secret))
        self._whole = sorted(texts, key=len, reverse=True)
        self._parts = sorted(parts, key=len, reverse=True)
        self._within = _within(self._parts)
        self._short = [_beside(*pair) for pair in sorted(short)]
        self._short_values = short

    def text(self, text: str) -> str:
        """The text without the secrets, and without passwords in URLs."""
        for spelling in self._whole:
            if spelling in text:
                text = text.replace(spelling, MASK)
        if any(part in text for part in self._parts):
            text = self._within.sub(MASK, text)
        for pattern in self._short:
            text = pattern.sub(rf"\g<1>{MASK}", text)
        return mask_urls(text)

    def json(self, text: str) -> str:
        """JSON without the secrets in its texts, numbers and keys."""
        try:
            value = self._value(json.loads(text))
        except RecursionError:  # nested as deep as Python goes: kept as a text
            value = self.text(text)
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def _value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {self.text(key): self._value(part, key) for key, part in value.items()}
        if isinstance(value, list):
            return [self._value(part, name) for part in value]
        if value is None or isinstance(value, bool):
            return value
        if (name, str(value)) in self._short_values:
            return MASK
        if isinstance(value, str):
            return self.text(value)
        return MASK if str(value) in self._whole else value


def spellings(secret: str) -> set[str]:
    """The secret as texts write it."""
    texts = set()
    lines = [line.strip() for line in secret.splitlines()]
    parts = [line for line in lines if len(line) >= LINE_FROM] if len(lines) > 1 else []
    for part in {secret, secret.strip(), *parts}:
        plain = json.dumps(part)[1:-1]
        texts |= {part, repr(part)[1:-1], repr(part.encode("utf-8", "replace"))[2:-1], plain}
        texts |= {json.dumps(part, ensure_ascii=False)[1:-1], json.dumps(plain)[1:-1]}
        texts |= {quote(part, safe="", errors="replace"), quote(part, errors="replace")}
        texts |= {quote_plus(part, errors="replace"), html.escape(part)}
        encoded = part.encode("utf-8", "replace")
        texts |= {base64.b64encode(encoded).decode().rstrip("=")}
        texts |= {base64.urlsafe_b64encode(encoded).decode().rstrip("=")}
    return {text for text in texts if len(text) >= ANYWHERE_FROM}


def encoded_parts(secret: str) -> set[str]:
    """The characters of Base64 that are the secret's alone, wherever it stands in what was encoded."""
    texts = set()
    plain = secret.encode("utf-8", "replace")
    for before in range(3):  # bytes; three are four characters
        text = base64.b64encode(b"\0" * before + plain).decode()
        part = text[(before * 8 + 5) // 6 : (before + len(plain)) * 8 // 6]
        texts |= {part, part.replace("+", "-").replace("/", "_")}
    return {text for text in texts if len(text) >= ANYWHERE_FROM}


def _within(parts: Sequence[str]) -> re.Pattern[str]:
    """Those parts, and the characters that hold some bits of the secret's first and last letter."""
    letter = "[A-Za-z0-9+/_-]?"
    return re.compile(f"{letter}(?:{'|'.join(map(re.escape, parts))}){letter}={{0,2}}")


def scrubber_of(task: Any, find: Find | None = None) -> Scrubber | None:
    """What hides the secrets of the run that a task is running; None when it has none. Found once a run."""
    request = task.request
    facts = request.__dict__
    if "celeriac_scrubber" not in facts:
        secrets = (find or _find)(task) if facts.get("args") or facts.get("kwargs") else []
        request.celeriac_scrubber = Scrubber(secrets) if secrets else None
    scrubber: Scrubber | None = facts["celeriac_scrubber"]
    return scrubber


def scrub(task: Any, text: str) -> str:
    """A text that the running task said, without its secrets."""
    scrubber = scrubber_of(task)
    return mask_urls(text) if scrubber is None else scrubber.text(text)


def scrub_of_running(text: str) -> str:
    """A text that this process says, without the secrets of the run that it is running, if any."""
    task = current_task._get_current_object() if current_task else None  # the task, not Celery's proxy of it
    return scrub(task, text) if task is not None else mask_urls(text)


class ScrubbedFormatter(logging.Formatter):
    """A formatter's text without the secrets of the run that logs, and the contents of messages."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Never raises for our part: a log line must not fail a task."""
        text = self._inner.format(record)
        if record.name.startswith(("celery.worker.consumer", "celery.pool")):
            text = _CONTENTS.sub(r"\1 …", text)
        return scrub_of_running(text)


def install(find: Find) -> None:
    """`find(task)` gives the secrets among the arguments of the run that a task is running."""
    global _find
    _find = find


def _beside(name: str, secret: str) -> re.Pattern[str]:
    quotes = r"[\\'\"]*"
    beside = rf"(\b{re.escape(name)}{quotes}\s*[:=]\s*{quotes}){re.escape(secret)}(?!\w)"
    return re.compile(beside, re.IGNORECASE)


def _nothing(_task: Any) -> list[Secret]:
    return []


_find: Find = _nothing
