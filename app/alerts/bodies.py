"""What is posted to a webhook: our own JSON, signed, and what chat programs take."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from app.alerts.models import AlertChannel
from app.alerts.words import Told, address
from app.config import settings

_STATUSES = {"alert": "firing", "reminder": "firing", "recovery": "recovered"}
TEXT_MAX = 3800  # the least that they take: WeCom, 4,096 bytes, cut by bytes below
SIGNATURE, TIMESTAMP = "X-Celeriac-Signature", "X-Celeriac-Timestamp"


@dataclass(frozen=True)
class Post:
    """One request."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def post(
    channel: AlertChannel, message_id: int, content: Mapping[str, Any], words: Told, now: datetime
) -> Post:
    """The request that brings a message to a channel; signed for this moment where it has a secret."""
    if channel.kind == "webhook":
        return _webhook(channel, message_id, content, words, now)
    body = _BODIES[channel.kind](words)
    url = channel.address
    if channel.kind == "dingtalk" and channel.secret:
        stamp = str(int(now.timestamp() * 1000))
        sign = _digest(channel.secret.encode(), f"{stamp}\n{channel.secret}".encode())
        mark = "&" if "?" in url else "?"
        url += f"{mark}timestamp={stamp}&sign={quote_plus(base64.b64encode(sign))}"
    if channel.kind == "feishu" and channel.secret:
        stamp = str(int(now.timestamp()))
        sign = _digest(f"{stamp}\n{channel.secret}".encode(), b"")
        body = {"timestamp": stamp, "sign": base64.b64encode(sign).decode(), **body}
    return Post(url, json.dumps(body, ensure_ascii=False).encode(), {"Content-Type": "application/json"})


def refusal(kind: str, answer: bytes) -> str:
    """Why a chat program did not take a message that it answered with 200; empty when it did."""
    if kind not in ("wecom", "dingtalk", "feishu"):
        return ""
    try:
        answered = json.loads(answer)
        code = answered.get("errcode", answered.get("code", answered.get("StatusCode", 0)))
        return "" if code == 0 else f"{code}: {answered.get('errmsg', answered.get('msg', ''))}"[:300]
    except (ValueError, AttributeError):
        return "the answer is no JSON object"


def sign(secret: str, stamp: str, body: bytes) -> str:
    """The signature of our own JSON: HMAC-SHA256 of the timestamp, a dot and the body."""
    return "sha256=" + hmac.new(secret.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()


def _webhook(
    channel: AlertChannel, message_id: int, content: Mapping[str, Any], words: Told, now: datetime
) -> Post:
    def item(entry: Mapping[str, Any], text: str) -> dict[str, Any]:
        known = {"subject": entry["subject"], "text": text, "since": entry["since"]}
        return known | {"url": address(entry["path"]), "facts": entry["facts"]}

    firing, recovered = content.get("firing", []), content.get("recovered", [])
    texts = [line.text for line in words.lines]
    body = json.dumps(
        {
            "version": 1,
            "id": message_id,
            "status": _STATUSES.get(content["what"], content["what"]),
            "deployment": settings().deployment_name,
            "rule": content.get("rule"),
            "kind": content.get("kind"),
            "at": content["at"],
            "title": words.title,
            "text": words.plain,
            "url": words.url,
            "firing": [item(*pair) for pair in zip(firing, texts, strict=False)],
            "firing_count": content.get("firing_count", 0),
            "recovered": [item(*pair) for pair in zip(recovered, texts[len(firing) :], strict=False)],
            "recovered_count": content.get("recovered_count", 0),
            "still_firing": content.get("still", 0),
        },
        ensure_ascii=False,
    ).encode()
    stamp = str(int(now.timestamp()))
    headers = {"Content-Type": "application/json", TIMESTAMP: stamp}
    if channel.secret:
        headers[SIGNATURE] = sign(channel.secret, stamp, body)
    return Post(channel.address, body, headers)


def _digest(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _cut(text: str) -> str:
    whole = text.encode()
    return text if len(whole) <= TEXT_MAX else whole[:TEXT_MAX].decode("utf-8", "ignore") + "…"


def _plain_of(words: Told) -> str:
    return _cut(words.plain)


def _slack(words: Told) -> dict[str, Any]:
    def escaped(text: str) -> str:  # as Slack asks for: nothing of a run's error becomes a mention
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    lines = [f"• <{line.url}|{escaped(line.text)}>" for line in words.lines]
    text = "\n".join([f"*{escaped(words.title)}*", *lines, *map(escaped, words.notes), f"<{words.url}>"])
    return {"text": _cut(text)}


def _teams(words: Told) -> dict[str, Any]:
    """An adaptive card, which the workflows of Teams take."""

    def block(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "TextBlock", "text": text, "wrap": True, **more}

    lines = [block(f"- [{_markdown(line.text)}]({line.url})") for line in words.lines]
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [
            block(_markdown(words.title), weight="Bolder", size="Medium"),
            *lines,
            *(block(_markdown(note), isSubtle=True) for note in words.notes),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Celeriac", "url": words.url}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _discord(words: Told) -> dict[str, Any]:
    # an empty list of mentions: an error that says @everyone wakes nobody
    return {"content": _plain_of(words)[:1990], "allowed_mentions": {"parse": []}}


def _markdown(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\[]()*_`~#" else letter for letter in text)


_BODIES: dict[str, Callable[[Told], dict[str, Any]]] = {
    "slack": _slack,
    "teams": _teams,
    "discord": _discord,
    "wecom": lambda words: {"msgtype": "text", "text": {"content": _plain_of(words)}},
    "dingtalk": lambda words: {"msgtype": "text", "text": {"content": _plain_of(words)}},
    "feishu": lambda words: {"msg_type": "text", "content": {"text": _plain_of(words)}},
}
