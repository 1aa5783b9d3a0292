"""What becomes of due fires: missed, grace, overlap, max_runs, skipped ahead; and the cost of long gaps."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schedules.policies import (
    BUSY_SECONDS,
    MOST_CAUGHT_UP,
    MOST_LISTED,
    RESTART_SECONDS,
    OnMissed,
    Overlap,
    Plan,
    PlannedFire,
    Policies,
    ScheduleState,
    decide_overlap,
    default_on_missed,
    errors,
    plan,
)
from app.schedules.timing import Timing, actual_at, first_fire, next_fire

START = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def every(seconds: int, **others: Any) -> Timing:
    return Timing(task_type="interval", interval_seconds=seconds, anchor_at=START, **others)


def due(timing: Timing, since: datetime = START, **others: Any) -> ScheduleState:
    """A schedule that has fired everything up to `since`; policy fields and state by name."""
    names = ("on_missed", "grace_seconds", "overlap", "max_runs")
    policies = Policies(**{name: others.pop(name) for name in names if name in others})
    return ScheduleState(timing=timing, policies=policies, next_due_at=next_fire(timing, since), **others)


def told(planned: Plan) -> list[tuple[str, str, str]]:
    return [(f"{fire.due_at:%H:%M:%S}", fire.outcome, fire.reason) for fire in planned.fires]


def counted(fires: Sequence[PlannedFire]) -> int:
    return sum(fire.count for fire in fires)


def test_nothing_is_due() -> None:
    schedule = due(every(600))
    assert plan(schedule, START + 9 * MINUTE) == Plan((), START + 10 * MINUTE, START + 10 * MINUTE, 0)


def test_a_disabled_schedule_has_nothing_due() -> None:
    schedule = replace(due(every(600)), next_due_at=None)
    assert plan(schedule, START + DAY) == Plan((), None, None, 0)


@pytest.mark.parametrize("late_seconds", [0, 0.02, BUSY_SECONDS, 59, RESTART_SECONDS])
def test_late_by_seconds_is_on_time(late_seconds: float) -> None:
    now = START + 10 * MINUTE + timedelta(seconds=late_seconds)
    planned = plan(due(every(600)), now)
    assert planned.fires == (PlannedFire(START + 10 * MINUTE, "run"),)
    assert planned.next_due_at == START + 20 * MINUTE
    assert planned.run_count == 1


def test_later_than_a_restart_is_missed() -> None:
    planned = plan(due(every(600)), START + 10 * MINUTE + timedelta(seconds=61))
    assert told(planned) == [("00:10:00", "missed", "on_missed")]
    assert planned.run_count == 0


def test_of_frequent_fires_only_those_just_now_are_on_time() -> None:
    planned = plan(due(every(2)), START + timedelta(seconds=21))
    assert [fire.due_at.second for fire in planned.fires if fire.outcome == "run"] == [16]
    assert told(planned)[-3:] == [
        ("00:00:16", "run", ""),
        ("00:00:18", "skipped", "overlap"),
        ("00:00:20", "skipped", "overlap"),
    ]
    assert [fire.reason for fire in planned.fires[:7]] == ["on_missed"] * 7


def test_a_busy_beat_runs_every_fire_of_a_frequent_schedule() -> None:
    planned = plan(due(every(1), overlap="allow"), START + timedelta(seconds=4.9))
    assert told(planned) == [(f"00:00:0{n}", "run", "") for n in (1, 2, 3, 4)]


# Missed fires


def test_skip_runs_nothing_missed_and_goes_on() -> None:
    planned = plan(due(every(600), on_missed="skip"), START + 35 * MINUTE)
    assert told(planned) == [(f"00:{n}0:00", "missed", "on_missed") for n in (1, 2, 3)]
    assert planned.next_due_at == START + 40 * MINUTE


def test_run_once_runs_the_newest_missed_fire() -> None:
    planned = plan(due(every(600), on_missed="run_once"), START + 35 * MINUTE)
    assert told(planned) == [
        ("00:10:00", "missed", "newer"),
        ("00:20:00", "missed", "newer"),
        ("00:30:00", "run", ""),
    ]
    assert planned.fires[-1].late
    assert planned.run_count == 1


def test_run_once_lets_a_fire_on_time_do_the_work() -> None:
    planned = plan(due(every(600), on_missed="run_once"), START + 30 * MINUTE + timedelta(seconds=10))
    assert told(planned) == [
        ("00:10:00", "missed", "newer"),
        ("00:20:00", "missed", "newer"),
        ("00:30:00", "run", ""),
    ]
    assert not planned.fires[-1].late


def test_run_all_runs_each_oldest_first() -> None:
    planned = plan(due(every(600), on_missed="run_all"), START + 30 * MINUTE + timedelta(seconds=10))
    assert told(planned) == [(f"00:{n}0:00", "run", "") for n in (1, 2, 3)]
    assert [fire.late for fire in planned.fires] == [True, True, False]
    assert planned.run_count == 3


def test_run_all_catches_up_a_hundred() -> None:
    planned = plan(due(every(60), on_missed="run_all"), START + 150 * MINUTE + 61 * timedelta(seconds=1))
    assert [fire.outcome for fire in planned.fires] == ["run"] * 100 + ["missed"] * 50 + ["run"]
    assert {fire.reason for fire in planned.fires[100:150]} == {"limit"}
    assert planned.fires[0].due_at == START + MINUTE
    assert MOST_CAUGHT_UP == 100


@pytest.mark.parametrize(
    ("on_missed", "outcomes"),
    [
        ("skip", [("missed", "on_missed")] * 5),
        ("run_once", [("missed", "grace")] * 3 + [("missed", "newer"), ("run", "")]),
        ("run_all", [("missed", "grace")] * 3 + [("run", ""), ("run", "")]),
    ],
)
def test_grace(on_missed: OnMissed, outcomes: list[tuple[str, str]]) -> None:
    # Fires at 10, 20, … 50 past; those before 0:35 are too old to run at 0:55.
    planned = plan(due(every(600), on_missed=on_missed, grace_seconds=1200), START + 55 * MINUTE)
    assert [(fire.outcome, fire.reason) for fire in planned.fires] == outcomes


def test_a_fire_at_the_edge_of_grace_still_runs() -> None:
    schedule = due(every(600), on_missed="run_once", grace_seconds=300)
    assert plan(schedule, START + 15 * MINUTE).fires[0].outcome == "run"
    assert plan(schedule, START + 15 * MINUTE + timedelta(seconds=1)).fires[0].reason == "grace"


def test_a_short_grace_shortens_patience_but_cannot_stop_a_schedule() -> None:
    schedule = due(every(600), on_missed="run_once", grace_seconds=10)
    late = START + 10 * MINUTE
    assert plan(schedule, late + timedelta(seconds=10)).fires[0].outcome == "run"
    assert plan(schedule, late + timedelta(seconds=11)).fires[0].reason == "grace"
    assert plan(replace(schedule, policies=Policies(grace_seconds=0)), late + timedelta(seconds=4)).fires[
        0
    ] == PlannedFire(late, "run")


def test_defaults_by_type() -> None:
    assert default_on_missed("one_time") == "run_once"
    assert default_on_missed("interval") == default_on_missed("cron") == "skip"


def test_one_time_runs_late_and_is_over() -> None:
    schedule = due(Timing(task_type="one_time", run_at=START + HOUR))
    planned = plan(schedule, START + 5 * HOUR)
    assert planned == Plan((PlannedFire(START + HOUR, "run", late=True),), None, None, 1)


def test_one_time_missed_by_policy_is_over_too() -> None:
    schedule = due(Timing(task_type="one_time", run_at=START + HOUR), on_missed="skip")
    planned = plan(schedule, START + 5 * HOUR)
    assert told(planned) == [("01:00:00", "missed", "on_missed")]
    assert planned.next_due_at is None
    assert planned.run_count == 0


def test_a_window_ends_the_schedule() -> None:
    planned = plan(due(every(600, ends_at=START + 20 * MINUTE), on_missed="run_all"), START + DAY)
    assert told(planned) == [("00:10:00", "run", ""), ("00:20:00", "run", "")]
    assert planned.next_due_at is None


def test_a_clock_that_steps_back_fires_nothing_twice() -> None:
    schedule = due(every(600))
    first = plan(schedule, START + 10 * MINUTE)
    again = replace(schedule, next_due_at=first.next_due_at, run_count=first.run_count)
    assert plan(again, START + 10 * MINUTE - HOUR).fires == ()
    assert plan(again, START + 10 * MINUTE).fires == ()


def test_a_moment_put_into_the_table_by_hand_is_a_fire() -> None:
    by_hand = START + timedelta(seconds=617)
    schedule = replace(due(every(600)), next_due_at=by_hand)
    planned = plan(schedule, by_hand + timedelta(seconds=1))
    assert planned.fires == (PlannedFire(by_hand, "run"),)
    assert planned.next_due_at == START + 20 * MINUTE
    missed = plan(schedule, START + 35 * MINUTE)
    assert [fire.due_at for fire in missed.fires] == [by_hand, START + 20 * MINUTE, START + 30 * MINUTE]


# max_runs


def test_max_runs_counts_what_is_sent_and_ends_the_schedule() -> None:
    schedule = due(every(600), on_missed="run_all", max_runs=5, run_count=3)
    planned = plan(schedule, START + 55 * MINUTE)
    assert told(planned) == [("00:10:00", "run", ""), ("00:20:00", "run", "")]
    assert (planned.next_due_at, planned.next_actual_at, planned.run_count) == (None, None, 5)


def test_max_runs_does_not_count_what_was_missed_or_skipped() -> None:
    schedule = due(every(600), on_missed="skip", max_runs=1)
    planned = plan(schedule, START + 35 * MINUTE)
    assert planned.next_due_at == START + 40 * MINUTE
    overlapped = plan(due(every(600), max_runs=1, unfinished=1), START + 10 * MINUTE)
    assert overlapped.next_due_at == START + 20 * MINUTE


def test_max_runs_lowered_below_the_count_ends_the_schedule() -> None:
    schedule = due(every(600), max_runs=2, run_count=3)
    assert plan(schedule, START + HOUR) == Plan((), None, None, 3)


# Overlap


@pytest.mark.parametrize(
    ("overlap", "unfinished", "buffered", "decision"),
    [
        *((policy, 0, 0, "run") for policy in get_args(Overlap)),
        ("skip", 1, 0, "skip"),
        ("allow", 3, 0, "run"),
        ("buffer_one", 1, 0, "buffer"),
        ("buffer_one", 1, 1, "skip"),
        ("buffer_one", 0, 1, "skip"),
        ("cancel_running", 2, 0, "cancel"),
    ],
)
def test_overlap_decisions(overlap: Overlap, unfinished: int, buffered: int, decision: str) -> None:
    assert decide_overlap(overlap, unfinished, buffered) == decision


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", PlannedFire(START + 10 * MINUTE, "skipped", "overlap")),
        ("allow", PlannedFire(START + 10 * MINUTE, "run")),
        ("buffer_one", PlannedFire(START + 10 * MINUTE, "buffer", "overlap")),
        ("cancel_running", PlannedFire(START + 10 * MINUTE, "run", cancel_running=True)),
    ],
)
def test_overlap_with_an_unfinished_run(overlap: Overlap, expected: PlannedFire) -> None:
    planned = plan(due(every(600), overlap=overlap, unfinished=1), START + 10 * MINUTE)
    assert planned.fires == (expected,)
    assert planned.run_count == int(overlap != "skip")


def test_caught_up_fires_do_not_hinder_each_other() -> None:
    for overlap in get_args(Overlap):
        planned = plan(due(every(600), on_missed="run_all", overlap=overlap), START + 35 * MINUTE)
        assert [fire.outcome for fire in planned.fires] == ["run"] * 3
        assert not any(fire.cancel_running for fire in planned.fires)


def test_caught_up_fires_meet_an_earlier_unfinished_run() -> None:
    def outcomes(overlap: Overlap) -> list[tuple[str, bool]]:
        schedule = due(every(600), on_missed="run_all", overlap=overlap, unfinished=1)
        return [(fire.outcome, fire.cancel_running) for fire in plan(schedule, START + 35 * MINUTE).fires]

    assert outcomes("skip") == [("skipped", False)] * 3
    assert outcomes("allow") == [("run", False)] * 3
    assert outcomes("buffer_one") == [("buffer", False), ("skipped", False), ("skipped", False)]
    assert outcomes("cancel_running") == [("run", True), ("run", False), ("run", False)]


# Skipped ahead by a person


def test_a_named_occurrence_is_skipped() -> None:
    skips = frozenset({START + 20 * MINUTE, START + 21 * MINUTE, START + 99 * HOUR})
    schedule = due(every(600), on_missed="run_all", skips=skips)
    planned = plan(schedule, START + 35 * MINUTE)
    assert told(planned) == [
        ("00:10:00", "run", ""),
        ("00:20:00", "skipped", "skip_next"),
        ("00:30:00", "run", ""),
    ]
    assert planned.run_count == 2


def test_run_once_takes_the_newest_that_nobody_skipped() -> None:
    schedule = due(every(600), on_missed="run_once", skips=frozenset({START + 30 * MINUTE}))
    planned = plan(schedule, START + 35 * MINUTE)
    assert told(planned) == [
        ("00:10:00", "missed", "newer"),
        ("00:20:00", "run", ""),
        ("00:30:00", "skipped", "skip_next"),
    ]


# Jitter


def test_jitter_delays_the_fire_and_its_lateness() -> None:
    timing = every(600, jitter_seconds=300, schedule_id=7)
    schedule = due(timing)
    nominal = START + 10 * MINUTE
    actual = actual_at(timing, nominal)
    assert actual > nominal + 61 * timedelta(seconds=1)
    early = plan(schedule, actual - timedelta(milliseconds=1))
    assert early == Plan((), nominal, actual, 0)
    assert plan(schedule, actual).fires == (PlannedFire(nominal, "run"),)
    assert plan(schedule, actual + timedelta(seconds=59)).fires[0].outcome == "run"
    assert plan(schedule, actual + timedelta(seconds=61)).fires[0].outcome == "missed"


def test_jitter_holds_back_only_the_newest_fire() -> None:
    timing = every(600, jitter_seconds=300, schedule_id=7)
    planned = plan(due(timing, on_missed="run_all"), START + 30 * MINUTE + timedelta(seconds=1))
    assert [fire.due_at for fire in planned.fires] == [START + 10 * MINUTE, START + 20 * MINUTE]
    assert planned.next_due_at == START + 30 * MINUTE
    assert planned.next_actual_at == actual_at(timing, START + 30 * MINUTE)


# Long gaps


@pytest.mark.parametrize("timing", [every(1), Timing(task_type="cron", cron_schedule="* * * * * *")])
@pytest.mark.parametrize("on_missed", get_args(OnMissed))
def test_a_year_of_seconds_costs_nothing_and_leaves_no_hole(timing: Timing, on_missed: OnMissed) -> None:
    schedule = due(timing, on_missed=on_missed, overlap="allow", grace_seconds=86_400)
    now = START + 365 * DAY
    began = time.process_time()
    planned = plan(schedule, now)
    assert time.process_time() - began < 0.5
    assert counted(planned.fires) == 365 * 86_400
    assert len(planned.fires) < 500
    assert planned.next_due_at == now + timedelta(seconds=1)
    for earlier, later in zip(planned.fires, planned.fires[1:], strict=False):
        assert later.due_at == (earlier.last_due_at or earlier.due_at) + timedelta(seconds=1)


def test_the_newest_misses_are_listed_and_the_others_counted() -> None:
    schedule = due(every(60), skips=frozenset({START + 10 * MINUTE, START + 195 * MINUTE}))
    planned = plan(schedule, START + 202 * MINUTE + timedelta(seconds=30))
    group, *listed = [fire for fire in planned.fires if fire.outcome == "missed"]
    assert (group.due_at, group.count) == (START + MINUTE, 99)
    assert group.last_due_at == START + 100 * MINUTE
    assert len(listed) == MOST_LISTED
    assert all(fire.count == 1 and fire.last_due_at is None for fire in listed)
    assert [fire.due_at.minute for fire in planned.fires if fire.reason == "skip_next"] == [10, 15]
    assert planned.fires[-1] == PlannedFire(START + 202 * MINUTE, "run")
    assert counted(planned.fires) == 202


# Against a model that lists every fire


def model(schedule: ScheduleState, now: datetime) -> list[tuple[datetime, str, str]]:
    """The rules of the module, applied to a plain list of fires."""
    timing, policies = schedule.timing, schedule.policies
    fires, fire = [], schedule.next_due_at
    while fire is not None and actual_at(timing, fire) <= now:
        fires.append(fire)
        fire = next_fire(timing, fire)
    mine = [fire for fire in fires if fire not in schedule.skips]

    def lateness(fire: datetime) -> float:
        return (now - actual_at(timing, fires[-1]) + (fires[-1] - fire)).total_seconds()

    patience = min(
        RESTART_SECONDS, RESTART_SECONDS if policies.grace_seconds is None else policies.grace_seconds
    )
    on_time = [fire for fire in mine if lateness(fire) <= BUSY_SECONDS]
    if not on_time and mine and lateness(mine[-1]) <= patience:
        on_time = [mine[-1]]
    missed = [fire for fire in mine if fire not in on_time]
    in_grace = [
        fire for fire in missed if policies.grace_seconds is None or lateness(fire) <= policies.grace_seconds
    ]
    on_missed = policies.on_missed or default_on_missed(timing.task_type)
    late = {"skip": [], "run_once": [] if on_time else in_grace[-1:], "run_all": in_grace[:100]}[on_missed]
    why = {"skip": "on_missed", "run_once": "newer", "run_all": "limit"}[on_missed]
    told, sent, hindering = [], 0, schedule.unfinished > 0
    for fire in fires:
        if policies.max_runs is not None and schedule.run_count + sent >= policies.max_runs:
            break
        if fire in schedule.skips:
            told.append((fire, "skipped", "skip_next"))
        elif fire in missed and fire not in late:
            told.append((fire, "missed", why if fire in in_grace or on_missed == "skip" else "grace"))
        elif policies.overlap == "skip" and hindering:
            told.append((fire, "skipped", "overlap"))
        else:
            told.append((fire, "run", ""))
            sent += 1
            hindering = hindering or fire in on_time
    return told


TIMINGS = st.one_of(
    st.builds(
        lambda seconds, jitter: every(seconds, jitter_seconds=jitter, schedule_id=7),
        st.integers(1, 4000),
        st.sampled_from([0, 0, 30, 600]),
    ),
    st.sampled_from(["*/7 * * * *", "30 1 * * *", "0 */3 * * *", "*/10 * * * * *"]).map(
        lambda text: Timing(task_type="cron", cron_schedule=text, timezone="Europe/London")
    ),
    st.integers(1, 90_000).map(
        lambda seconds: Timing(task_type="one_time", run_at=START + timedelta(seconds=seconds))
    ),
)


@given(
    timing=TIMINGS,
    waited=st.integers(0, 95_000),
    most_fires=st.integers(0, 160),
    on_missed=st.sampled_from([None, "skip", "run_once", "run_all"]),
    grace=st.sampled_from([None, 0, 20, 900, 20_000]),
    overlap=st.sampled_from(["skip", "allow"]),
    max_runs=st.sampled_from([None, None, 1, 3, 120]),
    unfinished=st.sampled_from([0, 0, 1]),
    skipped=st.sets(st.integers(0, 40), max_size=3),
)
def test_plans_follow_the_model(
    timing: Timing,
    waited: int,
    most_fires: int,
    on_missed: OnMissed | None,
    grace: int | None,
    overlap: Overlap,
    max_runs: int | None,
    unfinished: int,
    skipped: set[int],
) -> None:
    now = START + timedelta(seconds=waited)
    if timing.interval_seconds:  # so that the model need not list a day of seconds
        now = min(now, START + timedelta(seconds=timing.interval_seconds * most_fires))
    elif timing.cron_schedule == "*/10 * * * * *":
        now = min(now, START + timedelta(seconds=10 * most_fires))
    upcoming, fire = [], first_fire(timing, START)
    while fire is not None and len(upcoming) < 41:
        upcoming.append(fire)
        fire = next_fire(timing, fire)
    schedule = due(
        timing,
        START - timedelta(microseconds=1),
        on_missed=on_missed,
        grace_seconds=grace,
        overlap=overlap,
        max_runs=max_runs,
        unfinished=unfinished,
        skips=frozenset(upcoming[n] for n in skipped if n < len(upcoming)),
    )
    planned = plan(schedule, now)
    expanded = []
    for entry in planned.fires:
        moment: datetime | None = entry.due_at
        for _n in range(entry.count):
            while moment in schedule.skips and entry.count > 1:
                moment = next_fire(timing, moment)
            assert moment is not None
            expanded.append((moment, entry.outcome, entry.reason))
            last, moment = moment, next_fire(timing, moment)
        assert entry.last_due_at == (last if entry.count > 1 else None)
    assert sorted(expanded) == model(schedule, now)
    assert [entry.due_at for entry in planned.fires] == sorted(entry.due_at for entry in planned.fires)
    sent = sum(entry.outcome == "run" for entry in planned.fires)
    assert planned.run_count == schedule.run_count + sent
    # What was planned is not planned again.
    again = replace(schedule, next_due_at=planned.next_due_at, run_count=planned.run_count)
    assert plan(again, now).fires == ()
    assert planned.next_actual_at is None or planned.next_actual_at > now


# Fields


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"on_missed": "later"}, "on_missed"),
        ({"overlap": "queue"}, "overlap"),
        ({"overlap": None}, "overlap"),
        ({"grace_seconds": -1}, "grace_seconds"),
        ({"grace_seconds": 10**12}, "grace_seconds"),
        ({"max_runs": 0}, "max_runs"),
        ({"max_runs": 10**12}, "max_runs"),
        ({"message_ttl_seconds": 0}, "message_ttl_seconds"),
    ],
)
def test_policy_fields_out_of_range(fields: dict[str, Any], wrong: str) -> None:
    found = errors(Policies(**fields))
    assert list(found) == [wrong]
    assert found[wrong][0].endswith(".")


def test_sound_policies_have_no_errors() -> None:
    assert errors(Policies()) == {}
    assert (
        errors(
            Policies(
                on_missed="run_all",
                overlap="buffer_one",
                grace_seconds=0,
                max_runs=1,
                message_ttl_seconds=60,
            )
        )
        == {}
    )
