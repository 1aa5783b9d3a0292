"""`flask schedules import --from`: what another scheduler has, beside what it would be here."""

import sys
from collections.abc import Sequence
from datetime import datetime

import click

from app.bulk import Result
from app.errors import Invalid
from app.schedules import foreign
from app.schedules.definition import timing_of
from app.schedules.timing import words, zone

FIRES = 3


def run(
    kind: str, url: str, only: Sequence[str], stopped: bool, dry_run: bool, by: str | None, now: datetime
) -> None:
    """Take over, or only show; exits with 1 when something could not be taken over."""
    source = foreign.of_url(kind, url)
    reading = foreign.read(source)
    entries = [entry for entry in reading.entries if not only or entry.name in only]
    if unknown := sorted(set(only) - {entry.name for entry in entries}):
        raise Invalid({"--only": [f"There is no such entry: {', '.join(unknown)}."]})
    if stopped and not dry_run:
        foreign.require_stopped(reading, now)
    proposals = foreign.propose(source, entries, now)
    for proposal in proposals:
        _show(proposal, now)
    problems = [proposal for proposal in proposals if proposal.problems]
    if dry_run:
        possible = sum(proposal.possible for proposal in proposals)
        click.echo(f"{possible} would be taken over, {_rest(proposals)}. Nothing was changed.")
        sys.exit(1 if problems else 0)
    names = [entry.name for entry in entries]
    results = foreign.take_over(source, reading, names, by, now)
    _told(results, {proposal.entry.name for proposal in proposals if proposal.possible}, proposals)
    if reading.left_out:
        click.echo(f"{reading.left_out} more were not read.", err=True)
    if stopped:
        _turned_on(foreign.stopped(source.taken_from, by, now))
    elif waits := [taken for taken in foreign.waiting() if taken.taken_from == source.taken_from]:
        click.echo(
            f"{waits[0].number} of them are off until the {source.kind} scheduler is stopped. "
            "Stop it, then say so: the same command with --stopped turns on what was on there."
        )
    sys.exit(1 if problems else 0)


def _show(proposal: foreign.Proposal, now: datetime) -> None:
    entry = proposal.entry
    if proposal.schedule_id is not None:
        click.echo(f"= {entry.name}: schedule {proposal.schedule_id} is it")
        return
    if proposal.definition is None:
        click.echo(f"! {entry.name}: {' '.join(proposal.problems)}")
        return
    timing = timing_of(proposal.definition, None)
    tz = zone(timing.timezone)
    click.echo(f"+ {entry.name}: {entry.task_name}, {entry.timing}, here {words(timing)}, {timing.timezone}")
    theirs = foreign.next_fires(entry, now, FIRES)
    ours = foreign.fires_here(proposal.definition, now, FIRES)
    for name, moments in (("there", theirs), ("here", ours)):
        click.echo(
            f"    {name}: {', '.join(at.astimezone(tz).strftime('%a %d %b %H:%M:%S') for at in moments)}"
        )
    for remark in proposal.remarks:
        click.echo(f"    {remark}")


def _told(results: list[Result], new: set[str], proposals: Sequence[foreign.Proposal]) -> None:
    made = sum(result.done and result.name in new for result in results)
    click.echo(f"{made} taken over, {_rest(proposals)}.")


def _rest(proposals: Sequence[foreign.Proposal]) -> str:
    there = sum(proposal.schedule_id is not None for proposal in proposals)
    return (
        f"{there} here already, {sum(bool(proposal.problems) for proposal in proposals)} cannot be taken over"
    )


def _turned_on(results: list[Result]) -> None:
    for result in results:
        if not result.done:
            click.echo(f"! {result.name} stays off: {result.problem}")
    click.echo(f"{sum(result.done for result in results)} turned on; none waits for the other scheduler.")
