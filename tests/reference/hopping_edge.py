"""The edge of what hopping windows may miss: rules with timespans half a second shorter."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import Any

from tollwatch.compile.outline import is_calendar
from tollwatch.evaluate.alerts import Alert
from tollwatch.plan.nodes import Node, Search

SECOND = 1_000_000
HALF = SECOND // 2


def shorter(node: Node) -> Node:
    """The node with every sliding timespan half a second shorter."""
    if isinstance(node, Search):
        return node
    inputs = tuple(replace(part, node=shorter(part.node)) for part in node.inputs)
    span = node.timespan if is_calendar(node) else node.timespan - HALF
    return replace(node, inputs=inputs, timespan=span)


def spans(alerts: Seq[Alert]) -> set[tuple[Any, int, int]]:
    """(entity, first hit, last hit) over all its alerts."""
    found: dict[Any, tuple[int, int]] = {}
    for alert in alerts:
        entity = tuple(alert.entity)
        first, last = found.get(entity, (alert.triggered_at, alert.last_seen))
        found[entity] = (min(first, alert.triggered_at), max(last, alert.last_seen))
    return {(entity, first, last) for entity, (first, last) in found.items()}
