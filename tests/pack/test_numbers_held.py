"""Every number of the pack is held by its cases: one more or one less (a microsecond, for a timespan) changes an alert.

Works on the plan: each number in turn is changed, and the cases of the rules that it is part of are run again until one
of them gives other alerts than before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import assert_never

from tollwatch.cases.expand import expand
from tollwatch.cases.model import Case, LogFile, Step
from tollwatch.cases.read import find_case_files, read_cases
from tollwatch.cases.rules import load_rules
from tollwatch.config import read_settings
from tollwatch.evaluate.alerts import Alert
from tollwatch.evaluate.run import run
from tollwatch.logs.model import Events
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records, open_logs
from tollwatch.plan.lower import lower
from tollwatch.plan.nodes import Aggregate, And, Compare, Node, Number, Plan, Predicate, Search, Sequence
from tollwatch.sigma.model import Threshold

ROOT = Path(__file__).parents[2]
Change = tuple[str, str, int]
"""A rule's key, which of its numbers, and by how much."""


@cache
def with_events() -> tuple[tuple[Node, tuple[tuple[Events, ...], ...]], ...]:
    """Each detection with the events of each of its cases."""
    settings = read_settings(ROOT / "rules.toml")
    rules = load_rules(settings)
    found = []
    for path in find_case_files(settings.fixtures):
        file = read_cases(path)
        node = lower(rules, select=[file.rule])[0].detections[0]
        found.append((node, tuple(tuple(events(case)) for case in file)))
    return tuple(found)


def events(case: Case) -> Iterator[Events]:
    """A case's events; all cases of the pack are canonical."""
    profile = load_profile("canonical")
    steps = [record for step in case.events if isinstance(step, Step) for record in expand(step, case.name)]
    if steps:
        yield from_records(steps, profile)
    yield from open_logs([event.path for event in case.events if isinstance(event, LogFile)], profile)


def below(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in () if isinstance(node, Search) else node.inputs:
        yield from below(child.node)


def numbers(node: Node) -> Iterator[str]:
    """What of a node's own is a number."""
    match node:
        case Search():
            for index, leaf in enumerate(items(node.predicate)):
                if isinstance(leaf, Compare | Number):
                    yield f"item {index}"
        case Aggregate():
            yield "timespan"
            if isinstance(node.condition, Threshold) and node.measure != "rules":
                yield "threshold"
        case Sequence():
            yield "timespan"
        case _:
            assert_never(node)


def items(predicate: Predicate) -> tuple[Predicate, ...]:
    return predicate.items if isinstance(predicate, And) else (predicate,)


def changes() -> list[Change]:
    found = {
        (part.header.key, which, by): None
        for node, _ in with_events()
        for part in below(node)
        for which in numbers(part)
        for by in (-1, 1)
    }
    return list(found)


def changed(node: Node, change: Change) -> Node:
    """The node with one number of one rule below it changed."""
    if isinstance(node, Search):
        return replace(node, predicate=changed_item(node, change)) if node.header.key == change[0] else node
    inputs = tuple(replace(child, node=changed(child.node, change)) for child in node.inputs)
    node = replace(node, inputs=inputs)
    key, which, by = change
    if node.header.key != key:
        return node
    if which == "timespan":
        return replace(node, timespan=node.timespan + by)
    assert isinstance(node, Aggregate)
    assert isinstance(node.condition, Threshold)
    bounds = tuple((op, bound + Decimal(by)) for op, bound in node.condition.bounds)
    return replace(node, condition=Threshold(bounds))


def changed_item(search: Search, change: Change) -> Predicate:
    parts = list(items(search.predicate))
    index = int(change[1].removeprefix("item "))
    leaf = parts[index]
    assert isinstance(leaf, Compare | Number)
    parts[index] = replace(leaf, value=leaf.value + change[2])
    return And(tuple(parts)) if isinstance(search.predicate, And) else parts[0]


@cache
def before(position: int, case: int) -> tuple[Alert, ...]:
    node, cases = with_events()[position]
    return run(Plan((node,)), cases[case]).alerts


def is_noticed(change: Change) -> bool:
    for position, (node, cases) in enumerate(with_events()):
        if change[0] not in {part.header.key for part in below(node)}:
            continue
        plan = Plan((changed(node, change),))
        if any(run(plan, blocks).alerts != before(position, case) for case, blocks in enumerate(cases)):
            return True
    return False


def test_every_number_is_noticed_when_it_changes() -> None:
    tried = changes()
    assert len(tried) >= 60
    assert [change for change in tried if not is_noticed(change)] == []
