"""Changes to what waits: each is one atomic step in Redis, made to a message by its exact bytes."""

import json
from datetime import datetime
from typing import Any, Literal, NamedTuple

from flask_babel import gettext as _

from app.broker.connection import broker, keys, reaches_broker
from app.broker.errors import AlreadyTaken, NeighbourGone
from app.broker.messages import Message, parse
from app.broker.priority import HIGHEST, to_broker
from app.broker.redis import holding, location
from app.broker.redis.patch import priority_cut, with_route
from app.broker.redis.waiting import find
from app.errors import Conflict, Invalid, NotFound
from celeriac_agent.keys import Keys

TRIES = 5  # a message or its neighbour changed between reading and changing: read again
NEAR_END = -1  # LREM from the end that is taken next


class Target(NamedTuple):
    """A wanted place: next to a run (`before` or `after` its id), or at a `position` (`last` or a number)."""

    how: Literal["before", "after", "position"]
    value: str


@reaches_broker
def move(
    queue: str,
    run_id: str,
    *,
    before: str | None = None,
    after: str | None = None,
    to: str | None = None,
    position: int | None = None,
    hint: int | None = None,
    neighbour_hint: int | None = None,
) -> Message:
    """Move a waiting run before or after another one, `to` "front" or "back", or to a position (1 = next).

    Among runs of another priority it takes that priority; nothing else of the message changes. Returns it
    with its new position. `hint` and `neighbour_hint` are the positions where the two were last seen.
    Raises NotFound, Invalid (no such place), and the conflicts AlreadyTaken, NeighbourGone and IsHeld.
    """
    target = _target(run_id, before, after, to, position)
    seen = False
    for _try in range(TRIES):
        message = _waiting(queue, run_id, hint, seen)
        seen, neighbour = True, None
        if target.how != "position":
            neighbour = find(queue, target.value, neighbour_hint)
            if neighbour is None:
                raise NeighbourGone(target.value)
        moved = _try_move(queue, message, target, neighbour)
        if moved is not None:
            return moved
    raise _busy(run_id)


@reaches_broker
def reprioritise(queue: str, run_id: str, priority: int, hint: int | None = None) -> Message:
    """Give a waiting or held run another priority (0 to 9, 9 most urgent): it stands last among its equals.

    Raises like `move`; Invalid also for a message that has no place for a priority.
    """
    if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= HIGHEST:
        raise Invalid({"priority": [_("A priority is a number from 0 to %(most)s.", most=HIGHEST)]})
    step = keys().step_of(to_broker(priority))
    changed = holding.reprioritise_held(queue, run_id, to_broker(priority))
    if changed is not None:
        return changed
    seen = False
    for _try in range(TRIES):
        message = _waiting(queue, run_id, hint, seen)
        seen = True
        cut = priority_cut(message.raw)
        if cut is None:
            raise Invalid({"priority": [_("This message has no place for a priority.")]})
        if message.step == step:
            return message
        changed = _transfer(message, queue, step, cut.put(message.raw, str(to_broker(priority))))
        if changed is not None:
            return changed
    raise _busy(run_id)


@reaches_broker
def send_to(queue: str, run_id: str, target: str, hint: int | None = None) -> Message:
    """Send a waiting run to another queue, where it stands last among those of its priority.

    The message is addressed anew, so that a worker that gives it back gives it to the new queue.
    A target queue that holds everything new lets it in. Raises like `move`.
    """
    if not target or target == queue or keys().separator in target:
        raise Invalid({"queue": [_("Choose another queue.")]})
    seen = False
    for _try in range(TRIES):
        message = _waiting(queue, run_id, hint, seen)
        seen, sent = True, _transfer(message, target, message.step, with_route(message.raw, target))
        if sent is not None:
            return sent
    raise _busy(run_id)


@reaches_broker
def remove(queue: str, run_id: str, hint: int | None = None) -> Message:
    """Remove a waiting or held run; returns its message. Raises NotFound and AlreadyTaken."""
    gone = holding.remove_held(queue, run_id)
    if gone is not None:
        return gone
    seen = False
    for _try in range(TRIES):
        message = _waiting(queue, run_id, hint, seen)
        seen, level = True, keys().level(queue, message.step)
        if broker().take_out(level.key, message.raw):
            return message
    raise _busy(run_id)


