"""A query's findings against the evaluator's, as its grade allows (semantics, "Compiled queries: fidelity")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tollwatch.compile.outline import is_calendar
from tollwatch.evaluate.alerts import Alert, Step
from tollwatch.plan.nodes import Node, Search
from tollwatch.prove.report import Entity, Finding

_SHOWN = 5


def exactly(found: Sequence[Finding], meant: Sequence[Finding]) -> Iterator[str]:
    """A line for each episode that only one side has, or that the query reports twice. The same set: nothing."""
    has, wants = Counter(found), Counter(meant)
    yield from _told("missed", wants - has)
    yield from _told("reported, and not meant", has - wants)


def _told(what: str, findings: Counter[Finding]) -> Iterator[str]:
    ordered = sorted(findings.elements(), key=lambda one: (one.triggered_at, one.entity))
    yield from (f"{what}: {one}" for one in ordered[:_SHOWN])
    if len(ordered) > _SHOWN:
        yield f"{what}: {len(ordered) - _SHOWN} more"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a bounded query is held against. ``meant``: what the rule finds; nothing else may be reported.

    ``due``: what the rule with timespans shorter by the tolerance finds, which must be. ``late``: the tolerance, µs.
    """

    meant: tuple[Finding, ...]
    due: tuple[Alert, ...]
    late: int


def not_meant(found: Sequence[Finding], bounds: Bounds, *, whole: bool) -> Iterator[str]:
    """A line for each finding outside of what is meant for its entity.

    ``whole``: a finding may stand for all episodes of its entity, from the first hit to the last.
    """
    spans = _spans(bounds.meant, whole=whole)
    for one in found:
        if not any(first <= one.triggered_at and one.last_seen <= last for first, last in spans.get(one.entity, ())):
            yield f"reported, and not meant: {one}"


def overdue(found: Sequence[Finding], bounds: Bounds) -> list[Alert]:
    """What should have been found and was not. An episode is found where a finding of its entity overlaps it."""
    reported = _spans(found, whole=False)
    lost = []
    for alert in bounds.due:
        overlaps = (
            first - bounds.late <= alert.last_seen and alert.triggered_at <= last + bounds.late
            for first, last in reported.get(tuple(alert.entity), ())
        )
        if not any(overlaps) and not _steps_touch(alert.steps, bounds.late):
            lost.append(alert)
    return lost


def _spans(findings: Sequence[Finding], *, whole: bool) -> dict[Entity, list[tuple[int, int]]]:
    """For each entity the times from a first to a last hit."""
    found: dict[Entity, list[tuple[int, int]]] = {}
    for one in findings:
        found.setdefault(one.entity, []).append((one.triggered_at, one.last_seen))
    if not whole:
        return found
    return {entity: [(min(a for a, _ in all_), max(b for _, b in all_))] for entity, all_ in found.items()}


def _steps_touch(steps: Sequence[Step], gap: int) -> bool:
    """Whether rules in order, somewhere below, follow each other by less than the tolerance."""
    pairs = pairwise(steps)
    return any(after.triggered_at - before.triggered_at < gap for before, after in pairs) or any(
        _steps_touch(step.steps, gap) for step in steps
    )


def shorter(node: Node, by: int) -> Node | None:
    """The node with every sliding timespan shorter by so many µs; None where one is not that long."""
    if isinstance(node, Search):
        return node
    inputs = []
    for one in node.inputs:
        below = shorter(one.node, by)
        if below is None:
            return None
        inputs.append(replace(one, node=below))
    span = node.timespan if is_calendar(node) else node.timespan - by
    return replace(node, inputs=tuple(inputs), timespan=span) if span > 0 else None
