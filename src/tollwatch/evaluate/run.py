"""A Plan over blocks of events: the alerts (semantics, "Alerts")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tollwatch.evaluate.alerts import Alert
from tollwatch.evaluate.collect import Kept, collect
from tollwatch.evaluate.correlate import Correlator
from tollwatch.evaluate.episodes import alerts_of
from tollwatch.logs.model import Events
from tollwatch.plan.nodes import Node, Plan
from tollwatch.plan.walk import carried_fields, nodes, searches


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found. ``alerts`` are sorted by triggered_at, rule and entity.

    ``left_out``: (correlation, hits that belong to no group because a group-by field is null), where any are.
    """

    alerts: tuple[Alert, ...]
    events: int
    left_out: tuple[tuple[str, int], ...]


def run(plan: Plan, blocks: Iterable[Events]) -> Outcome:
    """Evaluate every detection of the plan over the events of all blocks, in one pass over them."""
    kept = keep(plan.detections, blocks)
    correlator = Correlator(kept)
    found: list[Alert] = []
    left_out: dict[str, int] = {}
    for node, done in _last_uses(plan):
        found += alerts_of(node, correlator)
        left_out.update({part.header.key: correlator.hits(part).left_out for part in done})
        correlator.forget(done)
    found.sort(key=lambda alert: (alert.triggered_at, alert.rule, alert.entity))
    return Outcome(tuple(found), kept.seen, tuple(pair for pair in left_out.items() if pair[1]))


def _last_uses(plan: Plan) -> Iterator[tuple[Node, list[Node]]]:
    """Each detection, with the nodes that no later one needs."""
    last = {part: position for position, node in enumerate(plan.detections) for part in nodes(node)}
    done: list[list[Node]] = [[] for _ in plan.detections]
    for part, position in last.items():
        done[position].append(part)
    yield from zip(plan.detections, done, strict=True)


def keep(detections: Iterable[Node], blocks: Iterable[Events]) -> Kept:
    """The events that some search of the detections matches, with the columns that their correlations read."""
    distinct = dict.fromkeys(search for node in detections for search in searches(node))
    columns = dict.fromkeys(name for node in detections for name in carried_fields(node))
    return collect(tuple(distinct), tuple(columns), blocks)
