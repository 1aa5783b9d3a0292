"""Where messages go: made and changed by admins. Addresses and secrets are never shown again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app import audit
from app.alerts.models import WAITING, AlertChannel, AlertMessage, AlertRule
from app.alerts.turns import message_to
from app.config import settings
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, transaction, unless_taken
from app.text import is_mail_address, storable
from celeriac_agent.secrets import MASK

EMAIL, WEBHOOK = "email", "webhook"
KINDS: dict[str, Any] = {
    EMAIL: _l("E-mail"),
    WEBHOOK: _l("Webhook (JSON)"),
    "slack": "Slack",
    "teams": "Microsoft Teams",
    "discord": "Discord",
    "wecom": _l("WeCom"),
    "dingtalk": _l("DingTalk"),
    "feishu": _l("Feishu"),
}
SIGNED = (WEBHOOK, "dingtalk", "feishu")  # whose messages can be signed with a secret
LANGUAGES = {"en": "English", "zh_Hans_CN": "简体中文"}
FIELDS = ("name", "kind", "address", "secret", "language")
PATIENCE = timedelta(minutes=2)  # a server that is restarted is no news
Waiting = tuple[int, datetime | None, str | None]
NAME_MAX, ADDRESS_MAX, SECRET_MAX, MAILS_MAX = 100, 2000, 500, 50


@dataclass(frozen=True)
class Shown:
    """A channel as it may be shown. `waiting` messages could not be sent yet: since when, and why not."""

    id: int
    name: str
    kind: str
    address: str
    secret: str
    language: str
    created_at: datetime
    created_by: str | None
    waiting: int = 0
    waiting_since: datetime | None = None
    error: str | None = None

    @property
    def label(self) -> Any:
        return KINDS.get(self.kind, self.kind)


def shown(row: AlertChannel, waiting: Mapping[int, Waiting] | None = None) -> Shown:
    """A channel without what is secret; `waiting` is known already where many are shown."""
    secret = MASK if row.secret else ""
    held = (_waiting(row.id) if waiting is None else waiting).get(row.id, (0, None, None))
    own = row.id, row.name, row.kind, masked(row), secret, row.language, row.created_at, row.created_by
    return Shown(*own, *held)


def _waiting(channel_id: int | None = None) -> dict[int, Waiting]:
    """The messages that were tried and wait, by channel."""
    of, held = AlertMessage.channel_id, (AlertMessage.state == WAITING) & AlertMessage.error.is_not(None)
    query = select(of, func.count(), func.min(AlertMessage.at), func.max(AlertMessage.error)).where(held)
    query = query.where(of != 0 if channel_id is None else of == channel_id).group_by(of)
    return {row[0]: (row[1], row[2], row[3]) for row in db.session.execute(query)}


def masked(row: AlertChannel) -> str:
    """The address as it may be shown: of a URL only the host, because who knows the rest may write there."""
    if row.kind == EMAIL:
        return row.address
    parts = urlsplit(row.address)
    return f"{parts.scheme}://{parts.hostname or ''}/{MASK}"


def listing() -> list[Shown]:
    """Every channel, by name."""
    rows, waiting = db.session.scalars(select(AlertChannel).order_by(AlertChannel.name)), _waiting()
    return [shown(row, waiting) for row in rows]


def unreached(now: datetime) -> list[Shown]:
    """The channels where messages have waited for a while because they could not be sent; most often none."""
    waiting = {of: held for of, held in _waiting().items() if held[1] and now - held[1] > PATIENCE}
    if not waiting:
        return []
    rows = db.session.scalars(
        select(AlertChannel).where(AlertChannel.id.in_(waiting)).order_by(AlertChannel.name)
    )
    return [shown(row, waiting) for row in rows]


def get(channel_id: int) -> AlertChannel:
    """One channel; raises `NotFound`."""
    row = db.session.get(AlertChannel, channel_id)
    if row is None:
        raise NotFound(_("There is no such channel."))
    return row


def create(values: Mapping[str, Any], by: str, now: datetime) -> Shown:
    """Make a channel; raises `Invalid`."""
    checked = _checked(values, None)
    with unless_taken("name", _taken()), transaction() as session:
        row = AlertChannel(**checked, created_at=now, created_by=by)
        session.add(row)
        session.flush()
        audit.record("alert.create-channel", now, "alert_channel", row.id, row.name, **_told(row))
    return shown(row)


def update(channel_id: int, changes: Mapping[str, Any], by: str, now: datetime) -> Shown:
    """Change a channel; what is left out, and an address or secret that is still masked, stays. Raises
    `NotFound` and `Invalid`.
    """
    with unless_taken("name", _taken()), transaction():
        row = get(channel_id)
        given = {name: value for name, value in changes.items() if not _is_masked(name, value, row)}
        if "secret" not in given and given.get("kind", row.kind) not in SIGNED:
            given["secret"] = ""  # the new kind signs nothing
        if "address" not in given and given.get("kind", row.kind) != row.kind:
            raise Invalid({"address": [_("Give the address for the new kind.")]})
        kept = {name: getattr(row, name) for name in FIELDS}
        for name, value in _checked(kept | given, row).items():
            setattr(row, name, value)
        changed = sorted(name for name in given if kept[name] != getattr(row, name))
        audit.record("alert.change-channel", now, "alert_channel", row.id, row.name, changed=changed)
    return shown(row)


def delete(channel_id: int, now: datetime) -> str:
    """Delete a channel that no rule uses; returns its name. Raises `NotFound` and `Conflict`."""
    with transaction() as session:
        row = get(channel_id)
        used = [rule.name for rule in session.scalars(select(AlertRule)) if channel_id in rule.channels]
        if used:
            raise Conflict(_("Rules send there: %(names)s.", names=", ".join(sorted(used))), code="in-use")
        session.delete(row)
        audit.record("alert.delete-channel", now, "alert_channel", row.id, row.name)
        return row.name


def test(channel_id: int, now: datetime) -> AlertMessage:
    """Send a message that says that it is a test, on the way of all messages; raises `NotFound`."""
    with transaction() as session:
        row = get(channel_id)
        message = message_to(row, {"what": "test", "at": now.isoformat()}, now)
        session.add(message)
        audit.record("alert.test-channel", now, "alert_channel", row.id, row.name)
    return message


def _told(row: AlertChannel) -> dict[str, Any]:
    return {"channel_kind": row.kind, "address": masked(row)}


def _is_masked(name: str, value: Any, row: AlertChannel) -> bool:
    if name == "secret":
        return bool(value == MASK)
    return name == "address" and row.kind != EMAIL and value == masked(row)


def _checked(values: Mapping[str, Any], row: AlertChannel | None) -> dict[str, Any]:
    """The values as they are stored; raises `Invalid` with what is wrong with each field."""
    texts = {name: storable(str(values.get(name) or "")).strip() for name in FIELDS}
    texts["language"] = texts["language"] or "en"
    errors: dict[str, list[str]] = {}
    for name, most in (("name", NAME_MAX), ("address", ADDRESS_MAX)):
        if not 0 < len(texts[name]) <= most:
            errors[name] = [_("Give 1 to %(n)s characters.", n=most)]
    for name, allowed in (("kind", KINDS), ("language", LANGUAGES)):
        if texts[name] not in allowed:
            errors[name] = [_("Choose one of: %(all)s.", all=", ".join(allowed))]
    if len(texts["secret"]) > SECRET_MAX:
        errors["secret"] = [_("At most %(n)s characters are allowed.", n=SECRET_MAX)]
    elif texts["secret"] and texts["kind"] not in SIGNED:
        errors["secret"] = [_("Only these can be signed: %(all)s.", all=", ".join(SIGNED))]
    readable = not errors.keys() & {"address", "kind"}
    if readable and (wrong := _address_problem(texts["kind"], texts["address"])):
        errors["address"] = [wrong]
    other = db.session.scalar(select(AlertChannel.id).where(AlertChannel.name == texts["name"]))
    if other is not None and (row is None or other != row.id):
        errors |= _taken().errors
    if errors:
        raise Invalid(errors)
    if texts["kind"] == EMAIL:
        texts["address"] = ", ".join(recipients(texts["address"]))
    return texts


def _taken() -> Invalid:
    return Invalid({"name": [_("There is a channel of this name.")]})


def recipients(address: str) -> Sequence[str]:
    """The addresses of an e-mail channel."""
    return list(
        dict.fromkeys(receiver.strip() for receiver in re.split(r"[,;\s]+", address) if receiver.strip())
    )


def _address_problem(kind: str, address: str) -> str:
    if kind == EMAIL:
        receivers = recipients(address)
        wrong = [receiver for receiver in receivers if not is_mail_address(receiver)]
        if wrong:
            return _("%(address)s is no e-mail address.", address=wrong[0][:80])
        return "" if len(receivers) <= MAILS_MAX else _("At most %(n)s addresses are allowed.", n=MAILS_MAX)
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or an odd bracket
        fits = False
    if not fits or not address.isprintable() or " " in address:
        return _("Give a URL: https://…")
    from app.library.web.addresses import is_public  # pages do without what sends requests

    try:
        public = is_public(parts.hostname or "")
        ip_address((parts.hostname or "").partition("%")[0])
    except ValueError:  # a name: looked up when a message is sent
        return ""
    if public or settings().http_allow_private:
        return ""
    return _("This is a private address; the setting HTTP_ALLOW_PRIVATE allows such.")
