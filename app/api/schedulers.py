"""`/schedulers`: schedules of other schedulers, and taking them over."""

from typing import Any

from flask import Flask
from flask_login import current_user
from marshmallow import fields, validate

from app import catalog, lists
from app.api import frame
from app.api.fields import Moment, OutcomeSchema, PageQuery, Schema, WholeListQuery, page_of
from app.bulk import Result
from app.clock import utcnow
from app.schedules import foreign, timing
from app.schedules.definition import Definition, timing_of
from app.schedules.foreign.entries import ENTRIES_MAX
from app.web.permissions import requires

FIRES = 5

bp = frame.ApiBlueprint("schedulers", __name__, description="Schedules of other schedulers")


class SchedulerSchema(Schema):
    id = fields.String(metadata={"description": "Its kind and its name.", "example": "redbeat:mail"})
    kind = fields.String(metadata={"enum": list(foreign.KINDS)})
    name = fields.String()
    place = fields.String(metadata={"description": "Where it keeps its schedules, without a password."})
    entries = fields.Integer(allow_none=True, metadata={"description": "How many; null: it cannot be read."})
    problem = fields.String(metadata={"description": "Why it cannot be read; empty when it can."})
    waiting = fields.Integer(
        metadata={"description": "Schedules that were taken over and are off until it is stopped."}
    )


class ForeignEntrySchema(Schema):
    """A schedule of another scheduler beside what it would be here; its secrets are masked."""

    name = fields.String()
    task_name = fields.String()
    timing = fields.String(metadata={"description": "As it is said there."})
    timezone = fields.String()
    enabled = fields.Boolean()
    args = fields.List(fields.Raw(allow_none=True))
    kwargs = fields.Dict(keys=fields.String())
    last_run_at = Moment(allow_none=True)
    fires = fields.List(Moment(), metadata={"description": "The next ones, by the rules there."})
    here = fields.List(Moment(), metadata={"description": "The next ones, by the rules here."})
    words = fields.String(metadata={"description": "The timing here; empty for one that has no equal."})
    problems = fields.List(fields.String(), metadata={"description": "Why it cannot be taken over."})
    remarks = fields.List(fields.String(), metadata={"description": "What will be otherwise here."})
    schedule_id = fields.Integer(allow_none=True, metadata={"description": "It was taken over as this one."})


class TakeOverSchema(Schema):
    entries = fields.List(
        fields.String(),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, ENTRIES_MAX),
        metadata={"description": "Their names; null: all that can be taken over."},
    )


class TakenOverSchema(OutcomeSchema):
    id = fields.Integer(allow_none=True, metadata={"description": "The schedule here."})


class TakenOversSchema(Schema):
    outcomes = fields.List(fields.Nested(TakenOverSchema))


def init_app(app: Flask) -> None:
    frame.register(bp)


@bp.route("/schedulers")
@requires("view")
@bp.arguments(WholeListQuery, location="query")
@bp.response(200, page_of(SchedulerSchema))
def list_schedulers(query: dict[str, Any]) -> lists.Page[dict[str, Any]]:
    """Other schedulers that are known: by CELERIAC_SCHEDULERS, and apps with the agent"""
    waiting = {source.taken_from: source.number for source in foreign.waiting()}
    page = lists.page_of_all(foreign.sources(), query["limit"], query["cursor"], lambda source: source.id)
    items = []
    for source in page.items:
        number, problem = None, ""
        try:
            number = len(foreign.read(source).entries)
        except foreign.Unreadable as error:
            problem = error.detail
        facts: dict[str, Any] = {
            "id": source.id,
            "kind": source.kind,
            "name": source.name,
            "place": source.place,
        }
        facts |= {"entries": number, "problem": problem, "waiting": waiting.get(source.taken_from, 0)}
        items.append(facts)
    return lists.Page(items, page.next_cursor)


@bp.route("/schedulers/<scheduler_id>/entries")
@requires("view")
@bp.arguments(PageQuery, location="query")
@bp.response(200, page_of(ForeignEntrySchema))
def list_scheduler_entries(query: dict[str, Any], scheduler_id: str) -> lists.Page[dict[str, Any]]:
    """The schedules of another scheduler, beside what they would be here"""
    source, now = foreign.by_id(scheduler_id), utcnow()
    entries = foreign.read(source).entries
    page = lists.page_of_all(entries, query["limit"], query["cursor"], lambda entry: entry.name)
    proposals = foreign.propose(source, page.items, now)
    return lists.Page([_entry(proposal, now) for proposal in proposals], page.next_cursor)


@bp.route("/schedulers/<scheduler_id>/take-over", methods=["POST"])
@requires("operate")
@bp.arguments(TakeOverSchema)
@bp.response(200, TakenOversSchema)
def take_over_schedules(wanted: dict[str, Any], scheduler_id: str) -> dict[str, Any]:
    """Make schedules of its entries, off until it is stopped; says what happened to each"""
    source = foreign.by_id(scheduler_id)
    reading = foreign.read(source)
    results = foreign.take_over(source, reading, wanted["entries"], current_user.name, utcnow())
    return {"outcomes": results}


@bp.route("/schedulers/<scheduler_id>/stopped", methods=["POST"])
@requires("operate")
@bp.response(200, TakenOversSchema)
def scheduler_stopped(scheduler_id: str) -> dict[str, Any]:
    """Say that it is stopped: what was on there is turned on here"""
    source = foreign.by_id(scheduler_id)
    try:
        reading = foreign.read(source)
    except foreign.Unreadable:
        reading = None  # it may be gone altogether
    results: list[Result] = foreign.stopped(source.taken_from, current_user.name, utcnow(), reading)
    return {"outcomes": results}


def _entry(proposal: foreign.Proposal, now: Any) -> dict[str, Any]:
    entry, definition = proposal.entry, proposal.definition
    args, kwargs = catalog.hide(proposal.task, entry.args, entry.kwargs)
    return {
        "name": entry.name,
        "task_name": entry.task_name,
        "timing": str(entry.timing),
        "timezone": entry.timezone,
        "enabled": entry.enabled,
        "args": args,
        "kwargs": kwargs,
        "last_run_at": entry.last_run_at,
        "fires": foreign.next_fires(entry, now, FIRES),
        "problems": proposal.problems,
        "remarks": proposal.remarks,
        "schedule_id": proposal.schedule_id,
        **(_here(definition, now) if definition else {"here": [], "words": ""}),
    }


def _here(definition: Definition, now: Any) -> dict[str, Any]:
    words = timing.words(timing_of(definition, None))
    return {"here": foreign.fires_here(definition, now, FIRES), "words": words}
