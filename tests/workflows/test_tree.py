"""The tree of a workflow, from rows alone."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.runs import states
from app.workflows.presentation import SHOWN_MAX, shown_members
from app.workflows.tree import Follows, Group, Item, Member, Planned, Step, tree

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(
    name: str, parent: str | None = None, group: str | None = None, at: float = 0, **fields: Any
) -> Member:
    values: dict[str, Any] = {"task_name": "t." + name, "state": states.SUCCESS} | fields
    created_at = NOW + timedelta(seconds=at)
    if states.is_finished(values["state"]):
        values.setdefault("ended_at", created_at + timedelta(seconds=2))
    return Member(name, parent_id=parent, group_id=group, created_at=created_at, **values)


def drawn(items: list[Item]) -> list[Any]:
    """A flow as nested names: (name, flows) of one that sent others, [flows] of a group, {name} of a plan."""
    plain: list[Any] = []
    for item in items:
        if isinstance(item, Group):
            plain.append([drawn(flow) for flow in item.members])
        elif isinstance(item, Planned):
            plain.append({item.task_name})
        else:
            plain.append((item.run.id, [drawn(flow) for flow in item.sent]) if item.sent else item.run.id)
    return plain


def test_the_steps_of_a_chain_stand_on_one_level_in_whatever_order_they_come() -> None:
    rows = [run("a"), run("b", "a", at=3), run("c", "b", at=6)]
    for order in permutations(rows):
        assert drawn(tree(order)) == ["a", "b", "c"]


def test_a_chain_of_thousands_is_no_trouble() -> None:
    rows = [run("r0"), *(run(f"r{n}", f"r{n - 1}", at=n) for n in range(1, 5000))]
    assert len(tree(rows)) == 5000


def test_a_chord_is_a_group_and_what_follows_it() -> None:
    rows = [run("root"), *(run(name, "root", "g", at=1) for name in "abc"), run("end", "b", at=3)]
    assert drawn(tree(rows)) == ["root", [["a"], ["b"], ["c"]], "end"]


def test_what_a_member_sent_before_the_others_ended_is_its_own() -> None:
    rows = [
        run("a", group="g"),
        run("b", group="g", ended_at=NOW + timedelta(seconds=60)),
        run("c", "a", at=1),
    ]
    assert drawn(tree(rows)) == [[["a", "c"], ["b"]]]


def test_a_group_of_chains_keeps_each_chain_with_its_member() -> None:
    rows = [run("a", group="g"), run("b", group="g"), run("a2", "a", at=2), run("b2", "b", at=2)]
    assert drawn(tree(rows)) == [[["a", "a2"], ["b", "b2"]]]


def test_a_callback_that_a_message_names_is_found_whoever_sent_it() -> None:
    rows = [run("a", group="g"), run("b", group="g"), run("x", "a"), run("end", "b", at=1)]
    ahead = {"b": Follows(chord=[Planned("t.end", "end")])}
    assert drawn(tree(rows, ahead)) == [[["a", "x"], ["b"]], "end"]


def test_what_is_known_to_follow_is_planned() -> None:
    rows = [run("a", state=states.STARTED)]
    ahead = {"a": Follows(chain=[Planned("t.b", "b"), Planned("t.c", "c")])}
    assert drawn(tree(rows, ahead)) == ["a", {"t.b"}, {"t.c"}]
    group = [run("a", group="g", state=states.STARTED), run("b", group="g", state=states.PENDING)]
    ahead = {"a": Follows(chord=[Planned("t.end", "end")])}
    assert drawn(tree(group, ahead)) == [[["a"], ["b"]], {"t.end"}]


def test_several_runs_sent_by_one_are_its_branches() -> None:
    rows = [run("top"), run("a", "top", at=1), run("b", "top", at=1), run("b2", "b", at=3)]
    assert drawn(tree(rows)) == ["top", "a", ("b", [["b2"]])]


def test_a_group_counts_its_states_and_failures_are_shown_first() -> None:
    rows = [run(f"r{n:04}", group="g") for n in range(990)]
    rows += [run(f"x{n}", group="g", state=states.FAILURE) for n in range(10)]
    (group,) = tree(rows)
    assert isinstance(group, Group)
    assert (group.size, group.done, group.counts) == (1000, 1000, {states.SUCCESS: 990, states.FAILURE: 10})
    shown = [flow[0].run.id for flow in shown_members(group, "r0500") if isinstance(flow[0], Step)]
    assert len(shown) == SHOWN_MAX
    assert {*(f"x{n}" for n in range(10)), "r0500"} <= set(shown)


names = st.sampled_from("abcdefgh")


@given(
    st.lists(st.tuples(names, st.none() | names, st.none() | st.sampled_from("GH")), unique_by=lambda r: r[0])
)
def test_every_run_stands_in_the_tree_once_whatever_the_rows_say(rows: list[tuple[Any, Any, Any]]) -> None:
    def found(items: list[Item]) -> list[str]:
        ids = []
        for item in items:
            flows = item.members if isinstance(item, Group) else item.sent if isinstance(item, Step) else []
            ids += [item.run.id] if isinstance(item, Step) else []
            ids += [one for flow in flows for one in found(flow)]
        return ids

    made = [run(name, parent, group, at=n) for n, (name, parent, group) in enumerate(rows)]
    assert sorted(found(tree(made))) == sorted(name for name, _parent, _group in rows)