@reaches_broker
def hold(queue: str, run_id: str, by: str, reason: str, now: datetime, hint: int | None = None) -> Message:
    """Set a waiting run aside, behind those that are held already. Raises like `move`."""
    names, seen = keys(), False
    for _try in range(TRIES):
        message = _waiting(queue, run_id, hint, seen)
        seen = True
        facts = json.loads(holding.facts(by, reason, now)) | {"step": message.step}
        lists = [names.level(queue, message.step).key, names.held(queue), names.held_facts(queue)]
        if broker().run("hold", lists, [message.raw, NEAR_END, run_id, json.dumps(facts)]):
            return message
    raise _busy(run_id)


def _target(
    run_id: str, before: str | None, after: str | None, to: str | None, position: int | None
) -> Target:
    sent = {"before": before, "after": after, "to": to, "position": position}
    named = [name for name, value in sent.items() if value is not None]
    if len(named) != 1:
        raise Invalid({"position": [_("Name one place: before, after, to or position.")]})
    if run_id in (before, after):
        raise Invalid({named[0]: [_("A run cannot be moved next to itself.")]})
    if before is not None:
        return Target("before", before)
    if after is not None:
        return Target("after", after)
    if to is not None:
        if to not in ("front", "back"):
            raise Invalid({"to": [_("Choose front or back.")]})
        return Target("position", "1" if to == "front" else "last")
    if isinstance(position, bool) or not isinstance(position, int) or position < 1:
        raise Invalid({"position": [_("A position is a number from 1, the next to be taken.")]})
    return Target("position", str(position))


def _try_move(queue: str, message: Message, target: Target, neighbour: Message | None) -> Message | None:
    """One attempt; None when the message or its neighbour was not there as it had been read."""
    names, cut = keys(), priority_cut(message.raw)
    own = _level_number(names, message)
    status, *rest = broker().run(
        "move",
        [level.key for level in names.levels(queue)],
        [
            own,
            message.raw,
            message.position or 1,
            target.how,
            neighbour.raw if neighbour else target.value,
            _level_number(names, neighbour) if neighbour else 0,
            (neighbour.position or 1) if neighbour else 0,
            *((cut.start, cut.end) if cut else (-1, -1)),
            *(f"{cut.before}{step}{cut.after}" if cut else "" for step in names.steps),
        ],
    )
    if status == b"range":
        raise Invalid({"position": [_("Only %(n)s runs wait in this queue.", n=rest[0])]})
    if status != b"moved":
        return None
    position, level = rest
    step = names.steps[level - 1]
    raw = cut.put(message.raw, str(step)) if cut and level != own else message.raw
    return parse(raw, queue, step, position)


def _transfer(message: Message, target: str, step: int, raw: bytes) -> Message | None:
    """The message in its new level or queue; None when it was not there as it had been read."""
    names = keys()
    source, goal = names.level(message.queue, message.step), names.level(target, step)
    ahead = [level.key for level in names.levels(target)[: names.steps.index(step)]]
    lists = [source.key, goal.key, names.hold_new, names.allowed(target), *ahead]
    position = broker().run("transfer", lists, [message.raw, NEAR_END, raw, message.id, target])
    return parse(raw, target, step, int(position)) if position else None


def _waiting(queue: str, run_id: str, hint: int | None, seen: bool) -> Message:
    """The run's waiting message; raises what says best why there is none. `seen`: it waited a moment ago."""
    message = find(queue, run_id, hint)
    if message is None:
        holding.refuse_held(queue, run_id)
        taken = run_id in location.unacked()
        message = find(queue, run_id)  # somebody else may have moved it from where we had not looked yet
    if message is not None:
        return message
    if seen or taken:
        raise AlreadyTaken(run_id)
    raise NotFound(_("%(id)s does not wait in this queue.", id=run_id))


def _level_number(names: Keys, message: Message) -> int:
    return names.steps.index(message.step) + 1


def _busy(run_id: Any) -> Conflict:
    return Conflict(_("The line changes too quickly to move %(id)s; try again.", id=run_id), "busy")
