"""Held messages: set aside in order, and back into the line when a person says so."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _

from app.broker.answers import Held, ReleaseTo
from app.broker.connection import broker, client, keys, reaches_broker
from app.broker.errors import IsHeld
from app.broker.messages import BODY_LIMIT_BYTES, Message, declared_step, id_of, parse
from app.broker.redis import search
from app.broker.redis.patch import priority_cut
from app.errors import Invalid, NotFound


def facts(by: str, reason: str, now: datetime) -> str:
    """Who held a message, when and why, as it is kept in Redis."""
    return json.dumps({"by": by, "at": now.timestamp(), "reason": reason})


@reaches_broker
def held_count(queue: str) -> int:
    """How many messages of the queue are held."""
    return client().llen(keys().held(queue))


@reaches_broker
def held_ids(*queues: str) -> set[str]:
    """The ids of all runs that are held in these queues, in one round trip."""
    pipe = client().pipeline(transaction=False)
    for queue in queues:
        pipe.hkeys(keys().held_facts(queue))
    answers: Any = pipe.execute()
    return {run_id.decode("utf-8", "replace") for ids in answers for run_id in ids}


@reaches_broker
def held(queue: str, offset: int = 0, limit: int = 50) -> list[Held]:
    """Held messages of the queue, those that are held longest first."""
    if limit < 1:
        return []
    raws = broker().items(keys().held(queue), -(offset + limit), -offset - 1)
    return _with_facts(queue, raws[::-1])


@reaches_broker
def find_held(queue: str, run_id: str) -> Held | None:
    """The held message of a run, or None."""
    pipe = client().pipeline(transaction=False)
    pipe.hexists(keys().held_facts(queue), run_id)
    pipe.hlen(keys().held_facts(queue))
    pipe.llen(keys().held(queue))
    known, facts_known, held_messages = pipe.execute()
    if not known and facts_known == held_messages:
        return None  # they differ when a run has two messages here
    hit = search.first([keys().held(queue)], search.Predicate([run_id]))
    return _with_facts(queue, [hit[1]])[0] if hit is not None else None


@reaches_broker
def release(queue: str, run_id: str, to: ReleaseTo | None = None) -> Message:
    """Put a held message back into the line; returns it with its new position.

    `front` and `back` mean the whole line, and give it the priority that stands there when its own does not
    fit; None puts it last of its own priority, as if it were sent now. A queue that holds everything new
    lets it in. Raises NotFound when it is not held.
    """
    if to not in ("front", "back", None):
        raise Invalid({"to": [_("Choose front or back.")]})
    kept = find_held(queue, run_id)
    message = _requeue(queue, kept.message, to) if kept is not None else None
    if message is None:
        raise NotFound(_("%(id)s is not held in this queue.", id=run_id))
    return message


@reaches_broker
def release_all(
    queue: str, to: ReleaseTo | None = None, stays: Callable[[Message], bool] | None = None
) -> list[str]:
    """Release every message that is held now, in order, but for those of which `stays` is true.

    Returns their run ids. See `release`.

    Each is released in a step of its own, so workers may begin before the last one is back.
    """
    raws = broker().items(keys().held(queue), 0, -1)
    messages = [fact.message for fact in _with_facts(queue, raws if to == "front" else raws[::-1])]
    let_go = [message for message in messages if stays is None or not stays(message)]
    return [message.id for message in let_go if _requeue(queue, message, to)]


@reaches_broker
def reprioritise_held(queue: str, run_id: str, step: int) -> Message | None:
    """Change the priority of a held message, to a step of the broker; None when it is not held (any more)."""
    kept = find_held(queue, run_id)
    if kept is None:
        return None
    cut = priority_cut(kept.message.raw)
    if cut is None:
        raise Invalid({"priority": [_("This message has no place for a priority.")]})
    raw = cut.put(kept.message.raw, str(step))
    if not broker().run("replace", [keys().held(queue)], [kept.message.raw, raw]):
        return None
    return parse(raw, queue, keys().step_of(step))


@reaches_broker
def remove_held(queue: str, run_id: str) -> Message | None:
    """Remove a held message; None when it is not held (any more)."""
    kept = find_held(queue, run_id)
    if kept is None:
        return None
    pipe = client().pipeline(transaction=True)
    pipe.lrem(keys().held(queue), -1, kept.message.raw)  # type: ignore[arg-type]  # redis-py's types forbid bytes
    pipe.hdel(keys().held_facts(queue), run_id)
    return kept.message if pipe.execute()[0] else None


def refuse_held(queue: str, run_id: str) -> None:
    """Raise IsHeld when the run is held in this queue."""
    if client().hexists(keys().held_facts(queue), run_id):
        raise IsHeld(run_id)


def _requeue(queue: str, message: Message, to: ReleaseTo | None) -> Message | None:
    names, cut = keys(), priority_cut(message.raw)
    levels = names.levels(queue)
    own = names.steps.index(message.step) + 1
    span = (cut.start, cut.end) if cut else (-1, -1)
    texts = [f"{cut.before}{step}{cut.after}" if cut else "" for step in names.steps]
    status, *place = broker().run(
        "release",
        [
            names.held(queue),
            names.held_facts(queue),
            names.hold_new,
            names.allowed(queue),
            *(lv.key for lv in levels),
        ],
        [message.raw, message.id, queue, to or "sent", own, *span, *texts],
    )
    if status != b"released":
        return None
    position, level = place
    step = names.steps[level - 1]
    raw = cut.put(message.raw, str(step)) if cut and level != own else message.raw
    return parse(raw, queue, step, position)


def _with_facts(queue: str, raws: list[bytes]) -> list[Held]:
    names = keys()
    if not raws:
        return []
    known = client().hmget(names.held_facts(queue), [id_of(raw) for raw in raws])
    kept = []
    for raw, value in zip(raws, known, strict=True):
        record: dict[str, Any] = json.loads(value) if value else {}
        sent_step = declared_step(raw)
        step = names.step_of(record.get("step", sent_step) if sent_step is None else sent_step)
        at = record.get("at")
        moment = None if at is None else datetime.fromtimestamp(at, UTC)
        message = parse(raw, queue, step, body_limit=BODY_LIMIT_BYTES)
        kept.append(Held(message, record.get("by", ""), moment, record.get("reason", ""), "since" in record))
    return kept
